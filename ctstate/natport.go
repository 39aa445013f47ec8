package ctstate

import "net/netip"

// The port search looks at 128 candidates at most before it begins anew at random (NF_NAT_MAX_ATTEMPTS).
const maxAttempts = 128

// portChoice is one search of nf_nat_l4proto_unique_tuple.
type portChoice struct {
	t    Tuple
	src  bool
	min  uint16
	size uint32
}

func (c *portChoice) current() uint16 {
	switch {
	case isICMP(c.t.Proto):
		return c.t.ICMPID
	case c.src:
		return c.t.Src.Port()
	}
	return c.t.Dst.Port()
}

// at gives the tuple with the i-th port of the range.
func (c *portChoice) at(i uint32) Tuple {
	t, port := c.t, c.min+uint16(i%c.size)
	switch {
	case isICMP(t.Proto):
		t.ICMPID = port
	case c.src:
		t.Src = netip.AddrPortFrom(t.Src.Addr(), port)
	default:
		t.Dst = netip.AddrPortFrom(t.Dst.Addr(), port)
	}
	return t
}

// newPortChoice gives the range searched; ok is false where the port is never changed.
func newPortChoice(t Tuple, g *natRange, src bool) (c portChoice, ok bool) {
	c = portChoice{t: t, src: src}
	switch {
	case !isICMP(t.Proto) && !HasPorts(t.Proto):
		return c, false // GRE needs a PPTP master, other protocols have nothing to change
	case g.ports:
		lo, hi := g.minPort, g.maxPort
		if hi < lo {
			lo, hi = hi, lo
		}
		c.min, c.size = lo, uint32(hi)-uint32(lo)+1
	case isICMP(t.Proto):
		c.min, c.size = 0, 1<<16
	case !src:
		return c, false
	default:
		switch p := t.Src.Port(); {
		case p < 512:
			c.min, c.size = 1, 511
		case p < 1024:
			c.min, c.size = 600, 424
		default:
			c.min, c.size = 1024, 64512
		}
	}
	return c, true
}

// uniquePort mirrors nf_nat_l4proto_unique_tuple, as far as it can be foreseen.
func (w *work) uniquePort(t Tuple, g *natRange, src bool) (Tuple, error) {
	c, ok := newPortChoice(t, g, src)
	if !ok {
		return t, nil
	}
	if c.size == 1 {
		used, e, err := w.used(c.at(0))
		if err == nil && used && w.mayEvict(e) {
			w.evict(e)
		}
		return c.at(0), err
	}
	if !src && !g.random && w.k.Release.dnatFromStart() {
		for i := range min(c.size, maxAttempts) {
			used, _, err := w.used(c.at(i))
			if err != nil {
				return t, err
			}
			if !used {
				w.assume(Predicted, "the first unused port of the range is taken")
				return c.at(i), nil
			}
		}
		if c.size <= maxAttempts {
			return c.at(c.size - 1), nil
		}
	}
	return w.randomPort(&c, g)
}

// randomPort stands in for a search that starts at get_random_u16: a port that would do, and what is possible.
func (w *work) randomPort(c *portChoice, g *natRange) (Tuple, error) {
	rng := Range{What: "nat-port", Min: c.min, Max: c.min + uint16(c.size-1)}
	start := uint32(c.current() - c.min)
	if start >= c.size {
		start = 0
	}
	tries := c.size
	if tries > maxAttempts {
		tries = 16 // a large range surely has a free port nearby; its number means nothing
	}
	free, evictable := 0, false
	pick := c.at(start)
	var freeReply, evictReply Tuple
	for i := range tries {
		t := c.at(start + i)
		used, e, err := w.used(t)
		if err != nil {
			return t, err
		}
		if used {
			if !evictable && w.mayEvict(e) {
				evictable, evictReply = true, e.Reply
			}
			continue
		}
		if free++; free == 1 {
			pick, freeReply = t, w.free
		}
		if c.size > maxAttempts {
			break
		}
	}
	switch {
	case c.size <= maxAttempts && free == 0 && !evictable:
		return pick, nil // every port is taken: the confirmation will drop the packet
	case c.size <= maxAttempts && free == 1 && !evictable:
		w.free = freeReply
		w.assume(Predicted, "one port of the range is unused")
		return pick, nil
	}
	if free == 0 && evictable {
		e, found, err := w.lookup(evictReply)
		if err != nil {
			return pick, err
		}
		if found {
			pick, _ = e.Reply.Invert()
			w.evict(e)
		}
		return pick, nil
	}
	w.free = freeReply
	w.r.Ranges = append(w.r.Ranges, rng)
	if g.random {
		w.assume(Undetermined, "the port is drawn at random (nat flag)")
	} else {
		w.assume(Undetermined, "the port is taken by another connection: a new one is drawn at random")
	}
	return pick, nil
}

// evict takes over a closing connection's mapping; the kernel does so if the new sequence number is beyond the old
// connection's, and drops the packet otherwise.
func (w *work) evict(e *Entry) {
	w.delete(e, "")
	w.assume(Undetermined, "every port is taken, but a closing connection has one: it is evicted if the SYN's sequence number is "+
		"beyond its last, and else the packet is dropped; taken as evicted")
}

// mayEvict mirrors nf_nat_may_kill: a last attempt may take over a closing connection's mapping.
func (w *work) mayEvict(e *Entry) bool {
	return !w.hidden && w.k.Release.evictsClosing() && e.Orig.Proto == ProtoTCP && w.e.TCP != nil && w.e.TCP.State == TCPSynSent &&
		e.TCP != nil && e.TCP.State >= TCPTimeWait && e.Status&(FixedTimeout|Dying) == 0 && e.Status&SrcNAT != 0
}
