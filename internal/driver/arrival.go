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
	// VLAN tags the packet as it is on the wire where it enters, or on a parent's interface; 0
	// leaves it as it is.
	VLAN uint16
	// Network is the provider network that it comes by; empty for any other way.
	Network string
	// Resume enters the pipeline by these OpenFlow actions instead of by a port: a router's.
	Resume string
	// Also are further places where a copy enters at the same time: a broadcast from a provider
	// network.
	Also []Start
	// Choices are those of earlier packets that the packet's own headers depend on: it answers one
	// of them.
	Choices []engine.Choice
}

// arrivals are the places where a packet enters.
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
	way     []Step // so far
	depth   int
	held    *Held      // where a fragment first waited for the others
	tunnel  *HopTunnel // that it comes by

	// Of a packet that OVN itself made on the way:
	made   string // what it is: "tcp_reset", "arp", ...
	reject bool   // it tells the sender that his packet was refused
	aside  bool   // it goes beside the traced packet and does not decide its verdict
	why    *Cause // what made OVN send it
	ask    *ask   // the question that it asks, or that it answers; nil: none
}

// unfollowed is the end of a packet that is not carried any further, and why.
func (a arrival) unfollowed(why string) *Branch {
	return &Branch{
		Verdict: engine.Unknown, Chassis: a.chassis, Packet: a.req.Packet, Choices: a.choices, Cause: &Cause{Chassis: a.chassis, Why: why},
		Hops: a.hops, Way: a.way[:len(a.way):len(a.way)], Made: a.made, Held: a.held,
	}
}

// track is one alternative on its way.
type track struct {
	world    World
	pending  []arrival
	branches []*Branch
	asides   []*Branch // ends of packets that OVN sent beside the traced one
	choices  []engine.Choice
	floods   []flood // met on the visit that is under way
}

// fork is a copy of a track in which choices have fallen; the world is shared.
func (t *track) fork(choices ...engine.Choice) *track {
	return &track{
		world:    t.world,
		pending:  append([]arrival(nil), t.pending...),
		branches: append([]*Branch(nil), t.branches...),
		asides:   append([]*Branch(nil), t.asides...),
		choices:  append(t.choices[:len(t.choices):len(t.choices)], choices...),
	}
}

// ends counts what has become of the track's packet so far; mirror copies are not counted.
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

// outcome is what has become of the track, of a packet that is labelled so.
func (t *track) outcome(label string) Outcome {
	return Outcome{Choices: t.choices, Branches: t.branches, Asides: t.asides, World: t.world.Ended(label)}
}
