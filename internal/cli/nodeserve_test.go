package cli

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/testca"
)

// serving is a process of node serve, as the program runs it.
type serving struct {
	cmd  *exec.Cmd
	log  chan string // its lines
	told *net.UnixConn
	dir  string
}

// serve starts the program under another name of the test binary (TestMain). With a socket, it gets
// that one as systemd passes it.
func serve(t *testing.T, socket *os.File, args ...string) *serving {
	t.Helper()
	ca, err := testca.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	s := &serving{log: make(chan string, 1000), dir: t.TempDir()}
	for _, name := range []string{"hv1", "support"} {
		if err := ca.Write(s.dir, name, testca.Cert{CN: name}); err != nil {
			t.Fatal(err)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(s.dir, "ovn-ct-trace")
	if err := os.Symlink(exe, program); err != nil {
		t.Fatal(err)
	}
	notify := &net.UnixAddr{Name: filepath.Join(s.dir, "notify"), Net: "unixgram"}
	if s.told, err = net.ListenUnixgram("unixgram", notify); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.told.Close() })
	words := append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, program, "node", "serve", "-c", s.dir + "/hv1.pem", "-p", s.dir + "/hv1.key", "-C", s.dir + "/ca.pem",
		"--allow", "support", "--ovs-rundir", s.dir}, args...)
	s.cmd = exec.Command("/bin/sh", words...)
	s.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+notify.Name)
	if socket != nil {
		s.cmd.ExtraFiles = []*os.File{socket}
		s.cmd.Env = append(s.cmd.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES=ovn-ct-trace-node.socket")
	}
	out, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	go func() {
		defer close(s.log)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			s.log <- sc.Text()
		}
	}()
	return s
}

// line waits for a line of the log with some words, and returns it.
func (s *serving) line(t *testing.T, words string) string {
	t.Helper()
	for {
		select {
		case l, ok := <-s.log:
			if !ok {
				t.Fatalf("the service has ended without %q", words)
			}
			t.Log(l)
			if strings.Contains(l, words) {
				return l
			}
		case <-time.After(time.Minute):
			t.Fatalf("no %q in the log", words)
		}
	}
}

// state waits for what systemd is told next.
func (s *serving) state(t *testing.T) string {
	t.Helper()
	_ = s.told.SetReadDeadline(time.Now().Add(time.Minute))
	b := make([]byte, 1000)
	n, err := s.told.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func (s *serving) ask(t *testing.T, addr string) error {
	t.Helper()
	id, err := node.LoadIdentity(s.dir+"/support.pem", s.dir+"/support.key", s.dir+"/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	r := &node.Remote{Name: "hv1", TLS: &node.Dial{Addr: addr, Names: []string{"hv1"}, Identity: id}}
	defer r.Close(context.WithoutCancel(t.Context()))
	_, err = r.Info(t.Context())
	return err
}

// The service starts, tells systemd, reads its files again on SIGHUP, and ends on SIGTERM.
func TestNodeServe(t *testing.T) {
	s := serve(t, nil, "--listen", "127.0.0.1:0")
	_, addr, _ := strings.Cut(s.line(t, "msg=serving"), "address=")
	addr, _, _ = strings.Cut(addr, " ")
	if got := s.state(t); got != "READY=1" {
		t.Errorf("systemd is told %q", got)
	}
	// No ovs-vswitchd runs in that folder: the answer comes from the service.
	if err := s.ask(t, addr); err == nil || !strings.Contains(err.Error(), "chassis hv1: info: ") || !strings.Contains(err.Error(), s.dir) {
		t.Errorf("the service's answer: %v", err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.line(t, "certificates read")
	if err := s.ask(t, addr); err == nil || !strings.Contains(err.Error(), "chassis hv1: info: ") {
		t.Errorf("after SIGHUP: %v", err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.line(t, "msg=stopped")
	if got := s.state(t); got != "STOPPING=1" {
		t.Errorf("systemd is told %q", got)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// The service takes the socket that systemd passes, and --listen cannot be given too.
func TestNodeServeActivated(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	socket, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	s := serve(t, socket)
	s.line(t, "msg=serving address="+ln.Addr().String())
	if err := s.ask(t, ln.Addr().String()); err == nil || !strings.Contains(err.Error(), "chassis hv1: info: ") {
		t.Errorf("the service's answer: %v", err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.line(t, "msg=stopped")
	s = serve(t, socket, "--listen", "127.0.0.1:0")
	s.line(t, "--listen is given, and systemd passes a socket for it")
	if err := s.cmd.Wait(); err == nil || s.cmd.ProcessState.ExitCode() != exitUsage {
		t.Errorf("--listen with a socket: %v", err)
	}
}
