package question

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// unasked is what the test does not ask a node for.
type unasked = node.Node

// listing is the one chassis of a test, with a list of entries or an error.
type listing struct {
	unasked
	list  []ctstate.Entry
	err   error
	found node.ListResult
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
	return &l.found, yield(l.list)
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
	got, missing, err := connections(t.Context(), d, e)
	if err != nil || len(got) != 1 || got[0].Orig.Src.Port() != 4 || len(missing) != 0 {
		t.Errorf("%v, %q, %v", got, missing, err)
	}
	if len(n.asked.Zones) != 1 || n.asked.Zones[0] != 5 {
		t.Errorf("asked for %+v", n.asked)
	}

	// The zones in which a packet is looked up as it entered count too, those behind a translation
	// do not.
	tuple := func(src, dst string) *report.Tuple { return &report.Tuple{Src: src, Dst: dst} }
	played := &report.Report{Packets: []*report.Packet{{Hops: []*report.Hop{{Chassis: "hv1", Segments: []*report.Segment{{CT: []report.CT{
		{Zone: 8, Tuple: tuple("10.0.0.3", "30.0.0.10")}, {Zone: 8, Tuple: tuple("10.0.0.3", "30.0.0.10")}, {Zone: 9, Tuple: tuple("10.0.0.3", "20.0.0.3")}}}}}}}}}
	if _, _, err := connections(t.Context(), d, e, nil, played); err != nil || !slices.Equal(n.asked.Zones, []uint16{8, 5}) {
		t.Errorf("asked for the zones %v, %v", n.asked.Zones, err)
	}

	// An echo request has an identifier instead of a port.
	echo := func(id uint16, typ uint8) ctstate.Entry {
		return ctstate.Entry{Orig: ctstate.Tuple{Proto: 1, Src: at("10.0.0.3:0"), Dst: at("30.0.0.10:0"), ICMPID: id, ICMPType: typ}}
	}
	n.list = append(n.list, echo(7, 8), echo(6, 13))
	was := e.packet
	e.packet.Proto, e.packet.ICMPType, e.packet.SrcPort, e.packet.DstPort = 1, 8, 0, 0
	if got, _, err := connections(t.Context(), d, e); err != nil || len(got) != 1 || got[0].Orig.ICMPID != 7 {
		t.Errorf("of ICMP: %v, %v", got, err)
	}
	e.packet = was

	// The order of the table is not that of the answer.
	want := []uint16{2, 4, 9}
	for _, order := range [][]string{{"10.0.0.3:9", "10.0.0.3:2", "10.0.0.3:4"}, {"10.0.0.3:4", "10.0.0.3:9", "10.0.0.3:2"}} {
		n.list = nil
		for _, src := range order {
			n.list = append(n.list, entryOf(6, src, "30.0.0.10:80"))
		}
		got, _, err := connections(t.Context(), d, e)
		var ports []uint16
		for _, c := range got {
			ports = append(ports, c.Orig.Src.Port())
		}
		if err != nil || !slices.Equal(ports, want) {
			t.Errorf("in the order %v: %v, want %v, %v", order, ports, want, err)
		}
	}

	n.found = node.ListResult{Count: 1000, Cut: true, Changed: true, Unreadable: 2, Lacks: "its end"}
	_, missing, err = connections(t.Context(), d, e)
	if want := "a live connection of the client may have been missed on hv1: it has more than the 1000 that were read; its table changed while it was read; " +
		"2 of its entries could not be read; not collected: its end"; err != nil || !slices.Equal(missing, []string{want}) {
		t.Errorf("missing %q, want %q, %v", missing, want, err)
	}
	n.err = errors.New("the table cannot be read")
	if _, _, err := connections(t.Context(), d, e); !errors.Is(err, n.err) {
		t.Errorf("error %v, want %v", err, n.err)
	}
}
