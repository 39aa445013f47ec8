package guest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// bootTimeout bounds one boot, which takes seconds even under emulation.
const bootTimeout = 3 * time.Minute

// spawn starts cmd. Unless keep is set, the kernel kills the child when the thread that started it
// ends, so spawn keeps that thread until the child ends.
func (in *Instance) spawn(cmd *exec.Cmd, keep bool) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid = true // only this process receives ^C of the terminal
	if !keep {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	started := make(chan error, 1)
	in.wait = make(chan struct{})
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
		close(in.wait)
	}()
	if err := <-started; err != nil {
		return err
	}
	in.Pid = cmd.Process.Pid
	in.Start = startTime(in.Pid)
	return nil
}

// startDirect runs the agent in namespaces of its own: when the first process
// of a pid namespace ends, the kernel ends all others.
func (in *Instance) startDirect(ctx context.Context, cfg Config, keep bool) error {
	modules := []string{"openvswitch", "vport-geneve", "vport-vxlan", "nf_conntrack_netlink", "8021q"}
	if cfg.NoModules {
		modules = []string{"tun", "veth", "bridge"}
	}
	for _, m := range modules {
		exec.CommandContext(ctx, "modprobe", m).Run()
	}
	sock := filepath.Join(in.Dir, "agent.sock")
	os.Remove(sock)
	in.Addr = "unix:" + sock
	tokenFile := filepath.Join(in.Dir, "token")
	if err := os.WriteFile(tokenFile, []byte(in.Token), 0o600); err != nil {
		return err
	}
	console, err := os.Create(filepath.Join(in.Dir, "console.log"))
	if err != nil {
		return err
	}
	defer console.Close()
	script := fmt.Sprintf(`mount --make-rprivate / && mount -t proc proc /proc && mount -t sysfs sys /sys
mount -t tmpfs -o mode=755 tmpfs /run && ip link set lo up
ulimit -n 65536
mkdir -p /run/ctlab-guest && cp %q /run/ctlab-guest/agent && /run/ctlab-guest/agent agent -listen unix:%q -token %q
`, filepath.Join(cfg.Share(), "bin", "labctl"), sock, tokenFile)
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	if err := in.spawn(cmd, keep); err != nil {
		return fmt.Errorf("namespaces: %w", err)
	}
	return in.await(ctx, cfg, 20*time.Second)
}

// startGuest boots QEMU, with KVM if that works.
func (in *Instance) startGuest(ctx context.Context, cfg Config, keep bool) error {
	k, err := FindKernel(cfg)
	if err != nil {
		return err
	}
	initrd := filepath.Join(in.Dir, "initrd")
	if err := buildInitrd(ctx, initrd, k, cfg.Checkout, cfg.Share(), in.Token); err != nil {
		return err
	}
	accels := []string{"kvm", "tcg"}
	known := filepath.Join(cfg.Cache, "lab", "accel")
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if _, err := os.Stat("/dev/kvm"); err != nil {
		accels = accels[1:]
	} else if b, err := os.ReadFile(known); err == nil && bytes.Equal(b, append([]byte("no kvm "), boot...)) {
		accels = accels[1:] // KVM has failed since this machine's boot
	}
	for _, accel := range accels {
		limit := bootTimeout
		if accel == "kvm" {
			limit = 20 * time.Second
		}
		began := time.Now()
		fmt.Fprintf(cfg.Progress, "lab: booting a guest (Linux %s, %s)\n", k.Version, accel)
		if err = in.boot(ctx, cfg, k, initrd, accel, keep, limit); err == nil {
			in.Accel = accel
			fmt.Fprintf(cfg.Progress, "lab: guest is up after %.1f s\n", time.Since(began).Seconds())
			return nil
		}
		in.kill(0)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if accel == "kvm" {
			fmt.Fprintf(cfg.Progress, "lab: the guest did not boot with KVM, emulating instead\n")
			os.WriteFile(known, append([]byte("no kvm "), boot...), 0o644)
		}
	}
	return err
}

func (in *Instance) boot(ctx context.Context, cfg Config, k Kernel, initrd, accel string, keep bool, limit time.Duration) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	in.Addr = fmt.Sprintf("tcp:127.0.0.1:%d", port)
	console := filepath.Join(in.Dir, "console.log")
	os.Remove(console)
	cpus := min(max(runtime.NumCPU(), 1), 4)
	fsdev := func(path, tag string, ro bool) []string {
		s := fmt.Sprintf("local,path=%s,mount_tag=%s,security_model=none,multidevs=remap", strings.ReplaceAll(path, ",", ",,"), tag)
		if ro {
			s += ",readonly=on"
		}
		return []string{"-virtfs", s}
	}
	args := []string{
		"-cpu", "max", "-smp", fmt.Sprint(cpus), "-m", "4096",
		"-nographic", "-no-reboot", "-nodefaults", "-monitor", "none",
		"-serial", "file:" + console,
		"-kernel", k.Image, "-initrd", initrd,
		"-append", "console=ttyS0 loglevel=4 panic=-1 random.trust_cpu=on mitigations=off",
		"-netdev", fmt.Sprintf("user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:%d-10.0.2.15:%d", port, agentPort),
		"-device", "virtio-net-pci,netdev=n0,romfile=",
	}
	if accel == "kvm" {
		args = append(args, "-accel", "kvm")
	} else {
		args = append(args, "-accel", "tcg,thread=multi")
	}
	args = append(args, fsdev("/", "rootfs", true)...)
	args = append(args, fsdev(cfg.Checkout, "checkout", true)...)
	args = append(args, fsdev(cfg.Share(), "share", false)...)
	log, err := os.Create(filepath.Join(in.Dir, "qemu.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("qemu-system-x86_64", args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := in.spawn(cmd, keep); err != nil {
		return fmt.Errorf("qemu: %w (run scripts/setup.sh)", err)
	}
	return in.await(ctx, cfg, limit)
}

// await polls the agent until it answers.
func (in *Instance) await(ctx context.Context, cfg Config, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		if ping(ctx, in.Addr, in.Token) == nil {
			return nil
		}
		if in.gone() {
			return fmt.Errorf("the lab's instance ended at once: %s", in.lastWords())
		}
		select {
		case <-ctx.Done():
			in.kill(0)
			return fmt.Errorf("the lab's instance did not start within %v: %s", limit, in.lastWords())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// lastWords returns the end of the instance's output.
func (in *Instance) lastWords() string {
	var out []string
	for _, name := range []string{"qemu.log", "console.log"} {
		b, err := os.ReadFile(filepath.Join(in.Dir, name))
		if err != nil || len(bytes.TrimSpace(b)) == 0 {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		lines = lines[max(0, len(lines)-12):]
		out = append(out, name+":\n    "+strings.Join(lines, "\n    "))
	}
	if out == nil {
		return "it printed nothing"
	}
	return strings.Join(out, "\n")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
