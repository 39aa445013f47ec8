#!/usr/bin/env bash
# Unpacks Open vSwitch, OVN and the kernel of another Debian release into the
# cache, so that the lab can run them. Nothing is installed, and the system's
# packages stay unchanged. Idempotent.
#
#   scripts/debian.sh trixie                     prints the unpacked versions
#   scripts/debian.sh trixie bin/labctl oracle   runs a command with a lab of that release
#
#   CT_TRACE_CACHE  the cache, in which this writes debian/ (default: .cache in the checkout)
set -euo pipefail
began=$PWD
cd "$(dirname "$0")/.."
suite=${1:?usage: scripts/debian.sh SUITE (trixie, sid, ...)}
shift
[[ $suite =~ ^[a-z][a-z0-9-]*$ ]] || { echo "debian: $suite is not a release name" >&2; exit 2; }
cache=${CT_TRACE_CACHE:-$PWD/.cache}/debian
dir=$cache/$suite

say() { printf 'debian: %s: %s\n' "$suite" "$*" >&2; }
die() { say "$*"; exit 1; }

# ready ends the script: it runs the command, or prints the versions.
ready() {
	if [ $# = 0 ]; then
		cat "$dir/versions"
		exit 0
	fi
	cd "$began"
	CT_TRACE_OVS_PREFIX=$dir/prefix CT_TRACE_KERNEL=$dir/kernel CT_TRACE_LAB_NAME=${CT_TRACE_LAB_NAME:-default}-$suite exec "$@"
}
[ -e "$dir/versions" ] && ready "$@"
command -v patchelf >/dev/null || die "needs patchelf: run scripts/setup.sh"
# The mirror of this system's package sources.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' | grep -v security | head -1)
[ -n "$mirror" ] || die "no Debian mirror among this system's package sources"

mkdir -p "$cache"
tmp=$(mktemp -d "$cache/$suite.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
apt=$tmp/apt
mkdir -p "$apt"/state/lists/partial "$apt"/cache/archives/partial "$apt"/etc/apt.conf.d "$apt"/etc/preferences.d "$apt"/etc/sources.list.d
: >"$apt/state/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt/etc/sources.list"
# Signatures are checked. The age of an index is not: a mirror's copy of a moving release may be old.
cat >"$apt/apt.conf" <<-CONF
	Dir::State "$apt/state";
	Dir::State::status "$apt/state/status";
	Dir::Cache "$apt/cache";
	Dir::Etc "$apt/etc";
	APT::Architecture "amd64";
	APT::Install-Recommends "false";
	APT::Sandbox::User "root";
	Acquire::Languages "none";
	Acquire::Check-Valid-Until "false";
CONF
export APT_CONFIG=$apt/apt.conf
say "reading the release's package lists"
apt-get update -qq >&2
# apt resolves the dependencies; only the libraries among them are needed.
programs="openvswitch-common openvswitch-switch ovn-common ovn-central ovn-host"
# shellcheck disable=SC2086
libs=$(apt-get -s install $programs | sed -n 's/^Inst \(lib[^ ]*\) .*/\1/p')
# The newest releases have separate packages for modules and image.
kernel=$(apt-get -s install linux-image-amd64 | sed -n 's/^Inst \(linux-\(image\|modules\|binary\|base\)-[0-9][^ ]*\) .*/\1/p')
[ -n "$kernel" ] || die "cannot find the kernel package of linux-image-amd64"
say "downloading Open vSwitch, OVN, their libraries, and" $kernel"; they are unpacked, not installed"
mkdir "$tmp/debs" "$tmp/prefix" "$tmp/root"
# shellcheck disable=SC2086
(cd "$tmp/debs" && apt-get download -q $programs $libs $kernel >&2)
unset APT_CONFIG

say "unpacking"
# Releases with a merged /usr still have some packages with /lib: both go into one tree.
mkdir -p "$tmp/prefix/usr/lib" "$tmp/prefix/usr/lib64"
ln -s usr/lib "$tmp/prefix/lib"
ln -s usr/lib64 "$tmp/prefix/lib64"
for deb in "$tmp"/debs/*.deb; do
	case $deb in
	*/linux-*) dpkg -x "$deb" "$tmp/root" ;;
	*) dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$tmp/prefix" --keep-directory-symlink ;;
	esac
done
# In the package, update-alternatives makes this link.
vswitchd=usr/lib/openvswitch-switch/ovs-vswitchd
if [ ! -e "$tmp/prefix/usr/sbin/ovs-vswitchd" ] && [ -e "$tmp/prefix/$vswitchd" ]; then
	ln -s "../../$vswitchd" "$tmp/prefix/usr/sbin/ovs-vswitchd"
fi
# The programs get the final paths of loader and libraries: as RPATH, which also applies to the dependencies of libraries.
lib=usr/lib/x86_64-linux-gnu
loader=$(find "$tmp/prefix/$lib" -name 'ld-linux-x86-64.so.2' | head -1)
[ -n "$loader" ] || die "the release's libc6 has no loader"
find "$tmp/prefix/usr" -type f -perm -u+x ! -name '*.so*' | while read -r f; do
	patchelf --print-interpreter "$f" >/dev/null 2>&1 || continue # not an ELF program
	patchelf --set-interpreter "$dir/prefix/$lib/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$dir/prefix/$lib" "$f"
done

modules=$(find "$tmp/root" -type d -path '*/lib/modules' | head -1)
version=$(ls "$modules")
mkdir -p "$tmp/kernel/modroot/lib"
mv "$(find "$tmp/root" -type f -name 'vmlinuz*' | head -1)" "$tmp/kernel/vmlinuz"
mv "$modules" "$tmp/kernel/modroot/lib/modules"
depmod -b "$tmp/kernel/modroot" "$version"
echo "$version" >"$tmp/kernel/version"
rm -rf "$tmp/root" "$tmp/debs" "$apt"
rm -rf "$dir"
mv "$tmp" "$dir"
trap - EXIT
{
	"$dir/prefix/usr/sbin/ovs-vswitchd" --version | head -1
	"$dir/prefix/usr/bin/ovn-controller" --version | head -1
	echo "Linux $version"
} >"$tmp.versions"
mv "$tmp.versions" "$dir/versions"
say "ready: $(paste -sd, "$dir/versions")"
ready "$@"
