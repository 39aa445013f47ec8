package guest

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Modes of an instance.
const (
	ModeDirect = "direct" // namespaces of the host's kernel
	ModeGuest  = "guest"  // a QEMU guest
)

// Config describes an instance: its name, files and kernel.
type Config struct {
	Name      string    // several instances may run at the same time
	Cache     string    // holds the guest kernel and the instances' folders
	Checkout  string    // visible uncached at the same path in the guest
	Mode      string    // ModeDirect, ModeGuest, or "" to choose
	Labctl    string    // the program that runs the agent
	Kernel    string    // folder of a guest kernel other than the one in the cache
	NoModules bool      // in namespaces: the kernel's Open vSwitch is not needed
	Progress  io.Writer // one line for each step
}

// Kernel is an unpacked guest kernel.
type Kernel struct {
	Image   string
	ModRoot string // folder that contains lib/modules/VERSION
	Version string
}

// Instance is a running agent with its guest or namespaces.
type Instance struct {
	Mode  string `json:"mode"`
	Accel string `json:"accel,omitempty"`
	Addr  string `json:"addr"`
	Token string `json:"token"`
	Pid   int    `json:"pid"`
	Start string `json:"start"` // start time of Pid: detects a reused process id
	Dir   string `json:"dir"`

	wait chan struct{} // closed when the child process has ended
}

// ErrNotRunning is returned by Find when no instance of that name runs.
var ErrNotRunning = errors.New("no lab is running (make lab-up)")

func (c Config) dir() string { return filepath.Join(c.Cache, "lab", c.Name) }

// Share returns the folder that both host and instance can write to.
func (c Config) Share() string { return filepath.Join(c.dir(), "share") }

// FindKernel returns the kernel in cfg.Kernel, or the one that scripts/setup.sh unpacked.
func FindKernel(cfg Config) (Kernel, error) {
	dir := cmp.Or(cfg.Kernel, filepath.Join(cfg.Cache, "kernel"))
	v, err := os.ReadFile(filepath.Join(dir, "version"))
	if err != nil {
		return Kernel{}, fmt.Errorf("no guest kernel in %s: run scripts/setup.sh", dir)
	}
	return Kernel{
		Image:   filepath.Join(dir, "vmlinuz"),
		ModRoot: filepath.Join(dir, "modroot"),
		Version: strings.TrimSpace(string(v)),
	}, nil
}

// Find returns the running instance of cfg, or ErrNotRunning.
func Find(ctx context.Context, cfg Config) (*Instance, error) {
	b, err := os.ReadFile(filepath.Join(cfg.dir(), "instance.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, err
	}
	var in Instance
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, err
	}
	if startTime(in.Pid) != in.Start || in.Start == "" {
		return nil, ErrNotRunning
	}
	if err := ping(ctx, in.Addr, in.Token); err != nil {
		return nil, fmt.Errorf("the lab (pid %d) does not answer: %w", in.Pid, err)
	}
	return &in, nil
}

// Start boots an instance. If keep is set, it survives this process; otherwise it is killed when
// this process ends, however it ends.
func Start(ctx context.Context, cfg Config, keep bool) (*Instance, error) {
	dir := cfg.dir()
	if err := os.MkdirAll(filepath.Join(cfg.Share(), "bin"), 0o755); err != nil {
		return nil, err
	}
	if err := CopyFile(cfg.Labctl, filepath.Join(cfg.Share(), "bin", "labctl")); err != nil {
		return nil, err
	}
	var raw [16]byte
	rand.Read(raw[:])
	in := &Instance{Mode: cfg.Mode, Token: hex.EncodeToString(raw[:]), Dir: dir}
	if in.Mode == "" {
		in.Mode = ModeGuest
		if hostKernelOK() {
			in.Mode = ModeDirect
		}
	}
	var err error
	if in.Mode == ModeDirect {
		err = in.startDirect(ctx, cfg, keep)
	} else {
		err = in.startGuest(ctx, cfg, keep)
	}
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(in)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "instance.json"), b, 0o600)
	}
	if err != nil {
		in.Stop()
		return nil, err
	}
	return in, nil
}

// Run runs a command in the instance.
func (in *Instance) Run(ctx context.Context, cmd Command) error {
	return run(ctx, in.Addr, in.Token, cmd)
}

// Stop ends the instance and everything in it.
func (in *Instance) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	roundTrip(ctx, in.Addr, request{Token: in.Token, Quit: true})
	err := in.kill(4 * time.Second)
	os.Remove(filepath.Join(in.Dir, "instance.json"))
	return err
}

// kill waits for the process to end by itself, then kills it.
func (in *Instance) kill(grace time.Duration) error {
	deadline := time.Now().Add(grace)
	for sent := false; ; {
		if in.gone() {
			return nil
		}
		if time.Now().After(deadline) {
			if sent {
				return fmt.Errorf("process %d does not end", in.Pid)
			}
			syscall.Kill(in.Pid, syscall.SIGKILL)
			sent, deadline = true, time.Now().Add(5*time.Second)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (in *Instance) gone() bool {
	if in.wait != nil {
		select {
		case <-in.wait:
			return true
		default:
			return false
		}
	}
	return startTime(in.Pid) != in.Start
}

// startTime returns field 22 of /proc/PID/stat, "" if there is no such process or it is a zombie.
func startTime(pid int) string {
	if pid <= 0 {
		return ""
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	s := string(b)
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(f) < 20 || f[0] == "Z" {
		return ""
	}
	return f[19]
}

// hostKernelOK reports whether the host's kernel has the openvswitch module.
func hostKernelOK() bool {
	if _, err := os.Stat("/proc/modules"); err != nil {
		return false
	}
	for _, m := range []string{"openvswitch", "vport_geneve", "nf_conntrack_netlink"} {
		if exec.Command("modprobe", "-n", m).Run() != nil {
			return false
		}
	}
	return true
}

// CopyFile replaces dst by a copy of src; a running dst keeps its old content.
func CopyFile(src, dst string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp := dst + ".new"
	out, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(tmp, dst)
}
