package push

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// built is the tool, built once for all tests.
var built struct {
	once sync.Once
	file string
	err  error
}

// TestMain removes what was built.
func TestMain(m *testing.M) {
	status := m.Run()
	if built.file != "" {
		os.RemoveAll(filepath.Dir(built.file))
	}
	os.Exit(status)
}

// tool returns the file of the real tool.
func tool(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		var dir string
		if dir, built.err = os.MkdirTemp("", "push"); built.err != nil {
			return
		}
		built.file = filepath.Join(dir, "ovn-ct-trace")
		cmd := exec.Command("go", "build", "-trimpath", "-o", built.file, command)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.file
}

// programs has the tool, read and compressed once.
var programs = sync.OnceValues(func() (*Programs, error) { return NewPrograms([]string{built.file}) })

func pusher(t testing.TB, keep bool) *Pusher {
	t.Helper()
	tool(t)
	p, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return &Pusher{Keep: keep, Programs: p}
}

// session is a node that runs at the end of a way, or why it does not.
type session struct {
	said   string // what came from the shell, to the greeting
	stderr string // its standard error, once it has ended
	err    error
	pid    int
	in     io.WriteCloser
	wait   func()
}

// line returns the script's line that begins with a word, without it.
func (s *session) line(word string) string {
	for l := range strings.Lines(s.said) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(l), prefix+word+" "); ok {
			return rest
		}
	}
	return ""
}

// end ends the node and waits for it.
func (s *session) end() {
	s.in.Close()
	s.wait()
}

// dial opens a way and pushes; the greeting of a node is read where there is one.
func dial(t testing.TB, p *Pusher, way []string) *session {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	argv := Shell(way)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	br := bufio.NewReaderSize(io.TeeReader(out, &said), 4096)
	s := &session{in: in, pid: cmd.Process.Pid}
	s.wait = sync.OnceFunc(func() {
		_, _ = io.Copy(io.Discard, br)
		_ = cmd.Wait()
		cancel()
		s.stderr = stderr.String()
	})
	t.Cleanup(s.end)
	if s.err = p.Open(in, br); s.err != nil {
		s.end()
		s.said = said.String()
		return s
	}
	line, err := br.ReadString('\n')
	s.said = said.String()
	if err != nil || !strings.HasPrefix(line, "ovn-ct-trace-node/") {
		s.end()
		s.err = fmt.Errorf("instead of a node: %q %v %s", line, err, s.stderr)
	}
	return s
}

// root is a root file system of its own, with busybox.
type root struct {
	dir    string
	mounts []string // lines of a shell, run in a mount namespace before the change of root
}

// newRoot makes a root with these folders and all applets of busybox.
func newRoot(t testing.TB, folders ...string) *root {
	t.Helper()
	testenv.Root(t)
	box := testenv.Tool(t, "busybox")
	r := &root{dir: t.TempDir()}
	for _, d := range append(folders, "bin", "proc", "dev") {
		if err := os.MkdirAll(filepath.Join(r.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(box)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "bin/busybox"), data, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, applet := range []string{"sh", "head", "cat", "mkdir", "chmod", "rm", "mv", "uname", "gzip", "sha256sum"} {
		if err := os.Symlink("busybox", filepath.Join(r.dir, "bin", applet)); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mknod(filepath.Join(r.dir, "dev/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		t.Fatal(err)
	}
	r.mount("mount -t proc proc $1/proc")
	return r
}

// mount adds a line that is run before the change of root; $1 is the root.
func (r *root) mount(line string) { r.mounts = append(r.mounts, line) }

// shell makes another shell than busybox' the root's, with this machine's libraries. That of
// busybox finds its own programs in no folder.
func (r *root) shell(t testing.TB, name string) *root {
	t.Helper()
	path := testenv.Tool(t, name)
	r.mount("mkdir -p $1/usr $1/lib $1/lib64; mount --rbind /usr $1/usr; mount --rbind /lib $1/lib; mount --rbind /lib64 $1/lib64")
	r.without(t, "sh")
	if err := os.Symlink(path, filepath.Join(r.dir, "bin/sh")); err != nil {
		t.Fatal(err)
	}
	return r
}

// without removes programs.
func (r *root) without(t testing.TB, applets ...string) *root {
	t.Helper()
	for _, a := range applets {
		if err := os.Remove(filepath.Join(r.dir, "bin", a)); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// way returns the command that runs what follows in the root.
func (r *root) way() []string {
	script := "set -e\n" + strings.Join(r.mounts, "\n") + "\nroot=$1; shift\nexec env -i PATH=/bin HOME=/root /usr/sbin/chroot \"$root\" \"$@\""
	return []string{"unshare", "--mount", "--propagation", "private", "sh", "-c", script, "enter", r.dir}
}

// files returns what is in the folders of a root, without the programs.
func (r *root) files(t testing.TB) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.Contains(d.Name(), "ovn-ct-trace") {
			out = append(out, strings.TrimPrefix(path, r.dir))
		}
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
