// Package engine traces one packet through one node: ofproto/trace segment by
// segment, every conntrack recirculation answered from the node's own entries.
//
// It returns data and prints nothing. The node is reached through the small
// interfaces declared here.
package engine

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Prober runs ovs-vswitchd's ofproto/trace; never with a packet or -generate, which
// would execute actions.
type Prober interface {
	// Trace runs "ofproto/trace BRIDGE FLOW", or "ofproto/trace FLOW" with an empty bridge
	// for a flow in datapath syntax.
	Trace(ctx context.Context, bridge, flow string) (string, error)
	// TracePacketOut runs "ofproto/trace-packet-out BRIDGE FLOW ACTIONS".
	TracePacketOut(ctx context.Context, bridge, flow, actions string) (string, error)
}

// PortKind says what lies behind a datapath port.
type PortKind string

// The kinds of port.
const (
	PortVIF      PortKind = "vif"      // has an iface-id
	PortHost     PortKind = "host"     // the bridge's local port, or an internal port without iface-id
	PortTunnel   PortKind = "tunnel"   // geneve, vxlan, stt, gre ...
	PortPhysical PortKind = "physical" // a system device without iface-id
)

// Port is a port of the node.
type Port struct {
	Datapath string   `json:"datapath"` // datapath port number
	Name     string   `json:"name"`
	Bridge   string   `json:"bridge"`
	OFPort   uint32   `json:"ofport"`
	Type     string   `json:"type"` // as OVS names it: system, internal, geneve ...
	Kind     PortKind `json:"kind"`
	IfaceID  string   `json:"iface_id,omitempty"`
	// Bond is the bond that it is a member of.
	Bond string `json:"bond,omitempty"`
	// Mirrors are the mirrors of its bridge that send their copies out of it.
	Mirrors []string `json:"mirrors,omitempty"`
}

// Ports finds a port by what a datapath action names, a number or a name; ok is false
// when there is none.
type Ports interface {
	ByDatapath(port string) (p Port, ok bool)
}

// Bonds finds the members of a bond by what lb_output names, the number that bond/show calls
// bond-id; none where it is not known.
type Bonds interface {
	Members(id uint32) []Port
}

// Tunnel is a packet's tunnel metadata: as received, or as set for sending.
type Tunnel struct {
	ID      uint64         `json:"id"`
	Src     string         `json:"src,omitempty"`
	Dst     string         `json:"dst,omitempty"`
	TTL     uint8          `json:"ttl,omitempty"`
	TPDst   uint16         `json:"tp_dst,omitempty"`
	Flags   []string       `json:"flags,omitempty"`
	Options []TunnelOption `json:"options,omitempty"`
	Rest    string         `json:"rest,omitempty"` // what else was printed
}

// TunnelOption is a Geneve option; Data is hex digits, two a byte.
type TunnelOption struct {
	Class uint16 `json:"class"`
	Type  uint8  `json:"type"`
	Data  string `json:"data"`
}

