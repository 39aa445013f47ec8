// Package report is the public result of a run: the JSON of schema
// ovn-ct-trace/1, as types.
package report

import (
	"encoding/json"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Schema names the JSON's version.
const Schema = "ovn-ct-trace/1"

// Report is the whole answer.
type Report struct {
	Schema      string         `json:"schema"`
	Verdict     engine.Verdict `json:"verdict"`
	Expectation *Expectation   `json:"expectation,omitempty"`
	Packets     []*Packet      `json:"packets"`
	Session     *Session       `json:"session,omitempty"`
	Warnings    []string       `json:"warnings"`
	Versions    Versions       `json:"versions"`
}

// Expectation is what was asked for and whether it came true.
type Expectation struct {
	Text string `json:"text"`
	Met  bool   `json:"met"`
}

// Session tells whether a handshake went through, and where it broke.
type Session struct {
	Proto       string `json:"proto"`
	Established bool   `json:"established"`
	BrokenAt    string `json:"broken_at"` // label of the packet that broke it; empty when none did
	Why         string `json:"why,omitempty"`
	// Verdict is how the packet ended that broke it; of an established session, how the first packet did.
	Verdict engine.Verdict `json:"verdict"`
	// Alternatives lists how the handshake ends for each way the undetermined choices can fall, where there are several.
	Alternatives []SessionAlternative `json:"alternatives,omitempty"`
}

// SessionAlternative is the end of a handshake for one way the choices can fall.
type SessionAlternative struct {
	Choices     []engine.Choice `json:"choices"`
	Established bool            `json:"established"`
	BrokenAt    string          `json:"broken_at"`
	Why         string          `json:"why,omitempty"`
	Verdict     engine.Verdict  `json:"verdict"`
}

// Versions names what ran.
type Versions struct {
	Tool    string             `json:"tool"`
	Chassis map[string]Chassis `json:"chassis"`
}

// Chassis names a chassis' software.
type Chassis struct {
	OVS      string `json:"ovs"`
	OVN      string `json:"ovn"`
	Datapath string `json:"datapath"`
	Kernel   string `json:"kernel,omitempty"`
}

// Place is a logical port on a chassis.
type Place struct {
	Chassis string `json:"chassis"`
	Port    string `json:"port"`
}

// Packet is one packet's way.
type Packet struct {
	Label     string         `json:"label"`
	Direction string         `json:"direction"` // original or reply
	From      Place          `json:"from"`
	Header    packet.Header  `json:"header"`
	Verdict   engine.Verdict `json:"verdict"`
	// Flood says that the packet was multiplied by design; its verdict is its best branch's.
	Flood    bool      `json:"flood,omitempty"`
	Branches []*Branch `json:"branches"`
	// Generated are the ends of packets that OVN sends beside this one: an ARP request for its next hop, a time exceeded.
	Generated []*Branch `json:"generated,omitempty"`
	Hops      []*Hop    `json:"hops"`
	// Findings are differences between what the Southbound database asks for and what the chassis has.
	Findings []Finding `json:"findings,omitempty"`
}

// Branch is one way the packet can end.
type Branch struct {
	Verdict engine.Verdict  `json:"verdict"`
	End     End             `json:"end"`
	Header  packet.Header   `json:"header"`
	Choices []engine.Choice `json:"choices,omitempty"`
	Reason  *Reason         `json:"reason,omitempty"`
	Hops    []int           `json:"hops"`
	// Generated says which answer of OVN's (reset, ICMP error, ARP reply, ...) this branch is.
	Generated string `json:"generated,omitempty"`
	// Mirror names the mirror whose copy this branch is. It happens, and does not count for the packet's verdict.
	Mirror string `json:"mirror,omitempty"`
	// Held says that the packet is a fragment, and that this end comes about once all of its datagram has come there.
	Held *Held `json:"held,omitempty"`
	// Segments lists, hop by hop, the segments on this branch's own way.
	Segments [][2]int `json:"segments,omitempty"`
}

// Held is the ct() action where a fragment first waits for the others.
type Held struct {
	Chassis string `json:"chassis"`
	Zone    uint16 `json:"zone"`
}

// End is where a branch ends.
type End struct {
	Kind    string `json:"kind"` // port, host, external, controller, drop, unknown
	Chassis string `json:"chassis"`
	Port    string `json:"port,omitempty"`
}

// Reason tells what decided a branch's end.
type Reason struct {
	Text        string       `json:"text"`
	Chassis     string       `json:"chassis,omitempty"`
	Table       *int         `json:"table,omitempty"`
	Stage       string       `json:"stage,omitempty"`
	Cookie      string       `json:"cookie,omitempty"`
	LogicalFlow *LogicalFlow `json:"logical_flow,omitempty"`
	NB          *NB          `json:"nb,omitempty"`
	Nearest     string       `json:"nearest,omitempty"` // what would have matched nearest
	// KnownIn lists where else the connection has an entry that the look-up in its own zone did not
	// find.
	KnownIn []Known `json:"known_in,omitempty"`
}

// Known is an entry in a zone that the packet was not looked up in.
type Known struct {
	Chassis  string `json:"chassis"`
	Zone     uint16 `json:"zone"`
	ZoneName string `json:"zone_name"`
	Entry    Entry  `json:"entry"`
}

// LogicalFlow is a row of the Southbound Logical_Flow table.
type LogicalFlow struct {
	Datapath string `json:"datapath"`
	Pipeline string `json:"pipeline"`
	Priority int    `json:"priority"`
	Match    string `json:"match"`
	Actions  string `json:"actions"`
}

// NB is the Northbound row behind a logical flow.
type NB struct {
	Table   string `json:"table"`
	UUID    string `json:"uuid"`
	Name    string `json:"name"`
	Summary string `json:"summary"`
}

// Hop is one chassis on the way.
type Hop struct {
	Chassis  string     `json:"chassis"`
	Bridge   string     `json:"bridge"`
	InPort   string     `json:"in_port"`
	Via      string     `json:"via"` // vif, tunnel, physical, patch
	Tunnel   *Tunnel    `json:"tunnel,omitempty"`
	Segments []*Segment `json:"segments"`
	// Integration is the chassis' integration bridge, the one that OVN programs.
	Integration string `json:"-"`
}

// Tunnel is how a packet came to a hop from the one before.
type Tunnel struct {
	Type string `json:"type"` // geneve, vxlan, ...
	Src  string `json:"src"`
	Dst  string `json:"dst"`
	// IPsec says what the tunnel's packets are protected by, as set up at the sender; absent where they are in clear.
	IPsec string `json:"ipsec,omitempty"`
}

// Segment is one translation between recirculations.
type Segment struct {
	ID              int      `json:"id"`
	Parent          *int     `json:"parent"`
	Enter           string   `json:"enter"`
	Flow            string   `json:"flow"`
	Tables          []Table  `json:"tables"`
	CT              []CT     `json:"ct"`
	DatapathActions string   `json:"datapath_actions"`
	FinalFlow       string   `json:"final_flow"`
	Notes           []string `json:"notes,omitempty"`
}

// Table is one table hit.
type Table struct {
	Table       int          `json:"table"`
	Bridge      string       `json:"bridge,omitempty"`
	Stage       string       `json:"stage,omitempty"`
	Priority    int          `json:"priority"`
	Cookie      string       `json:"cookie,omitempty"`
	Match       string       `json:"match"`
	Actions     []string     `json:"actions"`
	LogicalFlow *LogicalFlow `json:"logical_flow,omitempty"`
	NB          *NB          `json:"nb,omitempty"`
	Row         string       `json:"row,omitempty"`        // what else the cookie names: "Port_Binding sw0-p1"
	Candidates  []string     `json:"candidates,omitempty"` // when the cookie is ambiguous
	// LookedUp is the packet that the table was asked about, with its registers; empty where it could not be followed.
	LookedUp string `json:"-"`
	// Taught is the packet that would have put the flow there by learn(); empty where it is really in the table.
	Taught string `json:"taught,omitempty"`
}

// CT is one ct() action.
type CT struct {
	Zone      uint16   `json:"zone"`
	ZoneName  string   `json:"zone_name"`
	Action    string   `json:"action"`
	Tuple     *Tuple   `json:"tuple"`
	Found     string   `json:"found"` // kernel, userspace, overlay, none
	Direction string   `json:"direction"`
	Entry     *Entry   `json:"entry,omitempty"`
	State     string   `json:"state"`
	Mark      string   `json:"mark"`
	Label     string   `json:"label"`
	NAT       *NAT     `json:"nat,omitempty"`
	Committed *Entry   `json:"committed"`
	Deleted   *Entry   `json:"deleted,omitempty"` // the entry that this action removes: closed and begun anew, reset, forced
	Certainty string   `json:"certainty,omitempty"`
	Why       []string `json:"why,omitempty"`
	Cached    bool     `json:"cached,omitempty"` // the packet's own reference was used, no look-up
}

// NAT is what an action's NAT did.
type NAT struct {
	From       packet.Header `json:"from"`
	To         packet.Header `json:"to"`
	Determined bool          `json:"determined"`
	Why        string        `json:"why"`
}

// Entry is a conntrack entry.
type Entry struct {
	Original  Tuple  `json:"original"`
	Reply     Tuple  `json:"reply"`
	Status    string `json:"status"`
	Protoinfo string `json:"protoinfo"`
	Timeout   uint32 `json:"timeout"`
	Mark      string `json:"mark"`
	Label     string `json:"label"`
}

// Tuple is one direction of a connection.
type Tuple struct {
	Proto    string  `json:"proto"`
	Src      string  `json:"src"`
	Dst      string  `json:"dst"`
	Sport    *uint16 `json:"sport,omitempty"`
	Dport    *uint16 `json:"dport,omitempty"`
	ICMPID   *uint16 `json:"icmp_id,omitempty"`
	ICMPType *uint8  `json:"icmp_type,omitempty"`
	ICMPCode *uint8  `json:"icmp_code,omitempty"`
}

// Encode prints the report as indented JSON.
func (r *Report) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}
