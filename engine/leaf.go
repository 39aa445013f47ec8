package engine

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// LeafKind is how a branch ended on this node.
type LeafKind string

// The ends of a branch on one node.
const (
	LeafOutput     LeafKind = "output"     // it leaves by Leaf.Port
	LeafController LeafKind = "controller" // punted, or consumed by ovs-vswitchd itself
	LeafDrop       LeafKind = "drop"
	LeafUnknown    LeafKind = "unknown" // it is unknown; Leaf.Why says why
)

// Leaf is one end of the packet on this node.
type Leaf struct {
	Kind       LeafKind        `json:"kind"`
	Port       *Port           `json:"port,omitempty"`       // of LeafOutput
	Packet     packet.Packet   `json:"packet"`               // the packet at its end
	Tunnel     *Tunnel         `json:"tunnel,omitempty"`     // nil if the port is not a tunnel
	Controller *ControllerLeaf `json:"controller,omitempty"` // nil if ovs-vswitchd consumes the packet
	Segment    int             `json:"segment"`              // ID of the segment where it ended
	Path       []int           `json:"path"`                 // IDs of the segments from the first to Segment
	Choices    []Choice        `json:"choices,omitempty"`    // choices on this leaf's own way
	Why        string          `json:"why,omitempty"`        // for people; empty if the flows show the reason
	// Hit is the position, counted from 1, of the deciding look-up in the segment's Tables; 0 for
	// the last one.
	Hit  int          `json:"hit,omitempty"`
	Conn ctstate.Conn `json:"conn"` // the conntrack state that the packet carries
	// Mirror names the mirror that made this copy; empty for an end of the packet itself.
	Mirror string `json:"mirror,omitempty"`
	Held   *Hold  `json:"held,omitempty"` // nil for a packet that is not a fragment, or not held
	// Outer is the native tunnel's packet that contains Packet, nil without one; Tunnel is then its
	// header as the receiver sees it.
	Outer *packet.Packet `json:"outer,omitempty"`
	push  int            // the tnl_push that made Outer
}

// Hold is the ct() action where a fragment first waits for the others of its datagram. From there
// on, the result is that of the datagram.
type Hold struct {
	Zone uint16 `json:"zone"`
}

// ControllerLeaf is a punt to the controller.
type ControllerLeaf struct {
	Action   string `json:"action"` // the OpenFlow action as printed, "" when not found
	Table    int    `json:"table"`  // number of the action's table; -1 when not found
	Bridge   string `json:"bridge"`
	Cookie   uint64 `json:"cookie"` // cookie of the action's flow
	Reason   uint32 `json:"reason"` // enum ofp_packet_in_reason: 1 for an action
	Paused   bool   `json:"paused"` // reports whether the packet waits for the controller to resume it
	RecircID uint32 `json:"recirc_id,omitempty"`
	// FlowRegs contains the registers and metadata at the punt, in OpenFlow syntax. Lost says why
	// they may be wrong; empty if they are right.
	FlowRegs string `json:"flow_regs,omitempty"`
	Lost     string `json:"lost,omitempty"`
}
