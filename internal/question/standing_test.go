package question

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// unasked is what the test does not ask a node for.
type unasked = node.Node

// listing is the one chassis of a test, with a list of entries or an error.
type listing struct {
	unasked
	list  []ctstate.Entry
	err   error
	asked node.ListRequest
}

// only is the one node of a deployment.
type only struct{ *listing }

func (o only) Node(context.Context, *ovn.Chassis) (node.Node, error) { return o.listing, nil }

func (l *listing) Info(context.Context) (*node.Info, error) {
	return &node.Info{Bridge: "br-int", Zones: map[uint16]string{5: "sw0-p1", 6: "sw0-p2"},
		Ports: []node.Port{{Port: engine.Port{Name: "vif1", Bridge: "br-int", OFPort: 1, Kind: engine.PortVIF, IfaceID: "sw0-p1"}}}}, nil
}

func (l *listing) List(_ context.Context, req node.ListRequest, yield func([]ctstate.Entry) error) (*node.ListResult, error) {
	l.asked = req
	if l.err != nil {
		return nil, l.err
	}
	return &node.ListResult{}, yield(l.list)
}

// TestConnections checks which live connections are the client's to the destination, and that an
// error of the node is not taken for none.
func TestConnections(t *testing.T) {
	db := ovntest.New(t, ovntest.Topology)
	if _, err := db.SBCtl(t.Context(), "chassis-add hv1 geneve 192.168.0.1\nlsp-bind sw0-p1 hv1"); err != nil {
		t.Fatal(err)
	}
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: db.SB})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	pb, err := sb.PortByName(t.Context(), "sw0-p1")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort
	entryOf := func(proto uint8, src, dst string) ctstate.Entry {
		return ctstate.Entry{Orig: ctstate.Tuple{Proto: proto, Src: at(src), Dst: at(dst)}}
	}
	n := &listing{list: []ctstate.Entry{
		entryOf(6, "10.0.0.3:1", "30.0.0.10:81"), entryOf(17, "10.0.0.3:2", "30.0.0.10:80"), entryOf(6, "10.0.0.4:3", "30.0.0.10:80"), entryOf(6, "10.0.0.3:4", "30.0.0.10:80"),
	}}
	d := &driver.Driver{SB: sb, Nodes: only{n}}
	e := &entry{packet: packet.Packet{EthType: packet.EthIPv4, Proto: 6, Src: netip.MustParseAddr("10.0.0.3"), Dst: netip.MustParseAddr("30.0.0.10"), SrcPort: 9, DstPort: 80}}
	if e.start, err = d.Enter(t.Context(), pb, "", e.packet); err != nil {
		t.Fatal(err)
	}
	got, err := connections(t.Context(), d, e)
	if err != nil || len(got) != 1 || got[0].Orig.Src.Port() != 4 {
		t.Errorf("%v, %v", got, err)
	}
	if len(n.asked.Zones) != 1 || n.asked.Zones[0] != 5 {
		t.Errorf("asked for %+v", n.asked)
	}
	n.err = errors.New("the table cannot be read")
	if _, err := connections(t.Context(), d, e); !errors.Is(err, n.err) {
		t.Errorf("error %v, want %v", err, n.err)
	}
}
