package engine

import (
	"context"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// lastFragment goes on with a reassembled datagram. The kernel runs for it what was looked up for
// the fragment that completed it (ovs_ct_handle_fragments): a later one, unless they come in
// disorder. That one has no ports, so the registers that its flows load may differ from the first
// fragment's.
func (r *run) lastFragment(ctx context.Context, w *world, it item) (done bool, err error) {
	seg := it.seg
	flow := r.flowOf(seg, later(seg.entry))
	if flow == nil {
		seg.note("whether the later fragments take the same way here could not be asked")
		return false, nil
	}
	sec, err := r.rerun(ctx, seg, flow)
	if err != nil {
		return true, err
	}
	if lost(sec) {
		r.leaf(w, it, Leaf{Kind: LeafUnknown, Why: fmt.Sprintf("ovs-vswitchd freed the recirculation id %d times before the later fragments could be traced", r.limits.Resumes)})
		return true, nil
	}
	actions, err := odp.Parse(sec.Actions)
	if err != nil || shapeOf(sec.Actions) != seg.shape {
		r.leaf(w, it, Leaf{Kind: LeafUnknown, Why: "the datagram's later fragments do not go the first one's way, so it may never be whole here: trace one; their actions are " + sec.Actions})
		return true, nil
	}
	seg.flow, seg.live = flow, recircIDs(actions)
	return false, nil
}

// later is a later fragment of a datagram: it has no transport header, and to both datapaths IPv6's
// has a protocol of its own.
func later(st state) state {
	p := &st.pkt
	p.Frag = packet.FragLater
	if p.EthType == packet.EthIPv6 {
		p.Proto = packet.ProtoFragment
	}
	p.SrcPort, p.DstPort, p.TCPFlags = 0, 0, 0
	p.ICMPType, p.ICMPCode, p.ICMPID, p.HasID, p.Inner = 0, 0, 0, false, nil
	return st
}

// flowOf is a segment's own request with another packet; nil where it was entered by packet-out.
func (r *run) flowOf(seg *segment, st state) func(uint32) flowText {
	switch {
	case seg.pub.Approx:
		return nil
	case seg.parent == nil:
		return r.entryOf(st)
	}
	return func(id uint32) flowText { return r.thawFlow(id, st) }
}

// transport are the fields of a flow that a table look-up finds zero in a fragment.
var transport = []string{"tp_src", "tp_dst", "tcp_src", "tcp_dst", "udp_src", "udp_dst", "sctp_src", "sctp_dst", "icmp_type", "icmp_code",
	"icmpv6_type", "icmpv6_code"}

// lookedUp is a packet as a table finds it: a fragment without its ports, a first one too, as
// bridges handle fragments unless a controller asks otherwise (ofproto/ofproto-dpif.c:
// rule_dpif_lookup_from_table, OFPUTIL_FRAG_NORMAL).
func lookedUp(f openflow.Flow) openflow.Flow {
	if frag, ok := f.Get("nw_frag"); !ok || frag == "no" || frag == "not_later" {
		return f
	}
	f = f.Clone()
	for _, name := range transport {
		f.Del(name)
	}
	return f
}
