package driver

import (
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// answered says of packets that OVN itself answers who heard them: their sender gets the answer,
// and nobody else sees the question unless a copy went further.
func (s *sending) answered(sent *Sent) {
	alone := len(ownBranches(s.pkt)) == 1
	for _, o := range sent.Outcomes {
		for _, b := range o.Branches {
			if b.Reason != nil && b.Reason.Text != "" || !answers(s.orig, b.Packet) || b.Mirror != "" {
				continue
			}
			switch b.Verdict {
			case engine.Delivered:
				if b.End.Port != s.pkt.From.Port {
					continue
				}
			case engine.External:
			default:
				continue
			}
			b.Branch.Reason = s.responder(b.Branch, alone)
		}
	}
}

// responder is the reason of an answer's branch, with the logical flow that made it where it is
// named.
func (s *sending) responder(b *report.Branch, alone bool) *report.Reason {
	r := &report.Reason{Chassis: b.End.Chassis}
	by := ""
	for _, at := range b.Segments {
		h := s.pkt.Hops[at[0]]
		for i := range h.Segments[at[1]].Tables {
			t := &h.Segments[at[1]].Tables[i]
			if t.LogicalFlow == nil || !strings.Contains(t.LogicalFlow.Actions, "flags.loopback = 1") {
				continue
			}
			table := t.Table
			r.Chassis, r.Table, r.Stage, r.Cookie, r.LogicalFlow, r.NB = h.Chassis, &table, t.Stage, t.Cookie, t.LogicalFlow, t.NB
			by = fmt.Sprintf(" (%s of %s)", t.Stage, t.LogicalFlow.Datapath)
		}
	}
	r.Text = "OVN answers it itself" + by
	switch p := s.orig; {
	case !alone:
	case p.IsARP() && p.Src == p.Dst:
		r.Text += ", and no other port sees it or learns the address from this gratuitous ARP"
	default:
		r.Text += ", and no other port sees it"
	}
	return r
}

// answers reports whether a packet is the answer to another, of those that OVN gives (northd's
// responders of ARP, ND, echo, DHCP and DNS).
func answers(q, a packet.Packet) bool {
	switch {
	case q.IsARP():
		return a.IsARP() && q.ARPOp == 1 && a.ARPOp == 2 && a.Src == q.Dst
	case q.IsICMP():
		return a.IsICMP() && q.ICMPType == 8 && a.ICMPType == 0 && a.Src == q.Dst
	case q.IsICMPv6():
		return a.IsICMPv6() && (q.ICMPType == 128 && a.ICMPType == 129 && a.Src == q.Dst ||
			q.ICMPType == 135 && a.ICMPType == 136 && a.NDTarget == q.NDTarget || q.ICMPType == 133 && a.ICMPType == 134)
	case q.IsIP() && q.Proto == packet.ProtoUDP && a.IsIP() && a.Proto == packet.ProtoUDP:
		service := q.DstPort == 67 || q.DstPort == 547 || q.DstPort == 53
		return service && q.SrcPort != q.DstPort && a.SrcPort == q.DstPort && a.DstPort == q.SrcPort // a hairpin keeps its ports
	}
	return false
}
