package whatif

import (
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
)

// tcp is a connection of two legs with a client's port, after change has changed the second.
func tcp(sport uint16, change func(*ctstate.Entry)) *live {
	orig := ctstate.Tuple{Proto: 6, Src: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.3"), sport), Dst: netip.MustParseAddrPort("20.0.0.4:80")}
	legs := []connection.Record{{Chassis: "hv1", Entry: ctstate.Entry{Zone: 1, Orig: orig, TCP: &ctstate.TCPInfo{}}}, {Chassis: "hv2", Entry: ctstate.Entry{Zone: 2, Orig: orig}}}
	for i := range legs {
		legs[i].Entry.Reply, _ = orig.Invert()
	}
	if change != nil {
		change(&legs[1].Entry)
	}
	l := &live{conn: connection.Connection{Legs: legs}, port: "a"}
	l.packet = packetOf(&l.conn)
	return l
}

func TestGroupKey(t *testing.T) {
	first := groupKey(tcp(4000, nil))
	if first == "" || first != groupKey(tcp(4001, func(e *ctstate.Entry) { e.ID, e.Timeout, e.Created = 7, 8, 9 })) {
		t.Error("connections that differ in the port only are no group")
	}
	left := func(seconds uint32) func(*ctstate.Entry) {
		return func(e *ctstate.Entry) { e.Source, e.Timeout, e.HasTimeout = ctstate.FromUserspace, seconds, true }
	}
	if groupKey(tcp(4000, left(57))) == groupKey(tcp(4001, left(29))) {
		t.Error("what the time left says of an answer makes no difference")
	}
	for i, change := range []func(*ctstate.Entry){
		func(e *ctstate.Entry) { e.Mark = 1 },
		func(e *ctstate.Entry) { e.Label.Hi = 1 },
		func(e *ctstate.Entry) { e.Zone = 3 },
		func(e *ctstate.Entry) { e.Status = ctstate.SeenReply },
		func(e *ctstate.Entry) { e.Reply.Src = netip.MustParseAddrPort("20.0.0.5:80") },
		func(e *ctstate.Entry) { e.TCP = &ctstate.TCPInfo{State: ctstate.TCPFinWait} },
	} {
		if key := groupKey(tcp(4000, change)); key == first {
			t.Errorf("change %d makes no difference", i)
		}
	}
	if key := groupKey(tcp(4000, func(e *ctstate.Entry) { e.Reply.Dst = netip.AddrPortFrom(e.Reply.Dst.Addr(), 5000) })); key != "" {
		t.Errorf("a connection whose port is translated has the group %s", key)
	}
}

func TestPortMask(t *testing.T) {
	way := func(direction, mega string) passage {
		p := at("b", "10.0.0.1", "10.0.0.2")
		p.trace.Direction = direction
		p.trace.Hops = []*driver.Hop{{Chassis: "hv1", Segments: []*engine.Segment{{Mega: mega}}}}
		return p
	}
	const free = "recirc_id=0,eth,tcp,in_port=1,nw_src=10.0.0.0/24,nw_dst=10.0.0.2,nw_frag=no"
	for _, c := range []struct {
		original, reply string
		want            uint16
		ok              bool
	}{
		{free, free, 0, true},
		{free + ",tp_src=0x1/0x1", free, 1, true},
		{free + ",tp_src=0x1/0x1", free + ",tp_dst=0x4e20/0xfff0", 0xfff1, true},
		{free + ",tp_src=4000", free, 0xffff, true},
		{free + ",tp_dst=80", free, 0, true},
		{free, free + ",tp_src=80", 0, true},
		{free, free + ",tp_dst=4000", 0xffff, true},
		{free + ",dp_hash=0x1/0xf", free, 0, false},
		{free + ",tp_src=1/x", free, 0, false},
		{"", free, 0, false},
	} {
		got, ok := portMask(&both{original: way("original", c.original), reply: way("reply", c.reply)})
		if got != c.want || ok != c.ok {
			t.Errorf("%q and %q: 0x%x, %v", c.original, c.reply, got, ok)
		}
	}
}

// A connection has the fate of a sample only if it agrees with it in every bit that counted.
func TestFind(t *testing.T) {
	list := []sample{{of: tcp(4001, nil), mask: 1}, {of: tcp(4096, nil), mask: 0xf001}}
	for port, want := range map[uint16]uint16{4003: 4001, 4098: 4096, 8192: 0} {
		got := uint16(0)
		if s := find(list, tcp(port, nil)); s != nil {
			got = s.of.packet.SrcPort
		}
		if got != want {
			t.Errorf("port %d has the fate of port %d, want %d", port, got, want)
		}
	}
}

func TestRenumbered(t *testing.T) {
	there, back := at("b", "10.0.0.1", "10.0.0.2"), at("a", "10.0.0.2", "10.0.0.1") // from port 1 to port 2
	there.trace.Direction, back.trace.Direction = "original", "reply"
	back.at.Packet.SrcPort, back.at.Packet.DstPort = 2, 1
	back.ways = [][]place{{placeOf(back.at)}}
	s := &sample{of: &live{packet: packet.Packet{SrcPort: 1}}, both: both{original: there, reply: back}}
	got := s.as(&live{packet: packet.Packet{SrcPort: 9}})
	if p := got.original.at.Packet; p.SrcPort != 9 || p.DstPort != 2 || got.original.ways[0][0].src.Port() != 9 {
		t.Errorf("original: %+v", p)
	}
	if p := got.reply.at.Packet; p.SrcPort != 2 || p.DstPort != 9 || got.reply.ways[0][0].dst.Port() != 9 {
		t.Errorf("reply: %+v", p)
	}
	if there.at.Packet.SrcPort != 1 || there.ways[0][0].src.Port() != 1 {
		t.Error("the first connection's own is changed")
	}
}
