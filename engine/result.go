package engine

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Result is what became of the packet on this node: one Outcome, or several that exclude each
// other.
type Result struct {
	Segments []*Segment `json:"segments"` // by ID, of all outcomes
	Outcomes []*Outcome `json:"outcomes"`
}

// Outcome is one way all undetermined choices can fall.
type Outcome struct {
	Choices []Choice            `json:"choices,omitempty"` // in the order in which they fell
	Leaves  []Leaf              `json:"leaves"`            // all of them happen, in this order
	Overlay ctstate.OverlayData `json:"overlay"`           // entries as this outcome leaves them
	// Lessons are the flows that the packet would have taught the node (learn()), in the order in
	// which it would: for Request.Lessons of packets after it.
	Lessons []Lesson `json:"lessons,omitempty"`
	Carried Carried  `json:"carried,omitzero"` // for Request.Carried of packets after it
}

// Segment is one translation between recirculations. Flows, matches and actions are text as Open
// vSwitch prints it, which ovs-ofctl(8) and ovs-dpctl(8) describe.
type Segment struct {
	ID     int    `json:"id"`     // index in Result.Segments
	Parent int    `json:"parent"` // ID of the one that recirculated to it; -1 for the first
	Enter  string `json:"enter"`  // "packet", "table N", or "actions ..." for what a freeze restored
	// Flow is the packet as it enters, in OpenFlow syntax. A resumed segment's has no registers:
	// they are restored behind it.
	Flow    string     `json:"flow"`
	Tables  []TableHit `json:"tables"` // in execution order
	CT      []CTStep   `json:"ct,omitempty"`
	Actions string     `json:"actions"`           // datapath actions, in ovs-dpctl's syntax
	Final   string     `json:"final"`             // the flow at the end, in OpenFlow syntax
	Mega    string     `json:"mega,omitempty"`    // the megaflow: the fields that decided
	Notes   []string   `json:"notes,omitempty"`   // remarks for people
	Assumed []string   `json:"assumed,omitempty"` // what was not given and had to be assumed
	Approx  bool       `json:"approx,omitempty"`  // resumed by packet-out: without stack and action set
}

// TableHit is one table look-up and the actions it led to.
type TableHit struct {
	Bridge   string   `json:"bridge"`
	Table    int      `json:"table"`    // 0 to 254; -1 for the action set
	Priority int      `json:"priority"` // 0 to 65535
	Cookie   uint64   `json:"cookie"`
	Match    string   `json:"match"` // of the flow found, in OpenFlow syntax
	Miss     bool     `json:"miss,omitempty"`
	Actions  []string `json:"actions,omitempty"` // executed, one a line as ofproto/trace prints them
	// Metadata is what Match asks of the metadata field, OVN's logical datapath; 0 for nothing.
	Metadata uint64 `json:"metadata,omitempty"`
	// Flow is the packet that was looked up, with its registers and conntrack state, in OpenFlow
	// syntax; empty where it could not be followed.
	Flow string `json:"flow,omitempty"`
	// Taught is the packet that would have put the flow there; empty where it is really in the
	// table.
	Taught string `json:"taught,omitempty"`
}

// CTStep is one ct() action with conntrack's answer.
type CTStep struct {
	Zone   uint16         `json:"zone"`
	Action string         `json:"action"` // in ovs-dpctl's syntax
	Before packet.Packet  `json:"before"`
	Tuple  ctstate.Tuple  `json:"tuple"` // of Before
	Result ctstate.Result `json:"result"`
	Err    string         `json:"err,omitempty"` // why the table could not be asked; Result is then empty
	After  packet.Packet  `json:"after"`         // translated
	// Depends lists the choices that led to the entry that translates the packet, of packets before
	// or of this one before.
	Depends []Choice `json:"depends,omitempty"`
	// Choices are those on the way to it: steps of a segment that several outcomes share are told
	// apart by them.
	Choices []Choice `json:"choices,omitempty"`
}
