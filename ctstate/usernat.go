package ctstate

import (
	"fmt"
	"net/netip"
)

// adopt notes what the table does not tell of an entry read from it.
func (w *uwork) adopt(e *Entry) {
	if e.Source != FromUserspace {
		return
	}
	if e.Orig.Proto != ProtoTCP && e.Status&SeenReply == 0 && !w.neverAnswered(e) {
		e.Unknown |= UnknownAnswered
	}
	if e.NATSrc || e.NATDst {
		return
	}
	if src, dst := e.natOptions(); src != dst {
		e.NATSrc, e.NATDst = src, dst
	} else if src {
		e.Unknown |= UnknownNAT
	}
}

// natOptions reports which kinds of nat_action can have made an entry's tuples: both where
// addresses were left as they were.
func (e *Entry) natOptions() (src, dst bool) {
	plain, ok := e.Orig.Invert()
	switch {
	case !ok || e.Reply.Src.Addr().IsUnspecified(): // the last: committed with a bare nat
		return false, false
	case plain.Src != e.Reply.Src:
		return false, true
	case plain.Dst.Addr() != e.Reply.Dst.Addr():
		return true, false
	}
	return true, true // a clash changes the source port for either
}

// natKind gives a connection's nat_action: as committed, as its tuples show, or as the question
// falls.
func (w *uwork) natKind(e *Entry) (src, dst bool) {
	plain, _ := e.Orig.Invert()
	switch {
	case e.NATSrc || e.NATDst:
		return e.NATSrc, e.NATDst
	case e.Unknown&UnknownNAT == 0 && plain == e.Reply:
		return false, false
	case e.Unknown&UnknownNAT == 0:
		src, dst = e.natOptions()
		return src, dst && !src
	}
	options := [...]string{w.inZone("committed with nat(src)"), w.inZone("committed with nat(dst)"), w.inZone("committed without nat")}
	n := len(options)
	if plain != e.Reply {
		n--
	}
	picked := w.q.ask("ct-nat", "the userspace table does not show whether the connection was committed with a translation to the addresses "+
		"that it already had", options[:n]...)
	e.NATSrc, e.NATDst = picked == 0, picked == 1
	e.Unknown &^= UnknownNAT
	w.dirty = true
	return e.NATSrc, e.NATDst
}

// wasNAT reports whether a connection was committed with nat.
func (w *uwork) wasNAT(e *Entry) bool {
	if e.hasUnNAT() {
		return true
	}
	src, dst := w.natKind(e)
	return src || dst
}

// inZone names one way that a question falls, apart from the same one in another zone.
func (w *uwork) inZone(text string) string { return fmt.Sprintf("%s in zone %d", text, w.a.Zone) }

// handleNAT is handle_nat: once per packet and zone.
func (w *uwork) handleNAT() {
	c := &w.r.Conn
	if c.State&natMask != 0 && c.KeyZone == w.a.Zone {
		return
	}
	if src, dst := w.natKind(w.e); !src && !dst {
		return
	}
	c.State &^= natMask
	w.natPacket()
}

// natPacket is nat_packet: the connection's own kind, swapped for replies; the action's range does not matter.
func (w *uwork) natPacket() {
	src, dst := w.natKind(w.e)
	if w.reply {
		src, dst = dst, src
	}
	key := w.e.Reply
	if w.reply {
		key = w.e.Orig
	}
	c, p := &w.r.Conn, &w.r.Packet
	switch {
	case src:
		c.State |= SNAT
	case dst:
		c.State |= DNAT
	default:
		return
	}
	before := p.Tuple
	t := &p.Tuple
	if src {
		t.Src = netip.AddrPortFrom(key.Dst.Addr(), t.Src.Port())
	} else {
		t.Dst = netip.AddrPortFrom(key.Src.Addr(), t.Dst.Port())
	}
	if w.related {
		w.natInner(&key, src)
	} else {
		w.patPacket(t, &key)
	}
	w.r.NATed = w.r.NATed || *t != before
}

// patPacket is pat_packet: both ports from the key; an ICMPv6 id is left alone.
func (w *uwork) patPacket(t, key *Tuple) {
	switch {
	case !w.u.Release.userPAT(t.Proto):
	case t.Proto != ProtoICMP:
		t.Src, t.Dst = withPort(t.Src, key.Dst.Port()), withPort(t.Dst, key.Src.Port())
	default:
		if _, ok := icmpPartner(t.Proto, t.ICMPType); ok {
			t.ICMPID = key.ICMPID
		}
	}
}

