package whatif

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Connections that differ in nothing but the client's port have one fate, if the look-ups on their
// way depend on no bit of the port in which they differ: Open vSwitch says so, in the megaflow of
// each segment. One of them is traced then.

// group is such connections, as far as they were traced: before, and with the change.
type group struct{ before, after []sample }

// sample is a connection of a group that was traced.
type sample struct {
	of   *live
	mask uint16 // the bits of the client's port on which the look-ups depend
	both both
}

// find returns the sample of which the fate is that of a connection too, or nil.
func find(list []sample, l *live) *sample {
	for i := range list {
		if s := &list[i]; (s.of.packet.SrcPort^l.packet.SrcPort)&s.mask == 0 {
			return s
		}
	}
	return nil
}

// maxSamples bounds the samples of a group: where every port has a fate of its own, comparing them
// costs more than it saves.
const maxSamples = 64

// add keeps a connection that was traced, if its fate may be that of others.
func add(list []sample, l *live, b *both) []sample {
	if mask, ok := portMask(b); ok && mask != 0xffff && len(list) < maxSamples {
		list = append(list, sample{l, mask, *b})
	}
	return list
}

// trace calls f for a connection and keeps what it returns, unless another connection of its group
// was traced that has the same fate. samples are those of the group.
func (l *live) trace(samples func(*group) *[]sample, f func() (both, error)) (b both, err error) {
	if l.group == nil {
		l.of = nil
		return f()
	}
	list := samples(l.group)
	if s := find(*list, l); s != nil {
		l.of = s.of
		return s.as(l), nil
	}
	l.of = nil
	if b, err = f(); err == nil {
		*list = add(*list, l, &b)
	}
	return b, err
}

// groupKey is everything that connections of a group have in common: the packet without its port,
// and every entry without it. It is empty for a connection that has no group.
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
		e.ID, e.Created = 0, 0
		// The userspace datapath shows by the time that is left whether a connection is not answered yet.
		if e.Source != ctstate.FromUserspace || e.UserTCP != nil || e.Status&ctstate.SeenReply != 0 {
			e.Timeout, e.HasTimeout = 0, false
		}
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
		fmt.Fprint(&b, "; ", r.Chassis, e.Zone, e.Orig.Src.Addr(), e.Orig.Dst, e.Reply.Src, e.Reply.Dst.Addr(), e.Status, e.Mark, e.Label, state, e.Timeout, e.HasTimeout, e.NATSrc, e.NATDst, e.Unknown)
	}
	return b.String()
}

// portMask returns the bits of the client's port on which the traces of a connection depend; ok is
// false if that is unknown, or if they depend on something that other connections do not share.
func portMask(b *both) (mask uint16, ok bool) {
	for i, p := range []*passage{&b.original, &b.reply} {
		if p.trace == nil {
			if p.why != "" {
				return 0, false
			}
			continue
		}
		if len(p.trace.Outcomes) != 1 || len(p.trace.Outcomes[0].Choices) > 0 {
			return 0, false
		}
		side := "src"
		if i == 1 {
			side = "dst"
		}
		for _, h := range p.trace.Hops {
			for _, s := range h.Segments {
				m, ok := matched(s.Mega, side)
				if s.Approx || !ok {
					return 0, false
				}
				mask |= m
			}
		}
	}
	return mask, true
}

// matched returns the bits of the transport port of one side ("src" or "dst") that a megaflow
// matches; ok is false if there is no megaflow, or if it matches a hash of the headers.
func matched(mega, side string) (mask uint16, ok bool) {
	for _, field := range strings.Split(mega, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch key {
		case "dp_hash":
			return 0, false
		case "tp_" + side, "tcp_" + side, "udp_" + side, "sctp_" + side:
			_, bits, some := strings.Cut(value, "/")
			if !some {
				bits = "0xffff"
			}
			n, err := strconv.ParseUint(bits, 0, 16)
			if err != nil {
				return 0, false
			}
			mask |= uint16(n)
		}
	}
	return mask, mega != ""
}

// as returns what the sample's passages are for another connection of the group.
func (s *sample) as(l *live) both {
	from, to := s.of.packet.SrcPort, l.packet.SrcPort
	b := s.both
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
