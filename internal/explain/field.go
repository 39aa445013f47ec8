package explain

import (
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
)

// openflowNames are the names under which Open vSwitch prints a field of OVN's language.
var openflowNames = map[string][]string{
	"eth.src":    {"dl_src"},
	"eth.dst":    {"dl_dst"},
	"ip4.src":    {"nw_src"},
	"ip4.dst":    {"nw_dst"},
	"ip6.src":    {"ipv6_src"},
	"ip6.dst":    {"ipv6_dst"},
	"ip.ttl":     {"nw_ttl"},
	"tcp.src":    {"tp_src", "tcp_src"},
	"tcp.dst":    {"tp_dst", "tcp_dst"},
	"udp.src":    {"tp_src", "udp_src"},
	"udp.dst":    {"tp_dst", "udp_dst"},
	"sctp.src":   {"tp_src", "sctp_src"},
	"sctp.dst":   {"tp_dst", "sctp_dst"},
	"icmp4.type": {"icmp_type"},
	"icmp4.code": {"icmp_code"},
	"icmp6.type": {"icmp_type", "icmpv6_type"},
	"icmp6.code": {"icmp_code", "icmpv6_code"},
	"arp.op":     {"arp_op"},
	"arp.spa":    {"arp_spa"},
	"arp.tpa":    {"arp_tpa"},
	"arp.sha":    {"arp_sha"},
	"arp.tha":    {"arp_tha"},
	"nd.target":  {"nd_target"},
	"ct_mark":    {"ct_mark"},
	"flags":      {"reg10"}, // MFF_LOG_FLAGS
}

// text returns a field as the flow prints it, or nothing where the flow does not have it.
func (f facts) text(name string) string {
	switch name {
	case "inport":
		return f.inport
	case "outport":
		return f.outport
	}
	for _, n := range openflowNames[name] {
		if v, ok := f.fields[n]; ok {
			return v
		}
	}
	return ""
}

// Field implements ovnexpr.Packet: it returns a field of OVN's language, or false where it is
// unknown.
func (f facts) Field(name string) (ovnexpr.Value, bool) {
	switch name {
	case "inport", "outport":
		port := f.text(name)
		return ovnexpr.Value{Str: port}, port != ""
	case "eth.type":
		return ovnexpr.Number(uint64(f.ethType)), true
	case "ip.proto":
		return ovnexpr.Number(uint64(f.ipProto)), true
	case "ct_state":
		return ovnexpr.Number(uint64(f.ctState)), f.ctKnown
	}
	if openflowNames[name] != nil {
		return f.parsed(name)
	}
	n, ok := strings.CutPrefix(name, "reg")
	if r, err := strconv.Atoi(n); !ok || err != nil || r < 0 || r > 15 {
		return ovnexpr.Value{}, false
	}
	return ovnexpr.Number(f.number(name)), true
}

// parsed returns the value of a field that the flow may print. MAC and IPv6 addresses are always
// printed where the packet has them; any other field is zero where it is not printed.
func (f facts) parsed(name string) (ovnexpr.Value, bool) {
	text := f.text(name)
	if text == "" {
		wide := strings.HasPrefix(name, "eth.") || strings.HasPrefix(name, "ip6.") || name == "nd.target" ||
			name == "arp.sha" || name == "arp.tha"
		return ovnexpr.Value{}, !wide
	}
	n, ok := ovnexpr.ParseNumber(text)
	return ovnexpr.Value{Num: n}, ok
}

// Members returns the members of an address set or port group; nil where they have not been read.
func (f facts) Members(name string) []ovnexpr.Constant { return f.sets[name] }

// Resident reports whether a port resides on the chassis that the packet is on; unknown where that
// has not been read.
func (f facts) Resident(port string) ovnexpr.Truth {
	if f.strict {
		return f.residents[port].sure
	}
	return f.residents[port].here
}
