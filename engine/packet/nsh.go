package packet

// NSH contains the fields of a network service header (RFC 8300) that Open vSwitch matches (struct
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

// nsh reads what parse_nsh (lib/flow.c) reads; for an unknown kind of header the fields stay unset.
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
