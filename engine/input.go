package engine

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Request is one packet entering one bridge.
type Request struct {
	Bridge string `json:"bridge"`
	InPort uint32 `json:"in_port"` // OpenFlow port number
	// InPortDatapath is the datapath port number of InPort; empty when unknown. A packet that is
	// +rel only, such as an ICMP error, resumes with its original tuple only where it is given.
	InPortDatapath string        `json:"in_port_datapath,omitempty"`
	Packet         packet.Packet `json:"packet"`
	// Metadata is given to the flow before the packet's own fields: tun_id=..., pkt_mark=...
	Metadata []Field `json:"metadata,omitempty"`
	// Conn is the conntrack state the packet already carries; the zero value is untracked.
	Conn ctstate.Conn `json:"conn"`
	// Resume enters the pipeline by packet-out with these OpenFlow actions instead of by in_port.
	Resume string `json:"resume,omitempty"`
	// Lessons are flows that packets before this one would have put into the node's tables.
	Lessons []Lesson `json:"lessons,omitempty"`
	// Carried is what undetermined choices before have left on the node: of packets before, and of
	// this one's earlier visits.
	Carried Carried `json:"carried,omitzero"`
}

// Field is one item of a flow, NAME=VALUE or NAME=VALUE/MASK, as Open vSwitch prints and reads it.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Mask  string `json:"mask,omitempty"`
}

// Limits bound the work of one trace. 0 takes the default.
type Limits struct {
	Segments int // of one packet on one node; beyond it the trace fails with ErrLimit
	Outcomes int // exclusive alternatives; beyond it a branch ends as LeafUnknown
	Buckets  int // values of dp_hash tried for one group; beyond it a branch ends as LeafUnknown
	Resumes  int // tries to catch a recirculation id alive, before it falls back to packet-out
}

// DefaultLimits are used where a limit is 0.
var DefaultLimits = Limits{Segments: 2048, Outcomes: 256, Buckets: 256, Resumes: 6}
