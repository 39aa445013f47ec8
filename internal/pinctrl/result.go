package pinctrl

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Kind is what ovn-controller does with a punted packet.
type Kind uint8

// Values of Kind.
const (
	KindUnknown Kind = iota
	Generates        // ovn-controller sends a packet of its own into the pipeline
	Resumes          // the packet waits, and continues, changed or not, from where it was paused
	Learns           // ovn-controller learns an address or a port from a copy of the packet
	Consumes         // ovn-controller takes a copy, and sends nothing into the pipeline for it
	Logs             // ovn-controller writes a log line
	Ignores          // ovn-controller does nothing with this packet
)

// Hint is the verdict of a branch that ends in the punt.
type Hint uint8

// Values of Hint.
const (
	HintUnknown    Hint = iota
	HintFollow          // the verdict is that of the packet sent back or resumed
	HintRejected        // a reset or ICMP error goes back to the sender
	HintController      // OVN takes the packet: it asks for an address first, answers itself, or keeps the packet
	HintGoesOn          // the controller gets a copy only: the verdict depends on the rest of the actions
	HintDropped         // the packet is dropped
)

// Bit is one bit of a register.
type Bit struct{ Reg, Bit int }

// String returns, for example, "reg0[3]".
func (b Bit) String() string { return "reg" + strconv.Itoa(b.Reg) + "[" + strconv.Itoa(b.Bit) + "]" }

// Outcome is one way in which a paused packet can be resumed.
type Outcome struct {
	Value  int           // value of Result.Bit; -1 if the action has no result
	Packet packet.Packet // the packet as resumed
	Text   string
}

// Await is the address that OVN asks for before the packet can continue.
type Await struct {
	Addr     netip.Addr
	Datapath uint64 // metadata: the router's tunnel key
	OutPort  uint32 // reg15: the key of the output port
}

// Result is what ovn-controller does with one punted packet.
type Result struct {
	Opcode Opcode
	Name   string
	Kind   Kind
	Hint   Hint

	// Generated is the packet in the packet-out; Actions then run on it.
	Generated *packet.Packet
	// Answer is Generated as it enters the pipeline, with the fields that Actions set; nil if they
	// are unknown.
	Answer *packet.Packet
	// AnswerMetadata are the registers and metadata as Answer enters the pipeline: reg15 is then
	// often its output port.
	AnswerMetadata []openflow.Field
	// InPort is the packet-out's in_port, always CONTROLLER; a resumed packet keeps its own.
	InPort string
	// Metadata are the registers and metadata of the punted packet that are kept: for a packet-out
	// reload_metadata makes them the first items of Actions, and a resumed packet has them still.
	Metadata []openflow.Field
	// Actions is the packet-out's action list for ofproto/trace-packet-out; empty if there is
	// nothing to trace.
	Actions string

	Await    *Await
	Bit      *Bit      // the register bit that contains the result in a resumed packet
	Outcomes []Outcome // ways to resume; with more than one, it is unknown which
	MTU      uint32    // MTU in a packet-too-big, 0 if there is none

	Unknown string // why something about the answer is unknown
	Text    string // for people
}

// Resume returns the actions for ofproto/trace-packet-out that continue after table with one
// outcome. A trace ends at the pause and does not show the rest of the action list, but OVN always
// writes "RESULT = ACTION(...); next;", and next is the following table.
func (r Result) Resume(o Outcome, table uint8) string {
	regs := ofreplay.RegistersOf(openflow.Flow{Fields: r.Metadata})
	if r.Bit != nil && o.Value >= 0 {
		regs.Reg[r.Bit.Reg] = regs.Reg[r.Bit.Reg]&^(1<<r.Bit.Bit) | uint32(o.Value&1)<<r.Bit.Bit
	}
	return ofreplay.Text(append(reload(regs), ofreplay.Resubmit{InPort: ofreplay.PortInPort, Table: table + 1}))
}

// Release is an OVN release, such as 23.03; the zero value is the newest known.
type Release struct{ Year, Month int }

// ParseRelease reads the first two numbers of an OVN version such as 23.03.1.
func ParseRelease(s string) (Release, bool) {
	year, rest, ok := strings.Cut(s, ".")
	month, _, _ := strings.Cut(rest, ".")
	y, err1 := strconv.Atoi(year)
	m, err2 := strconv.Atoi(month)
	if !ok || err1 != nil || err2 != nil || y < 20 || m < 1 || m > 12 {
		return Release{}, false
	}
	return Release{y, m}, true
}

func (r Release) before(year, month int) bool {
	return r != Release{} && (r.Year < year || r.Year == year && r.Month < month)
}
