package ovn

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Addr is one entry of the mac column.
type Addr struct {
	MAC string // lower case; empty for "unknown", "router", "dynamic"
	// IPs are addresses with the length of their network: full length for a
	// VIF's, the subnet's for a router port's.
	IPs []netip.Prefix
}

// has reports whether the address is listed, or is the link-local one that IPv6 makes
// of the MAC address (RFC 4291 appendix A), which the database does not list.
func (a Addr) has(ip netip.Addr) bool {
	return slices.ContainsFunc(a.IPs, func(n netip.Prefix) bool { return n.Addr() == ip }) ||
		ip.Is6() && ip.IsLinkLocalUnicast() && ip == linkLocal(a.MAC)
}

func linkLocal(mac string) netip.Addr {
	m, err := net.ParseMAC(mac)
	if err != nil || len(m) != 6 {
		return netip.Addr{}
	}
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}

func parseAddrs(entries []string) []Addr {
	var out []Addr
	for _, entry := range entries {
		words := strings.Fields(entry)
		if len(words) == 0 || !isMAC(words[0]) {
			continue
		}
		a := Addr{MAC: strings.ToLower(words[0])}
		for _, w := range words[1:] {
			if prefix, ok := parsePrefix(w); ok {
				a.IPs = append(a.IPs, prefix)
			}
		}
		out = append(out, a)
	}
	return out
}

// parsePrefix reads IP or IP/LEN.
func parsePrefix(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

// isMAC reports whether s has the form xx:xx:xx:xx:xx:xx.
func isMAC(s string) bool {
	_, err := net.ParseMAC(s)
	return err == nil && len(s) == 17 && s[2] == ':'
}
