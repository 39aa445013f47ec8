package ctstate

import "net/netip"

// nat is __ovs_ct_lookup's NAT step with nf_ct_nat: which manipulations run, and their bits.
func (w *work) nat() error {
	n, c, e := w.a.NAT, &w.r.Conn, w.e
	if n == nil || c.State&natMask != 0 || e.Status&Confirmed == 0 && !w.a.Commit {
		return nil
	}
	var src bool
	relatedOrig := c.Related && !c.Reply
	switch {
	case !c.NewInfo && e.Status&(SrcNAT|DstNAT) != 0 && (!relatedOrig || w.a.Commit):
		// As before: the action's own kind and range do not matter.
		src = (e.Status&SrcNAT != 0) != c.Reply
	case n.Src:
		src = true
	case n.Dst:
		src = false
	default:
		return nil
	}
	g := natRangeOf(n)
	if ok, err := w.natExecute(src, &g); !ok || err != nil {
		return err
	}
	if e.Status&DstNAT == 0 {
		return nil
	}
	if e.Status&SrcNAT != 0 {
		_, err := w.natExecute(!src, &g)
		return err
	}
	if !c.Reply && w.k.Release.dnatClashNull() {
		_, err := w.natExecute(true, &natRange{})
		return err
	}
	return nil
}

// natExecute is nf_ct_nat_execute for one manipulation; ok is false when the packet is dropped.
func (w *work) natExecute(src bool, g *natRange) (ok bool, err error) {
	c, e := &w.r.Conn, w.e
	bit, done := DNAT, DstNATDone
	if src {
		bit, done = SNAT, SrcNATDone
	}
	if c.Related && isICMP(w.r.Packet.Tuple.Proto) {
		if !w.translateError(src) {
			w.r.Dropped = true
			w.why("an ICMP redirect of a translated connection is dropped (nf_nat_icmp_reply_translation)")
			return false, nil
		}
		if w.k.Release.icmpErrorBits() {
			c.State |= bit
		} else {
			w.why("kernels 6.2 to 6.7 translate ICMP errors without telling the flow key")
		}
		return true, nil
	}
	if (c.NewInfo || c.Related) && e.Status&done == 0 {
		if err := w.setupNAT(src, g); err != nil {
			return false, err
		}
	}
	w.manip(src)
	c.State |= bit
	return true, nil
}

// setupNAT is nf_nat_setup_info, and nf_nat_alloc_null_binding for a range without addresses.
func (w *work) setupNAT(src bool, g *natRange) error {
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
		addr := cur.Dst.Addr()
		if src {
			addr = cur.Src.Addr()
		}
		r = natRange{ips: true, minAddr: addr, maxAddr: addr}
	}
	t, err := w.uniqueTuple(cur, &r, src)
	if err != nil {
		return err
	}
	bit, done := DstNAT, DstNATDone
	if src {
		bit, done = SrcNAT, SrcNATDone
	}
	if t != cur {
		e.Reply, _ = t.Invert()
		e.Status |= bit
	}
	e.Status |= done
	return nil
}

// followMaster is nf_nat_follow_master: an expected connection is translated as its master is.
func (w *work) followMaster(x *Expectation) error {
	if x.NATTuple == nil {
		return nil
	}
	dir, other := x.Master.Orig, x.Master.Reply
	if x.NATDir != 0 {
		dir, other = other, dir
	}
	if w.e.Orig.Src.Addr() == dir.Src.Addr() {
		g := natRange{ips: true, minAddr: other.Dst.Addr(), maxAddr: other.Dst.Addr()}
		if err := w.setupNAT(true, &g); err != nil {
			return err
		}
	}
	g := natRange{ips: true, minAddr: other.Src.Addr(), maxAddr: other.Src.Addr()}
	if HasPorts(x.NATTuple.Proto) {
		g.ports, g.minPort = true, x.NATTuple.Src.Port()
		g.maxPort = g.minPort
	}
	return w.setupNAT(false, &g)
}

// manipGate tells whether the packet's direction of the entry has the manipulation (nf_nat_packet).
func manipGate(e *Entry, reply, src bool) bool {
	if src != reply {
		return e.Status&SrcNAT != 0
	}
	return e.Status&DstNAT != 0
}

// manip is nf_nat_packet: rewrite the packet's source or destination as the entry's other direction tells.
func (w *work) manip(src bool) {
	if !manipGate(w.e, w.reply, src) {
		return
	}
	target, ok := oppositeOf(w.e, w.reply).Invert()
	if !ok {
		return
	}
	before := w.r.Packet.Tuple
	w.r.Packet.Tuple = rewrite(before, &target, src)
	if w.r.Packet.Tuple != before {
		w.r.NATed = true
	}
}

// oppositeOf gives tuple[!dir].
func oppositeOf(e *Entry, reply bool) *Tuple {
	if reply {
		return &e.Orig
	}
	return &e.Reply
}

// rewrite is nf_nat_manip_pkt: the source or the destination of t becomes target's.
func rewrite(t Tuple, target *Tuple, src bool) Tuple {
	if src {
		t.Src = readdress(t.Proto, t.Src, target.Src)
	} else {
		t.Dst = readdress(t.Proto, t.Dst, target.Dst)
	}
	if isICMP(t.Proto) {
		if _, ok := icmpPartner(t.Proto, t.ICMPType); ok && (t.Proto == ProtoICMP || t.ICMPType <= 129) {
			t.ICMPID = target.ICMPID
		}
	}
	return t
}

func readdress(proto uint8, old, target netip.AddrPort) netip.AddrPort {
	if HasPorts(proto) {
		return target
	}
	return netip.AddrPortFrom(target.Addr(), old.Port())
}

// translateError is nf_nat_icmp_reply_translation: the quoted packet by the opposite manipulation, the outer address
// by this one; false drops the packet.
func (w *work) translateError(src bool) bool {
	p, e := &w.r.Packet, w.e
	t := p.Tuple
	if t.Proto == ProtoICMP && t.ICMPType == 5 || t.Proto == ProtoICMPv6 && t.ICMPType == 137 {
		const both = SrcNATDone | DstNATDone
		if e.Status&both != both || e.Status&(SrcNAT|DstNAT) != 0 {
			return false
		}
	}
	if !manipGate(e, w.reply, src) {
		return true
	}
	other := oppositeOf(e, w.reply)
	if p.Inner != nil {
		inner := rewrite(*p.Inner, other, !src)
		p.Inner = &inner
	}
	target, ok := other.Invert()
	if !ok {
		return true
	}
	if src {
		p.Tuple.Src = netip.AddrPortFrom(target.Src.Addr(), 0)
	} else {
		p.Tuple.Dst = netip.AddrPortFrom(target.Dst.Addr(), 0)
	}
	w.r.NATed = true
	return true
}
