package ofreplay

import "strconv"

// format is how mf_format prints a field.
type format uint8

const (
	fmtHex format = iota
	fmtDecimal
	fmtEther
	fmtIPv4
	fmtIPv6
	fmtOther // not printed here: an action that sets such a field is Opaque
)

// oxm is a field's code point: experimenter (0 for none), class and number.
type oxm struct {
	vendor uint32
	class  uint16
	number uint8
}

// Field is one field of Open vSwitch's meta-flow.h.
type Field struct {
	Name   string // as set_field prints it
	NXM    string // as load and move print it: nxm_field_by_mf_id(id, 0)
	Bytes  int
	Bits   int
	format format
	write  bool
	codes  []oxm
}

// fields lists the fields that an OpenFlow action may contain, generated once from the comments of
// meta-flow.h; families adds the numbered ones.
var fields = append(families(), []Field{
	{"dp_hash", "NXM_NX_DP_HASH", 4, 32, fmtHex, false, []oxm{{0x2320, 0xffff, 0}, {0, 0x0001, 35}}},
	{"recirc_id", "NXM_NX_RECIRC_ID", 4, 32, fmtDecimal, false, []oxm{{0, 0x0001, 36}}},
	{"packet_type", "OXM_OF_PACKET_TYPE", 4, 32, fmtOther, false, []oxm{{0, 0x8000, 44}}},
	{"conj_id", "NXM_NX_CONJ_ID", 4, 32, fmtDecimal, false, []oxm{{0, 0x0001, 37}}},
	{"tun_id", "NXM_NX_TUN_ID", 8, 64, fmtHex, true, []oxm{{0, 0x8000, 38}, {0, 0x0001, 16}}},
	{"tun_src", "NXM_NX_TUN_IPV4_SRC", 4, 32, fmtIPv4, true, []oxm{{0, 0x0001, 31}}},
	{"tun_dst", "NXM_NX_TUN_IPV4_DST", 4, 32, fmtIPv4, true, []oxm{{0, 0x0001, 32}}},
	{"tun_ipv6_src", "NXM_NX_TUN_IPV6_SRC", 16, 128, fmtIPv6, true, []oxm{{0, 0x0001, 109}}},
	{"tun_ipv6_dst", "NXM_NX_TUN_IPV6_DST", 16, 128, fmtIPv6, true, []oxm{{0, 0x0001, 110}}},
	{"tun_flags", "NXM_NX_TUN_FLAGS", 2, 1, fmtOther, true, []oxm{{0, 0x0001, 104}}},
	{"tun_gbp_id", "NXM_NX_TUN_GBP_ID", 2, 16, fmtDecimal, true, []oxm{{0, 0x0001, 38}}},
	{"tun_gbp_flags", "NXM_NX_TUN_GBP_FLAGS", 1, 8, fmtHex, true, []oxm{{0, 0x0001, 39}}},
	{"tun_erspan_idx", "NXOXM_ET_ERSPAN_IDX", 4, 20, fmtHex, true, []oxm{{0x2320, 0xffff, 11}}},
	{"tun_erspan_ver", "NXOXM_ET_ERSPAN_VER", 1, 4, fmtDecimal, true, []oxm{{0x2320, 0xffff, 12}}},
	{"tun_erspan_dir", "NXOXM_ET_ERSPAN_DIR", 1, 1, fmtDecimal, true, []oxm{{0x2320, 0xffff, 13}}},
	{"tun_erspan_hwid", "NXOXM_ET_ERSPAN_HWID", 1, 6, fmtHex, true, []oxm{{0x2320, 0xffff, 14}}},
	{"tun_gtpu_flags", "NXOXM_ET_GTPU_FLAGS", 1, 8, fmtHex, false, []oxm{{0x2320, 0xffff, 15}}},
	{"tun_gtpu_msgtype", "NXOXM_ET_GTPU_MSGTYPE", 1, 8, fmtDecimal, false, []oxm{{0x2320, 0xffff, 16}}},
	{"metadata", "OXM_OF_METADATA", 8, 64, fmtHex, true, []oxm{{0, 0x8000, 2}}},
	{"in_port", "NXM_OF_IN_PORT", 2, 16, fmtOther, true, []oxm{{0, 0x0000, 0}}},
	{"in_port_oxm", "OXM_OF_IN_PORT", 4, 32, fmtOther, true, []oxm{{0, 0x8000, 0}}},
	{"actset_output", "ONFOXM_ET_ACTSET_OUTPUT", 4, 32, fmtOther, false, []oxm{{0x4f4e4600, 0xffff, 43}, {0, 0x8000, 43}}},
	{"pkt_mark", "NXM_NX_PKT_MARK", 4, 32, fmtHex, true, []oxm{{0, 0x0001, 33}}},
	{"ct_state", "NXM_NX_CT_STATE", 4, 32, fmtOther, false, []oxm{{0, 0x0001, 105}}},
	{"ct_zone", "NXM_NX_CT_ZONE", 2, 16, fmtHex, false, []oxm{{0, 0x0001, 106}}},
	{"ct_mark", "NXM_NX_CT_MARK", 4, 32, fmtHex, true, []oxm{{0, 0x0001, 107}}},
	{"ct_label", "NXM_NX_CT_LABEL", 16, 128, fmtHex, true, []oxm{{0, 0x0001, 108}}},
	{"ct_nw_proto", "NXM_NX_CT_NW_PROTO", 1, 8, fmtDecimal, false, []oxm{{0, 0x0001, 119}}},
	{"ct_nw_src", "NXM_NX_CT_NW_SRC", 4, 32, fmtIPv4, false, []oxm{{0, 0x0001, 120}}},
	{"ct_nw_dst", "NXM_NX_CT_NW_DST", 4, 32, fmtIPv4, false, []oxm{{0, 0x0001, 121}}},
	{"ct_ipv6_src", "NXM_NX_CT_IPV6_SRC", 16, 128, fmtIPv6, false, []oxm{{0, 0x0001, 122}}},
	{"ct_ipv6_dst", "NXM_NX_CT_IPV6_DST", 16, 128, fmtIPv6, false, []oxm{{0, 0x0001, 123}}},
	{"ct_tp_src", "NXM_NX_CT_TP_SRC", 2, 16, fmtDecimal, false, []oxm{{0, 0x0001, 124}}},
	{"ct_tp_dst", "NXM_NX_CT_TP_DST", 2, 16, fmtDecimal, false, []oxm{{0, 0x0001, 125}}},
	{"eth_src", "NXM_OF_ETH_SRC", 6, 48, fmtEther, true, []oxm{{0, 0x8000, 4}, {0, 0x0000, 2}}},
	{"eth_dst", "NXM_OF_ETH_DST", 6, 48, fmtEther, true, []oxm{{0, 0x8000, 3}, {0, 0x0000, 1}}},
	{"eth_type", "NXM_OF_ETH_TYPE", 2, 16, fmtHex, false, []oxm{{0, 0x8000, 5}, {0, 0x0000, 3}}},
	{"vlan_tci", "NXM_OF_VLAN_TCI", 2, 16, fmtHex, true, []oxm{{0, 0x0000, 4}}},
	{"vlan_vid", "OXM_OF_VLAN_VID", 2, 12, fmtDecimal, true, []oxm{{0, 0x8000, 6}}},
	{"vlan_pcp", "OXM_OF_VLAN_PCP", 1, 3, fmtDecimal, true, []oxm{{0, 0x8000, 7}}},
	{"mpls_label", "OXM_OF_MPLS_LABEL", 4, 20, fmtDecimal, true, []oxm{{0, 0x8000, 34}}},
	{"mpls_tc", "OXM_OF_MPLS_TC", 1, 3, fmtDecimal, true, []oxm{{0, 0x8000, 35}}},
	{"mpls_bos", "OXM_OF_MPLS_BOS", 1, 1, fmtDecimal, false, []oxm{{0, 0x8000, 36}}},
	{"mpls_ttl", "NXM_NX_MPLS_TTL", 1, 8, fmtDecimal, true, []oxm{{0, 0x0001, 30}}},
	{"ip_src", "NXM_OF_IP_SRC", 4, 32, fmtIPv4, true, []oxm{{0, 0x8000, 11}, {0, 0x0000, 7}}},
	{"ip_dst", "NXM_OF_IP_DST", 4, 32, fmtIPv4, true, []oxm{{0, 0x8000, 12}, {0, 0x0000, 8}}},
	{"ipv6_src", "NXM_NX_IPV6_SRC", 16, 128, fmtIPv6, true, []oxm{{0, 0x8000, 26}, {0, 0x0001, 19}}},
	{"ipv6_dst", "NXM_NX_IPV6_DST", 16, 128, fmtIPv6, true, []oxm{{0, 0x8000, 27}, {0, 0x0001, 20}}},
	{"ipv6_label", "NXM_NX_IPV6_LABEL", 4, 20, fmtHex, true, []oxm{{0, 0x8000, 28}, {0, 0x0001, 27}}},
	{"nw_proto", "NXM_OF_IP_PROTO", 1, 8, fmtDecimal, false, []oxm{{0, 0x8000, 10}, {0, 0x0000, 6}}},
	{"nw_tos", "NXM_OF_IP_TOS", 1, 8, fmtDecimal, true, []oxm{{0, 0x0000, 5}}},
	{"ip_dscp", "OXM_OF_IP_DSCP", 1, 6, fmtDecimal, true, []oxm{{0, 0x8000, 8}}},
	{"nw_ecn", "NXM_NX_IP_ECN", 1, 2, fmtDecimal, true, []oxm{{0, 0x8000, 9}, {0, 0x0001, 28}}},
	{"nw_ttl", "NXM_NX_IP_TTL", 1, 8, fmtDecimal, true, []oxm{{0, 0x0001, 29}}},
	{"ip_frag", "NXM_NX_IP_FRAG", 1, 2, fmtOther, false, []oxm{{0, 0x0001, 26}}},
	{"arp_op", "NXM_OF_ARP_OP", 2, 16, fmtDecimal, true, []oxm{{0, 0x8000, 21}, {0, 0x0000, 15}}},
	{"arp_spa", "NXM_OF_ARP_SPA", 4, 32, fmtIPv4, true, []oxm{{0, 0x8000, 22}, {0, 0x0000, 16}}},
	{"arp_tpa", "NXM_OF_ARP_TPA", 4, 32, fmtIPv4, true, []oxm{{0, 0x8000, 23}, {0, 0x0000, 17}}},
	{"arp_sha", "NXM_NX_ARP_SHA", 6, 48, fmtEther, true, []oxm{{0, 0x8000, 24}, {0, 0x0001, 17}}},
	{"arp_tha", "NXM_NX_ARP_THA", 6, 48, fmtEther, true, []oxm{{0, 0x8000, 25}, {0, 0x0001, 18}}},
	{"tcp_src", "NXM_OF_TCP_SRC", 2, 16, fmtDecimal, true, []oxm{{0, 0x8000, 13}, {0, 0x0000, 9}}},
	{"tcp_dst", "NXM_OF_TCP_DST", 2, 16, fmtDecimal, true, []oxm{{0, 0x8000, 14}, {0, 0x0000, 10}}},
	{"tcp_flags", "NXM_NX_TCP_FLAGS", 2, 12, fmtOther, false, []oxm{{0x4f4e4600, 0xffff, 42}, {0, 0x8000, 42}, {0, 0x0001, 34}}},
	{"udp_src", "NXM_OF_UDP_SRC", 2, 16, fmtDecimal, true, []oxm{{0, 0x8000, 15}, {0, 0x0000, 11}}},
	{"udp_dst", "NXM_OF_UDP_DST", 2, 16, fmtDecimal, true, []oxm{{0, 0x8000, 16}, {0, 0x0000, 12}}},
	{"sctp_src", "OXM_OF_SCTP_SRC", 2, 16, fmtDecimal, true, []oxm{{0, 0x8000, 17}}},
	{"sctp_dst", "OXM_OF_SCTP_DST", 2, 16, fmtDecimal, true, []oxm{{0, 0x8000, 18}}},
	{"icmp_type", "NXM_OF_ICMP_TYPE", 1, 8, fmtDecimal, true, []oxm{{0, 0x8000, 19}, {0, 0x0000, 13}}},
	{"icmp_code", "NXM_OF_ICMP_CODE", 1, 8, fmtDecimal, true, []oxm{{0, 0x8000, 20}, {0, 0x0000, 14}}},
	{"icmpv6_type", "NXM_NX_ICMPV6_TYPE", 1, 8, fmtDecimal, true, []oxm{{0, 0x8000, 29}, {0, 0x0001, 21}}},
	{"icmpv6_code", "NXM_NX_ICMPV6_CODE", 1, 8, fmtDecimal, true, []oxm{{0, 0x8000, 30}, {0, 0x0001, 22}}},
	{"nd_target", "NXM_NX_ND_TARGET", 16, 128, fmtIPv6, true, []oxm{{0, 0x8000, 31}, {0, 0x0001, 23}}},
	{"nd_sll", "NXM_NX_ND_SLL", 6, 48, fmtEther, true, []oxm{{0, 0x8000, 32}, {0, 0x0001, 24}}},
	{"nd_tll", "NXM_NX_ND_TLL", 6, 48, fmtEther, true, []oxm{{0, 0x8000, 33}, {0, 0x0001, 25}}},
	{"nd_reserved", "ERICOXM_OF_ICMPV6_ND_RESERVED", 4, 32, fmtDecimal, true, []oxm{{0, 0x1000, 1}}},
	{"nd_options_type", "ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE", 1, 8, fmtDecimal, true, []oxm{{0, 0x1000, 2}}},
	{"nsh_flags", "NXOXM_NSH_FLAGS", 1, 8, fmtDecimal, true, []oxm{{0x5ad650, 0xffff, 1}}},
	{"nsh_mdtype", "NXOXM_NSH_MDTYPE", 1, 8, fmtDecimal, false, []oxm{{0x5ad650, 0xffff, 2}}},
	{"nsh_np", "NXOXM_NSH_NP", 1, 8, fmtDecimal, false, []oxm{{0x5ad650, 0xffff, 3}}},
	{"nsh_spi", "NXOXM_NSH_SPI", 4, 24, fmtHex, true, []oxm{{0x5ad650, 0xffff, 4}}},
	{"nsh_si", "NXOXM_NSH_SI", 1, 8, fmtDecimal, true, []oxm{{0x5ad650, 0xffff, 5}}},
	{"nsh_c1", "NXOXM_NSH_C1", 4, 32, fmtHex, true, []oxm{{0x5ad650, 0xffff, 6}}},
	{"nsh_c2", "NXOXM_NSH_C2", 4, 32, fmtHex, true, []oxm{{0x5ad650, 0xffff, 7}}},
	{"nsh_c3", "NXOXM_NSH_C3", 4, 32, fmtHex, true, []oxm{{0x5ad650, 0xffff, 8}}},
	{"nsh_c4", "NXOXM_NSH_C4", 4, 32, fmtHex, true, []oxm{{0x5ad650, 0xffff, 9}}},
	{"nsh_ttl", "NXOXM_NSH_TTL", 1, 8, fmtDecimal, true, []oxm{{0x5ad650, 0xffff, 10}}},
}...)

