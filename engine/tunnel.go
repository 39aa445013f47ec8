package engine

import (
	"encoding/hex"
	"net/netip"
)

// Tunnel is a packet's tunnel metadata: as received, or as set for sending.
type Tunnel struct {
	ID      uint64         `json:"id"`           // the tunnel key; for Geneve and VXLAN the VNI, of 24 bits
	Src     netip.Addr     `json:"src,omitzero"` // outer address; the zero Addr if the port or a route chooses it
	Dst     netip.Addr     `json:"dst,omitzero"` // outer address; the zero Addr if none is set
	TTL     uint8          `json:"ttl,omitempty"`
	TPDst   uint16         `json:"tp_dst,omitempty"` // outer UDP port; 0 for that of the tunnel port
	Flags   []string       `json:"flags,omitempty"`  // as Open vSwitch prints them: df, csum, key
	Options []TunnelOption `json:"options,omitempty"`
	Rest    string         `json:"rest,omitempty"` // the rest of the printed text
}

// TunnelOption is a Geneve option.
type TunnelOption struct {
	Class uint16     `json:"class"`
	Type  uint8      `json:"type"`
	Data  OptionData `json:"data"`
}

// OptionData is the value of a Geneve option, a multiple of four bytes. Its text is two hex digits
// for each byte.
type OptionData []byte

// MarshalText returns the value's hex digits.
func (d OptionData) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d), nil }

// UnmarshalText reads hex digits; any other text is an error of package hex.
func (d *OptionData) UnmarshalText(b []byte) (err error) {
	*d, err = hex.AppendDecode(nil, b)
	return err
}
