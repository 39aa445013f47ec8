package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
)

// ct applies one ct() action to it.pkt and reports whether the item ended.
func (r *run) ct(ctx context.Context, w *world, it *item, a odp.CT) (done bool, err error) {
	before := it.pkt.pkt
	view := trackView(before)
	res, err := r.engine.Tracker.Do(ctx, w.overlay, it.pkt.conn, view, trackAction(a))
	step := CTStep{Zone: a.Zone, Action: a.String(), Before: before, Tuple: view.Tuple, Result: res, Choices: it.choices}
	if err != nil {
		if errors.Is(err, fs.ErrPermission) || ctx.Err() != nil {
			return true, err
		}
		step.Err = err.Error()
		step.After = before
		it.seg.pub.CT = append(it.seg.pub.CT, step)
		r.leaf(w, *it, Leaf{Kind: LeafUnknown, Why: "conntrack: " + err.Error()})
		return true, nil
	}
	if len(res.Alternatives) > 0 {
		return r.alternatives(ctx, w, it, a, step)
	}
	return r.took(ctx, w, it, a, step, res, res)
}

// took continues with res, the result of a ct(); reported is that result as the step reports it.
func (r *run) took(ctx context.Context, w *world, it *item, a odp.CT, step CTStep, res, reported ctstate.Result) (done bool, err error) {
	before := step.Before
	step.Result = reported
	w.overlay.Apply(res)
	it.pkt.conn = res.Conn
	if res.Awaits && it.pkt.held == nil {
		it.pkt.held = &Hold{Zone: a.Zone}
	}
	untrackView(&it.pkt.pkt, res.Packet)
	step.After = it.pkt.pkt
	if res.NATed {
		step.Depends = w.carried.of(&res.Conn.Entry)
		it.choices = joined(it.choices, step.Depends)
	}
	it.seg.pub.CT = append(it.seg.pub.CT, step)
	for _, rg := range res.Ranges {
		it.choices = append(it.choices[:len(it.choices):len(it.choices)], rangeChoice(rg))
	}
	if e := res.Committed; e != nil && isNew(res) {
		w.carried.made(EntryChoices{Zone: e.Zone, Orig: e.Orig, Choices: it.choices, Made: true})
	}
	switch {
	case res.Certainty == ctstate.Undetermined && !translated(res.Ranges):
		r.leaf(w, *it, Leaf{Kind: LeafUnknown, Why: "conntrack: " + joinWhy(res.Why)})
		return true, nil
	case res.Dropped:
		r.leaf(w, *it, Leaf{Kind: LeafDrop, Why: "conntrack drops it: " + joinWhy(res.Why)})
		return true, nil
	case res.Absorbed:
		r.leaf(w, *it, Leaf{Kind: LeafUnknown, Why: "a later fragment waits here until all fragments of its datagram have arrived, and then goes the datagram's way, " +
			"which the first fragment decides: trace that one"})
		return true, nil
	case before.Frag == packet.FragFirst && it.pkt.pkt.Frag == packet.FragNo:
		it.pkt.piece = before.Frag
		return r.lastFragment(ctx, w, *it)
	}
	return false, nil
}

// isNew reports whether an action commits a new entry: changes to an older one do not depend on the
// choices on this packet's way.
func isNew(res ctstate.Result) bool {
	return res.Hit == nil || res.Deleted != nil || res.Hit.Orig != res.Committed.Orig
}

// translated reports whether NAT's choice is all that is undetermined: the packet then continues
// with a port or address out of a range. Anything else, such as the id of an ICMP packet, leaves
// the entry itself unknown.
func translated(ranges []ctstate.Range) bool {
	for _, rg := range ranges {
		if rg.Kind != ctstate.RangeNATPort && rg.Kind != ctstate.RangeNATAddress {
			return false
		}
	}
	return len(ranges) > 0
}

