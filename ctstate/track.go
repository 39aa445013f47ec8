package ctstate

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// track is nf_conntrack_in: find or make the packet's entry and let its protocol's tracker judge.
func (w *work) track() error {
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
		related, isNew, err := w.resolve()
		if err != nil || w.r.Dropped {
			return err
		}
		if w.e == nil {
			w.invalidate()
			return nil
		}
		f := w.handle()
		switch f {
		case invalid:
			w.r.Found, w.r.Hit = FromNone, nil
			w.invalidate()
			return nil
		case repeat:
			w.delete(w.e, "")
			w.r.Deleted.TCP = w.s.hit.TCP
			w.r.Hit, w.r.Found, w.r.Reply, w.dirty = nil, FromNone, false, false
			continue
		case killed:
			w.s.deleted = w.s.hit
			w.r.Deleted = &w.s.deleted
			w.e.Status |= Dying // nf_ct_delete; the packet keeps it
		}
		if w.reply && !related && w.e.Status&SeenReply == 0 {
			w.e.Status |= SeenReply
			w.dirty = true
		}
		w.attach(related, isNew)
		return nil
	}
}

// resolve is resolve_normal_ct: the entry and the packet's ctinfo.
func (w *work) resolve() (related, isNew bool, err error) {
	p := &w.r.Packet
	e, found, err := w.lookup(p.Tuple)
	if err != nil {
		return false, false, err
	}
	if !found {
		return w.initConntrack()
	}
	w.s.hit, w.s.cur = *e, *e
	w.e = &w.s.cur
	w.reply, _ = e.Direction(p.Tuple)
	w.r.Hit, w.r.Found, w.r.Reply = &w.s.hit, e.Source, w.reply
	switch {
	case w.reply, e.Status&SeenReply != 0:
		return false, false, nil
	case e.Status&Expected != 0:
		return true, false, nil
	}
	return false, true, nil
}

// initConntrack is init_conntrack: a new, unconfirmed entry; w.e stays nil when there can be none.
func (w *work) initConntrack() (related, isNew bool, err error) {
	w.e, w.reply = nil, false
	t := w.r.Packet.Tuple
	inv, ok := t.Invert()
	if !ok || !t.IsValid() {
		w.why("nothing answers this ICMP type, so it belongs to no connection")
		return false, false, nil
	}
	if w.k.Max > 0 && w.k.Count+w.delta(-1) >= w.k.Max {
		w.r.Dropped = true
		w.assume(Assumed, "the table is full (nf_conntrack_max): dropped, unless the kernel evicts an unassured entry first")
		return false, false, nil
	}
	w.s.cur = Entry{Zone: w.a.Zone, Orig: t, Reply: inv, Source: FromNone}
	w.e = &w.s.cur
	x, found, err := w.expectation(t)
	if err != nil || !found {
		return false, true, err
	}
	w.e.Status |= Expected
	w.s.master = x.Master.Orig
	w.e.Master, w.e.Mark, w.e.Label = &w.s.master, x.Master.Mark, x.Master.Label
	if x.Helper != "" {
		w.e.Helper = x.Helper
		w.e.Status |= Helper
	}
	w.why("expected by a helper of connection " + x.Master.Orig.String())
	return true, false, w.followMaster(&x)
}

// expectation is nf_ct_find_expectation.
func (w *work) expectation(t Tuple) (Expectation, bool, error) {
	finder, ok := w.tbl.(Expecter)
	if !ok {
		return Expectation{}, false, nil
	}
	x, err := finder.Expectation(w.ctx, w.a.Zone, t)
	switch {
	case errors.Is(err, ErrNotFound):
		return Expectation{}, false, nil
	case err != nil:
		return Expectation{}, false, lookupError(w.a.Zone, t, err)
	}
	return x, true, nil
}

