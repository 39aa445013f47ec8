package ctstate

import (
	"fmt"
	"net/netip"
)

// chooseNAT is nat_get_unique_tuple for a new connection; if it returns false, the connection is
// not added to the table.
func (w *userRun) chooseNAT(e *Entry) (bool, error) {
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
		if ok, err := w.rangeAddr(e, &g); err != nil || !ok {
			return false, err
		}
	}
	return w.chooseTuple(e, &g)
}

// chooseTuple is nat_get_unique_tuple after its choice of an address, which e.Reply has.
func (w *userRun) chooseTuple(e *Entry, g *natRange) (bool, error) {
	if w.u.Release.userPAT(e.Orig.Proto) {
		return w.choosePort(e, g)
	}
	used, err := w.userUsed(e.Reply)
	if used {
		w.why("the reply direction is taken and the protocol has no port to change: not committed, the packet goes on as new")
	}
	return !used, err
}

// bareNAT is nat_get_unique_tuple without a kind of translation: its result is an empty address and
// port, which no reply has.
func (w *userRun) bareNAT(e *Entry) (bool, error) {
	empty := netip.IPv4Unspecified()
	if e.Orig.IsIPv6() {
		empty = netip.IPv6Unspecified()
	}
	e.Reply.Src = netip.AddrPortFrom(empty, e.Reply.Src.Port())
	switch {
	case !w.u.Release.userPAT(e.Orig.Proto):
	case e.Orig.Proto == ProtoICMP:
		e.Reply.ICMPID = 0
	default:
		e.Reply.Dst = withPort(e.Reply.Dst, 0)
	}
	used, err := w.userUsed(e.Reply)
	if used {
		w.why("another connection was committed with a bare nat: not committed, the packet goes on as new")
		return false, err
	}
	w.why("committed with a bare nat: the userspace datapath enters an empty reply address, so its replies do not belong to it")
	return true, err
}

// rangeAddr is find_addr: it puts an address of the range into the reply direction, and returns
// false if none can be used. Which one of several the datapath takes is a hash that begins with a
// random number of the process, or with 0 for persistent but differently from build to build. It
// takes no other one if that is taken: the connection is then not committed. Of a large range only
// the first addresses are looked at; a protocol with ports hardly finds all those of an address
// taken.
func (w *userRun) rangeAddr(e *Entry, g *natRange) (bool, error) {
	if g.minAddr == g.maxAddr {
		w.putAddr(e, g.minAddr)
		return true, nil
	}
	var first netip.Addr // that can be used
	taken, n := 0, 0
	addr := g.minAddr
	past := func() bool { return !addr.IsValid() || g.maxAddr.Less(addr) }
	for ; !past() && n < maxAttempts; addr = addr.Next() {
		n++
		can, err := w.canUse(*e, g, addr)
		switch {
		case err != nil:
			return false, err
		case !can:
			taken++
		case !first.IsValid():
			first = addr
		}
	}
	whole := past()
	switch {
	case taken == n && whole:
		w.why("every address of the range is taken: not committed, the packet goes on as new")
		return false, nil
	case (taken > 0 || !whole && !w.u.Release.userPAT(e.Orig.Proto)) && w.q.ask(QuestionNATTaken, fmt.Sprintf("the address is the userspace datapath's own hash over the range, and of the %s "+
		"%d are taken", counted(n, whole), taken), w.inZone("with an unused address"), w.inZone("with a taken address")) == 1:
		w.why("the address is taken: not committed, the packet goes on as new")
		return false, nil
	}
	if !first.IsValid() {
		first = g.minAddr
	}
	w.r.Ranges = append(w.r.Ranges, Range{Kind: RangeNATAddress, MinAddr: g.minAddr, MaxAddr: g.maxAddr})
	w.assume(Undetermined, "the address is the userspace datapath's own hash over the range, which cannot be foreseen: "+
		"the first is shown")
	w.putAddr(e, first)
	return true, nil
}

// counted names n addresses of a range.
func counted(n int, all bool) string {
	if all {
		return fmt.Sprintf("%d addresses", n)
	}
	return fmt.Sprintf("first %d addresses", n)
}

// canUse reports whether a connection can be committed with the address.
func (w *userRun) canUse(e Entry, g *natRange, addr netip.Addr) (bool, error) {
	trial := *w
	trial.r = &Result{}
	trial.putAddr(&e, addr)
	return trial.chooseTuple(&e, g)
}