func rangeChoice(rg ctstate.Range) Choice {
	c := Choice{Kind: ChoiceKind(rg.Kind), Share: 1}
	if rg.MinAddr.IsValid() {
		c.Chosen = fmt.Sprintf("%v-%v", rg.MinAddr, rg.MaxAddr)
	} else {
		c.Chosen = fmt.Sprintf("%d-%d", rg.Min, rg.Max)
	}
	return c
}

func joinWhy(why []string) string {
	out := ""
	for i, s := range why {
		if i > 0 {
			out += "; "
		}
		out += s
	}
	return out
}

func trackAction(a odp.CT) ctstate.Action {
	t := ctstate.Action{
		Commit: a.Commit || a.Force, Force: a.Force, Zone: a.Zone,
		Helper: a.Helper, TimeoutPolicy: a.Timeout,
	}
	if a.HasMark {
		t.Mark, t.MarkMask = a.Mark, a.MarkMask
	}
	if a.HasLabel {
		t.Label, t.LabelMask = ctstate.Label(a.Label), ctstate.Label(a.LabelMask)
	}
	if n := a.NAT; n != nil {
		t.NAT = &ctstate.NAT{
			Src: n.Src, Dst: n.Dst, MinAddr: n.MinAddr, MaxAddr: n.MaxAddr,
			MinPort: n.MinPort, MaxPort: n.MaxPort,
			Persistent: n.Persistent, Hash: n.Hash, Random: n.Random,
		}
	}
	return t
}

// trackView returns the part of a packet that conntrack uses.
func trackView(p packet.Packet) ctstate.Packet {
	v := ctstate.Packet{
		IP:       p.EthType == packet.EthIPv4 || p.EthType == packet.EthIPv6,
		TCPFlags: uint16(p.TCPFlags),
		Frag:     ctstate.Frag(p.Frag),
		HasID:    p.HasID && !p.IDChosen,
		HopLimit: p.TTL,
		Length:   p.Length,
	}
	if !v.IP {
		return v
	}
	v.Tuple = ctstate.Tuple{
		Proto: p.Proto,
		Src:   netip.AddrPortFrom(p.Src, p.SrcPort),
		Dst:   netip.AddrPortFrom(p.Dst, p.DstPort),
	}
	if p.Proto == ctstate.ProtoICMP || p.Proto == ctstate.ProtoICMPv6 {
		v.Tuple.ICMPType, v.Tuple.ICMPCode, v.Tuple.ICMPID = p.ICMPType, p.ICMPCode, p.ICMPID
	}
	if in := p.Inner; in != nil {
		t := ctstate.Tuple{
			Proto: in.Proto,
			Src:   netip.AddrPortFrom(in.Src, in.SrcPort),
			Dst:   netip.AddrPortFrom(in.Dst, in.DstPort),
		}
		if in.Proto == ctstate.ProtoICMP || in.Proto == ctstate.ProtoICMPv6 {
			t.ICMPType, t.ICMPCode, t.ICMPID = in.ICMPType, in.ICMPCode, in.ICMPID
		}
		v.Inner = &t
	}
	return v
}

// untrackView writes what NAT rewrote back into the packet.
func untrackView(p *packet.Packet, v ctstate.Packet) {
	if !v.IP {
		return
	}
	p.Src, p.Dst = v.Tuple.Src.Addr(), v.Tuple.Dst.Addr()
	switch p.Proto {
	case ctstate.ProtoICMP, ctstate.ProtoICMPv6:
		p.ICMPID = v.Tuple.ICMPID
		if v.HasID {
			p.HasID, p.IDChosen = true, false
		}
	default:
		p.SrcPort, p.DstPort = v.Tuple.Src.Port(), v.Tuple.Dst.Port()
	}
	if v.Frag == ctstate.FragNo {
		p.Frag = packet.FragNo
	}
	if t := v.Inner; t != nil {
		p.Inner = &packet.Inner{
			Proto: t.Proto, Src: t.Src.Addr(), Dst: t.Dst.Addr(), SrcPort: t.Src.Port(), DstPort: t.Dst.Port(),
			ICMPType: t.ICMPType, ICMPCode: t.ICMPCode, ICMPID: t.ICMPID,
		}
	}
}
