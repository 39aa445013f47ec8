package whatif

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Connections that differ in nothing but the client's port have one fate, if no look-up on the way of
// one of them depends on that port: Open vSwitch says so, in the megaflow of each segment. Only the
// first of them is traced.

// group is such connections, as far as they were seen.
type group struct {
	first         *live
	before, after both
	// anyPort and thenAnyPort say that no look-up depended on the client's port before, and with the
	// change.
	anyPort, thenAnyPort bool
	done                 bool // after is set
}

// borrowed reports whether a connection's fate is that of the first one of its group.
func (l *live) borrowed() bool { return l.group != nil && l.group.first != l }

// groupKey is everything that connections of a group have in common: the packet without its port, and
// every entry without it. It is empty for a connection that has no group.
func groupKey(l *live) string {
	p := l.packet
	if !ctstate.HasPorts(p.Proto) || l.why != "" {
		return ""
	}
	own := p.SrcPort
	p.SrcPort = 0
	var b strings.Builder
	fmt.Fprint(&b, l.port, " ", l.at, " ", p.EthSrc, p.EthDst, p.Src, p.Dst, p.Proto, p.DstPort, p.TCPFlags)
	for i := range l.conn.Legs {
		r := &l.conn.Legs[i]
		e := r.Entry
		e.ID, e.Timeout, e.HasTimeout, e.Created = 0, 0, false, 0
		if e.Orig.Src.Port() != own || e.Reply.Dst.Port() != own || e.Master != nil || e.Helper != "" {
			return "" // its port is translated, or it belongs to another connection
		}
		state := ""
		if e.TCP != nil {
			state = e.TCP.State.String()
		}
		if e.UserTCP != nil {
			state = fmt.Sprint(e.UserTCP.Orig, e.UserTCP.Reply)
		}
		if e.SCTP != nil {
			state = fmt.Sprint(e.SCTP.State)
		}
		fmt.Fprint(&b, "; ", r.Chassis, e.Zone, e.Orig.Src.Addr(), e.Orig.Dst, e.Reply.Src, e.Reply.Dst.Addr(), e.Status, e.Mark, e.Label, state, e.NATSrc, e.NATDst, e.Unknown)
	}
	return b.String()
}

// anyPort reports whether the traces of a connection depend on the client's port nowhere.
func anyPort(b *both) bool {
	for i, p := range []*passage{&b.original, &b.reply} {
		if p.trace == nil {
			if p.why != "" {
				return false
			}
			continue
		}
		if len(p.trace.Outcomes) != 1 || len(p.trace.Outcomes[0].Choices) > 0 {
			return false
		}
		port := "src"
		if i == 1 {
			port = "dst"
		}
		for _, h := range p.trace.Hops {
			for _, s := range h.Segments {
				if s.Approx || s.Mega == "" || matchesPort(s.Mega, port) {
					return false
				}
			}
		}
	}
	return true
}

// matchesPort reports whether a megaflow matches on the transport port of one side ("src" or "dst"),
// or on a hash of the headers.
func matchesPort(mega, side string) bool {
	for _, field := range strings.Split(mega, ",") {
		key, _, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch key {
		case "tp_" + side, "tcp_" + side, "udp_" + side, "sctp_" + side, "dp_hash":
			return true
		}
	}
	return false
}

// of returns what the passages of the group's first connection are for another one.
func (g *group) of(b both, l *live) both {
	from, to := g.first.packet.SrcPort, l.packet.SrcPort
	b.original = b.original.renumbered(from, to)
	b.reply = b.reply.renumbered(from, to)
	return b
}

// renumbered returns the passage of a packet with another client's port.
func (p passage) renumbered(from, to uint16) passage {
	change := func(a netip.AddrPort) netip.AddrPort {
		if a.Port() == from {
			return netip.AddrPortFrom(a.Addr(), to)
		}
		return a
	}
	p.ways = slices.Clone(p.ways)
	reply := p.trace != nil && p.trace.Direction == "reply"
	for w := range p.ways {
		p.ways[w] = slices.Clone(p.ways[w])
		for i := range p.ways[w] {
			if a := &p.ways[w][i]; reply {
				a.dst = change(a.dst)
			} else {
				a.src = change(a.src)
			}
		}
	}
	if p.at != nil {
		at := *p.at
		switch {
		case reply && at.Packet.DstPort == from:
			at.Packet.DstPort = to
		case !reply && at.Packet.SrcPort == from:
			at.Packet.SrcPort = to
		}
		p.at = &at
	}
	return p
}
