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
	// Expectation is the expected end; the exit status is 0 if it is met.
	Expectation *Expectation `json:"expectation,omitempty" jsonschema:"required"`
	// Packets are the traced packets: one for trace, one for each step of a session.
	Packets []*Packet `json:"packets"`
	Session *Session  `json:"session,omitempty"` // of session only
	// Warnings list what makes the answer uncertain.
	Warnings []string `json:"warnings"`
	Versions Versions `json:"versions"`
}

// Expectation is the expected end and whether it was met.
type Expectation struct {
	Text string `json:"text"` // for people: "delivered at sw0-p2"
	Met  bool   `json:"met"`  // the packet, or the session, ended as expected
}

// Session is the result of a handshake: whether it completed, and where it failed.
type Session struct {
	Proto       string `json:"proto"`       // tcp, udp, icmp, ...
	Established bool   `json:"established"` // every packet of it arrived
	// BrokenAt is the label of the packet that broke it; empty when none did.
	BrokenAt string `json:"broken_at"`
	Why      string `json:"why,omitempty"` // why it broke
	// Verdict is that of the packet that broke the handshake; for an established session, that of
	// the first packet.
	Verdict engine.Verdict `json:"verdict"`
	// Alternatives lists the result of the handshake for each combination of the undetermined
	// choices; absent if there is only one.
	Alternatives []SessionAlternative `json:"alternatives,omitempty"`
}

// SessionAlternative is the result of a handshake for one combination of the choices.
type SessionAlternative struct {
	Choices     []engine.Choice `json:"choices"`     // the combination of choices
	Established bool            `json:"established"` // every packet of it arrived
	// BrokenAt is the label of the packet that broke it; empty when none did.
	BrokenAt string `json:"broken_at"`
	Why      string `json:"why,omitempty"` // why it broke
	// Verdict is that of the packet that broke the handshake; for an established session, that of
	// the first packet.
	Verdict engine.Verdict `json:"verdict"`
}

// Versions contains the versions of the software that the answer comes from.
type Versions struct {
	Tool    string             `json:"tool"`    // of ovn-ct-trace
	Chassis map[string]Chassis `json:"chassis"` // versions on the chassis that were asked, by chassis name
}

// Chassis contains the versions of a chassis' software; one that is unknown is empty.
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

// Packet is one traced packet and its way.
type Packet struct {
	// Label names the packet's role in its connection: SYN, SYN-ACK, echo request, ...
	Label     string    `json:"label"`
	Direction Direction `json:"direction"` // its direction in its connection
	From      Place     `json:"from"`      // where it enters
	// Frame is the packet's number in the capture that a session replays; absent for any other
	// packet.
	Frame int `json:"frame,omitempty" jsonschema:"minimum=1"`
	// Differs says how the capture that a session replays and the prediction differ at this packet,
	// the first one at which they do; absent where they agree, and for any other packet.
	Differs string `json:"differs,omitempty"`
	Header  Header `json:"header"` // as it enters
	// Verdict is the worst verdict of the branches, for a flood the best. Mirror copies are not
	// counted.
	Verdict engine.Verdict `json:"verdict"`
	// Flood says that the packet was multiplied by design; its verdict is that of its best branch.
	Flood bool `json:"flood,omitempty"`
	// Branches are the ends of the packet. All of them happen, except that exactly one of the
	// alternatives of each undetermined choice does.
	Branches []*Branch `json:"branches"`
	// Generated are the ends of packets that OVN sends in addition to this one: an ARP request for
	// its next hop, a time exceeded.
	Generated []*Branch `json:"generated,omitempty"`
	// Hops are the chassis on the way.
	Hops []*Hop `json:"hops"`
	// Findings are differences between the Southbound database and the configuration of the
	// chassis.
	Findings []Finding `json:"findings,omitempty"`
}

