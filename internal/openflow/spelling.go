package openflow

import (
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// protoWord returns the meaning of a protocol word of ofp_parse_protocol (lib/ofp-parse.c).
func protoWord(name string) (word, bool) {
	switch name {
	case "ip", "ipv4", "ip4":
		return word{packet.EthIPv4, 0}, true
	case "icmp":
		return word{packet.EthIPv4, packet.ProtoICMP}, true
	case "tcp":
		return word{packet.EthIPv4, packet.ProtoTCP}, true
	case "udp":
		return word{packet.EthIPv4, packet.ProtoUDP}, true
	case "sctp":
		return word{packet.EthIPv4, packet.ProtoSCTP}, true
	case "ipv6", "ip6":
		return word{packet.EthIPv6, 0}, true
	case "icmp6", "icmpv6":
		return word{packet.EthIPv6, packet.ProtoICMPv6}, true
	case "tcp6":
		return word{packet.EthIPv6, packet.ProtoTCP}, true
	case "udp6":
		return word{packet.EthIPv6, packet.ProtoUDP}, true
	case "sctp6":
		return word{packet.EthIPv6, packet.ProtoSCTP}, true
	case "arp":
		return word{packet.EthARP, 0}, true
	case "rarp":
		return word{packet.EthRARP, 0}, true
	case "mpls":
		return word{packet.EthMPLS, 0}, true
	case "mplsm":
		return word{packet.EthMPLSM, 0}, true
	}
	return word{}, false
}

// word is the meaning of a protocol word.
type word struct {
	ethType uint16
	proto   uint8
}

// canonical returns the name used here for any of the names of a field (lib/meta-flow.h). An
// unknown name is returned unchanged.
func canonical(name string) string {
	switch name {
	case "eth_src":
		return "dl_src"
	case "eth_dst":
		return "dl_dst"
	case "eth_type":
		return "dl_type"
	case "vlan_pcp":
		return "dl_vlan_pcp"
	case "ip_src":
		return "nw_src"
	case "ip_dst":
		return "nw_dst"
	case "ip_proto":
		return "nw_proto"
	case "ip_ecn":
		return "nw_ecn"
	case "ip_frag":
		return "nw_frag"
	case "icmpv4_type":
		return "icmp_type"
	case "icmpv4_code":
		return "icmp_code"
	case "nsp":
		return "nsh_spi"
	case "nsi":
		return "nsh_si"
	case "nshc1", "nshc2", "nshc3", "nshc4":
		return "nsh_" + name[len("nsh"):]
	case "tunnel_id":
		return "tun_id"
	case "in_port_oxm":
		return "in_port"
	}
	return name
}

// kin returns the protocol-independent name that matches print for a canonical name: tp_dst for
// tcp_dst, icmp_type for icmpv6_type.
func kin(name string) string {
	switch name {
	case "tcp_src", "udp_src", "sctp_src":
		return "tp_src"
	case "tcp_dst", "udp_dst", "sctp_dst":
		return "tp_dst"
	case "icmpv6_type":
		return "icmp_type"
	case "icmpv6_code":
		return "icmp_code"
	}
	return name
}

// ofPacket reports whether the field of that canonical name belongs to the packet's headers.
func ofPacket(name string) bool {
	switch name {
	case "packet_type", "dl_src", "dl_dst", "dl_type",
		"dl_vlan", "vlan_vid", "dl_vlan_pcp", "vlan_tci", "dl_vlan1", "dl_vlan_pcp1", "vlan_tci1",
		"nw_src", "nw_dst", "nw_proto", "nw_tos", "ip_dscp", "nw_ecn", "nw_ttl", "nw_frag",
		"ipv6_src", "ipv6_dst", "ipv6_label",
		"tp_src", "tp_dst", "tcp_src", "tcp_dst", "udp_src", "udp_dst", "sctp_src", "sctp_dst",
		"tcp_flags", "icmp_type", "icmp_code", "icmpv6_type", "icmpv6_code",
		"arp_op", "arp_spa", "arp_tpa", "arp_sha", "arp_tha", "nd_target", "nd_sll", "nd_tll",
		"mpls_label", "mpls_tc", "mpls_bos", "mpls_ttl", "mpls_lse1", "mpls_lse2",
		"nsh_flags", "nsh_ttl", "nsh_mdtype", "nsh_np", "nsh_spi", "nsh_si",
		"nsh_c1", "nsh_c2", "nsh_c3", "nsh_c4":
		return true
	}
	return false
}

// IsMetadata reports whether name is a flow field of Open vSwitch outside the packet's headers:
// in_port, registers, metadata, marks, tunnel and conntrack fields.
func IsMetadata(name string) bool {
	if _, _, ok := regRange(name); ok {
		return true
	}
	switch canonical(name) {
	case "in_port", "recirc_id", "dp_hash", "skb_priority", "pkt_mark", "metadata", "actset_output", "conj_id",
		"priority", "table", "cookie", "eth", "nd_reserved", "nd_options_type",
		"ct_state", "ct_zone", "ct_mark", "ct_label", "ct_nw_proto", "ct_nw_src", "ct_nw_dst", "ct_ipv6_src", "ct_ipv6_dst",
		"ct_tp_src", "ct_tp_dst",
		"tun_id", "tun_src", "tun_dst", "tun_ipv6_src", "tun_ipv6_dst", "tun_flags", "tun_ttl", "tun_tos",
		"tun_gbp_id", "tun_gbp_flags", "tun_erspan_idx", "tun_erspan_ver", "tun_erspan_dir", "tun_erspan_hwid",
		"tun_gtpu_flags", "tun_gtpu_msgtype", "gtpu_flags", "gtpu_msgtype":
		return true
	}
	n, ok := strings.CutPrefix(name, "tun_metadata")
	return ok && number8(n, 64)
}

// number8 reports whether s is a number below limit, in the form of Open vSwitch's field names.
func number8(s string, limit int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n < limit && strconv.Itoa(n) == s
}

// regRange returns the 32-bit registers of regN, xregN or xxregN: n of them from first on.
func regRange(name string) (first, n int, ok bool) {
	const regs = 32 // FLOW_N_REGS since Open vSwitch 3.7, and 16 before
	for _, k := range []struct {
		prefix string
		n      int
	}{{"xxreg", 4}, {"xreg", 2}, {"reg", 1}} {
		if num, found := strings.CutPrefix(name, k.prefix); found {
			i, _ := strconv.Atoi(num)
			return i * k.n, k.n, number8(num, regs/k.n)
		}
	}
	return 0, 0, false
}

// slotOf returns the member of struct flow that contains a field: two fields of one member cannot
// both be given.
func slotOf(name string) string {
	switch name {
	case "ip_dscp":
		return "nw_tos"
	case "arp_op":
		return "nw_proto"
	case "arp_spa":
		return "nw_src"
	case "arp_tpa":
		return "nw_dst"
	case "nd_sll":
		return "arp_sha"
	case "nd_tll":
		return "arp_tha"
	case "icmp_type", "icmpv6_type":
		return "tp_src"
	case "icmp_code", "icmpv6_code":
		return "tp_dst"
	case "nd_options_type":
		return "tcp_flags"
	case "gtpu_flags", "gtpu_msgtype":
		return "tun_" + name
	}
	return kin(name)
}
