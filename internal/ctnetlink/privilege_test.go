package ctnetlink

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// privilegeVar has the way in which the test binary, run as somebody else, is to open a table.
const privilegeVar = "CTNETLINK_PRIVILEGE"

// TestPrivileges checks which capabilities the kernel's table needs, whoever has them:
// CAP_NET_ADMIN in the namespace of the caller, CAP_SYS_ADMIN to enter another, and CAP_SYS_PTRACE
// to find that of another user's process.
func TestPrivileges(t *testing.T) {
	if way := os.Getenv(privilegeVar); way != "" {
		lookUp(t, way)
		return
	}
	testenv.Root(t)
	setpriv := testenv.Tool(t, "setpriv")
	testenv.Tool(t, "conntrack")
	ns := nstest.New(t)
	nstest.Conntrack(t, ns, false)
	root := exec.Command("sleep", "600") // a process of root with all capabilities, in that namespace
	if err := ns.Do(root.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Process.Kill(); _ = root.Wait() })
	process := strconv.Itoa(root.Process.Pid)
	const nobody = "--reuid=65534 --regid=65534 --clear-groups"
	for _, c := range []struct {
		who, caps, way string
		inside, ok     bool // whether the caller is in the namespace; whether it can read the table
	}{
		{nobody, "", "own", true, false},
		{"", "", "own", true, false}, // root's number alone is nothing
		{nobody, "+net_admin", "own", true, true},
		{nobody, "+net_admin", "self", true, true},
		{nobody, "+net_admin", "process", true, false},
		{nobody, "+net_admin,+sys_ptrace", "process", true, true},
		{"", "+net_admin", "process", true, false}, // its capabilities are fewer than the process's
		{nobody, "+net_admin,+sys_ptrace", "process", false, false},
		{nobody, "+net_admin,+sys_admin,+sys_ptrace", "process", false, true},
		{nobody, "+net_admin,+sys_admin", "process", false, false},
	} {
		set := strings.TrimSuffix("-all,"+c.caps, ",")
		args := append(strings.Fields(c.who), "--inh-caps="+set, "--bounding-set="+set, "--ambient-caps="+set, os.Args[0], "-test.run=^TestPrivileges$")
		cmd := exec.Command(setpriv, args...)
		target := map[string]string{"own": "own", "self": "/proc/self/ns/net", "process": "process " + process}[c.way]
		cmd.Env = append(os.Environ(), privilegeVar+"="+target)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &out, "/"
		start := cmd.Start
		if c.inside {
			start = func() error { return ns.Do(cmd.Start) }
		}
		if err := start(); err != nil {
			t.Fatal(err)
		}
		err := cmd.Wait()
		if text := out.String(); err != nil && !strings.Contains(text, "no permission") || (err == nil) != c.ok {
			t.Errorf("%q with %q, %s, inside %t: %v %s", c.who, c.caps, c.way, c.inside, err, text)
		}
	}
}

// lookUp opens a table and looks for an entry that is not there.
func lookUp(t *testing.T, way string) {
	ns := nodens.OfPath(way)
	if pid, ok := strings.CutPrefix(way, "process "); ok {
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		ns = nodens.OfPID(n)
	} else if way == "own" {
		ns = nodens.Current()
	}
	tbl, err := Open(t.Context(), ns)
	if err == nil {
		defer tbl.Close()
		_, err = tbl.Lookup(t.Context(), 7, ctstate.Tuple{Proto: 6, Src: ap("10.0.0.1:1"), Dst: ap("10.0.0.2:2")})
	}
	if errors.Is(err, fs.ErrPermission) {
		t.Fatal("no permission:", err)
	}
	if !errors.Is(err, ctstate.ErrNotFound) {
		t.Fatal(err)
	}
}
