package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// side is the state of one endpoint of a TCP connection, with which it sends packets inside the
// window.
type side struct {
	isn, next, lastSYN uint32
	finSent, acked     bool
	seen               bool // whether the kernel has accepted a packet of this side in this connection
	maxAck             uint32
}

// flow is one generated connection, with both ends.
type flow struct {
	id     int
	zone   uint16
	orig   ctstate.Tuple
	spec   int // index in specs plus one; 0 none
	client side
	server side
	// Original direction of the connection of the sides: with two translations there are two.
	conn ctstate.Tuple
}

// packet is one generated step.
type packet struct {
	f          *flow
	fromClient bool
	p          ctstate.Packet
	tcp        tcpHeader
	text       string
}

// generator draws random packets, depending on the model's table.
type generator struct {
	rnd   *rand.Rand
	specs []natSpec
	flows []*flow
	count int
	// owner maps entries to the flow that made them: packets of other flows must not match them,
	// because these flows do not know the sequence numbers.
	owner map[owned]*flow
	loose bool // sequence numbers are not checked: any flow may use any entry
	// For the userspace datapath, where a side may acknowledge what the other has not sent yet.
	user bool
	sctp bool // the datapath's connections have SCTP's ports
	// leftOut counts the SCTP connections that were drawn and skipped because sctp is false.
	leftOut int
}

type owned struct {
	zone uint16
	orig ctstate.Tuple
}

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

// newFlow draws a connection from small pools of addresses and ports, so that connections collide.
func (g *generator) newFlow() *flow {
	r := g.rnd
	g.count++
	f := &flow{id: g.count, zone: zones[r.IntN(len(zones))]}
	v6 := r.IntN(3) == 0
	src, dst := fmt.Sprintf("10.0.0.%d", 1+r.IntN(3)), fmt.Sprintf("10.1.0.%d", 1+r.IntN(3))
	if v6 {
		src, dst = fmt.Sprintf("fd00::%d", 1+r.IntN(3)), fmt.Sprintf("fd00::1:%d", 1+r.IntN(3))
	}
	if r.IntN(8) == 0 {
		src, dst = dst, src
	}
	sport, dport := pick(r, uint16(1000), 1001, 600, 550, 100, 5000), pick(r, uint16(80), 443, 1000)
	t := ctstate.Tuple{Proto: g.proto()}
	a, b := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	switch {
	case ctstate.HasPorts(t.Proto):
		t.Src, t.Dst = netip.AddrPortFrom(a, sport), netip.AddrPortFrom(b, dport)
	default:
		t.Src, t.Dst = netip.AddrPortFrom(a, 0), netip.AddrPortFrom(b, 0)
	}
	if t.Proto == 1 {
		t.ICMPType, t.ICMPID = pick[uint8](r, 8, 8, 8, 8, 13, 15, 17, 0, 10, 9, 14), uint16(r.IntN(3))
		t.ICMPCode = pick[uint8](r, 0, 0, 0, 7)
		if v6 {
			t.Proto = ctstate.ProtoICMPv6
			t.ICMPType = pick[uint8](r, 128, 128, 128, 139, 129, 140, 133, 134, 135, 136, 130, 143, 151, 137, 200)
			t.ICMPCode = 0
		}
	}
	f.orig = t
	for _, old := range g.flows { // flows of one socket share its sequence numbers
		if inv, ok := t.Invert(); old.zone == f.zone && (old.orig == t || ok && old.orig == inv) {
			return old
		}
	}
	if r.IntN(3) != 0 {
		f.spec = 1 + r.IntN(len(g.specs))
		if g.specs[f.spec-1].v6 != v6 {
			f.spec = 0
		}
	}
	for _, s := range [...]*side{&f.client, &f.server} {
		s.isn = r.Uint32()
		s.next, s.lastSYN = s.isn, s.isn
	}
	g.flows = append(g.flows, f)
	return f
}

// proto draws a protocol.
func (g *generator) proto() uint8 {
	const generic = 99 // one without a tracker
	pool := []uint8{ctstate.ProtoTCP, ctstate.ProtoTCP, ctstate.ProtoTCP, ctstate.ProtoTCP, ctstate.ProtoUDP, ctstate.ProtoUDP,
		ctstate.ProtoICMP, ctstate.ProtoICMP, ctstate.ProtoGRE, generic}
	if g.user {
		pool = append(pool, ctstate.ProtoSCTP)
	}
	proto := pick(g.rnd, pool...)
	for proto == ctstate.ProtoSCTP && !g.sctp {
		g.leftOut++
		proto = pick(g.rnd, pool...)
	}
	return proto
}

// nat returns the model's action for a flow, equal to that of nftables including a null binding.
func (g *generator) nat(f *flow) *ctstate.NAT {
	if f != nil && f.spec != 0 {
		s := g.specs[f.spec-1]
		if s.nat.MinPort == 0 || f.orig.Proto == 6 || f.orig.Proto == 17 {
			return &s.nat
		}
	}
	return &ctstate.NAT{Src: true}
}

