package driver

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Start is where a packet enters.
type Start struct {
	Chassis string
	Port    string // logical port
	Bridge  string // the integration bridge when empty
	OFPort  uint32
	Via     string // vif, physical
	// VLAN is the tag of the packet on the wire where it enters, or on a parent's interface; 0 adds
	// none.
	VLAN uint16
	// Network is the provider network that it comes by; empty for any other way.
	Network string
	// Resume has OpenFlow actions by which the packet enters a router's pipeline, instead of by a
	// port.
	Resume string
	// Also are further places where a copy enters at the same time: a broadcast from a provider
	// network.
	Also []Start
	// Choices are those of earlier packets that the packet's headers depend on, as it answers one
	// of them.
	Choices []engine.Choice
}

// arrivals returns the places where a packet enters.
func (st Start) arrivals(p packet.Packet) []arrival {
	if st.VLAN != 0 && len(p.VLANs) == 0 {
		p.VLANs = []packet.VLAN{{TPID: 0x8100, VID: st.VLAN}}
	}
	out := []arrival{{
		chassis: st.Chassis, inPort: st.Port, via: st.Via, choices: st.Choices,
		req: engine.Request{Bridge: st.Bridge, InPort: st.OFPort, Packet: p, Resume: st.Resume},
	}}
	for _, more := range st.Also {
		out = append(out, more.arrivals(p)...)
	}
	return out
}

// arrival is a packet about to enter a node.
type arrival struct {
	chassis string
	req     engine.Request
	inPort  string
	via     string
	choices []engine.Choice
	hops    []int
	way     []Step // the packet's way so far
	depth   int
	held    *Held      // where a fragment first waited for the others; nil: it did not
	tunnel  *HopTunnel // that it comes by; nil for any other way

	// For a packet that OVN itself made on the way:
	made   string // its kind: "tcp_reset", "arp", ...
	reject bool   // it reports to the sender that the packet was refused
	aside  bool   // it does not count for the traced packet's verdict
	why    *Cause // what made OVN send it
	ask    *ask   // the address request that it sends or answers; nil: none
}

// unfollowed returns an unknown end for a packet that is not followed any further, with the reason.
func (a arrival) unfollowed(why string) *Branch {
	return &Branch{
		Verdict: engine.Unknown, Chassis: a.chassis, Packet: a.req.Packet, Choices: a.choices, Cause: &Cause{Chassis: a.chassis, Why: why},
		Hops: a.hops, Way: a.way[:len(a.way):len(a.way)], Made: a.made, Held: a.held,
	}
}

// track is one alternative that is being followed.
type track struct {
	world    World
	pending  []arrival
	branches []*Branch
	asides   []*Branch // ends of packets that OVN sent beside the traced one
	choices  []engine.Choice
	floods   []flood // found on the current visit
}

// fork returns a copy of a track with further choices made; the world is shared.
func (t *track) fork(choices ...engine.Choice) *track {
	return &track{
		world:    t.world,
		pending:  append([]arrival(nil), t.pending...),
		branches: append([]*Branch(nil), t.branches...),
		asides:   append([]*Branch(nil), t.asides...),
		choices:  append(t.choices[:len(t.choices):len(t.choices)], choices...),
	}
}

// ends counts the ends of the track's packet so far, and the arrivals still pending; mirror copies
// are not counted.
func (t *track) ends() int {
	n := len(t.asides) + len(t.pending)
	for _, b := range t.branches {
		if b.Mirror == "" {
			n++
		}
	}
	return n
}

// keep lists an end of the traced packet, or of one that OVN sent beside it.
func (t *track) keep(a arrival, b *Branch) {
	if !a.aside {
		t.branches = append(t.branches, b)
		return
	}
	t.asides = append(t.asides, b)
	a.ask.ends(b)
}

// outcome returns the track's outcome; label names the packet.
func (t *track) outcome(label string) Outcome {
	return Outcome{Choices: t.choices, Branches: t.branches, Asides: t.asides, World: t.world.Ended(label)}
}
