package microflow

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
)

// Set says which parts of a packet were given; the others may be filled in.
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
	// HasAll stands for a packet taken from bytes: nothing is left to fill in.
	HasAll Set = 1<<iota - 1
)

// Has reports whether all of these parts were given.
func (s Set) Has(part Set) bool { return s&part == part }

// Value is what a microflow says of a field: Value where Mask is 1, or the string of outport.
type Value struct {
	Value, Mask openflow.U128
	Text        string
}

// Microflow is one packet as described, and what else the description says.
type Microflow struct {
	Packet packet.Packet
	InPort string // logical port, or for an OpenFlow flow its in_port; empty when not given
	Given  Set
	// CTState is ct_state as given, with its mask.
	CTState, CTMask ctstate.State
	// Other has what is not of the packet, by OVN's name: ct_mark, ct_label, xxreg0, xreg4, flags,
	// outport, pkt.mark.
	Other map[string]Value
	// Text is what was read; faults found later quote it.
	Text string
	// Where tells where in Text a part was given.
	Where map[Set]int

	// Within tells of a tunnel's packet that it is one, and what it carries; empty for any other.
	Within string

	partly map[Set]ovnexpr.Cube // parts of which some bits were said, and which Given counts as given
}

// Open reports that a part was not given, or only some of its bits: what suits those may be filled
// in.
func (mf *Microflow) Open(part Set) bool {
	_, partly := mf.partly[part]
	return partly || !mf.Given.Has(part)
}

// Unused lists what was said that is not of a packet as it enters, by name: a packet comes without
// registers, and what conntrack says of it is looked up. Values of zero are as it comes.
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

// Unsaid lists what of the packet ofproto/trace cannot be given, and which is followed as if it
// were not there: flow text has no words for it. ICMP's id and quoted packet are not among that:
// conntrack's part is played here.
func (mf *Microflow) Unsaid() []string {
	return slices.DeleteFunc(openflow.Unsayable(mf.Packet), func(what string) bool {
		return what == openflow.UnsayableID || what == openflow.UnsayableInner
	})
}

// registers names the 32-bit registers that a wider one of an expression is made of, those that are
// not zero.
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
