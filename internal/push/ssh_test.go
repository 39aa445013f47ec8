package push

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// sshd runs a server on loopback with a key of its own, and returns the command that logs in.
func sshd(t *testing.T) []string {
	t.Helper()
	testenv.Root(t)
	server, keygen, client := testenv.Tool(t, "sshd"), testenv.Tool(t, "ssh-keygen"), testenv.Tool(t, "ssh")
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, key := range []string{"host", "user"} {
		if out, err := exec.Command(keygen, "-q", "-t", "ed25519", "-N", "", "-f", at(key)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	free.Close()
	config := fmt.Sprintf("ListenAddress 127.0.0.1:%s\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"+
		"PermitRootLogin yes\nPidFile none\nPrintMotd no\n", port, at("host"), at("user.pub"))
	if err := os.WriteFile(at("config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // of its unprivileged part
		t.Fatal(err)
	}
	cmd := exec.Command(server, "-D", "-e", "-f", at("config"))
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("sshd does not listen: %s", log.String())
		}
	}
	return []string{client, "-F", "none", "-i", at("user"), "-p", port, "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "root@127.0.0.1"}
}

// TestSSH: a shell on the far side parses the command again. Other commands may stand before the
// shell's name.
func TestSSH(t *testing.T) {
	way := sshd(t)
	box := testenv.Tool(t, "busybox")
	for name, more := range map[string][]string{
		"bare":    nil,
		"env":     {"env", "OVS_RUNDIR=/nowhere"},
		"busybox": {box},
	} {
		t.Run(name, func(t *testing.T) {
			s := dial(t, pusher(t, false), append(way[:len(way):len(way)], more...))
			if s.err != nil {
				t.Fatalf("%v %q", s.err, s.stderr)
			}
			if s.line("place") == "" {
				t.Errorf("%q", s.said)
			}
			s.end()
			if s.stderr != "" {
				t.Errorf("standard error: %q", s.stderr)
			}
		})
	}
	for _, d := range []string{"/run", "/dev/shm", "/tmp", "/var/tmp", "/root"} {
		if left, _ := filepath.Glob(d + "/.ovn-ct-trace.*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}
