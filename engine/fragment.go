package engine

import (
	"context"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// lastFragment continues with a reassembled datagram. The kernel runs on it the actions found for
// the fragment that completed it (ovs_ct_handle_fragments): a later fragment, unless they arrive
// out of order. That fragment has no ports, so the registers that its flows load may differ from
// those of the first fragment.
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

// later returns the state of a later fragment of the datagram: it has no transport header, and for
// IPv6 both datapaths give it a protocol of its own.
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

// flowOf returns a segment's own request with another packet; nil if it was entered by packet-out.
func (r *run) flowOf(seg *segment, st state) func(uint32) flowText {
	switch {
	case seg.pub.Approx:
		return nil
	case seg.parent == nil:
		return r.entryOf(st)
	}
	return func(id uint32) flowText { return r.thawFlow(id, st) }
}

// transport lists the flow fields that are zero for a fragment's table look-up.
var transport = []string{"tp_src", "tp_dst", "tcp_src", "tcp_dst", "udp_src", "udp_dst", "sctp_src", "sctp_dst", "icmp_type", "icmp_code",
	"icmpv6_type", "icmpv6_code"}

// lookedUp returns the flow that a table look-up uses: a fragment's, also the first one's, has no
// ports, unless a controller has configured the bridge otherwise (ofproto/ofproto-dpif.c:
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
