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
	// ways are where it arrives, sorted, in each outcome of undetermined choices, each once; none
	// where it does not arrive, or where that is not determined.
	ways  [][]place
	trace *driver.Trace  // nil where it cannot enter
	at    *driver.Branch // by which it arrives; nil where it does not
	why   string         // why it cannot enter
	// waits is the destination of a packet that waits until somebody answers for that address; the
	// zero AddrPort for any other.
	waits netip.AddrPort
	// nobody says that a packet waits for an answer that nobody will give: it is lost.
	nobody bool
}

// passes reports whether the packet arrives.
func (p *passage) passes() bool { return p.at != nil }

// unknown reports whether it is not determined whether the packet arrives.
func (p *passage) unknown() bool {
	return p.verdict == engine.Unknown || p.verdict == engine.Controller && !p.nobody
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
		p.waits, p.nobody = waitsFor(t)
		return p
	}
	lost := 0
	for _, o := range t.Outcomes {
		var arrivals []place
		for _, b := range o.Branches {
			if b.Mirror != "" || b.Ignored || b.Made != "" || b.Verdict != engine.Delivered && b.Verdict != engine.External {
				continue
			}
			if at := placeOf(b); !slices.Contains(arrivals, at) {
				arrivals = append(arrivals, at)
			}
			if p.at == nil || b.Verdict > p.at.Verdict {
				p.at = b
			}
		}
		if len(arrivals) == 0 {
			lost++
			continue
		}
		slices.SortFunc(arrivals, compare)
		if !slices.ContainsFunc(p.ways, func(w []place) bool { return slices.Equal(w, arrivals) }) {
			p.ways = append(p.ways, arrivals)
		}
	}
	if lost > 0 && lost < len(t.Outcomes) {
		return passage{trace: t, verdict: engine.Unknown, why: choiceText + "whether it arrives"}
	}
	return p
}

// choiceText begins the reason of what a choice decides that cannot be known from outside, as one
// by a hash.
const choiceText = "an undetermined choice decides "

// same compares where a packet arrives: certain is false if it depends on an undetermined choice.
func (p *passage) same(as *passage) (same, certain bool) {
	common := 0
	for _, w := range p.ways {
		if slices.ContainsFunc(as.ways, func(o []place) bool { return slices.Equal(w, o) }) {
			common++
		}
	}
	return common > 0, common == 0 || common == len(p.ways) && common == len(as.ways)
}

// waitsFor returns the destination of a packet whose every end is that OVN asks for its destination
// itself, which is the next hop; and whether nobody will answer at any end.
func waitsFor(t *driver.Trace) (to netip.AddrPort, nobody bool) {
	own := true
	nobody = true
	for _, b := range t.Branches {
		if b.Mirror != "" || b.Made != "" || b.Ignored {
			continue
		}
		if b.Verdict != engine.Controller || b.Cause == nil {
			return netip.AddrPort{}, false
		}
		switch b.Cause.Outlook.Kind {
		case driver.OutlookNobody, driver.OutlookOwn, driver.OutlookDropped:
		default:
			nobody = false
		}
		dst := netip.AddrPortFrom(b.Packet.Dst, b.Packet.DstPort)
		own = own && b.Cause.Awaits == b.Packet.Dst && (!to.IsValid() || to == dst)
		to = dst
	}
	if !own {
		to = netip.AddrPort{}
	}
	return to, nobody && len(t.Branches) > 0
}

// elsewhere reports whether a packet that waits for an answer goes elsewhere than it went before,
// whether somebody answers or not.
func (p *passage) elsewhere(before *passage) bool {
	return p.waits.IsValid() && before.passes() && !slices.ContainsFunc(slices.Concat(before.ways...), func(at place) bool { return at.dst == p.waits })
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
// decides; empty where nothing differs. strict says that the ends keep a state of their own, so
// that a packet that arrives at another one, or with another address, is lost: TCP and SCTP do.
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
	sides := []report.Direction{report.DirectionOriginal, report.DirectionReply}
	for i, is := range []*passage{&after.original, &after.reply} {
		was := []*passage{&before.original, &before.reply}[i]
		if before.oneWay && i == 1 {
			break
		}
		switch same, certain := is.same(was); {
		case !certain:
			return report.FateUnknown, sides[i]
		case !same:
			return moved, sides[i]
		}
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
