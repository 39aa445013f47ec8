package microflow

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/capture"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
)

// Set is the set of given parts of a packet; Fill may set the others.
type Set uint32

// The parts of a packet.
const (
	HasEthSrc Set = 1 << iota
	HasEthDst
	HasEthType
	HasVLAN
	HasSrc // IP source, or ARP's sender
	HasDst // IP destination, or ARP's target
	HasProto
	HasTTL
	HasTOS
	HasFrag
	HasLabel
	HasSrcPort
	HasDstPort
	HasTCPFlags
	HasICMPType
	HasICMPCode
	HasICMPID
	HasARPOp
	HasARPSHA
	HasARPTHA
	HasNDTarget
	HasNDSLL
	HasNDTLL
	// HasAll is the set of a packet read from bytes: every part is given.
	HasAll Set = 1<<iota - 1
)

// Has reports whether all of these parts were given.
func (s Set) Has(part Set) bool { return s&part == part }

// Value is the value of a field in a microflow: the bits of Value under Mask, or the string of
// outport.
type Value struct {
	Value, Mask openflow.U128
	Text        string
}

// Microflow is one packet as described, and the description's other values.
type Microflow struct {
	Packet packet.Packet
	InPort string // logical port, or for an OpenFlow flow its in_port; empty when not given
	Given  Set
	// CTState is ct_state as given, with its mask.
	CTState, CTMask ctstate.State
	// Other contains the values that are not part of the packet, by OVN's name: ct_mark, ct_label,
	// xxreg0, xreg4, flags, outport, pkt.mark.
	Other map[string]Value
	// Text is the description; later errors quote it.
	Text string
	// Where is the byte offset in Text of each given part.
	Where map[Set]int

	// Frame is the frame that the packet was read from; nil for any other description.
	Frame *capture.Frame

	partly map[Set]ovnexpr.Cube // parts of which only some bits are given; Given contains them
}

// Open reports whether a part was not given, or only some of its bits: Fill may then set it to a
// value that agrees with those.
func (mf *Microflow) Open(part Set) bool {
	_, partly := mf.partly[part]
	return partly || !mf.Given.Has(part)
}

// Unused lists the names of given values that a packet does not have as it enters: its registers
// are zero, and its conntrack state is looked up. It does not list values of zero.
func (mf *Microflow) Unused() []string {
	var out []string
	if mf.CTState&mf.CTMask != 0 {
		out = append(out, "ct_state="+(mf.CTState&mf.CTMask).String())
	}
	for _, name := range slices.Sorted(maps.Keys(mf.Other)) {
		switch v := mf.Other[name]; {
		case v.Text == "" && v.Value == (openflow.U128{}):
		case len(registers(name, v.Value)) > 0:
			out = append(out, registers(name, v.Value)...)
		default:
			out = append(out, name)
		}
	}
	return out
}

// Unsaid lists the parts of the packet that flow text cannot express, so that ofproto/trace ignores
// them. It does not list ICMP's id and quoted packet: only conntrack uses them, which this program
// models.
func (mf *Microflow) Unsaid() []string {
	return slices.DeleteFunc(openflow.Unsayable(mf.Packet), func(what string) bool {
		return what == openflow.UnsayableID || what == openflow.UnsayableInner
	})
}

// registers returns the names of the 32-bit registers, other than zero ones, that make up a wider
// register of an expression.
func registers(name string, v openflow.U128) []string {
	first, parts := map[string]int{"xxreg0": 0, "xxreg1": 4, "xreg4": 8}[name], []uint64{v.Hi >> 32, v.Hi, v.Lo >> 32, v.Lo}
	switch {
	case name == "xreg4":
		parts = parts[2:]
	case name != "xxreg0" && name != "xxreg1":
		return nil
	}
	var out []string
	for i, p := range parts {
		if uint32(p) != 0 {
			out = append(out, fmt.Sprintf("reg%d", first+i))
		}
	}
	return out
}
