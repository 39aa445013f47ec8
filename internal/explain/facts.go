package explain

import (
	"net/netip"
	"strconv"
	"strings"
)

// facts is a packet as a logical match sees it, read from a flow's text.
// What a flow does not print is zero, as flow_format leaves it out.
type facts struct {
	fields   map[string]string // OpenFlow names
	inport   string            // logical ports of reg14 and reg15
	outport  string
	security []string            // what the security of the port that a stage checks lets through
	sets     map[string][]string // members of "$addressset" and "@portgroup", as far as read

	residents map[string]residence // by port, as far as read: what a packet does not tell
}

// readFacts reads NAME=VALUE and bare names, as ofproto/trace prints a flow.
func readFacts(flow string) facts {
	f := facts{fields: map[string]string{}}
	depth, start := 0, 0
	add := func(item string) {
		item = strings.TrimSpace(item)
		if item == "" {
			return
		}
		name, value, _ := strings.Cut(item, "=")
		f.fields[name] = value
	}
	for i := range len(flow) {
		switch flow[i] {
		case '(', '{':
			depth++
		case ')', '}':
			depth--
		case ',':
			if depth == 0 {
				add(flow[start:i])
				start = i + 1
			}
		}
	}
	add(flow[start:])
	return f
}

func (f facts) is(names ...string) bool {
	for _, n := range names {
		if _, ok := f.fields[n]; ok {
			return true
		}
	}
	return false
}

// number reads a field; absent is 0.
func (f facts) number(name string) uint64 {
	v, _, _ := strings.Cut(f.fields[name], "/")
	n, _ := strconv.ParseUint(v, 0, 64)
	return n
}

// proto is the IP protocol by the word that flow_format prints for it.
func (f facts) proto() uint64 {
	for word, n := range map[string]uint64{"tcp": 6, "tcp6": 6, "udp": 17, "udp6": 17, "sctp": 132, "sctp6": 132, "icmp": 1, "icmp6": 58} {
		if f.is(word) {
			return n
		}
	}
	return f.number("nw_proto")
}

func (f facts) ip4() bool { return f.is("ip", "tcp", "udp", "sctp", "icmp") }
func (f facts) ip6() bool { return f.is("ipv6", "tcp6", "udp6", "sctp6", "icmp6") }

// predicate evaluates a name that stands for a condition; known is false for
// a name that is none, or of which the flow says nothing.
func (f facts) predicate(name string) (value, known bool) {
	icmp6 := f.ip6() && f.proto() == 58
	t := f.number("icmp_type") + f.number("icmpv6_type") // a flow has one of them
	switch name {
	case "ip4":
		return f.ip4(), true
	case "ip6":
		return f.ip6(), true
	case "ip":
		return f.ip4() || f.ip6(), true
	case "arp":
		return f.is("arp"), true
	case "rarp":
		return f.is("rarp"), true
	case "tcp":
		return f.proto() == 6, true
	case "udp":
		return f.proto() == 17, true
	case "sctp":
		return f.proto() == 132, true
	case "icmp4":
		return f.ip4() && f.proto() == 1, true
	case "icmp6":
		return icmp6, true
	case "icmp":
		return f.ip4() && f.proto() == 1 || icmp6, true
	case "nd":
		return icmp6 && (t == 135 || t == 136), true
	case "nd_ns":
		return icmp6 && t == 135, true
	case "nd_na":
		return icmp6 && t == 136, true
	case "nd_rs":
		return icmp6 && t == 133, true
	case "nd_ra":
		return icmp6 && t == 134, true
	case "mldv1":
		return icmp6 && (t == 130 || t == 131 || t == 132), true
	case "mldv2":
		return icmp6 && t == 143, true
	case "eth.mcast":
		mac := f.fields["dl_dst"]
		return len(mac) > 1 && nibbleOdd(mac[1]), mac != ""
	case "eth.bcast":
		return f.fields["dl_dst"] == "ff:ff:ff:ff:ff:ff", f.fields["dl_dst"] != ""
	case "ip4.mcast":
		a, err := netip.ParseAddr(f.fields["nw_dst"])
		return f.ip4() && err == nil && a.IsMulticast(), true
	case "flags.loopback":
		return f.number("reg10")&1 != 0, true
	case "ct_mark.blocked":
		return f.number("ct_mark")&1 != 0, true
	case "ct_mark.natted":
		return f.number("ct_mark")&2 != 0, true
	case "0":
		return false, true
	case "1":
		return true, true
	}
	if bit, ok := strings.CutPrefix(name, "ct."); ok {
		long := map[string]string{"dnat": "dnat", "snat": "snat"}[bit]
		for _, s := range strings.Split(f.fields["ct_state"], "|") {
			if s == bit || long != "" && s == long {
				return true, true
			}
		}
		return false, true
	}
	return false, false
}

