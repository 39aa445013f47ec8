package question

import "github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"

// Injected is how a packet differs that ovn-controller makes (inject-pkt) from one that a guest
// sends.
type Injected struct {
	// SrcPort is the source port of a packet whose description names none.
	SrcPort uint16
	// Chosen reports whether SrcPort was used; it is set when the packet is resolved.
	Chosen bool
}

// ForInjection makes the question one about the packet that inject-pkt would make.
func (j *Judged) ForInjection(i *Injected) { j.inject = i }

// prepare changes a packet that is filled in.
func (i *Injected) prepare(p *packet.Packet, portGiven bool) {
	if i == nil {
		return
	}
	i.Chosen = p.HasPorts() && !portGiven
	if i.Chosen {
		p.SrcPort = i.SrcPort
	}
	if p.IsQuery() { // an expression has no id; flow_compose_l4 (lib/flow.c) writes zero
		p.ICMPID, p.HasID, p.IDChosen = 0, true, false
	}
}
