package ctnetlink

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// newNS makes a network namespace that lives as long as the test, named by the
// file of a thread parked in it.
func newNS(t testing.TB) nodens.NetNS {
	t.Helper()
	testenv.Root(t)
	path, err := make(chan string, 1), make(chan error, 1)
	stop := make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the test
		if e := unix.Unshare(unix.CLONE_NEWNET); e != nil {
			err <- e
			return
		}
		p, e := os.Readlink("/proc/thread-self")
		if e != nil {
			err <- e
			return
		}
		path <- "/proc/" + p + "/ns/net"
		<-stop
	}()
	select {
	case e := <-err:
		testenv.Need(t, false, "cannot make a network namespace: "+e.Error())
	case p := <-path:
		t.Cleanup(func() { close(stop) })
		return nodens.OfPath(p)
	}
	panic("unreachable")
}

// run runs a command inside the namespace and returns its output.
func run(t testing.TB, ns nodens.NetNS, stdin string, args ...string) string {
	t.Helper()
	path := testenv.Tool(t, args[0])
	var out []byte
	err := ns.Do(func() error {
		c := exec.Command(path, args[1:]...)
		c.Stdin = strings.NewReader(stdin)
		var e error
		out, e = c.CombinedOutput()
		return e
	})
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// ctNS is a namespace where nftables asks for conntrack (and labels).
func ctNS(t testing.TB) nodens.NetNS {
	ns := newNS(t)
	run(t, ns, "table inet t { chain c { type filter hook input priority 0; ct state new accept; }; }\n", "nft", "-f", "-")
	return ns
}

func open(t testing.TB, ns nodens.NetNS) *Table {
	t.Helper()
	tbl, err := Open(context.Background(), ns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tbl.Close() })
	return tbl
}

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func TestLookup(t *testing.T) {
	ns := ctNS(t)
	run(t, ns, "", "conntrack", "-I", "-p", "tcp", "-s", "10.0.0.1", "-d", "10.0.0.2", "--sport", "1000", "--dport", "80",
		"--state", "ESTABLISHED", "-u", "SEEN_REPLY,ASSURED", "-t", "100", "-w", "7", "-m", "5")
	tbl := open(t, ns)
	ctx := context.Background()
	orig := ctstate.Tuple{Proto: 6, Src: ap("10.0.0.1:1000"), Dst: ap("10.0.0.2:80")}
	reply := ctstate.Tuple{Proto: 6, Src: ap("10.0.0.2:80"), Dst: ap("10.0.0.1:1000")}
	for _, q := range []ctstate.Tuple{orig, reply} {
		e, err := tbl.Lookup(ctx, 7, q)
		if err != nil {
			t.Fatal(err)
		}
		if e.Orig != orig || e.Reply != reply || e.Zone != 7 || e.Mark != 5 ||
			e.Status != ctstate.Confirmed|ctstate.SeenReply|ctstate.Assured ||
			e.TCP == nil || e.TCP.State != 3 || !e.HasTimeout || e.Timeout > 100 || e.Timeout < 90 || e.ID == 0 {
			t.Fatalf("%+v %+v", e, e.TCP)
		}
	}
	for _, z := range []uint16{0, 8} {
		if _, err := tbl.Lookup(ctx, z, orig); !errors.Is(err, ctstate.ErrNotFound) {
			t.Fatalf("zone %d: %v", z, err)
		}
	}
	r, err := tbl.Read(ctx, 7, orig)
	t.Logf("%+v %v", r, err)
}

func BenchmarkLookup(b *testing.B) {
	ns := ctNS(b)
	run(b, ns, "", "conntrack", "-I", "-p", "tcp", "-s", "10.0.0.1", "-d", "10.0.0.2", "--sport", "1000", "--dport", "80",
		"--state", "ESTABLISHED", "-t", "100", "-w", "7")
	tbl := open(b, ns)
	hit := ctstate.Tuple{Proto: 6, Src: ap("10.0.0.1:1000"), Dst: ap("10.0.0.2:80")}
	miss := ctstate.Tuple{Proto: 6, Src: ap("10.0.0.1:1001"), Dst: ap("10.0.0.2:80")}
	for _, c := range []struct {
		name string
		t    ctstate.Tuple
		want error
	}{{"hit", hit, nil}, {"miss", miss, ctstate.ErrNotFound}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tbl.Lookup(b.Context(), 7, c.t); err != c.want {
					b.Fatal(err)
				}
			}
		})
	}
}
