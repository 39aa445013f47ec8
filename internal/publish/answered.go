package publish

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// responder returns the reason of a branch that ends with an answer of OVN itself: what answered,
// and whether any other port sees the packet. Any other branch keeps its reason, as does one whose
// reason has a text.
func (w *writing) responder(b *driver.Branch, has *report.Reason) *report.Reason {
	if has != nil && has.Text != "" || b.Mirror != "" || !answers(w.Packet, b.Packet) || !slices.Contains(w.Branches, b) {
		return has
	}
	switch b.Verdict {
	case engine.Delivered:
		if b.Port != w.Start.Port {
			return has
		}
	case engine.External:
	default:
		return has
	}
	r := &report.Reason{Chassis: b.Chassis, Code: report.CodeAnsweredByOVN}
	r.Text = "OVN answers it itself" + w.respondedAt(b, r)
	if len(driver.OwnBranches(w.Branches)) == 1 {
		r.Text += ", and no other port sees it"
		if q := w.Packet; q.IsARP() && q.Src == q.Dst {
			r.Text += " or learns the address from this gratuitous ARP"
		}
	}
	return r
}

// respondedAt completes a reason by the logical flow that made an answer. It returns that flow's
// stage and datapath in words, or nothing where the flow has no name.
func (w *writing) respondedAt(b *driver.Branch, r *report.Reason) (by string) {
	for _, at := range b.Way {
		h := w.Hops[at.Hop]
		for i, hit := range h.Segments[at.Segment].Tables {
			names, place := w.named(at, i)
			if names == nil {
				continue
			}
			name, _ := names.At(place)
			if name.Flow == nil || !strings.Contains(name.Flow.Actions, "flags.loopback = 1") {
				continue
			}
			table := hit.Table
			r.Chassis, r.Table, r.Stage, r.Cookie, r.LogicalFlow, r.NB = h.Chassis, &table, name.Stage, cookie(hit), logicalFlow(name.Flow), nbRow(name.NB)
			by = fmt.Sprintf(" (%s of %s)", r.Stage, r.LogicalFlow.Datapath)
		}
	}
	return by
}

// answers reports whether a is an answer that OVN itself gives to q (northd's responders for ARP,
// ND, echo, DHCP and DNS).
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
		// A hairpin keeps its ports.
		return service && q.SrcPort != q.DstPort && a.SrcPort == q.DstPort && a.DstPort == q.SrcPort
	}
	return false
}