// peekExpectation is ovs_ct_expect_find of kernels before 6.6: a look-up without commit that finds an expectation
// attaches nothing and shows the master's fields.
func (w *work) peekExpectation() (bool, error) {
	x, found, err := w.expectation(w.r.Packet.Tuple)
	if err != nil || !found {
		return false, err
	}
	w.r.Looked = true
	w.s.master = x.Master.Orig
	w.r.Conn = Conn{State: Trk | New | Rel, KeyZone: w.a.Zone, Mark: x.Master.Mark, Label: x.Master.Label}
	if w.s.master.IsIPv6() == w.r.Packet.Tuple.IsIPv6() {
		w.r.Conn.OrigTuple = &w.s.master
	}
	w.why("expected by a helper of connection " + x.Master.Orig.String())
	return true, nil
}

// handle is nf_conntrack_handle_packet.
func (w *work) handle() fate {
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

// udp mirrors nf_conntrack_udp_packet.
func (w *work) udp(unreplied, stream uint32) {
	if w.e.Status&SeenReply == 0 {
		w.refresh(unreplied)
		return
	}
	// A stream is one still alive two seconds after it began; its beginning is seldom exported.
	old := w.e.Status&Assured != 0
	if w.e.Created != 0 && w.k.Now != nil {
		old = w.k.Now()-w.e.Created > 2
	}
	if !old {
		w.refresh(unreplied)
		return
	}
	w.refresh(stream)
	if w.e.Status&Untracked == 0 { // IPS_NAT_CLASH shares the bit
		w.e.Status |= Assured
	}
}

// gre mirrors nf_conntrack_gre_packet.
func (w *work) gre() {
	if w.e.Status&SeenReply == 0 {
		w.refresh(w.timeouts().GRE)
		return
	}
	w.refresh(w.timeouts().GREStream)
	w.e.Status |= Assured
}

// sctp stands in for nf_conntrack_sctp_packet: neither chunk nor verification tag is in a flow.
func (w *work) sctp() {
	if w.e.Status&Confirmed == 0 {
		w.s.sctp = SCTPInfo{State: 2}
		w.e.SCTP = &w.s.sctp
		w.refresh(w.timeouts().SCTP[2])
		w.assume(Assumed, "SCTP chunk not known: taken as INIT")
		return
	}
	w.assume(Assumed, "SCTP chunk and verification tag not known: taken as right for the connection")
	if w.e.SCTP != nil && int(w.e.SCTP.State) < len(w.timeouts().SCTP) {
		w.refresh(w.timeouts().SCTP[w.e.SCTP.State])
	}
}

// icmp handles what icmp.c and icmpv6.c decide before any look-up: errors and untracked messages, and chooses
// an id; done tells that the packet's state is settled.
func (w *work) icmp() (done bool, err error) {
	p := &w.r.Packet
	t := &p.Tuple
	v6 := t.Proto == ProtoICMPv6
	if v6 != t.IsIPv6() {
		w.why("ICMP of the other IP version")
		w.invalidate()
		return true, nil
	}
	isErr := !v6 && icmpIsError(t.ICMPType) || v6 && t.ICMPType < 128
	switch {
	case !v6 && t.ICMPType > 18:
		w.why("ICMP type above 18 is unknown to conntrack")
		w.invalidate()
		return true, nil
	case v6 && icmpv6Untracked(t.ICMPType):
		w.why("neighbour discovery and multicast listener messages are not tracked, which shows as invalid")
		w.invalidate()
		return true, nil
	case v6 && t.ICMPType == 137:
		return w.redirect()
	case isErr:
		return true, w.icmpError()
	}
	if !p.HasID {
		return false, w.chooseID()
	}
	return false, nil
}

func icmpIsError(typ uint8) bool {
	switch typ {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}

// icmpv6Untracked mirrors icmpv6.c's noct_valid_new. Older kernels lack 151 and 152 there, and find them invalid, which
// looks the same.
func icmpv6Untracked(typ uint8) bool {
	switch typ {
	case 130, 131, 132, 133, 134, 135, 136, 143, 151, 152:
		return true
	}
	return false
}

// redirect mirrors nf_conntrack_icmpv6_redirect.
func (w *work) redirect() (bool, error) {
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

// icmpError mirrors nf_conntrack_inet_error.
func (w *work) icmpError() error {
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
	e, found, err := w.lookup(inv)
	if err != nil {
		return err
	}
	if !found {
		w.why("the quoted packet's connection is not in this zone")
		w.invalidate()
		return nil
	}
	reply, _ := e.Direction(inv)
	tuple := &e.Orig
	if reply {
		tuple = &e.Reply
	}
	if tuple.Dst.Addr() != p.Tuple.Dst.Addr() {
		w.why("the error is not addressed to the sender of the packet it quotes")
		w.invalidate()
		return nil
	}
	w.s.hit, w.s.cur = *e, *e
	w.e, w.reply = &w.s.cur, reply
	w.r.Hit, w.r.Found, w.r.Reply = &w.s.hit, e.Source, reply
	w.attach(true, false)
	return nil
}

// icmpPacket mirrors nf_conntrack_icmp_packet and nf_conntrack_icmpv6_packet.
func (w *work) icmpPacket() fate {
	first := w.e.Orig.ICMPType
	if w.e.Orig.Proto == ProtoICMP {
		switch first {
		case 8, 13, 15, 17:
			w.refresh(w.timeouts().ICMP)
			return accept
		}
	} else if first == 128 || first == 139 {
		w.refresh(w.timeouts().ICMPv6)
		return accept
	}
	w.why("an answer without its request begins no connection")
	return invalid
}

// chooseID picks the id of an ICMP message that a flow does not give.
func (w *work) chooseID() error {
	p := &w.r.Packet
	if _, ok := icmpPartner(p.Tuple.Proto, p.Tuple.ICMPType); !ok {
		return nil
	}
	finder, ok := w.tbl.(EchoFinder)
	if !ok {
		w.assume(Assumed, "the ICMP id is not known: one was chosen")
		return nil
	}
	entries, err := finder.Echoes(w.ctx, w.a.Zone, p.Tuple)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return lookupError(w.a.Zone, p.Tuple, err)
	}
	var ids []uint16
	for i := range entries {
		if id, ok := echoID(&entries[i], p.Tuple); ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	p.HasID = len(ids) > 0
	switch {
	case len(ids) == 0:
		w.assume(Assumed, "the ICMP id is not known: one was chosen")
	case len(ids) == 1:
		p.Tuple.ICMPID = ids[0]
		w.assume(Assumed, "the ICMP id is not known: taken as that of the one entry between these addresses")
	case len(ids) <= maxIDs:
		var options []string
		for _, id := range ids {
			options = append(options, fmt.Sprintf("id %d", id))
		}
		p.Tuple.ICMPID = ids[w.q.ask("icmp-id", "the ICMP id is not known and several entries are between these addresses", options...)]
	default:
		p.Tuple.ICMPID = ids[0]
		w.r.Ranges = append(w.r.Ranges, Range{What: "icmp-id", Min: ids[0], Max: ids[len(ids)-1]})
		w.assume(Undetermined, fmt.Sprintf("the ICMP id is not known and %d entries are between these addresses: the first is taken", len(ids)))
	}
	return nil
}

// maxIDs is how many ICMP ids are followed as alternatives.
const maxIDs = 8

// echoID gives the id with which t would be a packet of e.
func echoID(e *Entry, t Tuple) (uint16, bool) {
	for _, dir := range [...]*Tuple{&e.Orig, &e.Reply} {
		t.ICMPID = dir.ICMPID
		if t == *dir {
			return t.ICMPID, true
		}
	}
	return 0, false
}

// sourceKey is what find_appropriate_src compares: an ICMP id stands in the port's place.
func sourceKey(t Tuple) netip.AddrPort {
	if isICMP(t.Proto) {
		return netip.AddrPortFrom(t.Src.Addr(), t.ICMPID)
	}
	return t.Src
}
