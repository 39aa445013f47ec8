package ctstate

// fate is the result of a protocol's tracker for a packet.
type fate uint8

const (
	accept  fate = iota // NF_ACCEPT
	invalid             // -NF_ACCEPT: no conntrack is attached
	repeat              // -NF_REPEAT: the entry is gone, look up again
	killed              // accepted, but the entry is gone
	proceed             // no decision yet
)

// track is nf_conntrack_in: it finds or makes the packet's entry and runs the protocol's tracker.
func (w *kernelRun) track() error {
	p := &w.r.Packet
	if !w.k.Release.expectAttached() && !w.a.Commit {
		if peeked, err := w.peekExpectation(); peeked || err != nil {
			return err
		}
	}
	if isICMP(p.Tuple.Proto) {
		if done, err := w.icmp(); done || err != nil {
			return err
		}
	}
	for {
		if err := w.resolve(); err != nil || w.r.Dropped {
			return err
		}
		if w.e == nil {
			w.invalidate()
			return nil
		}
		switch w.handle() {
		case invalid:
			w.r.Found, w.r.Hit = FromNone, nil
			w.invalidate()
			return nil
		case repeat:
			w.delete(w.e, "")
			w.r.Deleted.TCP = w.s.hit.TCP
			w.r.Hit, w.r.Found, w.r.Dir, w.dirty = nil, FromNone, DirOriginal, false
			continue
		case killed:
			w.s.deleted = w.s.hit
			w.r.Deleted = &w.s.deleted
			w.e.Status |= Dying // nf_ct_delete; the packet keeps it
		}
		if w.info == CTEstablishedReply && w.e.Status&SeenReply == 0 {
			w.e.Status |= SeenReply
			w.dirty = true
		}
		w.attach()
		return nil
	}
}

// resolve is resolve_normal_ct: the entry and the packet's ctinfo.
func (w *kernelRun) resolve() error {
	p := &w.r.Packet
	var e Entry
	found, err := w.lookup(p.Tuple, &e)
	if err != nil {
		return err
	}
	if !found {
		return w.initConntrack()
	}
	dir, _ := e.Direction(p.Tuple)
	w.found(&e, dir)
	w.s.cur = e
	w.e, w.info = &w.s.cur, infoOf(&e, dir)
	return nil
}

// initConntrack is init_conntrack: a new, unconfirmed entry; w.e stays nil if none can be made.
func (w *kernelRun) initConntrack() error {
	w.e, w.info = nil, CTNew
	t := w.r.Packet.Tuple
	inv, ok := t.Invert()
	if !ok || !t.IsValid() {
		w.why("nothing answers this ICMP type, so it belongs to no connection")
		return nil
	}
	if w.k.Max > 0 && w.k.Count+w.addedTotal() >= w.k.Max {
		w.r.Dropped = true
		w.assume(Assumed, "the table is full (nf_conntrack_max): dropped, unless the kernel evicts an unassured entry first")
		return nil
	}
	w.s.cur = Entry{Zone: w.a.Zone, Orig: t, Reply: inv, Source: FromNone}
	w.e = &w.s.cur
	x, found, err := w.expectation(t)
	if err != nil || !found {
		return err
	}
	w.info = CTRelated
	w.e.Status |= Expected
	w.s.master = x.Master.Orig
	w.e.Master, w.e.Mark, w.e.Label = &w.s.master, x.Master.Mark, x.Master.Label
	if x.Helper != "" {
		w.e.Helper = x.Helper
		w.e.Status |= Helper
	}
	w.why("expected by a helper of connection " + x.Master.Orig.String())
	return w.followMaster(&x)
}

// handle is nf_conntrack_handle_packet.
func (w *kernelRun) handle() fate {
	p := &w.r.Packet
	switch p.Tuple.Proto {
	case ProtoTCP:
		return w.tcpPacket()
	case ProtoUDP:
		w.udp(w.timeouts().UDP, w.timeouts().UDPStream)
	case ProtoUDPLite:
		w.udp(w.timeouts().UDPLite, w.timeouts().UDPLiteSt)
	case ProtoICMP, ProtoICMPv6:
		return w.icmpPacket()
	case ProtoSCTP:
		w.sctp()
	case ProtoGRE:
		w.gre()
	default:
		w.refresh(w.timeouts().Generic)
	}
	return accept
}

// timeouts returns the timeouts that apply to the connection (nf_ct_timeout_lookup).
func (w *kernelRun) timeouts() *Timeouts {
	name := w.a.TimeoutPolicy
	if name == "" && w.e.Status&Confirmed == 0 {
		name = w.r.Conn.TimeoutPolicy
	}
	if name != "" {
		if t, ok := w.k.Policies[name]; ok {
			return &t
		}
	}
	return &w.k.Timeouts
}

// refresh is nf_ct_refresh_acct.
func (w *kernelRun) refresh(seconds uint32) {
	if w.e.Status&FixedTimeout != 0 {
		return
	}
	w.e.Timeout, w.e.HasTimeout = seconds, true
	w.dirty = true
}
