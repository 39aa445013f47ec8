package nodens_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// TestMain also runs as the daemon of TestDaemonPID: it writes and locks a pid file as OVS does,
// and sleeps.
func TestMain(m *testing.M) {
	path := os.Getenv("NODENS_TEST_PIDFILE")
	if path == "" {
		os.Exit(m.Run())
	}
	f, err := os.Create(path)
	if err != nil {
		os.Exit(1)
	}
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	if unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lk) != nil {
		os.Exit(1)
	}
	f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	os.Stdin.Read(make([]byte, 1)) // until the test is over
	os.Exit(0)
}

// daemon starts such a daemon; flags may give it a PID namespace of its own.
func daemon(t *testing.T, flags uintptr) (pidfile string, pid int) {
	t.Helper()
	pidfile = filepath.Join(t.TempDir(), "d.pid")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "NODENS_TEST_PIDFILE="+pidfile)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if b, _ := os.ReadFile(pidfile); strings.HasSuffix(string(b), "\n") {
			return pidfile, cmd.Process.Pid
		}
		if time.Now().After(deadline) {
			t.Fatal("the daemon did not come up")
		}
	}
}

func TestDaemonPID(t *testing.T) {
	path, pid := daemon(t, 0)
	if got, err := nodens.DaemonPID(path); err != nil || got != pid {
		t.Errorf("%d %v, want %d", got, err, pid)
	}
	stale := filepath.Join(t.TempDir(), "stale.pid")
	for name, text := range map[string]string{"stale": strconv.Itoa(os.Getpid()) + "\n", "text": "hello\n", "empty": "", "negative": "-1\n"} {
		if err := os.WriteFile(stale, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var pe *nodens.PIDFileError
		if _, err := nodens.DaemonPID(stale); !errors.As(err, &pe) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := nodens.DaemonPID(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestDaemonPIDNamespace checks a daemon in a container: it writes the pid of its own namespace, 1;
// the lock gives the pid as the caller sees it.
func TestDaemonPIDNamespace(t *testing.T) {
	testenv.Root(t)
	path, pid := daemon(t, unix.CLONE_NEWPID)
	if b, _ := os.ReadFile(path); strings.TrimSpace(string(b)) != "1" {
		t.Fatalf("wrote %q", b)
	}
	if got, err := nodens.DaemonPID(path); err != nil || got != pid {
		t.Errorf("%d %v, want %d", got, err, pid)
	}
}

func TestDo(t *testing.T) {
	ns := nstest.New(t)
	here, err := nodens.Current().ID()
	if err != nil {
		t.Fatal(err)
	}
	want, err := ns.ID()
	if err != nil || want == here {
		t.Fatal(want, err)
	}
	for range 20 {
		var inside nodens.ID
		if err := ns.Do(func() (err error) { inside, err = nodens.Current().ID(); return err }); err != nil || inside != want {
			t.Fatal(inside, err)
		}
		if got, err := nodens.Current().ID(); err != nil || got != here {
			t.Fatal("did not come back: ", got, err)
		}
	}
	oops := errors.New("oops")
	if err := ns.Do(func() error { return oops }); err != oops {
		t.Error(err)
	}
	if found, ok := nodens.Find(here); !ok || !found.IsCurrent() {
		t.Error(found, ok)
	}
	if found, ok := nodens.Find(want, ns); !ok || found != ns {
		t.Error(found, ok)
	}
	if _, ok := nodens.Find(nodens.ID{Dev: 1, Ino: 1}); ok {
		t.Error("found a namespace that is not there")
	}
	// A namespace named by process is found among all processes.
	cmd := exec.Command("sleep", "60")
	if err := ns.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	// This process may be found too: its first thread may be the one parked there.
	if found, ok := nodens.Find(want); !ok || found.PID() != cmd.Process.Pid && found.PID() != os.Getpid() {
		t.Error(found, ok)
	}
	if id, err := nodens.OfPID(cmd.Process.Pid).ID(); err != nil || id != want {
		t.Error(id, err)
	}
}

func TestErrors(t *testing.T) {
	var ne *nodens.Error
	if _, err := nodens.OfPID(1 << 30).Open(); !errors.As(err, &ne) || ne.Hint == "" {
		t.Errorf("%v", err)
	}
	if _, err := nodens.OfPath("/proc/self/status").Open(); !errors.As(err, &ne) {
		t.Errorf("%v", err)
	}
}
