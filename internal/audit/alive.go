package audit

import (
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
)

// Timeouts, in seconds, of answered UDP and ICMP connections: UDP_CT_UNREPLIED, UDP_CT_REPLIED (of
// an assured one) and ICMP's of the kernel (nf_conntrack_proto_udp.c, nf_conntrack_proto_icmp.c),
// and CT_DPIF_TP_ATTR_UDP_MULTIPLE and CT_DPIF_TP_ATTR_ICMP_REPLY of lib/conntrack-tp.c.
const (
	kernelAnswered = 30
	kernelAssured  = 120
	userAnswered   = 30
)

// Bounds, in seconds, of how long ago the last packet of a living connection came. A more recent
// one may have come after another chassis was read; an older one may have been forgotten elsewhere.
const (
	minIdle = 2
	maxIdle = 20
)

// life says what an entry shows of its connection.
type life int

const (
	lifeless life = iota // it is not known to live
	maybe                // a packet came lately; the table does not say whether it was answered
	answered             // both ends have sent packets: it has passed every zone of its way
)

// lifeOf returns the life of an entry by the default timeouts. An unanswered entry of the userspace
// datapath, whose timeout is 60 s (UDP_FIRST, UDP_SINGLE, ICMP_FIRST), is lifeless in its first 30
// s, and maybe after that: the time left of both is the same then.
func lifeOf(e *ctstate.Entry) life {
	switch {
	case established(e):
		return answered
	case e.Orig.Proto != protoUDP && !isICMP(e.Orig.Proto), !e.HasTimeout:
		return lifeless
	case e.Source == ctstate.FromUserspace && lately(e, userAnswered):
		return maybe
	case e.Source == ctstate.FromUserspace, e.Status&ctstate.SeenReply == 0:
		return lifeless
	case e.Status&ctstate.Assured != 0 && lately(e, kernelAssured), e.Status&ctstate.Assured == 0 && lately(e, kernelAnswered):
		return answered
	}
	return lifeless
}

const protoUDP = 17

// lately reports whether the last packet of an entry with this timeout came within the bounds.
func lately(e *ctstate.Entry, timeout uint32) bool {
	return e.Timeout+minIdle <= timeout && e.Timeout+maxIdle >= timeout
}

// arrives reports whether a packet to an address outside passes these routers, the last of which
// translates it: no policy and no MTU of theirs stops it, and the MAC address of the next hop is
// known, before which the last one neither translates nor sends it.
func (a *auditor) arrives(way []*inventory.Router, dst netip.Addr) bool {
	if a.Learned == nil {
		return false
	}
	for _, r := range way {
		if len(r.Policies) > 0 {
			return false
		}
		for _, p := range r.Ports {
			if p.Options["gateway_mtu"] != "" {
				return false
			}
		}
	}
	r := way[len(way)-1]
	if p := r.PortTo(dst); p != nil {
		return a.Learned.Knows(p, dst)
	}
	hop, ok := nextRouter(r, dst)
	p := r.PortTo(hop)
	return ok && p != nil && a.Learned.Knows(p, hop)
}