// natInner is nat_inner_packet: the quoted packet goes the other way.
func (w *uwork) natInner(key *Tuple, outerSrc bool) {
	p := &w.r.Packet
	rev, ok := key.Invert()
	if !ok || p.Inner == nil {
		return
	}
	if t := p.Inner; t.IsIPv6() && (t.Proto == ProtoTCP || t.Proto == ProtoUDP) {
		w.assume(Undetermined, "Open vSwitch takes the ICMPv6 message for the quoted protocol's when it corrects checksums, and so damages "+
			"what is quoted (packet_update_csum128): it is shown as meant")
	}
	inner := *p.Inner
	w.patPacket(&inner, &rev)
	if outerSrc { // reversed: the quoted destination
		inner.Dst = netip.AddrPortFrom(rev.Src.Addr(), inner.Dst.Port())
	} else {
		inner.Src = netip.AddrPortFrom(rev.Dst.Addr(), inner.Src.Port())
	}
	p.Inner = &inner
	w.r.NATed = true
}

// chooseNAT is nat_get_unique_tuple on a new connection; false leaves it out of the table.
func (w *uwork) chooseNAT(e *Entry) (bool, error) {
	n := w.a.NAT
	e.NATSrc, e.NATDst = n.Src, n.Dst
	if w.exp != nil && w.exp.NATTuple != nil {
		return w.followMaster(e), nil
	}
	if !n.Src && !n.Dst {
		return w.bareNAT(e)
	}
	g := natRangeOf(n)
	if g.ips {
		w.rangeAddr(e, &g)
	}
	if !w.u.Release.userPAT(e.Orig.Proto) {
		used, err := w.userUsed(e.Reply)
		if used {
			w.why("the reply direction is taken and the protocol has no port to change: not committed, the packet goes on as new")
		}
		return !used, err
	}
	return w.choosePort(e, &g)
}

// bareNAT is what nat_get_unique_tuple makes of no kind of translation: an empty address and port, which no reply has.
func (w *uwork) bareNAT(e *Entry) (bool, error) {
	empty := netip.IPv4Unspecified()
	if e.Orig.IsIPv6() {
		empty = netip.IPv6Unspecified()
	}
	e.Reply.Src = netip.AddrPortFrom(empty, e.Reply.Src.Port())
	switch {
	case !w.u.Release.userPAT(e.Orig.Proto):
	case e.Orig.Proto != ProtoICMP:
		e.Reply.Dst = withPort(e.Reply.Dst, 0)
	}
	used, err := w.userUsed(e.Reply)
	if used {
		w.why("another connection was committed with a bare nat: not committed, the packet goes on as new")
		return false, err
	}
	w.why("committed with a bare nat: the userspace datapath enters an empty reply address, so its replies are not of it")
	return true, err
}

// rangeAddr puts the range's address into the reply direction. Which one of several is a hash that begins with a
// random number of the process, or with 0 for persistent but differently from build to build.
func (w *uwork) rangeAddr(e *Entry, g *natRange) {
	if g.minAddr != g.maxAddr {
		w.r.Ranges = append(w.r.Ranges, Range{What: "nat-address", MinAddr: g.minAddr, MaxAddr: g.maxAddr})
		w.assume(Undetermined, "the address is the userspace datapath's own hash over the range, which cannot be foreseen: "+
			"the first is shown")
	}
	if w.a.NAT.Src {
		e.Reply.Dst = netip.AddrPortFrom(g.minAddr, e.Reply.Dst.Port())
	} else {
		e.Reply.Src = netip.AddrPortFrom(g.minAddr, e.Reply.Src.Port())
	}
}

func (w *uwork) followMaster(e *Entry) bool {
	x := w.exp
	if x.NATDir == 0 {
		e.NATSrc, e.NATDst = true, false
		e.Reply.Dst = withAddr(e.Reply.Dst, x.NATTuple.Src.Addr())
	} else {
		e.NATSrc, e.NATDst = false, true
		e.Reply.Src = withAddr(e.Reply.Src, x.NATTuple.Src.Addr())
	}
	return true
}

