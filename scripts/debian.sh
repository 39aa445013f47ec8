#!/usr/bin/env bash
# Unpacks another Debian release's Open vSwitch, OVN and kernel below the
# cache, so that the lab can run them: nothing is installed, and the system's
# own packages stay as they are. Idempotent.
#
#   scripts/debian.sh trixie                     prints what it has unpacked
#   scripts/debian.sh trixie bin/labctl oracle   runs a command whose lab is of that release
#
#   CT_TRACE_CACHE  where it goes, below debian/ (default: .cache in the checkout)
set -euo pipefail
began=$PWD
cd "$(dirname "$0")/.."
suite=${1:?usage: scripts/debian.sh SUITE (trixie, sid, ...)}
shift
[[ $suite =~ ^[a-z][a-z0-9-]*$ ]] || { echo "debian: $suite is no name of a release" >&2; exit 2; }
cache=${CT_TRACE_CACHE:-$PWD/.cache}/debian
dir=$cache/$suite

say() { printf 'debian: %s: %s\n' "$suite" "$*" >&2; }
die() { say "$*"; exit 1; }

# ready is the way out: the command, or what there is.
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
# The mirror that this system itself uses.
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
# Signatures are checked; how old an index is, is not: a mirror's copy of a release that moves may stand still.
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
# apt works out which packages belong together; the libraries among them are enough.
programs="openvswitch-common openvswitch-switch ovn-common ovn-central ovn-host"
# shellcheck disable=SC2086
libs=$(apt-get -s install $programs | sed -n 's/^Inst \(lib[^ ]*\) .*/\1/p')
# The newest releases ship modules and image in packages of their own.
kernel=$(apt-get -s install linux-image-amd64 | sed -n 's/^Inst \(linux-\(image\|modules\|binary\|base\)-[0-9][^ ]*\) .*/\1/p')
[ -n "$kernel" ] || die "cannot tell which kernel linux-image-amd64 stands for"
say "downloading Open vSwitch, OVN, their libraries, and" $kernel"; they are unpacked, not installed"
mkdir "$tmp/debs" "$tmp/prefix" "$tmp/root"
# shellcheck disable=SC2086
(cd "$tmp/debs" && apt-get download -q $programs $libs $kernel >&2)
unset APT_CONFIG

say "unpacking"
# Releases with a merged /usr still ship some packages with /lib: one tree takes both.
mkdir -p "$tmp/prefix/usr/lib" "$tmp/prefix/usr/lib64"
ln -s usr/lib "$tmp/prefix/lib"
ln -s usr/lib64 "$tmp/prefix/lib64"
for deb in "$tmp"/debs/*.deb; do
	case $deb in
	*/linux-*) dpkg -x "$deb" "$tmp/root" ;;
	*) dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$tmp/prefix" --keep-directory-symlink ;;
	esac
done
# The package leaves this link to update-alternatives.
vswitchd=usr/lib/openvswitch-switch/ovs-vswitchd
if [ ! -e "$tmp/prefix/usr/sbin/ovs-vswitchd" ] && [ -e "$tmp/prefix/$vswitchd" ]; then
	ln -s "../../$vswitchd" "$tmp/prefix/usr/sbin/ovs-vswitchd"
fi
# The programs find the loader and the libraries where they will lie: as RPATH, which holds for the libraries' libraries too.
lib=usr/lib/x86_64-linux-gnu
loader=$(find "$tmp/prefix/$lib" -name 'ld-linux-x86-64.so.2' | head -1)
[ -n "$loader" ] || die "the release's libc6 has no loader"
find "$tmp/prefix/usr" -type f -perm -u+x ! -name '*.so*' | while read -r f; do
	patchelf --print-interpreter "$f" >/dev/null 2>&1 || continue # no program of machine code
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