func (w *userRun) putAddr(e *Entry, addr netip.Addr) {
	if w.a.NAT.Src {
		e.Reply.Dst = withAddr(e.Reply.Dst, addr)
	} else {
		e.Reply.Src = withAddr(e.Reply.Src, addr)
	}
}

// followMaster is nat_get_unique_tuple for an expected connection, which is translated as its
// master is.
func (w *userRun) followMaster(e *Entry) bool {
	x := w.exp
	if x.NATDir == DirOriginal {
		e.NATSrc, e.NATDst = true, false
		e.Reply.Dst = withAddr(e.Reply.Dst, x.NATTuple.Src.Addr())
	} else {
		e.NATSrc, e.NATDst = false, true
		e.Reply.Src = withAddr(e.Reply.Src, x.NATTuple.Src.Addr())
	}
	return true
}

// userUsed reports whether a reply direction is taken.
func (w *userRun) userUsed(reply Tuple) (bool, error) {
	found, err := w.lookup(reply, new(Entry))
	before, ok := w.tbl.(*Overlay)
	return found || w.leftover(reply) || ok && before.left[keyOf(w.a.Zone, &reply)], err
}

// choosePort runs the port searches of nat_get_unique_tuple.
func (w *userRun) choosePort(e *Entry, g *natRange) (bool, error) {
	n := w.a.NAT
	if n.Dst && g.ports {
		c := userChoice(e.Reply, g.minPort, g.maxPort, manipDst)
		found, err := w.search(e, &c, c.size > 1)
		if found || err != nil {
			return found, err
		}
		// A search that fails leaves the port that it began with.
		e.Reply = c.at(0)
		if c.size > 1 {
			w.r.Ranges = append(w.r.Ranges, Range{Kind: RangeNATPort, Min: c.min, Max: c.min + uint16(c.size-1)})
			w.assume(Undetermined, "every destination port of the range is taken: the one where the search began, which is a hash or "+
				"random, is used with another source port")
		}
	}
	var c userPorts
	if n.Src && g.ports {
		c = userChoice(e.Reply, g.minPort, g.maxPort, manipSrc)
	} else {
		lo, hi := portClass(sourceKey(e.Orig).Port())
		c = userChoice(e.Reply, lo, hi, manipSrc)
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
	reply       Tuple // of the connection
	m           manip // which port of the original direction is chosen
	min         uint16
	start, size uint32 // offset in the range where the search begins; number of ports in the range, 1 to 65536
	first       bool   // begin with own, the packet's port, in the range or not
	own         uint16
}

// userChoice returns a search of a range of ports.
func userChoice(reply Tuple, lo, hi uint16, m manip) userPorts {
	if hi < lo {
		lo, hi = hi, lo
	}
	return userPorts{reply: reply, m: m, min: lo, size: uint32(hi) - uint32(lo) + 1}
}

// at returns the reply tuple with the i-th port of the search.
func (c *userPorts) at(i uint32) Tuple {
	t, port := c.reply, uint16(uint32(c.min)+(c.start+i)%c.size)
	if c.first && i == 0 {
		port = c.own
	}
	if t.Proto == ProtoICMP {
		t.ICMPID = port
		return t
	}
	return c.m.opposite().withPort(t, port) // in the reply direction it is the other end
}

// search takes the first unused port from the start on and returns false if every port is used.
// random says that the start itself cannot be known.
func (w *userRun) search(e *Entry, c *userPorts, random bool) (bool, error) {
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
			w.r.Ranges = append(w.r.Ranges, Range{Kind: RangeNATPort, Min: c.min, Max: c.min + uint16(c.size-1)})
			w.assume(Undetermined, "the port search starts at a hash or at random: the first unused port is shown")
		case i > 0 && len(w.r.Ranges) > 0:
			w.r.Ranges = append(w.r.Ranges, Range{Kind: RangeNATPort, Min: min(c.min, c.own), Max: c.min + uint16(c.size-1)})
			w.why("the port is taken with the address shown: with another address it may be another")
		case i > 0:
			w.assume(Predicted, "the port is taken: the next unused one is used")
		}
		return true, nil
	}
	if c.size > maxAttempts {
		e.Reply = c.at(0)
		w.r.Ranges = append(w.r.Ranges, Range{Kind: RangeNATPort, Min: c.min, Max: c.min + uint16(c.size-1)})
		w.assume(Undetermined, "128 ports are taken: the search goes on at random")
		return true, nil
	}
	return false, nil
}
