// Package whatif compares what becomes of packets before and after a change that is made in a copy
// of the deployment: of live connections, whose next packets it traces over their live entries, and
// of pairs that are asked.
package whatif

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// place is where a packet arrives, as its receiver sees it.
type place struct {
	port     string // logical port, or the provider network that it left by
	src, dst netip.AddrPort
	id       uint16
}

// passage is what becomes of one packet of a connection.
type passage struct {
	verdict engine.Verdict
	// arrivals are where it arrives, sorted; none where it does not, or where that is not determined.
	arrivals []place
	trace    *driver.Trace  // nil where it cannot enter
	at       *driver.Branch // by which it arrives; nil where it does not
	why      string         // why it cannot enter
	// waits is the destination of a packet that waits until somebody answers for that address; the zero
	// AddrPort for any other.
	waits netip.AddrPort
}

// passes reports whether the packet arrives.
func (p *passage) passes() bool { return p.at != nil }

// unknown reports whether it is not determined whether the packet arrives.
func (p *passage) unknown() bool {
	return p.verdict == engine.Unknown || p.verdict == engine.Controller
}

// passageOf reads a trace.
func passageOf(t *driver.Trace, dead func(chassis string) bool) passage {
	p := passage{trace: t, verdict: t.Verdict}
	for _, h := range t.Hops {
		if dead(h.Chassis) {
			return passage{trace: t, verdict: engine.Dropped, why: "it passes chassis " + h.Chassis + ", which is down"}
		}
	}
	if p.unknown() {
		p.waits = waitsFor(t)
		return p
	}
	lost := 0
	for _, o := range t.Outcomes {
		arrives := false
		for _, b := range o.Branches {
			if b.Mirror != "" || b.Ignored || b.Made != "" || b.Verdict != engine.Delivered && b.Verdict != engine.External {
				continue
			}
			arrives = true
			if at := placeOf(b); !slices.Contains(p.arrivals, at) {
				p.arrivals = append(p.arrivals, at)
			}
			if p.at == nil || b.Verdict > p.at.Verdict {
				p.at = b
			}
		}
		if !arrives {
			lost++
		}
	}
	if lost > 0 && lost < len(t.Outcomes) {
		return passage{trace: t, verdict: engine.Unknown, why: "an undetermined choice decides whether it arrives"}
	}
	slices.SortFunc(p.arrivals, compare)
	return p
}

// waitsFor returns the destination of a packet whose every end is that OVN asks for its destination
// itself, which is the next hop.
func waitsFor(t *driver.Trace) netip.AddrPort {
	to := netip.AddrPort{}
	for _, b := range t.Branches {
		if b.Mirror != "" || b.Made != "" || b.Ignored {
			continue
		}
		dst := netip.AddrPortFrom(b.Packet.Dst, b.Packet.DstPort)
		if b.Verdict != engine.Controller || b.Cause == nil || b.Cause.Awaits != b.Packet.Dst || to.IsValid() && to != dst {
			return netip.AddrPort{}
		}
		to = dst
	}
	return to
}

// elsewhere reports whether a packet that waits for an answer goes elsewhere than it went before,
// whether somebody answers or not.
func (p *passage) elsewhere(before *passage) bool {
	return p.waits.IsValid() && before.passes() && !slices.ContainsFunc(before.arrivals, func(at place) bool { return at.dst == p.waits })
}

func placeOf(b *driver.Branch) place {
	p := b.Packet
	at := place{port: b.Port, src: netip.AddrPortFrom(p.Src, p.SrcPort), dst: netip.AddrPortFrom(p.Dst, p.DstPort), id: p.ICMPID}
	if b.Verdict == engine.External {
		at.port = "network " + b.Network // any chassis may bring it there
	}
	return at
}

func compare(a, b place) int {
	return cmp.Or(cmp.Compare(a.port, b.port), a.src.Compare(b.src), a.dst.Compare(b.dst), cmp.Compare(a.id, b.id))
}

// both are the next packets of a connection, or of a handshake: of the client, and of the server.
type both struct {
	original passage
	reply    passage // the zero passage where no packet of the client says where the server is
	oneWay   bool    // nothing is known to answer: only the client's packet counts
}

// works reports whether packets arrive.
func (b *both) works() bool { return b.original.passes() && (b.oneWay || b.reply.passes()) }

// unknown reports whether it is not determined whether packets arrive.
func (b *both) unknown() bool {
	if b.original.unknown() {
		return true
	}
	return b.original.passes() && !b.oneWay && b.reply.unknown()
}

// fateOf compares a connection before and after a change. direction is that of the packet that
// decides; empty where nothing differs. strict says that the ends keep a state of their own, so that
// a packet that arrives at another one, or with another address, is lost: TCP and SCTP do.
func fateOf(before, after *both, strict bool) (fate report.Fate, direction report.Direction) {
	side := func(b *both) report.Direction {
		if !b.original.passes() {
			return report.DirectionOriginal
		}
		return report.DirectionReply
	}
	switch {
	case before.unknown():
		return report.FateUnknown, undetermined(before)
	case before.works() && after.original.elsewhere(&before.original):
		return report.FateDies, report.DirectionOriginal
	case before.works() && !before.oneWay && after.original.passes() && after.reply.elsewhere(&before.reply):
		return report.FateDies, report.DirectionReply
	case after.unknown():
		return report.FateUnknown, undetermined(after)
	case !before.works() && !after.works():
		return report.FateBroken, side(before)
	case !before.works():
		return report.FateRevives, side(before)
	case !after.works():
		return report.FateDies, side(after)
	}
	moved := report.FateMoves
	if strict {
		moved = report.FateDies
	}
	switch {
	case !slices.Equal(before.original.arrivals, after.original.arrivals):
		return moved, report.DirectionOriginal
	case !before.oneWay && !slices.Equal(before.reply.arrivals, after.reply.arrivals):
		return moved, report.DirectionReply
	}
	return report.FateGoesOn, ""
}

func undetermined(b *both) report.Direction {
	if b.original.unknown() {
		return report.DirectionOriginal
	}
	return report.DirectionReply
}

// strict reports whether the ends of a protocol keep a state of their own.
func strict(proto uint8) bool { return proto == ctstate.ProtoTCP || proto == ctstate.ProtoSCTP }

// count adds a fate.
func count(f *report.WhatIfFates, fate report.Fate) {
	f.Compared++
	switch fate {
	case report.FateDies:
		f.Dies++
	case report.FateRevives:
		f.Revives++
	case report.FateMoves:
		f.Moves++
	case report.FateUnknown:
		f.Unknown++
	case report.FateBroken:
		f.Broken++
	default:
		f.Goes++
	}
}

// order is the order in which fates are listed.
var order = []report.Fate{report.FateDies, report.FateUnknown, report.FateRevives, report.FateMoves, report.FateBroken, report.FateGoesOn}

// text returns where a packet arrives, in words.
func (p place) text(proto uint8) string {
	s := "arrives at " + p.port
	if proto == packet.ProtoICMP || proto == packet.ProtoICMPv6 {
		return fmt.Sprintf("%s as %s > %s", s, p.src.Addr(), p.dst.Addr())
	}
	return fmt.Sprintf("%s as %s > %s", s, p.src, p.dst)
}