// Request is one packet entering one bridge.
type Request struct {
	Bridge string `json:"bridge"`
	InPort uint32 `json:"in_port"` // OpenFlow port number
	// InPortDatapath is the datapath port number of InPort; empty when unknown.
	InPortDatapath string        `json:"in_port_datapath,omitempty"`
	Packet         packet.Packet `json:"packet"`
	// Metadata is given to the flow before the packet's own fields: tun_id=..., pkt_mark=...
	Metadata []openflow.Field `json:"metadata,omitempty"`
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

// Choice is an alternative that the packet's headers do not decide.
type Choice struct {
	// Kind is what is chosen: lb-backend, a load balancer's backend; ecmp, a next hop or a group's
	// bucket; nat-port and nat-address, out of NAT's range; ct-answered, ct-nat and ct-reopen, what
	// the userspace conntrack table does not show; controller, by ovn-controller;
	// physical-network, by a network outside OVN. Later versions may have more.
	Kind   string `json:"kind"`
	Chosen string `json:"chosen"` // what this alternative takes
	// Share is the part of all hash values or equal alternatives that leads here, 0 to 1; 0 where
	// it is unknown.
	Share float64 `json:"share" jsonschema:"minimum=0,maximum=1"`
	// Determined says that the choice can fall no other way: an entry or another fact pins it.
	Determined bool   `json:"determined"`
	Why        string `json:"why,omitempty"` // why it is open, or what pins it
	// Of names the earlier packet that made the choice: this one depends on it. Absent for a choice
	// of the packet itself.
	Of string `json:"of,omitempty"`
}

// Result is what became of the packet on this node: one Outcome, or several that exclude each other.
type Result struct {
	Segments []*Segment `json:"segments"`
	Outcomes []*Outcome `json:"outcomes"`
}

// Outcome is one way all undetermined choices can fall.
type Outcome struct {
	Choices []Choice            `json:"choices,omitempty"`
	Leaves  []Leaf              `json:"leaves"`
	Overlay ctstate.OverlayData `json:"overlay"` // entries as this outcome leaves them
	Carried Carried             `json:"carried,omitzero"`
}

// LeafKind says what ended a branch on this node.
type LeafKind string

// The ends of a branch on one node.
const (
	LeafOutput     LeafKind = "output"
	LeafController LeafKind = "controller"
	LeafDrop       LeafKind = "drop"
	LeafUnknown    LeafKind = "unknown"
)

// Leaf is one end of the packet on this node.
type Leaf struct {
	Kind       LeafKind        `json:"kind"`
	Port       *Port           `json:"port,omitempty"`
	Packet     packet.Packet   `json:"packet"`
	Tunnel     *Tunnel         `json:"tunnel,omitempty"`
	Controller *ControllerLeaf `json:"controller,omitempty"`
	Segment    int             `json:"segment"` // index in Result.Segments
	Path       []int           `json:"path"`    // segments from the first to Segment
	Choices    []Choice        `json:"choices,omitempty"`
	Why        string          `json:"why,omitempty"`
	// Hit is the look-up in Segment's Tables that decided, counted from 1; 0 where the last one
	// did.
	Hit  int          `json:"hit,omitempty"`
	Conn ctstate.Conn `json:"conn"`
	// Mirror names the mirror whose copy this is: not an end of the packet itself.
	Mirror string `json:"mirror,omitempty"`
	Held   *Hold  `json:"held,omitempty"`
	// Outer is the native tunnel's packet that Packet was in here; Tunnel then is its header as the
	// receiver sees it.
	Outer *packet.Packet `json:"outer,omitempty"`
	push  int            // the tnl_push that made Outer
}

// Hold is where a fragment first waits for the others of its datagram; what follows is the datagram's.
type Hold struct {
	Zone uint16 `json:"zone"`
}

// ControllerLeaf is a punt to the controller.
type ControllerLeaf struct {
	Action   string `json:"action"` // the OpenFlow action as printed, "" when not found
	Table    int    `json:"table"`
	Bridge   string `json:"bridge"`
	Cookie   uint64 `json:"cookie"`
	Reason   uint32 `json:"reason"`
	Paused   bool   `json:"paused"`
	RecircID uint32 `json:"recirc_id,omitempty"`
	// FlowRegs has the registers and metadata at the punt; Lost says why they are not to be relied on.
	FlowRegs string `json:"flow_regs,omitempty"`
	Lost     string `json:"lost,omitempty"`
}

// Segment is one translation between recirculations.
type Segment struct {
	ID      int        `json:"id"`
	Parent  int        `json:"parent"` // -1 for the first
	Enter   string     `json:"enter"`
	Flow    string     `json:"flow"`
	Tables  []TableHit `json:"tables"`
	CT      []CTStep   `json:"ct,omitempty"`
	Actions string     `json:"actions"`
	Final   string     `json:"final"`
	Mega    string     `json:"mega,omitempty"`
	Notes   []string   `json:"notes,omitempty"`
	Assumed []string   `json:"assumed,omitempty"` // what was not given and had to be assumed
	Approx  bool       `json:"approx,omitempty"`  // resumed by packet-out
}

// TableHit is one table look-up and the actions it led to.
type TableHit struct {
	Bridge   string   `json:"bridge"`
	Table    int      `json:"table"`
	Priority int      `json:"priority"`
	Cookie   uint64   `json:"cookie"`
	Match    string   `json:"match"`
	Miss     bool     `json:"miss,omitempty"`
	Actions  []string `json:"actions,omitempty"`
	Metadata uint64   `json:"metadata,omitempty"`
	// Flow is the packet that was looked up, with its registers and conntrack state; empty where it could not be followed.
	Flow string `json:"flow,omitempty"`
	// Taught is the packet that would have put the flow there; empty where it is really in the table.
	Taught string `json:"taught,omitempty"`
}

// CTStep is one ct() action with conntrack's answer.
type CTStep struct {
	Zone   uint16         `json:"zone"`
	Action string         `json:"action"`
	Before packet.Packet  `json:"before"`
	Tuple  ctstate.Tuple  `json:"tuple"`
	Result ctstate.Result `json:"result"`
	Err    string         `json:"err,omitempty"`
	After  packet.Packet  `json:"after"`
	// Depends lists the choices that led to the entry that translates the packet, of packets before
	// or of this one before.
	Depends []Choice `json:"depends,omitempty"`
	// Outcome-specific steps of a segment that several outcomes share are told apart by Choices.
	Choices []Choice `json:"choices,omitempty"`
}

// Limits bound the work of one trace.
type Limits struct {
	Segments int // segments of one packet on one node
	Outcomes int // exclusive alternatives
	Buckets  int // values of dp_hash tried for one group
	Resumes  int // tries to catch a recirculation id alive
}

// DefaultLimits are used where a limit is 0.
var DefaultLimits = Limits{Segments: 2048, Outcomes: 256, Buckets: 256, Resumes: 6}