// next draws a step. entry looks up the model's table.
func (g *generator) next(entry func(zone uint16, t ctstate.Tuple) *ctstate.Entry) packet {
	var f *flow
	if len(g.flows) == 0 || g.rnd.IntN(6) == 0 {
		f = g.newFlow()
	} else {
		// Recent flows are more likely, so that their connections progress.
		n := len(g.flows)
		f = g.flows[n-1-g.rnd.IntN(min(n, 1+g.rnd.IntN(n)))]
	}
	pk := packet{f: f, fromClient: g.rnd.IntN(2) == 0}
	e := entry(f.zone, f.orig)
	if e != nil && e.Orig != f.orig && f.orig.Proto == ctstate.ProtoTCP && !g.loose {
		// After translation it belongs to another connection, whose numbers it does not know.
		return g.next(entry)
	}
	if e == nil && g.rnd.IntN(8) != 0 {
		pk.fromClient = true
	}
	t := f.orig
	if !pk.fromClient {
		if e != nil && e.Orig == f.orig {
			t = e.Reply
		} else if inv, ok := f.orig.Invert(); ok {
			t = inv
		}
	}
	pk.p = ctstate.Packet{IP: true, InWindow: true, Tuple: t, HasID: true}
	if e != nil && g.rnd.IntN(8) == 0 {
		g.icmpError(&pk, e)
		return pk
	}
	if t.Proto == ctstate.ProtoTCP {
		hit := entry(f.zone, t)
		if hit != nil && g.owner[owned{f.zone, hit.Orig}] != f && !g.loose {
			return g.next(entry)
		}
		g.tcp(&pk, hit)
	}
	pk.text = fmt.Sprintf("flow %d zone %d: %v%s", f.id, f.zone, t, tcpText(pk))
	return pk
}

func tcpText(pk packet) string {
	if pk.p.Tuple.Proto != ctstate.ProtoTCP {
		return ""
	}
	return fmt.Sprintf(" flags=%#x seq=%d ack=%d", pk.tcp.flags, pk.tcp.seq, pk.tcp.ack)
}

// icmpError makes the packet an ICMP error about the flow: about a packet of the client, as
// received by the server's side, or the reverse; sometimes a wrong one.
func (g *generator) icmpError(pk *packet, e *ctstate.Entry) {
	inner, ok := e.Reply.Invert()
	if !ok || g.rnd.IntN(2) == 0 {
		if inner, ok = e.Orig.Invert(); !ok {
			return
		}
	}
	to, from := inner.Src.Addr(), inner.Dst.Addr()
	if g.rnd.IntN(3) == 0 { // from a router in between
		from = netip.MustParseAddr("10.9.9.9")
		if to.Is6() {
			from = netip.MustParseAddr("fd00::9:9")
		}
	}
	switch g.rnd.IntN(10) {
	case 0:
		to = netip.MustParseAddr("10.8.8.8")
		if inner.IsIPv6() {
			to = netip.MustParseAddr("fd00::8:8")
		}
	case 1:
		switch {
		case ctstate.HasPorts(inner.Proto):
			inner.Src = netip.AddrPortFrom(inner.Src.Addr(), inner.Src.Port()^1)
		case inner.Proto == ctstate.ProtoICMP || inner.Proto == ctstate.ProtoICMPv6:
			inner.ICMPID ^= 7
		}
	}
	t := ctstate.Tuple{Proto: 1, Src: netip.AddrPortFrom(from, 0), Dst: netip.AddrPortFrom(to, 0)}
	t.ICMPType = pick[uint8](g.rnd, 3, 3, 3, 11, 12, 4, 5)
	if to.Is6() {
		t.Proto, t.ICMPType = ctstate.ProtoICMPv6, pick[uint8](g.rnd, 1, 2, 3, 4)
	}
	pk.p = ctstate.Packet{IP: true, InWindow: true, Tuple: t, HasID: true, Inner: &inner}
	pk.text = fmt.Sprintf("flow %d zone %d: %v quoting %v", pk.f.id, pk.f.zone, t, inner)
}

const (
	fin, syn, rst, psh, ack, urg = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
)

// tcp draws flags and sequence numbers; e is the packet's entry, nil for a new connection.
func (g *generator) tcp(pk *packet, e *ctstate.Entry) {
	me, peer := &pk.f.client, &pk.f.server
	if !pk.fromClient {
		me, peer = peer, me
	}
	flags := pick[uint16](g.rnd, syn, syn|ack, ack, ack, ack, psh|ack, fin|ack, rst, rst|ack,
		0, fin, syn|fin, syn|rst, ack|urg, fin|ack|urg|psh, syn|urg, ack|0x40|0x80, psh, 0x3f)
	if g.rnd.IntN(2) == 0 { // what a correct endpoint would send now
		flags = g.plausible(pk, e)
	}
	h := tcpHeader{flags: flags, seq: me.next, ack: peer.next, win: uint16(60000 + g.rnd.IntN(1000))}
	if me.finSent && !peer.acked {
		h.seq-- // the window opens only with the peer's first ACK
	}
	state, known := tcpState(e)
	switch closed := !known || state == ctstate.TCPTimeWait || state == ctstate.TCPClose; {
	case flags&rst != 0:
		if peer.acked {
			h.seq = peer.maxAck
		}
	case flags&syn != 0 && flags&ack != 0:
		h.seq, h.ack = me.isn, peer.lastSYN+1
	case flags&syn != 0:
		if !closed {
			h.seq = me.isn
		}
		h.ack = 0
	case flags&fin != 0:
		if me.finSent {
			h.seq = me.next - 1
		}
	}
	seen := peer.seen || me.acked
	if e != nil && e.Orig != pk.f.conn {
		seen = e.Status&ctstate.SeenReply != 0
	}
	if !g.user && e != nil && !seen && flags&(syn|ack) == ack {
		h.ack = 0 // nothing to acknowledge yet
	}
	pk.tcp = h
	pk.p.TCPFlags = flags
}

