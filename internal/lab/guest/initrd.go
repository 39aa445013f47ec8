package guest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// modules are the kernel modules that the guest's init loads, after their dependencies.
var modules = []string{
	"9p", "9pnet_virtio", "virtio_pci", "virtio_net", "overlay",
	"openvswitch", "vport-geneve", "vport-vxlan", "vport-gre",
	"nf_conntrack_netlink", "nf_conntrack_ftp", "nf_nat_ftp", "nf_conntrack_tftp",
	"veth", "tun", "bridge", "8021q", "dummy", "nf_tables", "nft_ct", "nft_nat", "nft_chain_nat",
}

// initScript is the guest's first process: it loads the modules, mounts the host's files as root
// under a memory overlay, and starts stage two.
const initScript = `#!/bin/busybox sh
export PATH=/bin
/bin/busybox mkdir -p /proc /sys /dev /lower /rw /new
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for m in $(/bin/busybox cat /modules.order); do
	/bin/busybox insmod /modules/$m || echo "ctlab: insmod $m failed"
done
O=trans=virtio,version=9p2000.L,msize=512000
/bin/busybox mount -t 9p -o $O,cache=loose,ro rootfs /lower || echo "ctlab: no root file system"
/bin/busybox mount -t tmpfs -o mode=755 tmpfs /rw
/bin/busybox mkdir /rw/up /rw/work
/bin/busybox mount -t overlay -o lowerdir=/lower,upperdir=/rw/up,workdir=/rw/work overlay /new
/bin/busybox mkdir -p /new/run /new/dev /new/proc /new/sys
/bin/busybox mount -t tmpfs -o mode=755 tmpfs /new/run
/bin/busybox mount --move /dev /new/dev
/bin/busybox mount --move /proc /new/proc
/bin/busybox mount --move /sys /new/sys
/bin/busybox mkdir -p /new/run/ctlab-guest
/bin/busybox cp /bin/busybox /stage2 /token /new/run/ctlab-guest/
exec /bin/busybox switch_root /new /run/ctlab-guest/stage2
`

// stage2 runs in the host's file system, as process 1. $CHECKOUT is mounted
// again without caching, so that a kept guest sees files as they change.
const stage2 = `#!/run/ctlab-guest/busybox sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
O=trans=virtio,version=9p2000.L,msize=512000
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts 2>/dev/null || { mkdir -p /dev/pts; mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts; }
mkdir -p /dev/shm; mount -t tmpfs tmpfs /dev/shm
mount -t 9p -o $O,cache=none,ro checkout "%[1]s" || echo "ctlab: no checkout"
mount -t 9p -o $O,cache=none share "%[2]s" || echo "ctlab: no share"
mkdir -p /lib/modules; mount --bind "%[3]s" /lib/modules || echo "ctlab: no modules"
ulimit -n 65536
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up
hostname ctlab
echo "ctlab: userland up"
cp "%[2]s/bin/labctl" /run/ctlab-guest/agent
/run/ctlab-guest/agent agent -listen tcp:0.0.0.0:%[4]d -token /run/ctlab-guest/token
echo "ctlab: agent ended"
sync
/run/ctlab-guest/busybox poweroff -f
`

// agentPort is the TCP port at which the agent listens inside the guest.
const agentPort = 7000

// buildInitrd writes the initramfs for one boot.
func buildInitrd(ctx context.Context, dst string, k Kernel, checkout, share, token string) error {
	var buf bytes.Buffer
	c := &cpioWriter{w: &buf}
	for _, d := range []string{"bin", "dev", "modules"} {
		c.entry(d, modeDir, 0, nil)
	}
	c.entry("dev/console", modeChar, 5<<8|1, nil)
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("busybox is not installed: run scripts/setup.sh")
	}
	bb, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	c.entry("bin/busybox", modeFile, 0, bb)
	c.entry("init", modeFile, 0, []byte(initScript))
	c.entry("stage2", modeFile, 0, fmt.Appendf(nil, stage2, checkout, share, filepath.Join(k.ModRoot, "lib/modules"), agentPort))
	c.entry("token", modeFile, 0, []byte(token))

	files, err := moduleFiles(ctx, k)
	if err != nil {
		return err
	}
	var order []string
	for _, f := range files {
		b, err := readModule(ctx, f)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(path.Base(f), ".xz")
		c.entry("modules/"+name, modeFile, 0, b)
		order = append(order, name)
	}
	c.entry("modules.order", modeFile, 0, []byte(strings.Join(order, "\n")+"\n"))
	if err := c.close(); err != nil {
		return err
	}
	return os.WriteFile(dst, buf.Bytes(), 0o600)
}

// readModule reads a module and decompresses it: newer releases have compressed modules, which the
// guest's insmod cannot load.
func readModule(ctx context.Context, file string) ([]byte, error) {
	if !strings.HasSuffix(file, ".xz") {
		return os.ReadFile(file)
	}
	b, err := exec.CommandContext(ctx, "xz", "-dc", "--", file).Output()
	if err != nil {
		return nil, fmt.Errorf("xz -dc %s: %w", file, err)
	}
	return b, nil
}

// moduleFiles lists the .ko files of modules in the order to load them.
func moduleFiles(ctx context.Context, k Kernel) ([]string, error) {
	modprobe, err := exec.LookPath("modprobe")
	if err != nil {
		modprobe = "/usr/sbin/modprobe"
	}
	var files []string
	seen := map[string]bool{}
	for _, m := range modules {
		out, err := exec.CommandContext(ctx, modprobe, "-d", k.ModRoot, "-S", k.Version, "--show-depends", m).Output()
		if err != nil {
			return nil, fmt.Errorf("modprobe --show-depends %s: %w", m, err)
		}
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			if len(f) < 2 || f[0] != "insmod" || seen[f[1]] {
				continue // "builtin NAME" needs no loading
			}
			seen[f[1]] = true
			files = append(files, f[1])
		}
	}
	return files, nil
}
