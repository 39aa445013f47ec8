package openflow

import "net/netip"

// AppendAddr prints as ipv6_format_addr (inet_ntop) does, which writes the low half of a mapped or
// compatible address dotted.
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

// FormatAddr prints an address as AppendAddr does.
func FormatAddr(a netip.Addr) string { return string(AppendAddr(nil, a)) }