// families returns the numbered fields, such as reg0.
func families() []Field {
	var fs []Field
	add := func(name, nxm string, n, bytes int, code oxm) {
		no := strconv.Itoa(n)
		fs = append(fs, Field{name + no, nxm + no, bytes, bytes * 8, fmtHex, true, []oxm{code}})
	}
	for n := range 16 {
		add("reg", "NXM_NX_REG", n, 4, oxm{0, 1, uint8(n)})
		add("reg", "NXOXM_ET_REG", n+16, 4, oxm{0x2320, 0xffff, uint8(n + 17)})
		add("xreg", "OXM_OF_PKT_REG", n, 8, oxm{0, 0x8001, uint8(n)})
	}
	for n := range 4 {
		add("xxreg", "NXM_NX_XXREG", n, 16, oxm{0, 1, uint8(n + 111)})
		add("xxreg", "NXOXM_ET_XXREG", n+4, 16, oxm{0x2320, 0xffff, uint8(n + 33)})
	}
	for n := range 64 {
		add("tun_metadata", "NXM_NX_TUN_METADATA", n, 124, oxm{0, 1, uint8(n + 40)})
	}
	return fs
}

// FieldNamed returns a field by the name that set_field prints; nil if there is none.
func FieldNamed(name string) *Field {
	for i := range fields {
		if fields[i].Name == name {
			return &fields[i]
		}
	}
	return nil
}

// fieldByCode returns a field by its OXM code point; nil if there is none.
func fieldByCode(code oxm) *Field {
	for i := range fields {
		for _, c := range fields[i].codes {
			if c == code {
				return &fields[i]
			}
		}
	}
	return nil
}

// variable reports whether a field's length depends on the switch's TLV map.
func (f *Field) variable() bool { return f.Bytes == 124 }

// Subfield is a range of bits of a field.
type Subfield struct {
	Field *Field
	Ofs   int
	Bits  int
}

// String prints as mf_format_subfield.
func (s Subfield) String() string {
	switch {
	case s.Ofs == 0 && s.Bits == s.Field.Bits:
		return s.Field.NXM + "[]"
	case s.Bits == 1:
		return s.Field.NXM + "[" + strconv.Itoa(s.Ofs) + "]"
	}
	return s.Field.NXM + "[" + strconv.Itoa(s.Ofs) + ".." + strconv.Itoa(s.Ofs+s.Bits-1) + "]"
}

func (s Subfield) valid() bool {
	return s.Field != nil && s.Bits > 0 && s.Ofs >= 0 && s.Ofs+s.Bits <= s.Field.Bits
}
