package ctstate

import "net/netip"

// nat is nf_ct_nat: it runs the manipulations that apply and sets their bits.
func (w *kernelRun) nat() error {
	n, c, e := w.a.NAT, &w.r.Conn, w.e
	if n == nil || c.State&natMask != 0 || e.Status&Confirmed == 0 && !w.a.Commit {
		return nil
	}
	var m manip
	switch {
	case c.Info != CTNew && e.Status&statusNAT != 0 && (c.Info != CTRelated || w.a.Commit):
		// A known connection: the action's own kind and range do not matter.
		m = manipDst
		if e.Status&SrcNAT != 0 {
			m = manipSrc
		}
		if c.Info.Direction() == DirReply {
			m = m.opposite()
		}
	case n.Src:
		m = manipSrc
	case n.Dst:
		m = manipDst
	default:
		return nil
	}
	g := natRangeOf(n)
	if ok, err := w.natExecute(m, &g); !ok || err != nil {
		return err
	}
	if e.Status&DstNAT == 0 {
		return nil
	}
	if e.Status&SrcNAT != 0 {
		_, err := w.natExecute(m.opposite(), &g)
		return err
	}
	if c.Info.Direction() == DirOriginal && w.k.Release.dnatClashNull() {
		_, err := w.natExecute(manipSrc, &natRange{})
		return err
	}
	return nil
}

// natExecute is nf_ct_nat_execute for one manipulation; ok is false when the packet is dropped.
func (w *kernelRun) natExecute(m manip, g *natRange) (ok bool, err error) {
	c, e := &w.r.Conn, w.e
	if c.Info.Related() && isICMP(w.r.Packet.Tuple.Proto) {
		if !w.translateError(m) {
			w.r.Dropped = true
			w.why("an ICMP redirect of a translated connection is dropped (nf_nat_icmp_reply_translation)")
			return false, nil
		}
		if w.k.Release.icmpErrorBits() {
			c.State |= m.bit()
		} else {
			w.why("kernels 6.2 to 6.7 translate ICMP errors without updating the flow key")
		}
		return true, nil
	}
	if (c.Info == CTNew || c.Info.Related()) && e.Status&m.done() == 0 {
		if err := w.setupNAT(m, g); err != nil {
			return false, err
		}
	}
	w.manipulate(m)
	c.State |= m.bit()
	return true, nil
}

// setupNAT is nf_nat_setup_info, and nf_nat_alloc_null_binding for a range without addresses.
func (w *kernelRun) setupNAT(m manip, g *natRange) error {
	e := w.e
	if e.Status&Confirmed != 0 {
		return nil // a confirmed connection gets no new mapping
	}
	cur, ok := e.Reply.Invert()
	if !ok {
		return nil
	}
	r := *g
	if !r.ips {
		addr := m.of(&cur).Addr()
		r = natRange{ips: true, minAddr: addr, maxAddr: addr}
	}
	t, err := w.uniqueTuple(cur, &r, m)
	if err != nil {
		return err
	}
	if t != cur {
		e.Reply, _ = t.Invert()
		e.Status |= m.status()
	}
	e.Status |= m.done()
	return nil
}

// manipulate is nf_nat_packet: it rewrites one end of the packet to what the entry's other
// direction has there.
func (w *kernelRun) manipulate(m manip) {
	if !m.appliesTo(w.e, w.dir()) {
		return
	}
	target, ok := w.e.tuple(w.dir().Opposite()).Invert()
	if !ok {
		return
	}
	before := w.r.Packet.Tuple
	w.r.Packet.Tuple = manipPacket(before, &target, m)
	if w.r.Packet.Tuple != before {
		w.r.NATed = true
	}
}

// manipPacket is nf_nat_manip_pkt: one end of t becomes target's, and an ICMP id too.
func manipPacket(t Tuple, target *Tuple, m manip) Tuple {
	to := m.of(target)
	if !HasPorts(t.Proto) {
		to = withPort(to, m.of(&t).Port())
	}
	m.set(&t, to)
	if isICMP(t.Proto) {
		if _, ok := icmpPartner(t.Proto, t.ICMPType); ok && (t.Proto == ProtoICMP || t.ICMPType <= icmpv6EchoReply) {
			t.ICMPID = target.ICMPID
		}
	}
	return t
}

// translateError is nf_nat_icmp_reply_translation and nf_nat_icmpv6_reply_translation: the quoted
// packet by the opposite manipulation, the outer address by this one; false drops the packet.
func (w *kernelRun) translateError(m manip) bool {
	p, e := &w.r.Packet, w.e
	t := p.Tuple
	if t.Proto == ProtoICMP && t.ICMPType == icmpRedirect || t.Proto == ProtoICMPv6 && t.ICMPType == icmpv6Redirect {
		if e.Status&statusNATDone != statusNATDone || e.Status&statusNAT != 0 {
			return false
		}
	}
	if !m.appliesTo(e, w.dir()) {
		return true
	}
	other := e.tuple(w.dir().Opposite())
	if p.Inner != nil {
		inner := manipPacket(*p.Inner, other, m.opposite())
		p.Inner = &inner
	}
	target, ok := other.Invert()
	if !ok {
		return true
	}
	m.set(&p.Tuple, netip.AddrPortFrom(m.of(&target).Addr(), 0))
	w.r.NATed = true
	return true
}
