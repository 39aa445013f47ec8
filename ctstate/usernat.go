package ctstate

import "fmt"

// adopt infers for an entry read from the table what the table does not export, or marks it as
// unknown.
func (w *userRun) adopt(e *Entry) {
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

// natOptions reports which kinds of nat_action can have made an entry's tuples: both if the
// addresses are unchanged.
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

// natKind returns a connection's nat_action: as committed, as its tuples show, or by the answer to
// a question.
func (w *userRun) natKind(e *Entry) (src, dst bool) {
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
	picked := w.q.ask(QuestionNAT, "the userspace table does not show whether the connection was committed with a translation to the addresses "+
		"that it already had", options[:n]...)
	e.NATSrc, e.NATDst = picked == 0, picked == 1
	e.Unknown &^= UnknownNAT
	w.dirty = true
	return e.NATSrc, e.NATDst
}

// wasNAT reports whether a connection was committed with nat.
func (w *userRun) wasNAT(e *Entry) bool {
	if e.hasUnNAT() {
		return true
	}
	src, dst := w.natKind(e)
	return src || dst
}

// inZone returns the text of an answer with the zone, which distinguishes it from the same answer
// in another zone.
func (w *userRun) inZone(text string) string { return fmt.Sprintf("%s in zone %d", text, w.a.Zone) }

// handleNAT is handle_nat: once per packet and zone.
func (w *userRun) handleNAT() {
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

// natPacket is nat_packet: it applies the connection's own kind, swapped for replies; the action's
// range does not matter.
func (w *userRun) natPacket() {
	src, dst := w.natKind(w.e)
	if !src && !dst {
		return
	}
	m := manipDst
	if src {
		m = manipSrc
	}
	if w.dir == DirReply {
		m = m.opposite()
	}
	key := *w.e.tuple(w.dir.Opposite())
	c, p := &w.r.Conn, &w.r.Packet
	c.State |= m.bit()
	before := p.Tuple
	t := &p.Tuple
	*t = m.withAddr(*t, m.opposite().of(&key).Addr())
	if w.related {
		w.natInner(&key, m)
	} else {
		w.patPacket(t, &key)
	}
	w.r.NATed = w.r.NATed || *t != before
}

// patPacket is pat_packet: both ports from the key; an ICMPv6 id is left alone.
func (w *userRun) patPacket(t, key *Tuple) {
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

// natInner is nat_inner_packet: it translates the quoted packet, which has the opposite direction.
func (w *userRun) natInner(key *Tuple, outer manip) {
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
	inner = outer.opposite().withAddr(inner, outer.of(&rev).Addr())
	p.Inner = &inner
	w.r.NATed = true
}
