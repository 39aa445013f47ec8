package openflow

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/u128"
)

// U128 is a 128-bit number.
type U128 = u128.Uint

// Uint returns a numeric field's value without its mask.
func (f Flow) Uint(name string) (uint64, bool) {
	fd, ok := f.Field(name)
	if !ok {
		return 0, false
	}
	return parseUint(fd.Value)
}

// MAC returns an Ethernet address without its mask.
func (f Flow) MAC(name string) (net.HardwareAddr, bool) {
	fd, ok := f.Field(name)
	if !ok {
		return nil, false
	}
	m, err := net.ParseMAC(fd.Value)
	return m, err == nil && len(m) == 6
}

// Addr returns an IP address without its mask.
func (f Flow) Addr(name string) (netip.Addr, bool) {
	fd, ok := f.Field(name)
	if !ok {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(strings.Trim(fd.Value, "[]"))
	return a, err == nil
}

// U128 returns a 128-bit field's value (ct_label, xxreg0) without its mask.
func (f Flow) U128(name string) (U128, bool) {
	fd, ok := f.Field(name)
	if !ok {
		return U128{}, false
	}
	hex, ok := strings.CutPrefix(fd.Value, "0x")
	if !ok || len(hex) <= 16 {
		lo, ok := parseUint(fd.Value)
		return U128{Lo: lo}, ok
	}
	if len(hex) > 32 {
		return U128{}, false
	}
	hi, err1 := strconv.ParseUint(hex[:len(hex)-16], 16, 64)
	lo, err2 := strconv.ParseUint(hex[len(hex)-16:], 16, 64)
	return U128{Hi: hi, Lo: lo}, err1 == nil && err2 == nil
}

// TCPFlags returns the value and mask of tcp_flags.
func (f Flow) TCPFlags() (value, mask uint16, ok bool) {
	s, ok := f.Get("tcp_flags")
	if !ok {
		return 0, 0, false
	}
	value, mask, err := ParseTCPFlags(s)
	return value, mask, err == nil
}

// CTState returns the value and mask of ct_state.
func (f Flow) CTState() (value, mask uint32, ok bool) {
	s, ok := f.Get("ct_state")
	if !ok {
		return 0, 0, false
	}
	value, mask, err := ParseCTState(s)
	return value, mask, err == nil
}

// InPort returns in_port's value, a number or a name, without quotes.
func (f Flow) InPort() (string, bool) {
	fd, ok := f.Field("in_port")
	if !ok {
		return "", false
	}
	if n := len(fd.Value); n >= 2 && fd.Value[0] == '"' {
		if s, err := strconv.Unquote(fd.Value); err == nil {
			return s, true
		}
	}
	return fd.Value, true
}

// protocols are the words that match_format prints for dl_type and nw_proto.
var protocols = map[string]struct {
	ethType uint16
	proto   int
}{
	"ip": {0x0800, -1}, "icmp": {0x0800, 1}, "tcp": {0x0800, 6}, "udp": {0x0800, 17}, "sctp": {0x0800, 132},
	"ipv6": {0x86dd, -1}, "icmp6": {0x86dd, 58}, "tcp6": {0x86dd, 6}, "udp6": {0x86dd, 17}, "sctp6": {0x86dd, 132},
	"ip6": {0x86dd, -1}, "icmpv6": {0x86dd, 58},
	"arp": {0x0806, -1}, "rarp": {0x8035, -1}, "mpls": {0x8847, -1}, "mplsm": {0x8848, -1},
}

// EthType returns the Ethernet type, told by a word (tcp) or by dl_type.
func (f Flow) EthType() (uint16, bool) {
	for _, fd := range f.Fields {
		if p, ok := protocols[fd.Name]; ok && fd.Value == "" {
			return p.ethType, true
		}
	}
	v, ok := f.Uint("dl_type")
	return uint16(v), ok && v <= 0xffff
}

// Proto returns the IP protocol, told by a word (tcp) or by nw_proto.
func (f Flow) Proto() (uint8, bool) {
	for _, fd := range f.Fields {
		if p, ok := protocols[fd.Name]; ok && fd.Value == "" && p.proto >= 0 {
			return uint8(p.proto), true
		}
	}
	v, ok := f.Uint("nw_proto")
	return uint8(v), ok && v <= 0xff
}

func parseUint(s string) (uint64, bool) {
	base := 10
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		s, base = hex, 16
	}
	v, err := strconv.ParseUint(s, base, 64)
	return v, err == nil
}
