package packet

import (
	"encoding/binary"
	"fmt"
)

// EthNSH is the Ethernet type of a network service header.
const EthNSH = 0x894f

// NSH is a network service header (RFC 8300), as far as Open vSwitch matches on it (struct
// ovs_key_nsh).
type NSH struct {
	Flags   uint8     `json:"flags,omitempty"`
	TTL     uint8     `json:"ttl,omitempty"`
	MDType  uint8     `json:"mdtype,omitempty"`
	NP      uint8     `json:"np,omitempty"` // next protocol
	SPI     uint32    `json:"spi,omitempty"`
	SI      uint8     `json:"si,omitempty"`
	Context [4]uint32 `json:"context"` // of metadata type 1
}

// Lengths of the header: without metadata, and with that of type 1.
const (
	nshBase  = 8
	nshType1 = 24
)

// nsh reads what parse_nsh (lib/flow.c) does; a header that it does not understand leaves the
// fields unset.
func (d *decoder) nsh() {
	if d.left() < nshBase {
		return
	}
	b := d.take(nshBase, "NSH header")
	if d.err != nil {
		return
	}
	head := be16(b)
	length := int(head&0x3f) * 4
	h := NSH{Flags: uint8(head >> 12 & 3), TTL: uint8(head >> 6 & 0x3f), MDType: b[2], NP: b[3],
		SPI: be32(b[4:]) >> 8, SI: b[7]}
	if head>>14 != 0 || length < nshBase || length-nshBase > d.left() || h.MDType == 1 && length != nshType1 {
		return
	}
	if h.MDType == 1 {
		b = d.take(nshType1-nshBase, "NSH metadata")
		for i := range h.Context {
			h.Context[i] = be32(b[4*i:])
		}
	} else {
		d.pass(length-nshBase, "NSH metadata")
	}
	if d.err == nil {
		d.p.NSH = &h
	}
}

// nshBody makes the header; metadata of other types than 1 is not kept.
func (p Packet) nshBody() []byte {
	h := p.NSH
	if h == nil {
		return nil
	}
	length := nshBase
	if h.MDType == 1 {
		length = nshType1
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(h.Flags&3)<<12|uint16(h.TTL&0x3f)<<6|uint16(length/4))
	b = append(b, h.MDType, h.NP)
	b = binary.BigEndian.AppendUint32(b, h.SPI<<8|uint32(h.SI))
	for i := range h.Context[:(length-nshBase)/4] {
		b = binary.BigEndian.AppendUint32(b, h.Context[i])
	}
	return b
}

// nsh gives the fields of the header as flow text has them.
func (f *fieldList) nsh(h *NSH) {
	if h == nil {
		return
	}
	f.num("nsh_flags", uint64(h.Flags))
	f.num("nsh_ttl", uint64(h.TTL))
	f.num("nsh_mdtype", uint64(h.MDType))
	f.num("nsh_np", uint64(h.NP))
	f.add("nsh_spi", fmt.Sprintf("%#x", h.SPI))
	f.num("nsh_si", uint64(h.SI))
	for i, c := range h.Context {
		f.add(fmt.Sprintf("nsh_c%d", i+1), fmt.Sprintf("%#x", c))
	}
}

// nsh reads the fields of a flow of Ethernet type 0x894f.
func (d *draft) nsh() {
	h := &NSH{}
	u8(d, "nsh_flags", 3, &h.Flags)
	u8(d, "nsh_ttl", 0x3f, &h.TTL)
	u8(d, "nsh_mdtype", 0xff, &h.MDType)
	u8(d, "nsh_np", 0xff, &h.NP)
	if v, ok := d.num("nsh_spi", 0xffffff); ok {
		h.SPI = uint32(v)
	}
	u8(d, "nsh_si", 0xff, &h.SI)
	for i := range h.Context {
		if v, ok := d.num(fmt.Sprintf("nsh_c%d", i+1), 0xffffffff); ok {
			h.Context[i] = uint32(v)
		}
	}
	if *h != (NSH{}) {
		d.p.NSH = h
	}
}
