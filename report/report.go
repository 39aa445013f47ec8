// Package report is the public result of a run: the JSON of schema ovn-ct-trace/1, as types.
//
// The comments of types, fields and constants are public: the JSON Schema and docs/json.md are made
// from them (go generate).
package report

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// Schema names the JSON's version.
const Schema = "ovn-ct-trace/1"

// Report is the answer of trace, session and node trace.
type Report struct {
	// names the version of the format
	Schema string `json:"schema" jsonschema:"enum=ovn-ct-trace/1"`
	// Verdict is the worst of all packets.
	Verdict engine.Verdict `json:"verdict"`
	// Expectation is what was asked for; the exit status is 0 when it is met.
	Expectation *Expectation `json:"expectation,omitempty" jsonschema:"required"`
	// Packets are the packets traced: one for trace, one a step for session.
	Packets []*Packet `json:"packets"`
	Session *Session  `json:"session,omitempty"` // of session only
	// Warnings name what may make the answer less than certain.
	Warnings []string `json:"warnings"`
	Versions Versions `json:"versions"`
}

// Expectation is what was asked for and whether it came true.
type Expectation struct {
	Text string `json:"text"` // for people: "delivered at sw0-p2"
	Met  bool   `json:"met"`  // the packet, or the session, ended so
}

// Session says whether a handshake went through, and where it broke.
type Session struct {
	Proto       string `json:"proto"`       // tcp, udp, icmp, ...
	Established bool   `json:"established"` // every packet of it arrived
	// BrokenAt is the label of the packet that broke it; empty when none did.
	BrokenAt string `json:"broken_at"`
	Why      string `json:"why,omitempty"` // why it broke
	// Verdict is how the packet ended that broke it; of an established session, how the first packet did.
	Verdict engine.Verdict `json:"verdict"`
	// Alternatives lists how the handshake ends for each way the undetermined choices can fall, where there are several.
	Alternatives []SessionAlternative `json:"alternatives,omitempty"`
}

// SessionAlternative is the end of a handshake for one way the choices can fall.
type SessionAlternative struct {
	Choices     []engine.Choice `json:"choices"`     // how the choices fall
	Established bool            `json:"established"` // every packet of it arrived
	// BrokenAt is the label of the packet that broke it; empty when none did.
	BrokenAt string `json:"broken_at"`
	Why      string `json:"why,omitempty"` // why it broke
	// Verdict is how the packet ended that broke it; of an established session, how the first
	// packet did.
	Verdict engine.Verdict `json:"verdict"`
}

// Versions names the software that the answer comes from.
type Versions struct {
	Tool    string             `json:"tool"`    // of ovn-ct-trace
	Chassis map[string]Chassis `json:"chassis"` // by the chassis' name: those that were asked
}

// Chassis names a chassis' software; what is unknown is empty.
type Chassis struct {
	OVS string `json:"ovs"` // version of Open vSwitch
	OVN string `json:"ovn"` // version of OVN
	// type of the datapath: system is the kernel's, netdev the userspace one
	Datapath string `json:"datapath"`
	Kernel   string `json:"kernel,omitempty"` // version of the kernel
}

// Place is a logical port on a chassis.
type Place struct {
	Chassis string `json:"chassis"` // name of the chassis; "local" without OVN
	Port    string `json:"port"`    // logical port
}

// Packet is one packet's way.
type Packet struct {
	// Label names the packet by what it does to a connection: SYN, SYN-ACK, echo request, ...
	Label     string    `json:"label"`
	Direction Direction `json:"direction"` // in which it goes, in its session
	From      Place     `json:"from"`      // where it enters
	Header    Header    `json:"header"`    // as it enters
	// Verdict is the worst of the branches, mirrors' copies apart; of a flood the best.
	Verdict engine.Verdict `json:"verdict"`
	// Flood says that the packet was multiplied by design; its verdict is its best branch's.
	Flood bool `json:"flood,omitempty"`
	// Branches are the ways that the packet ends. Without an undetermined choice all of them
	// happen; with one, exactly one of its alternatives.
	Branches []*Branch `json:"branches"`
	// Generated are the ends of packets that OVN sends beside this one: an ARP request for its next hop, a time exceeded.
	Generated []*Branch `json:"generated,omitempty"`
	// Hops are the chassis on the way.
	Hops []*Hop `json:"hops"`
	// Findings are differences between what the Southbound database asks for and what the chassis has.
	Findings []Finding `json:"findings,omitempty"`
}

