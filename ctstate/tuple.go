package ctstate

import (
	"fmt"
	"net/netip"
)

// Tuple is one direction of a connection: struct nf_conntrack_tuple, or Open vSwitch's struct
// conn_key without its zone. It is comparable, so it can be a map's key. IPv4 addresses are 4 bytes
// long, never mapped into IPv6, and no address has a zone.
type Tuple struct {
	Proto    uint8          // IP protocol number
	Src, Dst netip.AddrPort // port 0 where the protocol has none, as with ICMP
	ICMPType uint8          // ICMP and ICMPv6; 0 for other protocols, as are the next two
	ICMPCode uint8
	ICMPID   uint16
}

// IsIPv6 reports whether the tuple's addresses are IPv6.
func (t Tuple) IsIPv6() bool { return t.Src.Addr().Is6() }

// IsValid reports whether the tuple has two addresses of one family.
func (t Tuple) IsValid() bool {
	return t.Src.Addr().IsValid() && t.Dst.Addr().IsValid() && t.Src.Addr().Is4() == t.Dst.Addr().Is4()
}

// String returns "tcp 10.0.0.1:1>10.0.0.2:80", "icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=5" or,
// for a protocol without ports, "gre 10.0.0.1>10.0.0.2".
func (t Tuple) String() string {
	b := make([]byte, 0, 96)
	b = append(b, ProtoName(t.Proto)...)
	b = append(b, ' ')
	if HasPorts(t.Proto) {
		b = t.Src.AppendTo(b)
		b = append(b, '>')
		return string(t.Dst.AppendTo(b))
	}
	b = t.Src.Addr().AppendTo(b)
	b = append(b, '>')
	b = t.Dst.Addr().AppendTo(b)
	if isICMP(t.Proto) {
		b = fmt.Appendf(b, " type=%d code=%d id=%d", t.ICMPType, t.ICMPCode, t.ICMPID)
	}
	return string(b)
}

// MarshalText returns the text of String; the zero tuple is the empty text.
func (t Tuple) MarshalText() ([]byte, error) {
	if t == (Tuple{}) {
		return nil, nil
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads what ParseTuple reads, and the empty text as the zero tuple.
func (t *Tuple) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*t = Tuple{}
		return nil
	}
	*t, err = ParseTuple(string(b))
	return err
}

// Invert returns the tuple of the opposite direction (nf_ct_invert_tuple, conn_key_reverse); ok is
// false, and the tuple zero, for an ICMP type that nothing answers.
func (t Tuple) Invert() (inv Tuple, ok bool) {
	inv = t
	inv.Src, inv.Dst = t.Dst, t.Src
	if isICMP(t.Proto) {
		inv.ICMPType, ok = icmpPartner(t.Proto, t.ICMPType)
		if !ok {
			return Tuple{}, false
		}
	}
	return inv, true
}
