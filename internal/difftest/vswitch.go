package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// vswitch is an Open vSwitch started for the run, with one bridge: frames enter at port 1 and leave
// at port 2.
type vswitch struct {
	dir    string
	env    []string
	ctl    *unixctl.Client
	procs  []*exec.Cmd
	in     wirePort
	out    wirePort
	kernel bool
	// release is Open vSwitch's release, timeouts are the policies of its zones.
	release  ctstate.Release
	timeouts map[uint16]map[string]uint32
}

// wirePort sends frames to a bridge or receives frames from it.
type wirePort interface {
	send(frame []byte) error
	// receive waits for a frame, and returns nil if none arrived within limit.
	receive(limit time.Duration) ([]byte, error)
	close()
}

var errGone = errors.New("ovs-vswitchd is gone")

// broken returns err, as errGone if it shows that the daemon has ended or hangs.
func broken(err error) error {
	var sock *net.OpError
	if errors.As(err, &sock) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return err
}

// bounded returns a context for one question to the daemon.
func bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 20*time.Second)
}

// newVswitch starts the daemons with the kernel's datapath in the calling thread's network
// namespace, or with the dummy datapath, which is the userspace datapath with sockets as ports. The
// caller must stop the result even after an error.
func newVswitch(kernel bool) (v *vswitch, err error) {
	// Returned with an error too, to be stopped.
	v = &vswitch{kernel: kernel}
	// Short: a socket's path has at most 107 bytes.
	if v.dir, err = os.MkdirTemp("", "ct-difftest-"); err != nil {
		return v, err
	}
	v.env = append(os.Environ(), "OVS_RUNDIR="+v.dir, "OVS_LOGDIR="+v.dir, "OVS_DBDIR="+v.dir, "OVS_SYSCONFDIR="+v.dir)
	db, sock := v.dir+"/conf.db", "unix:"+v.dir+"/db.sock"
	if err := v.run("", "ovsdb-tool", "create", db, prefix()+"/usr/share/openvswitch/vswitch.ovsschema"); err != nil {
		return v, err
	}
	if _, err := v.start("ovsdb-server", db, "--remote=p"+sock, "--pidfile", "-vconsole:off"); err != nil {
		return v, err
	}
	if err := v.wait("db.sock"); err != nil {
		return v, err
	}
	if err := v.run("", "ovs-vsctl", "--no-wait", "--db="+sock, "init"); err != nil {
		return v, err
	}
	args := []string{sock, "--pidfile", "-vconsole:off", "--log-file=" + v.dir + "/vswitchd.log"}
	if !kernel {
		args = append(args, "--enable-dummy", "--disable-system")
	}
	cmd, err := v.start("ovs-vswitchd", args...)
	if err != nil {
		return v, err
	}
	ctl := fmt.Sprintf("ovs-vswitchd.%d.ctl", cmd.Process.Pid)
	if err := v.wait(ctl); err != nil {
		return v, err
	}
	v.ctl = &unixctl.Client{Path: filepath.Join(v.dir, ctl)}
	text, err := v.ctl.Call(context.Background(), "version") // "ovs-vswitchd (Open vSwitch) 3.1.0"
	if err != nil {
		return v, err
	}
	if v.release, err = ctstate.ParseRelease(text[strings.LastIndexByte(strings.TrimSpace(text), ' ')+1:]); err != nil {
		return v, err
	}
	return v, v.ports(sock)
}

// ports makes the bridge and opens its ports.
func (v *vswitch) ports(db string) (err error) {
	bridge := []string{"--db=" + db, "--timeout=60", "add-br", "br", "--", "set", "bridge", "br", "fail-mode=secure"}
	if !v.kernel {
		bridge = append(bridge, "datapath_type=dummy")
	}
	for i, name := range []string{"dt-in", "dt-out"} {
		add := []string{"--", "add-port", "br", name, "--", "set", "interface", name, fmt.Sprintf("ofport_request=%d", i+1)}
		if v.kernel {
			fd, err := openTun(name, unix.IFF_TAP)
			if err != nil {
				return err
			}
			if i == 0 {
				v.in = tap(fd)
			} else {
				v.out = tap(fd)
			}
			if err := v.run("", "ip", "link", "set", name, "up"); err != nil {
				return err
			}
		} else {
			add = append(add, "type=dummy", "options:pstream=punix:"+v.dir+"/"+name)
		}
		bridge = append(bridge, add...)
	}
	if !v.kernel {
		bridge = append(bridge, "--", "--id=@d", "create", "Datapath", "datapath_version=0", "--", "set", "open", ".", "datapaths:dummy=@d")
	}
	if err := v.run("", "ovs-vsctl", bridge...); err != nil || v.kernel {
		return err
	}
	if err := v.setPolicy(db, zones[0]); err != nil {
		return err
	}
	if v.in, err = dialPort(v.dir + "/dt-in"); err != nil {
		return err
	}
	if v.out, err = dialPort(v.dir + "/dt-out"); err != nil {
		return err
	}
	return nil
}

