package session

import (
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
)

// arrival is how a packet of the handshake arrived, or why it broke the handshake.
type arrival struct {
	by       *driver.Branch // nil where no branch got through
	answered bool           // OVN itself gave the reply already
	broken   *Break         // nil: it arrived as it should
}

// verdict returns the verdict of a packet that broke a handshake: that of the branch that got
// through in a wrong way, else the worst.
func (a arrival) verdict(o driver.Outcome) engine.Verdict {
	switch {
	case a.by != nil:
		return a.by.Verdict
	case len(o.Branches) == 0:
		return engine.Unknown
	}
	return worstOf(o).Verdict
}

// check returns the branch by which a packet arrived as it should, or why it did not.
func (r *run) check(st step, o driver.Outcome, at *driver.Branch) arrival {
	got := r.received(st, o, at)
	broken := func(why string) arrival {
		if why == "" {
			return arrival{by: got}
		}
		return arrival{by: got, broken: &Break{Label: st.label, Why: why}}
	}
	switch {
	case got == nil && len(o.Branches) == 0:
		return broken("its end is unknown")
	case got == nil:
		return arrival{broken: &Break{Label: st.label, End: worstOf(o)}}
	case st.reply:
		return broken(r.checkReply(got))
	case at == nil:
		return arrival{by: got, answered: got.Port == r.start.Port && got.Chassis == r.start.Chassis && isReply(got.Packet, r.first)}
	}
	// A later packet of the client must reach the server that the first reached.
	if got.Chassis != at.Chassis || got.Port != at.Port {
		return broken(fmt.Sprintf("it reaches %s on %s, the first packet reached %s on %s", got.Port, got.Chassis, at.Port, at.Chassis))
	}
	if x, y := got.Packet, at.Packet; x.Src != y.Src || x.Dst != y.Dst || x.SrcPort != y.SrcPort || x.DstPort != y.DstPort || x.ICMPID != y.ICMPID {
		return broken(fmt.Sprintf("it arrives as %v, the first packet as %v", x, y))
	}
	return arrival{by: got}
}

// received returns the branch by which a packet got through, nil where none did. Of a flood's
// copies it prefers the one that ends where the packet should.
func (r *run) received(st step, o driver.Outcome, at *driver.Branch) *driver.Branch {
	var got *driver.Branch
	for _, b := range o.Branches {
		if b.Mirror != "" || b.Ignored {
			continue // a mirror's copy, or nobody reads it
		}
		if b.Verdict != engine.Delivered && b.Verdict != engine.External && b.Verdict != engine.Host {
			continue
		}
		if got == nil || r.expected(st, b, at) && !r.expected(st, got, at) || b.Verdict > got.Verdict && !r.expected(st, got, at) {
			got = b
		}
	}
	return got
}

// expected reports whether a branch ends where the packet of a step should: a reply at the client,
// a later packet of the client at the server that the first one reached.
func (r *run) expected(st step, b, at *driver.Branch) bool {
	switch {
	case st.reply:
		return r.atClient(b)
	case at != nil:
		return b.Chassis == at.Chassis && b.Port == at.Port
	}
	return false
}

// atClient reports whether a branch ends where the client is: at its port, or on the wire of its
// provider network for its MAC.
func (r *run) atClient(b *driver.Branch) bool {
	if r.start.Network == "" || b.Verdict != engine.External {
		return b.Chassis == r.start.Chassis && b.Port == r.start.Port
	}
	tag := uint16(0)
	if len(b.Packet.VLANs) > 0 {
		tag = b.Packet.VLANs[0].VID
	}
	from := r.start.VLAN
	if len(r.first.VLANs) > 0 {
		from = r.first.VLANs[0].VID
	}
	return b.Network == r.start.Network && tag == from && b.Packet.EthDst == r.first.EthSrc
}

// checkReply returns how a reply differs from what the client expects, or nothing.
func (r *run) checkReply(got *driver.Branch) string {
	if !r.atClient(got) && r.start.Network != "" && got.Verdict == engine.External {
		return fmt.Sprintf("it leaves by %s on %s for %v, the client is %v on provider network %s", got.Port, got.Chassis, got.Packet.EthDst, r.first.EthSrc, r.start.Network)
	}
	if !r.atClient(got) {
		return fmt.Sprintf("it ends at %s on %s instead of the client's port %s on %s", got.Port, got.Chassis, r.start.Port, r.start.Chassis)
	}
	p, want := got.Packet, reply(r.first)
	if p.Src != want.Src || p.SrcPort != want.SrcPort {
		return fmt.Sprintf("the client asked %s and hears from %s", endpoint(want, false), endpoint(p, false))
	}
	if p.Dst != want.Dst || p.DstPort != want.DstPort {
		return fmt.Sprintf("it is addressed to %s, the client is %s", endpoint(p, true), endpoint(want, true))
	}
	if p.HasID && want.HasID && p.ICMPID != want.ICMPID {
		return fmt.Sprintf("it has the identifier %d, the client sent %d", p.ICMPID, want.ICMPID)
	}
	return ""
}

func endpoint(p packet.Packet, dst bool) string {
	a, port := p.Src, p.SrcPort
	if dst {
		a, port = p.Dst, p.DstPort
	}
	if port == 0 {
		return a.String()
	}
	if a.Is6() {
		return fmt.Sprintf("[%v]:%d", a, port)
	}
	return fmt.Sprintf("%v:%d", a, port)
}

// worstOf returns the worst of an outcome's branches; mirrors' copies count only where there are no
// others.
func worstOf(o driver.Outcome) *driver.Branch {
	worst := o.Branches[0]
	for _, b := range o.Branches {
		if b.Mirror == "" && (worst.Mirror != "" || b.Verdict < worst.Verdict) {
			worst = b
		}
	}
	return worst
}
