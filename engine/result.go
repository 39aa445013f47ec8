package engine

import (
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Result is the result of a trace: one Outcome, or several of which exactly one happens.
type Result struct {
	Segments []*Segment `json:"segments"` // by ID, of all outcomes
	Outcomes []*Outcome `json:"outcomes"`
	// Busy is how long Open vSwitch took to answer, in nanoseconds of all its answers together.
	// Engine.Trace leaves it 0; who runs the engine may measure it.
	Busy time.Duration `json:"busy,omitempty"`
}

// Outcome is the result for one combination of the undetermined choices.
type Outcome struct {
	Choices []Choice            `json:"choices,omitempty"` // in the order in which they were met
	Leaves  []Leaf              `json:"leaves"`            // the packet's ends; all of them happen, in this order
	Overlay ctstate.OverlayData `json:"overlay"`           // entries as this outcome leaves them
	// Lessons are the flows that the packet would have put into the node's tables by learn(), in
	// order: for Request.Lessons of later packets.
	Lessons []Lesson `json:"lessons,omitempty"`
	Carried Carried  `json:"carried,omitzero"` // for Request.Carried of later packets
}

// Segment is one translation: from where the packet enters or resumes to the next recirculations.
// Flows, matches and actions are text as Open vSwitch prints it, which ovs-ofctl(8) and
// ovs-dpctl(8) describe.
type Segment struct {
	ID     int    `json:"id"`     // index in Result.Segments
	Parent int    `json:"parent"` // ID of the segment that recirculated to it; -1 for the first
	Enter  string `json:"enter"`  // "packet", "table N", or "actions ..." for actions that a freeze restored
	// Flow is the packet as it enters, in OpenFlow syntax. For a resumed segment it has no
	// registers: Open vSwitch restores them from the frozen state.
	Flow    string     `json:"flow"`
	Tables  []TableHit `json:"tables"` // in execution order
	CT      []CTStep   `json:"ct,omitempty"`
	Actions string     `json:"actions"`           // datapath actions, in ovs-dpctl's syntax
	Final   string     `json:"final"`             // the flow at the end, in OpenFlow syntax
	Mega    string     `json:"mega,omitempty"`    // the megaflow: the fields that the translation depends on
	Notes   []string   `json:"notes,omitempty"`   // remarks for people
	Assumed []string   `json:"assumed,omitempty"` // values that were not given and were assumed
	Approx  bool       `json:"approx,omitempty"`  // resumed by packet-out, without stack and action set
}

// TableHit is one table look-up and the actions it led to.
type TableHit struct {
	Bridge   string   `json:"bridge"`
	Table    int      `json:"table"`    // 0 to 254; -1 for the action set
	Priority int      `json:"priority"` // 0 to 65535
	Cookie   uint64   `json:"cookie"`
	Match    string   `json:"match"` // of the flow found, in OpenFlow syntax
	Miss     bool     `json:"miss,omitempty"`
	Actions  []string `json:"actions,omitempty"` // those executed, each as ofproto/trace prints it
	// Metadata is the value of the metadata field in Match, OVN's logical datapath; 0 if Match does
	// not have it.
	Metadata uint64 `json:"metadata,omitempty"`
	// Flow is the packet that was looked up, with its registers and conntrack state, in OpenFlow
	// syntax; empty where it is unknown.
	Flow string `json:"flow,omitempty"`
	// Taught is the packet that would have put the flow there by learn(); empty if the flow is in
	// the table.
	Taught string `json:"taught,omitempty"`
}

// CTStep is one ct() action and conntrack's answer.
type CTStep struct {
	Zone   uint16         `json:"zone"`
	Action string         `json:"action"` // in ovs-dpctl's syntax
	Before packet.Packet  `json:"before"`
	Tuple  ctstate.Tuple  `json:"tuple"` // of Before
	Result ctstate.Result `json:"result"`
	Err    string         `json:"err,omitempty"` // why the table could not be read; Result is then empty
	After  packet.Packet  `json:"after"`         // translated
	// Depends lists the choices that led to the entry that translates the packet: earlier ones, of
	// earlier packets or of this one.
	Depends []Choice `json:"depends,omitempty"`
	// Choices are those on the way to the step; they distinguish the steps of a segment that
	// several outcomes share.
	Choices []Choice `json:"choices,omitempty"`
}
