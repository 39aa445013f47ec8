package ofreplay

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Registers are the fields of a flow that belong to the pipeline: reg0 to reg31, and metadata.
type Registers struct {
	Reg      [32]uint32
	Metadata uint64
}

// regNames are the names of the registers.
var regNames = func() (names [len(Registers{}.Reg)]string) {
	for i := range names {
		names[i] = "reg" + strconv.Itoa(i)
	}
	return names
}()

// RegistersOf returns reg0..reg31 and metadata of a flow as Open vSwitch prints it. A field that
// the flow does not contain is 0.
func RegistersOf(f openflow.Flow) Registers {
	var r Registers
	for i := range r.Reg {
		v, _ := f.Uint(regNames[i])
		r.Reg[i] = uint32(v)
	}
	r.Metadata, _ = f.Uint("metadata")
	return r
}

// Fields returns the registers that are not 0 as the items of a flow.
func (r Registers) Fields() []openflow.Field {
	out := make([]openflow.Field, 0, len(r.Reg)+1)
	for i := range r.Reg {
		if r.Reg[i] != 0 {
			out = append(out, openflow.Field{Name: regNames[i], Value: hexNum(uint64(r.Reg[i]))})
		}
	}
	if r.Metadata != 0 {
		out = append(out, openflow.Field{Name: "metadata", Value: hexNum(r.Metadata)})
	}
	return out
}

// IP4 returns register n as an IPv4 address.
func (r Registers) IP4(n int) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, r.Reg[n])))
}

// IP6 returns xxreg n, the four registers from 4n on, as an IPv6 address.
func (r Registers) IP6(n int) netip.Addr {
	var b [16]byte
	for i := range 4 {
		binary.BigEndian.PutUint32(b[4*i:], r.Reg[4*n+i])
	}
	return netip.AddrFrom16(b)
}
