package engine

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Request is one packet that enters one bridge.
type Request struct {
	Bridge string `json:"bridge"`
	InPort uint32 `json:"in_port"` // OpenFlow port number
	// InPortDatapath is the datapath port number of InPort; empty when unknown. Without it, a
	// packet whose ct_state has rel but not new, est or rpl, such as an ICMP error, resumes without
	// its original tuple.
	InPortDatapath string        `json:"in_port_datapath,omitempty"`
	Packet         packet.Packet `json:"packet"`
	// Metadata lists flow fields that stand before the packet's own: tun_id=..., pkt_mark=...
	Metadata []Field `json:"metadata,omitempty"`
	// Conn is the conntrack state that the packet already carries; the zero value is an untracked
	// packet.
	Conn ctstate.Conn `json:"conn"`
	// Resume is a list of OpenFlow actions: the packet enters the pipeline by packet-out with them.
	// Empty for a packet that enters by InPort.
	Resume string `json:"resume,omitempty"`
	// Lessons are the flows that earlier packets would have put into the node's tables by learn().
	Lessons []Lesson `json:"lessons,omitempty"`
	// Carried is what earlier undetermined choices have left on the node: those of earlier packets,
	// and of this packet's earlier visits.
	Carried Carried `json:"carried,omitzero"`
}

// Field is one item of a flow, NAME=VALUE or NAME=VALUE/MASK, as Open vSwitch prints and reads it.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Mask  string `json:"mask,omitempty"`
}

// Limits bound the work of one trace. A field that is 0 has the value of DefaultLimits.
type Limits struct {
	Segments int // segments of one trace; beyond it the trace fails with ErrLimit
	Outcomes int // exclusive alternatives; beyond it a branch ends as LeafUnknown
	Buckets  int // values of dp_hash tried for one group; beyond it a branch ends as LeafUnknown
	Resumes  int // tries to catch a recirculation id alive, before it falls back to packet-out
}

// DefaultLimits are the limits for fields that are 0.
var DefaultLimits = Limits{Segments: 2048, Outcomes: 256, Buckets: 256, Resumes: 6}