// Branch is one end of the packet.
type Branch struct {
	Verdict engine.Verdict `json:"verdict"`
	End     End            `json:"end"`
	Header  Header         `json:"header"` // as it leaves
	// Choices are the choices on this branch's way that the packet's headers do not decide.
	Choices []engine.Choice `json:"choices,omitempty"`
	// what decided the end; absent if the end needs no reason
	Reason *Reason `json:"reason,omitempty"`
	// the hops on its way, as indexes into the packet's list of hops
	Hops []int `json:"hops" jsonschema:"minimum=0"`
	// Generated is the kind of packet that OVN generates here (reset, ICMP error, ARP reply, ...);
	// absent for the packet itself.
	Generated string `json:"generated,omitempty"`
	// Mirror names the mirror that makes this branch, a copy; absent for the packet itself. The
	// packet's verdict does not depend on it.
	Mirror string `json:"mirror,omitempty"`
	// Held says that the packet is a fragment: this end happens only after every fragment of its
	// datagram has arrived there.
	Held *Held `json:"held,omitempty"`
	// Segments are the segments on this branch's own way: pairs of an index into the packet's list
	// of hops and the id of a segment.
	Segments [][2]int `json:"segments,omitempty"`
}

// Held is the ct() action where a fragment first waits for the others of its datagram.
type Held struct {
	Chassis string `json:"chassis"` // where it waits
	Zone    uint16 `json:"zone"`    // conntrack zone
}

// End is where a branch ends.
type End struct {
	Kind    EndKind `json:"kind"`
	Chassis string  `json:"chassis"` // the last chassis on its way
	// logical port if the kind is port; else the port of the bridge, if there is one
	Port string `json:"port,omitempty"`
}

// Reason is what decided a branch's end.
type Reason struct {
	// for people
	Text string `json:"text"`
	// Code is the kind of cause; absent if it is none of the list.
	Code Code `json:"code,omitempty"`
	// Where names what the code is about, by kind: datapath, port, chassis, network, address, ...
	Where map[string]string `json:"where,omitempty"`
	// chassis on which it was decided
	Chassis string `json:"chassis,omitempty"`
	// OpenFlow table number
	Table *int `json:"table,omitempty" jsonschema:"minimum=0,maximum=255"`
	// OVN's name of the table: ls_out_acl_eval
	Stage string `json:"stage,omitempty"`
	// cookie of the OpenFlow flow that decided
	Cookie string `json:"cookie,omitempty" jsonschema:"pattern=^0x[0-9a-f]+$"`
	// logical flow of the cookie
	LogicalFlow *LogicalFlow `json:"logical_flow,omitempty"`
	// the Northbound row behind it: ACL, NAT, load balancer, ...
	NB *NB `json:"nb,omitempty"`
	// for a table miss: the flow that is nearest to a match
	Nearest string `json:"nearest,omitempty"`
	// KnownIn lists other zones that have an entry of the connection, if the look-up in its own
	// zone found none.
	KnownIn []Known `json:"known_in,omitempty"`
}

// Known is an entry of the connection in a zone in which it was not looked up.
type Known struct {
	Chassis string `json:"chassis"` // chassis whose table has the entry
	Zone    uint16 `json:"zone"`    // conntrack zone of the entry
	// owner of the zone, as in CT; empty if unknown
	ZoneName string `json:"zone_name"`
	Entry    Entry  `json:"entry"`
}

// LogicalFlow is a row of the Southbound Logical_Flow table.
type LogicalFlow struct {
	// name of the logical switch or router
	Datapath string `json:"datapath"`
	Pipeline string `json:"pipeline"`                                      // ingress or egress
	Priority int    `json:"priority" jsonschema:"minimum=0,maximum=65535"` // priority of the logical flow
	// match, in OVN's expression language
	Match string `json:"match"`
	// actions, in OVN's action language
	Actions string `json:"actions"`
}

// NB is a row of the Northbound database.
type NB struct {
	Table   string `json:"table"`   // ACL, NAT, Load_Balancer, ...
	UUID    string `json:"uuid"`    // UUID of the row
	Name    string `json:"name"`    // name of the row; empty if it has none
	Summary string `json:"summary"` // the row on one line, for people
}
