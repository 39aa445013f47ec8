package ctstate

import "net/netip"

// icmp is nf_conntrack_icmpv4_error or nf_conntrack_icmpv6_error, which nf_conntrack_in calls
// before any look-up: errors and untracked messages. If the flow gives no ICMP id, it chooses one.
// done reports whether the packet's state is final.
func (w *kernelRun) icmp() (done bool, err error) {
	p := &w.r.Packet
	t := &p.Tuple
	v6 := t.Proto == ProtoICMPv6
	switch {
	case v6 != t.IsIPv6():
		w.why("ICMP of the other IP version")
		w.invalidate()
		return true, nil
	case !v6 && t.ICMPType > icmpAddressReply:
		w.why("ICMP type above 18 is unknown to conntrack")
		w.invalidate()
		return true, nil
	case v6 && icmpv6Untracked(t.ICMPType):
		w.why("neighbour discovery and multicast listener messages are not tracked, which shows as invalid")
		w.invalidate()
		return true, nil
	case v6 && t.ICMPType == icmpv6Redirect:
		return w.redirect()
	case !v6 && icmpIsError(t.ICMPType), v6 && t.ICMPType < icmpv6InfoMsg:
		return true, w.icmpError()
	case !p.HasID:
		return false, w.chooseID()
	}
	return false, nil
}

// icmpv6Untracked is nf_conntrack_proto_icmpv6.c's noct_valid_new. Older kernels lack 151 and 152
// there, and find them invalid, which looks the same.
func icmpv6Untracked(typ uint8) bool {
	switch typ {
	case icmpv6MLDQuery, icmpv6MLDReport, icmpv6MLDDone, icmpv6RouterSolicit, icmpv6RouterAdvert,
		icmpv6NeighSolicit, icmpv6NeighAdvert, icmpv6MLD2Report, icmpv6MRDAdvert, icmpv6MRDSolicitation:
		return true
	}
	return false
}

// redirect is nf_conntrack_icmpv6_redirect.
func (w *kernelRun) redirect() (done bool, err error) {
	p := &w.r.Packet
	if w.k.Release.icmpv6Redirect() && p.Tuple.ICMPCode == 0 {
		if p.HopLimit != 0 && p.HopLimit != 255 || !linkLocal(p.Tuple.Src.Addr()) {
			w.why("a redirect must come from a link-local router with hop limit 255")
			w.invalidate()
			return true, nil
		}
		if p.Redirect || p.Inner != nil {
			return true, w.icmpError()
		}
	}
	w.why("an ICMPv6 redirect that quotes no packet begins no connection")
	w.invalidate()
	return true, nil
}

// linkLocal is IPV6_ADDR_LINKLOCAL.
func linkLocal(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

// icmpError is nf_conntrack_inet_error.
func (w *kernelRun) icmpError() error {
	p := &w.r.Packet
	if p.Inner == nil {
		w.assume(Undetermined, "which connection an ICMP error belongs to cannot be known without the packet it quotes")
		w.invalidate()
		return nil
	}
	inv, ok := p.Inner.Invert()
	if !ok {
		w.why("the quoted packet belongs to no connection")
		w.invalidate()
		return nil
	}
	var e Entry
	found, err := w.lookup(inv, &e)
	if err != nil {
		return err
	}
	if !found {
		w.why("the quoted packet's connection is not in this zone")
		w.invalidate()
		return nil
	}
	dir, _ := e.Direction(inv)
	if e.tuple(dir).Dst.Addr() != p.Tuple.Dst.Addr() {
		w.why("the error is not addressed to the sender of the packet it quotes")
		w.invalidate()
		return nil
	}
	w.found(&e, dir)
	w.s.cur = e
	w.e, w.info = &w.s.cur, CTRelated.in(dir)
	w.attach()
	return nil
}

// icmpPacket is nf_conntrack_icmp_packet or nf_conntrack_icmpv6_packet.
func (w *kernelRun) icmpPacket() fate {
	first := w.e.Orig.ICMPType
	if w.e.Orig.Proto == ProtoICMP {
		switch first {
		case icmpEcho, icmpTimestamp, icmpInfoRequest, icmpAddress:
			w.refresh(w.timeouts().ICMP)
			return accept
		}
	} else if first == icmpv6EchoRequest || first == icmpv6NIQuery {
		w.refresh(w.timeouts().ICMPv6)
		return accept
	}
	w.why("an answer without its request begins no connection")
	return invalid
}
