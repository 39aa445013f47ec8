package gather

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// many lists many entries.
type many struct{ node.Node }

// only reaches one chassis.
type only struct{ n node.Node }

func (o only) Node(context.Context, *ovn.Chassis) (node.Node, error) { return o.n, nil }

func (many) Info(context.Context) (*node.Info, error) {
	return &node.Info{Datapath: "system", Zones: map[uint16]string{1: "sw0-p1"}}, nil
}

func (many) List(_ context.Context, _ node.ListRequest, yield func([]ctstate.Entry) error) (*node.ListResult, error) {
	for i := range 2000 {
		e := ctstate.Entry{Zone: 1, Source: ctstate.FromKernel, Helper: strings.Repeat("x", 1000), Orig: ctstate.Tuple{Proto: ctstate.ProtoUDP,
			Src: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), uint16(i)), Dst: netip.MustParseAddrPort("10.0.0.2:53")}}
		e.Reply, _ = e.Orig.Invert()
		if err := yield([]ctstate.Entry{e}); err != nil {
			return nil, err
		}
	}
	return &node.ListResult{}, nil
}

// A reading that ends with an error of the database holds no memory.
func TestReadReleases(t *testing.T) {
	remote := ovsdbtest.Lone(t, "ovn-sb.ovsschema", ovn.Southbound, `{"op":"comment","comment":"no rows"}`)
	remote = ovsdbtest.Refusing(t, remote, ovsdbtest.OnTables("Port_Binding"))
	before := mapped(t)
	for range 40 { // 2 MiB of entries each
		sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: remote})
		if err != nil {
			t.Fatal(err)
		}
		res, err := Read(t.Context(), OneZone(sb), only{many{}}, []*ovn.Chassis{{Name: "hv1"}}, Request{})
		sb.Close()
		if err == nil || res != nil {
			t.Fatalf("%v: the database refused nothing", err)
		}
	}
	if more := mapped(t) - before; more > 40<<20 {
		t.Errorf("%d KiB more are mapped than before", more>>10)
	}
}

// mapped returns the size of the memory that is mapped anonymously, in bytes, without Go's heap.
func mapped(t *testing.T) (n int) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var from, to uint64
		var mode, offset, device string
		var inode int
		if _, err := fmt.Sscanf(s.Text(), "%x-%x %s %s %s %d", &from, &to, &mode, &offset, &device, &inode); err != nil {
			t.Fatal(err)
		}
		if inode == 0 && mode == "rw-p" && !strings.HasPrefix(s.Text(), "c0") {
			n += int(to - from)
		}
	}
	return n
}
