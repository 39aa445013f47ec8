package openflow

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Uint returns a numeric field's value without its mask.
func (f Flow) Uint(name string) (uint64, bool) {
	fd, ok := f.Field(name)
	if !ok {
		return 0, false
	}
	return parseUint(fd.Value)
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
	return ParseU128(fd.Value)
}

// CTState returns the value and mask of ct_state.
func (f Flow) CTState() (value, mask ctstate.State, ok bool) {
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

// EthType returns the Ethernet type, as a word (tcp), packet_type or dl_type.
func (f Flow) EthType() (uint16, bool) {
	if fd, ok := f.Field("packet_type"); ok {
		if ns, id, ok := parsePacketType(fd.Value); ok && ns == 1 {
			return id, true
		}
	}
	for _, fd := range f.Fields {
		if w, ok := protoWord(fd.Name); ok {
			return w.ethType, true
		}
	}
	v, ok := f.Uint("dl_type")
	return uint16(v), ok && v <= 0xffff
}

// Proto returns the IP protocol, as a word (tcp) or nw_proto.
func (f Flow) Proto() (uint8, bool) {
	for _, fd := range f.Fields {
		if w, ok := protoWord(fd.Name); ok && w.proto != 0 {
			return w.proto, true
		}
	}
	v, ok := f.Uint("nw_proto")
	return uint8(v), ok && v <= 0xff
}