func withAddr(a netip.AddrPort, addr netip.Addr) netip.AddrPort {
	return netip.AddrPortFrom(addr, a.Port())
}

func (w *uwork) userUsed(reply Tuple) (bool, error) {
	e, err := w.lookup(reply)
	return e != nil || w.leftover(reply), err
}

// choosePort runs the port searches of nat_get_unique_tuple.
func (w *uwork) choosePort(e *Entry, g *natRange) (bool, error) {
	n := w.a.NAT
	if n.Dst && g.ports {
		c := userChoice(e.Reply, g.minPort, g.maxPort, true)
		found, err := w.search(e, &c, c.size > 1)
		if found || err != nil {
			return found, err
		}
		// Of a search in vain the port that it began with stays.
		e.Reply = c.at(0)
		if c.size > 1 {
			w.r.Ranges = append(w.r.Ranges, Range{What: "nat-port", Min: c.min, Max: c.min + uint16(c.size-1)})
			w.assume(Undetermined, "every destination port of the range is taken: the one where the search began, which is a hash or "+
				"random, is used with another source port")
		}
	}
	var c userPorts
	if n.Src && g.ports {
		c = userChoice(e.Reply, g.minPort, g.maxPort, false)
	} else {
		lo, hi := uint16(1024), uint16(65535)
		switch cur := sourceKey(e.Orig).Port(); {
		case cur < 512:
			lo, hi = 1, 511
		case cur < 1024:
			lo, hi = 600, 1023
		}
		c = userChoice(e.Reply, lo, hi, false)
		c.first, c.own = true, sourceKey(e.Orig).Port()
		if c.own >= lo {
			c.start = uint32(c.own - lo)
		} else { // NEXT_PORT_IN_RANGE: a port outside the range is followed by its first
			c.start = c.size - 1
		}
	}
	found, err := w.search(e, &c, n.Src && g.ports && c.size > 1)
	if !found && err == nil {
		w.why("no unused tuple: not committed, the packet goes on as new")
	}
	return found, err
}

// userPorts is one nat_get_unique_l4.
type userPorts struct {
	reply       Tuple
	dst         bool // the original direction's destination port is chosen
	min         uint16
	start, size uint32
	first       bool // the search begins with the packet's own port, which may lie outside the range
	own         uint16
}

func userChoice(reply Tuple, lo, hi uint16, dst bool) userPorts {
	if hi < lo {
		lo, hi = hi, lo
	}
	return userPorts{reply: reply, dst: dst, min: lo, size: uint32(hi) - uint32(lo) + 1}
}

func (c *userPorts) at(i uint32) Tuple {
	t, port := c.reply, uint16(uint32(c.min)+(c.start+i)%c.size)
	if c.first && i == 0 {
		port = c.own
	}
	switch {
	case t.Proto == ProtoICMP:
		t.ICMPID = port
	case c.dst:
		t.Src = withPort(t.Src, port)
	default:
		t.Dst = withPort(t.Dst, port)
	}
	return t
}

// search takes the first unused port from the start on; random tells that the start itself cannot be known.
func (w *uwork) search(e *Entry, c *userPorts, random bool) (bool, error) {
	for i := range min(c.size, maxAttempts) {
		t := c.at(i)
		used, err := w.userUsed(t)
		if err != nil {
			return false, err
		}
		if used {
			continue
		}
		e.Reply = t
		switch {
		case random:
			w.r.Ranges = append(w.r.Ranges, Range{What: "nat-port", Min: c.min, Max: c.min + uint16(c.size-1)})
			w.assume(Undetermined, "the port search starts at a hash or at random: the first unused port is shown")
		case i > 0 && len(w.r.Ranges) > 0:
			w.r.Ranges = append(w.r.Ranges, Range{What: "nat-port", Min: min(c.min, c.own), Max: c.min + uint16(c.size-1)})
			w.why("the port is taken with the address shown: with another address it may be another")
		case i > 0:
			w.assume(Predicted, "the port is taken: the next unused one is used")
		}
		return true, nil
	}
	if c.size > maxAttempts {
		e.Reply = c.at(0)
		w.r.Ranges = append(w.r.Ranges, Range{What: "nat-port", Min: c.min, Max: c.min + uint16(c.size-1)})
		w.assume(Undetermined, "128 ports are taken: the search goes on at random")
		return true, nil
	}
	return false, nil
}
