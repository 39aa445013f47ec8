package engine

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// LeafKind says what ended a branch on this node.
type LeafKind string

// The ends of a branch on one node.
const (
	LeafOutput     LeafKind = "output"     // it leaves by Leaf.Port
	LeafController LeafKind = "controller" // punted, or consumed by ovs-vswitchd itself
	LeafDrop       LeafKind = "drop"
	LeafUnknown    LeafKind = "unknown" // Leaf.Why says what is not known
)

// Leaf is one end of the packet on this node.
type Leaf struct {
	Kind       LeafKind        `json:"kind"`
	Port       *Port           `json:"port,omitempty"`       // of LeafOutput
	Packet     packet.Packet   `json:"packet"`               // as it is at its end
	Tunnel     *Tunnel         `json:"tunnel,omitempty"`     // nil where the port is no tunnel
	Controller *ControllerLeaf `json:"controller,omitempty"` // nil where ovs-vswitchd consumes the packet
	Segment    int             `json:"segment"`              // ID of the segment that ended it
	Path       []int           `json:"path"`                 // segments from the first to Segment
	Choices    []Choice        `json:"choices,omitempty"`    // on this leaf's own way
	Why        string          `json:"why,omitempty"`        // for people; empty where the flows say it all
	// Hit is the look-up in Segment's Tables that decided, counted from 1; 0 where the last one
	// did.
	Hit  int          `json:"hit,omitempty"`
	Conn ctstate.Conn `json:"conn"` // the conntrack state that the packet carries
	// Mirror names the mirror whose copy this is: not an end of the packet itself.
	Mirror string `json:"mirror,omitempty"`
	Held   *Hold  `json:"held,omitempty"` // nil for a packet that is no fragment, or not held
	// Outer is the native tunnel's packet that Packet was in here; Tunnel then is its header as the
	// receiver sees it.
	Outer *packet.Packet `json:"outer,omitempty"`
	push  int            // the tnl_push that made Outer
}

// Hold is where a fragment first waits for the others of its datagram; what follows is the
// datagram's.
type Hold struct {
	Zone uint16 `json:"zone"`
}

// ControllerLeaf is a punt to the controller.
type ControllerLeaf struct {
	Action   string `json:"action"` // the OpenFlow action as printed, "" when not found
	Table    int    `json:"table"`  // where it is; -1 when not found
	Bridge   string `json:"bridge"`
	Cookie   uint64 `json:"cookie"` // of the flow it is in
	Reason   uint32 `json:"reason"` // enum ofp_packet_in_reason: 1 for an action
	Paused   bool   `json:"paused"` // the packet waits for the controller to resume it
	RecircID uint32 `json:"recirc_id,omitempty"`
	// FlowRegs has the registers and metadata at the punt, in OpenFlow syntax; Lost says why they
	// are not to be relied on, and is empty where they are.
	FlowRegs string `json:"flow_regs,omitempty"`
	Lost     string `json:"lost,omitempty"`
}
