package ctstate

// maxAttempts is the number of ports that a search tries before it starts again at a random one
// (max_attempts of nf_nat_l4proto_unique_tuple; nat_get_unique_l4 has the same bound).
const maxAttempts = 128

// portChoice is one search of nf_nat_l4proto_unique_tuple.
type portChoice struct {
	t    Tuple
	m    manip
	min  uint16
	size uint32 // ports in the range, 1 to 65536
}

// current returns the port or ICMP id that the tuple has.
func (c *portChoice) current() uint16 {
	if isICMP(c.t.Proto) {
		return c.t.ICMPID
	}
	return c.m.of(&c.t).Port()
}

// at returns the tuple with the i-th port of the range, or ICMP id.
func (c *portChoice) at(i uint32) Tuple {
	t, port := c.t, c.min+uint16(i%c.size)
	if isICMP(t.Proto) {
		t.ICMPID = port
		return t
	}
	return c.m.withPort(t, port)
}

// newPortChoice returns the range to search; ok is false where the port is never changed.
func newPortChoice(t Tuple, g *natRange, m manip) (c portChoice, ok bool) {
	c = portChoice{t: t, m: m}
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
	case m == manipDst:
		return c, false
	default:
		lo, hi := portClass(t.Src.Port())
		c.min, c.size = lo, uint32(hi)-uint32(lo)+1
	}
	return c, true
}

// portClass returns the ports that a source port may be replaced by where no range is given: both
// datapaths keep it privileged or unprivileged.
func portClass(port uint16) (lo, hi uint16) {
	switch {
	case port < 512:
		return 1, 511
	case port < 1024:
		return 600, 1023
	}
	return 1024, 65535
}

// uniquePort is nf_nat_l4proto_unique_tuple, as far as its result can be predicted.
func (w *kernelRun) uniquePort(t Tuple, g *natRange, m manip) (Tuple, error) {
	c, ok := newPortChoice(t, g, m)
	if !ok {
		return t, nil
	}
	if c.size == 1 {
		var e Entry
		used, err := w.used(c.at(0), &e)
		if err == nil && used && w.mayEvict(&e) {
			w.evict(&e)
		}
		return c.at(0), err
	}
	if m == manipDst && !g.random && w.k.Release.dnatFromStart() {
		var by Entry
		for i := range min(c.size, maxAttempts) {
			used, err := w.used(c.at(i), &by)
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

// randomPort replaces a search that starts at get_random_u16: it returns one port that is possible,
// and records the range of all of them.
func (w *kernelRun) randomPort(c *portChoice, g *natRange) (Tuple, error) {
	rng := Range{Kind: RangeNATPort, Min: c.min, Max: c.min + uint16(c.size-1)}
	start := uint32(c.current() - c.min)
	if start >= c.size {
		start = 0
	}
	tries := c.size
	if tries > maxAttempts {
		tries = 16 // a large range has a free port nearby; which one is arbitrary
	}
	free, evictable := 0, false
	pick := c.at(start)
	var freeReply, evictReply Tuple
	for i := range tries {
		t := c.at(start + i)
		var e Entry
		used, err := w.used(t, &e)
		if err != nil {
			return t, err
		}
		if used {
			if !evictable && w.mayEvict(&e) {
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
		var e Entry
		found, err := w.lookup(evictReply, &e)
		if err != nil {
			return pick, err
		}
		if found {
			pick, _ = e.Reply.Invert()
			w.evict(&e)
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

// evict takes over a closing connection's mapping (nf_nat_used_tuple_harder); the kernel does so if
// the new sequence number is beyond the old connection's, and drops the packet otherwise.
func (w *kernelRun) evict(e *Entry) {
	w.delete(e, "")
	w.assume(Undetermined, "every port is taken, but a closing connection has one: it is evicted if the SYN's sequence number is "+
		"beyond its last, and else the packet is dropped; taken as evicted")
}

// mayEvict is nf_nat_may_kill: a last attempt may take over a closing connection's mapping.
func (w *kernelRun) mayEvict(e *Entry) bool {
	return !w.hidden && w.k.Release.evictsClosing() && e.Orig.Proto == ProtoTCP &&
		w.e.TCP != nil && w.e.TCP.State == TCPSynSent && e.TCP != nil && e.TCP.State >= TCPTimeWait &&
		e.Status&(FixedTimeout|Dying) == 0 && e.Status&SrcNAT != 0
}
