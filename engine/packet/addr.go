package packet

import "net/netip"

// AppendAddr appends the address as ipv6_format_addr (inet_ntop) prints it: the low half of an
// IPv4-mapped or IPv4-compatible address is dotted. An address that is not valid appends nothing.
func AppendAddr(b []byte, a netip.Addr) []byte {
	if a.Is6() {
		v := a.As16()
		zeros := true
		for _, x := range v[:10] {
			zeros = zeros && x == 0
		}
		compat := zeros && v[10] == 0 && v[11] == 0 && (v[12] != 0 || v[13] != 0)
		if compat {
			b = append(b, "::"...)
			return netip.AddrFrom4([4]byte(v[12:])).AppendTo(b)
		}
	}
	return a.AppendTo(b)
}

// FormatAddr returns the text that AppendAddr appends.
func FormatAddr(a netip.Addr) string { return string(AppendAddr(nil, a)) }