func nibbleOdd(c byte) bool { return strings.IndexByte("13579bdfBDF", c) >= 0 }

// value is a field's text in the notation of logical matches; known is false
// when the flow does not tell it, and ok false when the packet has no such field.
func (f facts) value(name string) (text string, ok, known bool) {
	get := func(has bool, fields ...string) (string, bool, bool) {
		if !has {
			return "", false, true
		}
		for _, n := range fields {
			if v, ok := f.fields[n]; ok {
				return v, true, true
			}
		}
		return "0", true, true
	}
	tcp, udp, sctp := f.proto() == 6, f.proto() == 17, f.proto() == 132
	icmp4, icmp6 := f.ip4() && f.proto() == 1, f.ip6() && f.proto() == 58
	switch name {
	case "inport":
		return f.inport, true, f.inport != ""
	case "outport":
		return f.outport, true, f.outport != ""
	case "eth.src":
		return get(true, "dl_src")
	case "eth.dst":
		return get(true, "dl_dst")
	case "ip4.src":
		return get(f.ip4(), "nw_src")
	case "ip4.dst":
		return get(f.ip4(), "nw_dst")
	case "ip6.src":
		return get(f.ip6(), "ipv6_src")
	case "ip6.dst":
		return get(f.ip6(), "ipv6_dst")
	case "ip.proto":
		return strconv.FormatUint(f.proto(), 10), f.ip4() || f.ip6(), true
	case "ip.ttl":
		return get(f.ip4() || f.ip6(), "nw_ttl")
	case "tcp.src", "tcp.dst", "tcp.flags":
		if name == "tcp.flags" {
			return "", tcp, !tcp
		}
		return get(tcp, "tp_"+name[4:], "tcp_"+name[4:])
	case "udp.src", "udp.dst":
		return get(udp, "tp_"+name[4:], "udp_"+name[4:])
	case "sctp.src", "sctp.dst":
		return get(sctp, "tp_"+name[5:], "sctp_"+name[5:])
	case "icmp4.type":
		return get(icmp4, "icmp_type")
	case "icmp4.code":
		return get(icmp4, "icmp_code")
	case "icmp6.type":
		return get(icmp6, "icmp_type", "icmpv6_type")
	case "icmp6.code":
		return get(icmp6, "icmp_code", "icmpv6_code")
	case "arp.op":
		return get(f.is("arp"), "arp_op")
	case "arp.spa":
		return get(f.is("arp"), "arp_spa")
	case "arp.tpa":
		return get(f.is("arp"), "arp_tpa")
	case "arp.sha":
		return get(f.is("arp"), "arp_sha")
	case "arp.tha":
		return get(f.is("arp"), "arp_tha")
	case "nd.target":
		return get(icmp6, "nd_target")
	case "ct_mark":
		return get(true, "ct_mark")
	}
	return f.register(name)
}

// register reads regN, flags (reg10) and their sub-fields [B] and [A..B].
func (f facts) register(name string) (text string, ok, known bool) {
	base, bits, sub := strings.Cut(strings.TrimSuffix(name, "]"), "[")
	if base == "flags" {
		base = "reg10"
	}
	n, err := strconv.Atoi(strings.TrimPrefix(base, "reg"))
	if !strings.HasPrefix(base, "reg") || err != nil || n < 0 || n > 15 {
		return "", true, false
	}
	v := f.number(base)
	if !sub {
		return strconv.FormatUint(v, 10), true, true
	}
	low, high, isRange := strings.Cut(bits, "..")
	if !isRange {
		high = low
	}
	a, errA := strconv.Atoi(low)
	b, errB := strconv.Atoi(high)
	if errA != nil || errB != nil || a < 0 || b < a || b > 31 {
		return "", true, false
	}
	return strconv.FormatUint(v>>a&(1<<(b-a+1)-1), 10), true, true
}
