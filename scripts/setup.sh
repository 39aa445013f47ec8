#!/usr/bin/env bash
# Installs the packages that the tests, the demo and the lab need, and unpacks a
# guest kernel. Idempotent: a second run changes nothing. Called by make demo,
# make test, make lab and make oracle.
#
#   CT_TRACE_CACHE  folder for the guest kernel (default: .cache in the checkout)
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${CT_TRACE_CACHE:-$PWD/.cache}

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The packages to install: one line for each, with the reason.
packages() {
	cat <<-'LIST'
	openvswitch-switch ovsdb-server, ovs-vswitchd, ovs-appctl: the chassis of the lab, and ovs-ofctl, ovs-dpctl for differential tests
	ovn-central ovn-northd, ovn-nbctl, ovn-sbctl and the schemas: the lab's central databases
	ovn-host ovn-controller: the lab's chassis
	python3-openvswitch ovn-detrace: for comparison in make bench
	conntrack conntrack(8): to read the kernel's table in the lab shell
	nftables nft(8): differential tests of the conntrack model against the kernel
	iproute2 ip(8): namespaces, veth pairs, bridges
	ethtool to disable checksum offload on the lab's VIFs
	tcpdump to capture frames in the lab shell
	kmod modprobe, depmod: the modules of the guest, in load order
	busybox-static the guest's first userland
	qemu-system-x86 the guest, if the host's kernel has no openvswitch
	patchelf sets the library paths of another release's programs (scripts/debian.sh)
	xz-utils decompresses another release's kernel modules
	procps ps(1): tests that no process is left behind
	gcc with libc6-dev: links programs with the race detector
	libc6-dev with gcc: links programs with the race detector
	openssh-server sshd(8): tests of --push over ssh
	openssh-client ssh(1), with openssh-server
	LIST
	# A kubectl of another origin would be overwritten.
	command -v kubectl >/dev/null || echo "kubernetes-client kubectl(1): tests of --kube"
}

have_package() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

# Without the modules in the host's kernel, the lab needs a guest.
host_kernel_ok() {
	[ "${CT_TRACE_LAB:-}" != guest ] || return 1
	[ -e /proc/modules ] || return 1
	for m in openvswitch vport_geneve nf_conntrack_netlink; do
		modprobe -n "$m" 2>/dev/null || return 1
	done
}

command -v go >/dev/null || die "go is not in PATH: install Go 1.26 or later first (https://go.dev/dl)"

missing=()
while read -r name why; do
	have_package "$name" && continue
	missing+=("$name")
	say "needs $name: $why"
done < <(packages)

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

updated=
apt_update() {
	[ -n "$updated" ] && return
	say "apt-get update"
	as_root apt-get update -qq || say "apt-get update failed: using the existing package lists"
	updated=1
}

if [ ${#missing[@]} -gt 0 ]; then
	[ "$(id -u)" = 0 ] || command -v sudo >/dev/null || die "installing packages needs root"
	apt_update
	# The packages start system-wide daemons when they are installed. The lab runs
	# its own, so policy-rc.d prevents that during the installation.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e "$policy" ]; then
		as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
		trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
	fi
	say "apt-get install ${missing[*]}"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
		-o Dpkg::Use-Pty=0 "${missing[@]}" >&2
	if [ -e "$policy" ] && [ "$(sed -n 2p "$policy")" = "exit 101" ]; then
		as_root rm -f "$policy"
	fi
	trap - EXIT
	# Disable the units of the packages installed here at boot, too.
	if command -v systemctl >/dev/null; then
		for unit in openvswitch-switch ovn-central ovn-host openssh-server; do
			for name in "${missing[@]}"; do
				[ "$unit" = "$name" ] && as_root systemctl disable "${unit/#openssh-server/ssh}" >/dev/null 2>&1 || true
			done
		done
	fi
fi

mkdir -p "$cache"
if [ "${CT_TRACE_DATAPATH:-}" = userspace ]; then
	: # namespaces of this machine, with any kernel
elif host_kernel_ok; then
	say "this kernel has openvswitch: the lab needs no guest"
elif [ -e "$cache/kernel/vmlinuz" ] && [ -e "$cache/kernel/version" ]; then
	:
else
	# The package on which linux-image-amd64 depends is unpacked, never installed.
	apt_update
	pkg=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -1)
	[ -n "$pkg" ] || die "cannot find the kernel package of linux-image-amd64 (apt-cache depends)"
	tmp=$(mktemp -d "$cache/kernel.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	chmod 755 "$tmp"
	say "guest kernel: downloading $pkg (about 70 MB) into $cache/kernel; it is unpacked there, not installed"
	(cd "$tmp" && apt-get download -q -o APT::Sandbox::User=root "$pkg" >&2)
	say "guest kernel: unpacking"
	dpkg -x "$tmp"/linux-image-*.deb "$tmp/root"
	rm -f "$tmp"/*.deb
	version=$(ls "$tmp/root/lib/modules")
	mv "$tmp/root/boot/vmlinuz-$version" "$tmp/vmlinuz"
	mkdir -p "$tmp/modroot/lib"
	mv "$tmp/root/lib/modules" "$tmp/modroot/lib/modules"
	rm -rf "$tmp/root"
	depmod -b "$tmp/modroot" "$version"
	echo "$version" >"$tmp/version"
	rm -rf "$cache/kernel"
	mv "$tmp" "$cache/kernel"
	trap - EXIT
	say "guest kernel: $version ready"
fi
say "ready"