// Branch is one way the packet can end.
type Branch struct {
	Verdict engine.Verdict `json:"verdict"`
	End     End            `json:"end"`
	Header  Header         `json:"header"` // as it leaves
	// Choices are those on this branch's way that the packet's headers do not decide.
	Choices []engine.Choice `json:"choices,omitempty"`
	// what decided the end, where something has to be said of it
	Reason *Reason `json:"reason,omitempty"`
	// the hops on its way, by their place in the packet's list
	Hops []int `json:"hops" jsonschema:"minimum=0"`
	// Generated says which answer of OVN's (reset, ICMP error, ARP reply, ...) this branch is.
	Generated string `json:"generated,omitempty"`
	// Mirror names the mirror whose copy this branch is. It happens, and does not count for the packet's verdict.
	Mirror string `json:"mirror,omitempty"`
	// Held says that the packet is a fragment, and that this end comes about once all of its datagram has come there.
	Held *Held `json:"held,omitempty"`
	// Segments are the segments on this branch's own way: pairs of a hop's place in the packet's
	// list and a segment's id.
	Segments [][2]int `json:"segments,omitempty"`
}

// Held is the ct() action where a fragment first waits for the others.
type Held struct {
	Chassis string `json:"chassis"` // where it waits
	Zone    uint16 `json:"zone"`    // conntrack zone
}

// End is where a branch ends.
type End struct {
	Kind    EndKind `json:"kind"`
	Chassis string  `json:"chassis"` // the last on its way
	// logical port, where the kind is port; else the port of the bridge, where there is one
	Port string `json:"port,omitempty"`
}

// Reason says what decided a branch's end.
type Reason struct {
	// for people
	Text string `json:"text"`
	// where it was decided
	Chassis string `json:"chassis,omitempty"`
	// OpenFlow table number
	Table *int `json:"table,omitempty" jsonschema:"minimum=0,maximum=255"`
	// OVN's name of the table: ls_out_acl_eval
	Stage string `json:"stage,omitempty"`
	// of the OpenFlow flow that decided
	Cookie string `json:"cookie,omitempty" jsonschema:"pattern=^0x[0-9a-f]+$"`
	// that the cookie names
	LogicalFlow *LogicalFlow `json:"logical_flow,omitempty"`
	// the Northbound row behind it: ACL, NAT, load balancer, ...
	NB *NB `json:"nb,omitempty"`
	// of a table miss: the flow that would have matched nearest
	Nearest string `json:"nearest,omitempty"`
	// KnownIn lists where else the connection has an entry that the look-up in its own zone did not
	// find.
	KnownIn []Known `json:"known_in,omitempty"`
}

// Known is an entry in a zone that the packet was not looked up in.
type Known struct {
	Chassis string `json:"chassis"` // chassis whose table has the entry
	Zone    uint16 `json:"zone"`    // conntrack zone of the entry
	// what the zone is of, as in CT; empty when unknown
	ZoneName string `json:"zone_name"`
	Entry    Entry  `json:"entry"`
}

// LogicalFlow is a row of the Southbound Logical_Flow table.
type LogicalFlow struct {
	// name of the logical switch or router
	Datapath string `json:"datapath"`
	Pipeline string `json:"pipeline"`                                      // ingress or egress
	Priority int    `json:"priority" jsonschema:"minimum=0,maximum=65535"` // of the logical flow
	// in OVN's expression language
	Match string `json:"match"`
	// in OVN's action language
	Actions string `json:"actions"`
}

// NB is a row of the Northbound database.
type NB struct {
	Table   string `json:"table"`   // ACL, NAT, Load_Balancer, ...
	UUID    string `json:"uuid"`    // of the row
	Name    string `json:"name"`    // empty where the row has none
	Summary string `json:"summary"` // the row on one line, for people
}
