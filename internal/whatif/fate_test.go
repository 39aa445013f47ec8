package whatif

import (
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

var alive = func(string) bool { return false }

// at is a passage that arrives at a port.
func at(port, src, dst string) passage {
	p := packet.Packet{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), SrcPort: 1, DstPort: 2}
	b := &driver.Branch{Verdict: engine.Delivered, Chassis: "hv1", Port: port, Packet: p}
	return passageOf(&driver.Trace{Verdict: engine.Delivered, Branches: []*driver.Branch{b}, Outcomes: []driver.Outcome{{Branches: []*driver.Branch{b}}}}, alive)
}

// lost is a passage that does not arrive.
func lost(v engine.Verdict) passage {
	b := &driver.Branch{Verdict: v, Chassis: "hv1"}
	return passageOf(&driver.Trace{Verdict: v, Branches: []*driver.Branch{b}, Outcomes: []driver.Outcome{{Branches: []*driver.Branch{b}}}}, alive)
}

func TestFate(t *testing.T) {
	there, back := at("b", "10.0.0.1", "10.0.0.2"), at("a", "10.0.0.2", "10.0.0.1")
	other, renamed := at("c", "10.0.0.1", "10.0.0.3"), at("a", "10.0.0.9", "10.0.0.1")
	either := both{original: there, reply: back}
	either.original.ways = [][]place{there.ways[0], other.ways[0]}
	dropped, unknown := lost(engine.Dropped), lost(engine.Unknown)
	works := both{original: there, reply: back}
	for i, c := range []struct {
		before, after both
		strict        bool
		fate          report.Fate
		direction     report.Direction
	}{
		{works, works, true, report.FateGoesOn, ""},
		{works, both{original: dropped, reply: back}, true, report.FateDies, report.DirectionOriginal},
		{works, both{original: there, reply: dropped}, true, report.FateDies, report.DirectionReply},
		{works, both{original: other, reply: back}, true, report.FateDies, report.DirectionOriginal},
		{works, both{original: other, reply: back}, false, report.FateMoves, report.DirectionOriginal},
		{works, both{original: there, reply: renamed}, false, report.FateMoves, report.DirectionReply},
		{works, either, true, report.FateUnknown, report.DirectionOriginal},
		{either, either, true, report.FateGoesOn, ""},
		{both{original: other, reply: back}, both{original: there, reply: back}, true, report.FateDies, report.DirectionOriginal},
		{both{original: dropped}, works, true, report.FateRevives, report.DirectionOriginal},
		{both{original: there, reply: dropped}, works, true, report.FateRevives, report.DirectionReply},
		{both{original: dropped}, both{original: dropped}, true, report.FateBroken, report.DirectionOriginal},
		{works, both{original: unknown, reply: back}, true, report.FateUnknown, report.DirectionOriginal},
		{works, both{original: there, reply: unknown}, true, report.FateUnknown, report.DirectionReply},
		{both{original: unknown}, works, true, report.FateUnknown, report.DirectionOriginal},
		// The client's packet is lost for sure: that the server's is not determined does not
		// matter.
		{works, both{original: dropped, reply: unknown}, true, report.FateDies, report.DirectionOriginal},
		{both{original: there, oneWay: true}, both{original: there, oneWay: true}, false, report.FateGoesOn, ""},
		{both{original: there, oneWay: true}, both{original: dropped, oneWay: true}, false, report.FateDies, report.DirectionOriginal},
	} {
		if fate, direction := fateOf(&c.before, &c.after, c.strict); fate != c.fate || direction != c.direction {
			t.Errorf("case %d: %s by the %s packet, want %s by the %s", i, fate, direction, c.fate, c.direction)
		}
	}
}

// A packet for which OVN asks for the next hop does not arrive where it did, whoever answers, if
// that hop is its destination and another than the one before.
func TestWaits(t *testing.T) {
	waiting := func(dst, asks string, outlook driver.OutlookKind) passage {
		b := &driver.Branch{Verdict: engine.Controller, Packet: packet.Packet{Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr(dst), SrcPort: 1, DstPort: 2},
			Cause: &driver.Cause{Awaits: netip.MustParseAddr(asks), Outlook: driver.Outlook{Kind: outlook}}}
		return passageOf(&driver.Trace{Verdict: engine.Controller, Branches: []*driver.Branch{b}, Outcomes: []driver.Outcome{{Branches: []*driver.Branch{b}}}}, alive)
	}
	works := both{original: at("b", "10.0.0.1", "10.0.0.2"), reply: at("a", "10.0.0.2", "10.0.0.1")}
	for _, c := range []struct {
		dst, asks string
		outlook   driver.OutlookKind
		want      report.Fate
	}{
		{"30.0.0.1", "30.0.0.1", driver.OutlookOutside, report.FateDies},    // no VIP any more: a host of that address is another
		{"10.0.0.2", "10.0.0.2", driver.OutlookOutside, report.FateUnknown}, // the same host, if it answers
		{"30.0.0.1", "10.0.0.9", driver.OutlookOutside, report.FateUnknown}, // a router, behind which everything is possible
		{"10.0.0.2", "10.0.0.2", driver.OutlookNobody, report.FateDies},
		{"10.0.0.2", "10.0.0.9", driver.OutlookDropped, report.FateDies},
		{"10.0.0.2", "10.0.0.2", driver.OutlookPort, report.FateUnknown},
	} {
		after := both{original: waiting(c.dst, c.asks, c.outlook), reply: works.reply}
		if fate, _ := fateOf(&works, &after, true); fate != c.want {
			t.Errorf("to %s, asking for %s: %s, want %s", c.dst, c.asks, fate, c.want)
		}
	}
}

// A packet that passes a chassis that is down is lost; one whose way an undetermined choice decides
// is unknown.
func TestPassage(t *testing.T) {
	there := at("b", "10.0.0.1", "10.0.0.2")
	there.trace.Hops = []*driver.Hop{{Chassis: "hv1"}, {Chassis: "hv2"}}
	if p := passageOf(there.trace, func(c string) bool { return c == "hv2" }); p.passes() || p.unknown() || p.why == "" {
		t.Errorf("through a dead chassis: %+v", p)
	}
	two := &driver.Trace{Verdict: engine.Dropped, Outcomes: []driver.Outcome{there.trace.Outcomes[0], {Branches: []*driver.Branch{{Verdict: engine.Dropped}}}}}
	if p := passageOf(two, alive); p.passes() || !p.unknown() {
		t.Errorf("one of two alternatives arrives: %+v", p)
	}
}