// prefix returns the prefix of another Open vSwitch than the system's (scripts/debian.sh), "" if
// none is used.
func prefix() string { return os.Getenv("CT_TRACE_OVS_PREFIX") }

// programPath returns the path of a program, or its name for the system's.
func programPath(name string) string {
	for _, dir := range []string{"/usr/sbin/", "/usr/bin/"} {
		if p := prefix() + dir + name; prefix() != "" {
			if _, err := os.Stat(p); err == nil {
				return p
			}
		}
	}
	return name
}

func (v *vswitch) start(name string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(programPath(name), args...)
	cmd.Env, cmd.Dir = v.env, v.dir
	// Only this process receives ^C; it cleans up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	log, err := os.Create(filepath.Join(v.dir, name+".out"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	v.procs = append(v.procs, cmd)
	return cmd, nil
}

// wait waits until a socket accepts connections.
func (v *vswitch) wait(name string) error {
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("unix", filepath.Join(v.dir, name))
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("open vswitch has not started: %w", err)
		}
	}
}

func (v *vswitch) run(stdin, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, programPath(name), args...)
	cmd.Env, cmd.Dir, cmd.Stdin = v.env, v.dir, strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// flows replaces the bridge's flows.
func (v *vswitch) flows(text string) error {
	return v.run(text, "ovs-ofctl", "-OOpenFlow15", "--bundle", "replace-flows", "br", "-")
}

func (v *vswitch) call(method string, args ...string) error {
	ctx, cancel := bounded()
	defer cancel()
	_, err := v.ctl.Call(ctx, method, args...)
	return broken(err)
}

// crash returns the last lines in the log of a daemon that crashed.
func (v *vswitch) crash() string {
	b, err := os.ReadFile(v.dir + "/vswitchd.log")
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.Contains(lines[i], "|EMER|") {
			return lines[i]
		}
	}
	return lines[len(lines)-1]
}

func (v *vswitch) stop() {
	if v.kernel && v.ctl != nil { // the datapath remains after its daemon
		v.run("", "ovs-dpctl", "del-dp", "system@ovs-system")
	}
	for _, p := range []wirePort{v.in, v.out} {
		if p != nil {
			p.close()
		}
	}
	if v.ctl != nil {
		v.ctl.Close()
	}
	for _, cmd := range v.procs {
		cmd.Process.Kill()
		cmd.Wait()
	}
	if v.dir != "" {
		os.RemoveAll(v.dir)
	}
}

// stream is a dummy port's socket, with the length before each frame (lib/netdev-dummy.c:
// dummy_packet_stream).
type stream struct{ c net.Conn }

// dialPort connects to a dummy port's socket, which listens soon after the port was added.
func dialPort(path string) (stream, error) {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("unix", path)
		if err == nil || time.Now().After(deadline) {
			return stream{c}, err
		}
	}
}

func (s stream) send(frame []byte) error {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(frame)), uint16(len(frame)))
	if _, err := s.c.Write(append(b, frame...)); err != nil {
		return errGone
	}
	return nil
}

func (s stream) receive(limit time.Duration) ([]byte, error) {
	s.c.SetReadDeadline(time.Now().Add(limit))
	var size [2]byte
	if _, err := io.ReadFull(s.c, size[:]); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, nil
		}
		return nil, errGone
	}
	s.c.SetReadDeadline(time.Now().Add(10 * time.Second))
	frame := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(s.c, frame)
	return frame, err
}

func (s stream) close() { s.c.Close() }

// tap is a tap device's descriptor.
type tap int

func (t tap) send(frame []byte) error {
	_, err := unix.Write(int(t), frame)
	return err
}

func (t tap) receive(limit time.Duration) ([]byte, error) {
	var buf [4096]byte
	for deadline := time.Now().Add(limit); ; {
		n, err := unix.Read(int(t), buf[:])
		if err == nil {
			// Frames of the test have a VLAN tag; those of the kernel have none.
			if n > 14 && buf[12] == 0x81 {
				return append([]byte(nil), buf[:n]...), nil
			}
			continue
		}
		left := time.Until(deadline)
		if !errors.Is(err, unix.EAGAIN) || left <= 0 {
			if errors.Is(err, unix.EAGAIN) {
				err = nil
			}
			return nil, err
		}
		unix.Poll([]unix.PollFd{{Fd: int32(t), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
	}
}

func (t tap) close() { unix.Close(int(t)) }
