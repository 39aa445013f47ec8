package pinctrl

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Kind is what becomes of a punted packet.
type Kind uint8

// Values of Kind.
const (
	KindUnknown Kind = iota
	Generates        // ovn-controller sends a packet of its own into the pipeline
	Resumes          // the packet waits and goes on, changed or not, from where it was paused
	Learns           // ovn-controller writes down an address or a port; the packet itself stays with the switch
	Consumes         // ovn-controller takes a copy for itself and nothing comes back into the pipeline for it
	Logs             // ovn-controller writes a log line
	Ignores          // ovn-controller does nothing with this packet
)

// String is the kind's name.
func (k Kind) String() string {
	names := []string{"unknown", "generates", "resumes", "learns", "consumes", "logs", "ignores"}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Hint is what the punt means for the verdict of the branch that ends in it.
type Hint uint8

// Values of Hint.
const (
	HintUnknown    Hint = iota
	HintFollow          // the verdict is that of the packet sent back or resumed
	HintRejected        // a reset or ICMP error goes back to the sender
	HintController      // OVN has it: asks for an address first, answers for itself, or keeps the packet
	HintGoesOn          // the controller only sees a copy: the rest of the actions decides
	HintDropped         // nothing comes of it
)

// String is the hint's name.
func (h Hint) String() string {
	names := []string{"unknown", "follow", "rejected", "controller", "goes on", "dropped"}
	if int(h) < len(names) {
		return names[h]
	}
	return "hint " + strconv.Itoa(int(h))
}

// Bit is one bit of a register.
type Bit struct{ Reg, Bit int }

// String prints reg0[3].
func (b Bit) String() string { return "reg" + strconv.Itoa(b.Reg) + "[" + strconv.Itoa(b.Bit) + "]" }

// Outcome is one way a paused packet can be resumed.
type Outcome struct {
	Value  int           // of Result.Bit; -1 when the action has no result
	Packet packet.Packet // as resumed
	Text   string
}

// Await is the address that OVN asks for before the packet can go on.
type Await struct {
	Addr     netip.Addr
	Datapath uint64 // metadata: the router's tunnel key
	OutPort  uint32 // reg15: the key of the port the packet leaves by once answered
}

// Result is what ovn-controller does with one punted packet.
type Result struct {
	Opcode Opcode
	Name   string
	Kind   Kind
	Hint   Hint

	// Generated is the packet as it is put into the packet-out; Actions then run on it.
	Generated *packet.Packet
	// Answer is Generated as it enters the pipeline, after the fields that Actions set; nil when
	// they cannot be followed.
	Answer *packet.Packet
	// AnswerMetadata are the registers and metadata as Answer enters the pipeline: reg15 is then
	// often its output port.
	AnswerMetadata []openflow.Field
	// InPort is the packet-out's in_port for FLOW: always CONTROLLER. A resumed packet keeps its
	// own.
	InPort string
	// Metadata are the registers and metadata of the punted packet that go along: for a packet-out
	// reload_metadata makes them the first items of Actions, a resumed packet keeps them.
	Metadata []openflow.Field
	// Actions is the packet-out's action list for ofproto/trace-packet-out; empty when there is
	// none to trace.
	Actions string

	Await    *Await
	Bit      *Bit      // where a resumed packet carries the result
	Outcomes []Outcome // ways to resume; more than one: not determined
	MTU      uint32    // that a packet-too-big tells, 0 if none

	Unknown string // why something about the answer is not determined
	Text    string // for people
}

// Resume gives the actions for ofproto/trace-packet-out that go on from table with one outcome. The
// switch keeps the rest of the action list to itself and a trace ends at the pause, but OVN writes
// "RESULT = ACTION(...); next;" each time, and next is the table behind.
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
