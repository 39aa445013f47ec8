// Package nstest makes network namespaces for tests and benchmarks.
package nstest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// Make makes a network namespace that exists until stop is called. A parked thread holds it, so
// nothing is left behind even if the process is killed.
func Make() (ns nodens.NetNS, stop func(), err error) {
	path, fail := make(chan string, 1), make(chan error, 1)
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the namespace
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			fail <- fmt.Errorf("unshare: %w", err)
			return
		}
		p, err := os.Readlink("/proc/thread-self")
		if err != nil {
			fail <- err
			return
		}
		path <- "/proc/" + p + "/ns/net"
		<-done
	}()
	select {
	case err := <-fail:
		return nodens.NetNS{}, nil, err
	case p := <-path:
		return nodens.OfPath(p), func() { close(done) }, nil
	}
}

// New makes a network namespace that exists until the test ends.
func New(t testing.TB) nodens.NetNS {
	t.Helper()
	testenv.Root(t)
	ns, stop, err := Make()
	testenv.Need(t, err == nil, fmt.Sprintf("cannot make a network namespace: %v", err))
	t.Cleanup(stop)
	return ns
}

// Output runs a program inside the namespace and returns what it printed.
func Output(ns nodens.NetNS, stdin string, args ...string) (string, error) {
	var out []byte
	err := ns.Do(func() error {
		c := exec.Command(args[0], args[1:]...)
		c.Stdin = strings.NewReader(stdin)
		var err error
		out, err = c.CombinedOutput()
		return err
	})
	if err != nil {
		return string(out), fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// Run is Output for a test: testenv.Tool handles a missing program, and a failing program fails the
// test.
func Run(t testing.TB, ns nodens.NetNS, stdin string, args ...string) string {
	t.Helper()
	args = append([]string{testenv.Tool(t, args[0])}, args[1:]...)
	out, err := Output(ns, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Conntrack enables conntrack in the namespace with an nftables rule that matches ct state. With
// labels, another rule uses connection labels: the kernel stores labels only if a rule uses them.
func Conntrack(t testing.TB, ns nodens.NetNS, labels bool) {
	t.Helper()
	rules := "table inet t {\n chain c {\n type filter hook input priority 0;\n ct state new accept\n }\n}\n"
	if labels {
		rules = strings.Replace(rules, "ct state new accept", "ct label set 1\n ct state new accept", 1)
	}
	Run(t, ns, rules, "nft", "-f", "-")
}