// tcpState returns the TCP state of an entry.
func tcpState(e *ctstate.Entry) (s ctstate.TCPState, known bool) {
	switch {
	case e == nil:
	case e.TCP != nil:
		return e.TCP.State, true
	case e.UserTCP != nil:
		return ctstate.TCPState(e.UserTCP.Orig), true
	}
	return 0, false
}

// plausible returns flags with which a connection progresses.
func (g *generator) plausible(pk *packet, e *ctstate.Entry) uint16 {
	state, known := tcpState(e)
	if !known {
		return syn
	}
	switch state {
	case ctstate.TCPSynSent:
		if pk.fromClient {
			return syn
		}
		return syn | ack
	case ctstate.TCPSynRecv, ctstate.TCPFinWait, ctstate.TCPCloseWait, ctstate.TCPLastAck:
		return pick[uint16](g.rnd, ack, ack, fin|ack)
	case ctstate.TCPTimeWait, ctstate.TCPClose:
		return pick[uint16](g.rnd, syn, ack)
	}
	return pick[uint16](g.rnd, ack, ack, psh|ack, fin|ack)
}

// sent updates the endpoints after a step, as the kernel's window tracking does.
func (pk *packet) sent(before *ctstate.Entry, r *ctstate.Result) {
	if pk.p.Tuple.Proto != ctstate.ProtoTCP || r.Conn.State&ctstate.Inv != 0 || r.Dropped {
		return
	}
	me, peer := &pk.f.client, &pk.f.server
	if !pk.fromClient {
		me, peer = peer, me
	}
	h, flags := pk.tcp, pk.p.TCPFlags
	was, hadState := tcpState(before)
	is, hasState := tcpState(&r.Conn.Entry)
	if flags&(syn|ack) == syn {
		me.lastSYN = h.seq
	}
	if r.Hit == nil { // a new connection: only this side has sent
		me.finSent, me.acked, peer.acked, peer.finSent, peer.seen = false, false, false, false, false
		pk.f.conn = r.Conn.Entry.Orig
		if flags&syn != 0 {
			me.isn, me.next = h.seq, h.seq+1
		}
		peer.isn = peer.next
		peer.lastSYN = peer.isn
	}
	ignored := hadState && hasState && r.Hit != nil && ignoredBy(was, is, flags, r.Dir)
	if flags&(syn|ack) == syn|ack && hadState && hasState && is == ctstate.TCPSynRecv && !ignored {
		me.next, me.finSent = h.seq+1, false
		if was != ctstate.TCPSynSent && was != ctstate.TCPSynSent2 && was != ctstate.TCPSynRecv {
			peer.isn, peer.next, peer.finSent, peer.acked = peer.lastSYN, peer.lastSYN+1, false, false
			me.acked = false
		}
	}
	if ignored {
		return
	}
	// A reset on a closing connection is accepted without a check of its numbers, which are not stored
	// (tcp_can_early_drop).
	if flags&rst != 0 && hadState && was >= ctstate.TCPFinWait && was <= ctstate.TCPClose {
		return
	}
	me.seen = true
	if flags&(syn|ack) == syn && hasState && is == ctstate.TCPSynSent2 {
		me.next = h.seq + 1
	}
	if flags&fin != 0 && !me.finSent {
		me.next, me.finSent = me.next+1, true
	}
	if flags&ack != 0 && h.ack != 0 && (!me.acked || int32(h.ack-me.maxAck) > 0) {
		me.acked, me.maxAck = true, h.ack
	}
}

// ignoredBy reports whether the kernel forwarded the packet but ignored it for the connection's
// state.
func ignoredBy(state, after ctstate.TCPState, flags uint16, dir ctstate.Direction) bool {
	switch {
	case flags&rst != 0 || after != state:
		return false
	case flags&(syn|ack) == syn:
		return state != ctstate.TCPSynSent && state != ctstate.TCPSynSent2
	case flags&(syn|ack) == syn|ack:
		return dir == ctstate.DirReply && state >= ctstate.TCPSynRecv && state <= ctstate.TCPClose
	case flags&ack != 0 && flags&fin == 0 && dir == ctstate.DirReply:
		return state == ctstate.TCPSynSent || state == ctstate.TCPSynSent2
	}
	return false
}
