package ctstate

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// IP protocol numbers the model knows by name.
const (
	ProtoICMP    = 1
	ProtoTCP     = 6
	ProtoUDP     = 17
	ProtoDCCP    = 33
	ProtoGRE     = 47
	ProtoICMPv6  = 58
	ProtoSCTP    = 132
	ProtoUDPLite = 136
)

// Tuple is one direction of a connection; comparable, so it keys maps. Ports
// are 0 where the protocol has none; ICMP's type, code and id have fields of
// their own and are 0 elsewhere.
type Tuple struct {
	Proto    uint8
	Src, Dst netip.AddrPort
	ICMPType uint8
	ICMPCode uint8
	ICMPID   uint16
}

// protoNames are the names of OVS's conntrack text (lib/ct-dpif.c:ct_dpif_format_ipproto).
var protoNames = map[uint8]string{
	ProtoICMP: "icmp", ProtoTCP: "tcp", ProtoUDP: "udp", ProtoDCCP: "dccp", ProtoGRE: "gre",
	ProtoICMPv6: "icmpv6", ProtoSCTP: "sctp", ProtoUDPLite: "udplite",
}

// ProtoName gives a protocol's name, or its number.
func ProtoName(proto uint8) string {
	if name, ok := protoNames[proto]; ok {
		return name
	}
	return strconv.Itoa(int(proto))
}

// ParseProto reads a protocol's name or number.
func ParseProto(in string) (uint8, bool) {
	for n, name := range protoNames {
		if in == name {
			return n, true
		}
	}
	n, err := strconv.ParseUint(in, 10, 8)
	return uint8(n), err == nil
}

// HasPorts reports whether the protocol's tuples carry ports.
func HasPorts(proto uint8) bool {
	switch proto {
	case ProtoTCP, ProtoUDP, ProtoUDPLite, ProtoSCTP, ProtoDCCP:
		return true
	}
	return false
}

func isICMP(proto uint8) bool { return proto == ProtoICMP || proto == ProtoICMPv6 }

// IsIPv6 reports whether the tuple's addresses are IPv6.
func (t Tuple) IsIPv6() bool { return t.Src.Addr().Is6() }

// IsValid reports whether the tuple has two addresses of one family.
func (t Tuple) IsValid() bool {
	return t.Src.Addr().IsValid() && t.Dst.Addr().IsValid() && t.Src.Addr().Is4() == t.Dst.Addr().Is4()
}

// String writes "tcp 10.0.0.1:1>10.0.0.2:80", "icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=5" or,
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

// MarshalText writes the text of String; the zero tuple is the empty text.
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

// ParseTuple reads what String writes.
func ParseTuple(in string) (Tuple, error) {
	c := tupleCursor{in: in}
	t := c.tuple()
	if c.err != nil {
		return Tuple{}, c.err
	}
	return t, nil
}

// tupleCursor walks a tuple's text and keeps the first error.
type tupleCursor struct {
	in  string
	off int
	err error
}

func (c *tupleCursor) fail(off int, msg string) {
	if c.err == nil {
		c.err = &SyntaxError{In: c.in, Off: off, Msg: msg}
	}
}

// until takes the text before stop and steps over stop; stop 0 means the end.
func (c *tupleCursor) until(stop byte) (string, int) {
	start := c.off
	if stop == 0 {
		c.off = len(c.in)
		return c.in[start:], start
	}
	i := strings.IndexByte(c.in[start:], stop)
	if i < 0 {
		c.fail(len(c.in), fmt.Sprintf("want %q", stop))
		c.off = len(c.in)
		return "", start
	}
	c.off = start + i + 1
	return c.in[start : start+i], start
}

func (c *tupleCursor) tuple() Tuple {
	var t Tuple
	word, off := c.until(' ')
	proto, ok := ParseProto(word)
	if !ok {
		c.fail(off, "unknown protocol")
		return Tuple{}
	}
	t.Proto = proto
	t.Src = c.endpoint('>', HasPorts(proto))
	if !isICMP(proto) {
		t.Dst = c.endpoint(0, HasPorts(proto))
	} else {
		t.Dst = c.endpoint(' ', false)
		t.ICMPType = uint8(c.number("type=", ' ', 8))
		t.ICMPCode = uint8(c.number("code=", ' ', 8))
		t.ICMPID = uint16(c.number("id=", 0, 16))
	}
	if c.err == nil && t.Src.Addr().Is4() != t.Dst.Addr().Is4() {
		c.fail(0, "addresses of two families")
	}
	return t
}

func (c *tupleCursor) endpoint(stop byte, ports bool) netip.AddrPort {
	word, off := c.until(stop)
	if c.err != nil {
		return netip.AddrPort{}
	}
	var ap netip.AddrPort
	var err error
	if ports {
		ap, err = netip.ParseAddrPort(word)
	} else {
		var a netip.Addr
		a, err = netip.ParseAddr(word)
		ap = netip.AddrPortFrom(a, 0)
	}
	if err != nil || ap.Addr().Zone() != "" {
		c.fail(off, "not an address")
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func (c *tupleCursor) number(key string, stop byte, bits int) uint64 {
	word, off := c.until(stop)
	rest, ok := strings.CutPrefix(word, key)
	n, err := strconv.ParseUint(rest, 10, bits)
	if !ok || err != nil {
		c.fail(off, "want "+key+"NUMBER")
		return 0
	}
	return n
}

// icmpPartner gives the type that answers an ICMP type (icmp.c and icmpv6.c: invmap).
func icmpPartner(proto, typ uint8) (uint8, bool) {
	if proto == ProtoICMP {
		switch typ {
		case 0:
			return 8, true
		case 8:
			return 0, true
		case 13, 15, 17:
			return typ + 1, true
		case 14, 16, 18:
			return typ - 1, true
		}
		return 0, false
	}
	switch typ {
	case 128, 139:
		return typ + 1, true
	case 129, 140:
		return typ - 1, true
	}
	return 0, false
}

// Invert gives the tuple of the opposite direction (nf_ct_invert_tuple); ok is false for an ICMP
// type that nothing answers.
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
