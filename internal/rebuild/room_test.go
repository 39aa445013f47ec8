package rebuild

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

func tools(t *testing.T) {
	t.Helper()
	for _, name := range []string{"ovsdb-server", "ovs-vswitchd", "ovsdb-tool", "ovs-vsctl", "ovs-ofctl"} {
		testenv.Tool(t, name)
	}
}

func open(t *testing.T, opt Options) *Room {
	t.Helper()
	r, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// A room's switch runs on the dummy datapath under the name of the kernel's, and nothing of it is
// left when the room is closed.
func TestSwitch(t *testing.T) {
	tools(t)
	r := open(t, Options{})
	s, err := r.Switch(t.Context(), "hv/1", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Vsctl(t.Context(), "add-br", "br-int"); err != nil {
		t.Fatal(err)
	}
	show, err := s.Appctl(t.Context(), "dpif/show")
	if err != nil || !strings.HasPrefix(show, "system@ovs-system") {
		t.Errorf("dpif/show: %v: %q", err, show)
	}
	fi, err := os.Stat(r.Dir)
	if err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", fi.Mode(), err)
	}
	pids := []int{s.Proc.PID, s.DB.Proc.PID}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if syscall.Kill(pid, 0) == nil {
			t.Errorf("process %d is left", pid)
		}
	}
	if _, err := r.Start(t.Context(), Command{Name: "ovsdb-server"}); err != errClosed {
		t.Errorf("a closed room starts processes: %v", err)
	}
	if _, err := os.Stat(r.Dir); !os.IsNotExist(err) {
		t.Errorf("the folder is left: %v", err)
	}
}

// The copy of a served database can be changed without changing its file, and a clustered file is
// served like a standalone one.
func TestServeDB(t *testing.T) {
	tools(t)
	r := open(t, Options{})
	dir := t.TempDir()
	standalone, clustered := filepath.Join(dir, "conf.db"), filepath.Join(dir, "cluster.db")
	for _, args := range [][]string{{"create", standalone, schemas[0]}, {"create-cluster", clustered, standalone, "unix:" + dir + "/raft"}} {
		if _, err := r.Run(t.Context(), nil, "ovsdb-tool", args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{standalone, clustered} {
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		db, err := r.OpenDB(t.Context(), "db", file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Run(t.Context(), nil, "ovs-vsctl", "--db="+db.Remote, "--no-wait", "add-br", "br9"); err != nil {
			t.Fatal(err)
		}
		if out, err := r.Run(t.Context(), nil, "ovs-vsctl", "--db="+db.Remote, "list-br"); err != nil || out != "br9\n" {
			t.Errorf("%s: %q, %v", file, out, err)
		}
		after, err := os.ReadFile(file)
		if err != nil || string(after) != string(before) {
			t.Errorf("%s was changed (%v)", file, err)
		}
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("ovs-vsctl: no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ServeDB(t.Context(), "db", text); err == nil || !strings.Contains(err.Error(), "is not a database file") {
		t.Errorf("a text is served: %v", err)
	}
}

// TestMain runs the test binary as a run that is killed while it has a room.
func TestMain(m *testing.M) {
	parent := os.Getenv("ROOM_TEST_PARENT")
	if parent == "" {
		os.Exit(m.Run())
	}
	r, err := Open(Options{Parent: parent, Keep: os.Getenv("ROOM_TEST_KEEP") != ""})
	if err == nil {
		_, err = r.Switch(context.Background(), "hv1", "")
	}
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// The processes of a killed run end with it, and the next run removes its room.
func TestKilled(t *testing.T) {
	tools(t)
	parent, err := os.MkdirTemp("", "rt")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(parent)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ROOM_TEST_PARENT="+parent)
	out, _ := cmd.CombinedOutput()
	left, err := filepath.Glob(parent + "/" + prefix + "*")
	if err != nil || len(left) != 1 {
		t.Fatalf("the killed run left %v, %v: %s", left, err, out)
	}
	pids, err := filepath.Glob(left[0] + "/hv1/*.pid")
	if err != nil || len(pids) != 2 {
		t.Fatalf("%v, %v: %s", pids, err, out)
	}
	for _, f := range pids {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		// A killed process is a zombie for as long as nobody has waited for it.
		for {
			stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(b)) + "/stat")
			if err != nil || strings.Contains(string(stat), ") Z ") {
				break
			}
			if t.Context().Err() != nil {
				t.Fatalf("%s still runs: %s", f, stat)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	r := open(t, Options{Parent: parent})
	now, err := filepath.Glob(parent + "/" + prefix + "*")
	if err != nil || len(now) != 1 || now[0] != r.Dir {
		t.Errorf("in %s are %v, %v", parent, now, err)
	}
}
