package ovnexpr

import "fmt"

// logical adds ports, registers and flags.
func (s symtab) logical() {
	s.nominal("inport", 0, "")
	s.nominal("outport", 0, "")
	s.add("__inport", 32, "")
	s.add("__outport", 32, "")
	s.predicate("from_evpn_vtep", "__inport[31]")
	s.predicate("to_evpn_vtep", "__outport[31]")
	s.nominal("remote_outport", 0, "")
	for i := range 2 {
		s.add(fmt.Sprintf("xxreg%d", i), 128, "")
	}
	for i := range 5 {
		name := fmt.Sprintf("xreg%d", i)
		if i == 4 { // ten registers: the last two have no xxreg
			s.add(name, 64, "")
			continue
		}
		low := 64 * (1 - i%2)
		s.part(name, "", fmt.Sprintf("xxreg%d", i/2), low, low+63)
	}
	for i := range 10 {
		name, parent, low := fmt.Sprintf("reg%d", i), fmt.Sprintf("xxreg%d", i/4), 32*(3-i%4)
		if i >= 8 {
			parent, low = "xreg4", 32*(1-i%2)
		}
		s.part(name, "", parent, low, low+31)
	}
	s.add("flags", 32, "")
	for name, bit := range map[string]int{
		"loopback": 0, "force_snat_for_dnat": 2, "force_snat_for_lb": 3, "skip_snat_for_lb": 9, "use_snat_zone": 11,
		"localnet": 15, "tunnel_rx": 16, "icmp_snat": 17, "from_ctrl": 19, "unsnat_new": 20, "unsnat_not_tracked": 21,
		"igmp_loopback": 22, "pkt_sampled": 23,
	} {
		s.part("flags."+name, "", "flags", bit, bit)
	}
	s.part("flags.network_id", "", "flags", 28, 31)
}

func (s symtab) conntrack() {
	s.add("ct_mark", 32, "")
	for name, bit := range map[string]int{"blocked": 0, "natted": 1, "skip_snat": 2, "force_snat": 3, "allow_established": 6} {
		s.part("ct_mark."+name, "", "ct_mark", bit, bit)
	}
	s.part("ct_mark.ecmp_reply_port", "", "ct_mark", 16, 31)
	s.part("ct_mark.obs_stage", "", "ct_mark", 4, 5)
	s.part("ct_mark.obs_collector_id", "", "ct_mark", 16, 23)

	s.add("ct_label", 128, "")
	s.part("ct_label.blocked", "", "ct_label", 0, 0) // OVN before 21.12 has these bits in the label
	s.part("ct_label.natted", "", "ct_label", 1, 1)
	s.part("ct_label.skip_snat", "", "ct_label", 2, 2)
	s.part("ct_label.force_snat", "", "ct_label", 3, 3)
	s.part("ct_label.ecmp_reply_eth", "", "ct_label", 32, 79)
	s.part("ct_label.ecmp_reply_port", "", "ct_label", 80, 95)
	s.part("ct_label.label", "", "ct_label", 96, 127)
	s.part("ct_label.obs_point_id", "", "ct_label", 96, 127)
	s.part("ct_label.obs_unused", "", "ct_label", 0, 95)
	s.part("ct_label.acl_id", "", "ct_label", 80, 95)
	s.part("ct_label.nf", "", "ct_label", 7, 7)
	s.part("ct_label.nf_id", "", "ct_label", 17, 24)
	s.part("ct_label.tun_if", "", "ct_label", 8, 8)
	s.part("ct_label.tun_if_id", "", "ct_label", 80, 95)

	s.add("ct_state", 32, "")
	for bit, name := range []string{"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"} {
		prereq := "ct.trk"
		if name == "trk" {
			prereq = ""
		}
		s.part("ct."+name, prereq, "ct_state", bit, bit)
	}
	s.add("pkt.mark", 32, "")
}

func (s symtab) headers() {
	s.add("eth.src", 48, "")
	s.add("eth.dst", 48, "")
	s.nominal("eth.type", 16, "")
	s.predicate("eth.bcast", "eth.dst == ff:ff:ff:ff:ff:ff")
	s.part("eth.mcast", "", "eth.dst", 40, 40)
	s.predicate("eth.mcastv6", "eth.dst[32..47] == 0x3333")
	s.add("vlan.tci", 16, "")
	s.predicate("vlan.present", "vlan.tci[12]")
	s.part("vlan.pcp", "vlan.present", "vlan.tci", 13, 15)
	s.part("vlan.vid", "vlan.present", "vlan.tci", 0, 11)

	s.predicate("ip4", "eth.type == 0x800")
	s.predicate("ip6", "eth.type == 0x86dd")
	s.predicate("ip", "ip4 || ip6")
	s.nominal("ip.proto", 8, "ip")
	s.nominal("ip.dscp", 6, "ip")
	s.nominal("ip.ecn", 2, "ip")
	s.nominal("ip.ttl", 8, "ip")
	s.add("ip.frag", 2, "ip")
	s.predicate("ip.is_frag", "ip.frag[0]")
	s.predicate("ip.later_frag", "ip.frag[1]")
	s.predicate("ip.first_frag", "ip.is_frag && !ip.later_frag")

	s.add("ip4.src", 32, "ip4")
	s.add("ip4.dst", 32, "ip4")
	s.predicate("ip4.src_mcast", "ip4.src[28..31] == 0xe")
	s.predicate("ip4.mcast", "eth.mcast && ip4.dst[28..31] == 0xe")
	s.add("ip6.src", 128, "ip6")
	s.add("ip6.dst", 128, "ip6")
	s.add("ip6.label", 20, "ip6")
	s.predicate("ip6.mcast_rsvd", "ip6.dst == {ff00::0, ff01::0, ff02::0, ff03::0, ff04::0, ff05::0, ff06::0, ff07::0, "+
		"ff08::0, ff09::0, ff0a::0, ff0b::0, ff0c::0, ff0d::0, ff0e::0, ff0f::0}")
	s.predicate("ip6.mcast_all_nodes", "ip6.dst == ff01::1 || ip6.dst == ff02::1")
	s.predicate("ip6.mcast_all_rtrs", "ip6.dst == ff01::2 || ip6.dst == ff02::2 || ip6.dst == ff05::2")
	s.predicate("ip6.mcast_sol_node", "ip6.dst == ff02::1:ff00:0000/104")
	s.predicate("ip6.mcast_flood",
		"eth.mcastv6 && (ip6.mcast_rsvd || ip6.mcast_all_nodes || ip6.mcast_all_rtrs || ip6.mcast_sol_node)")
	s.predicate("ip6.mcast", "eth.mcastv6 && ip6.dst[120..127] == 0xff")

	s.predicate("icmp4", "ip4 && ip.proto == 1")
	s.nominal("icmp4.type", 8, "icmp4")
	s.nominal("icmp4.code", 8, "icmp4")
	s.predicate("igmp", "ip4.mcast && ip.proto == 2")
	s.predicate("icmp6", "ip6 && ip.proto == 58")
	s.nominal("icmp6.type", 8, "icmp6")
	s.nominal("icmp6.code", 8, "icmp6")
	s.predicate("icmp", "icmp4 || icmp6")
	for name, proto := range map[string]string{"tcp": "6", "udp": "17", "sctp": "132"} {
		s.predicate(name, "ip.proto == "+proto)
		s.add(name+".src", 16, name)
		s.add(name+".dst", 16, name)
	}
	s.add("tcp.flags", 12, "tcp")
}

// neighbours adds ARP, neighbour discovery and listener discovery.
func (s symtab) neighbours() {
	for name, ethType := range map[string]string{"arp": "0x806", "rarp": "0x8035"} {
		s.predicate(name, "eth.type == "+ethType)
		s.nominal(name+".op", 16, name)
		s.add(name+".spa", 32, name)
		s.add(name+".tpa", 32, name)
		s.add(name+".sha", 48, name)
		s.add(name+".tha", 48, name)
	}
	s.predicate("nd", "icmp6.type == {135, 136} && icmp6.code == 0 && ip.ttl == 255")
	s.predicate("nd_ns", "icmp6.type == 135 && icmp6.code == 0 && ip.ttl == 255")
	s.predicate("nd_ns_mcast", "ip6.mcast && icmp6.type == 135 && icmp6.code == 0 && ip.ttl == 255")
	s.predicate("nd_na", "icmp6.type == 136 && icmp6.code == 0 && ip.ttl == 255")
	s.predicate("nd_rs", "icmp6.type == 133 && icmp6.code == 0 && ip.ttl == 255")
	s.predicate("nd_ra", "icmp6.type == 134 && icmp6.code == 0 && ip.ttl == 255")
	s.add("nd.target", 128, "nd")
	s.add("nd.sll", 48, "nd_ns")
	s.add("nd.tll", 48, "nd_na")
	s.predicate("mldv1", "eth.mcastv6 && ip6.src == fe80::/10 && icmp6.type == {130, 131, 132}")
	s.predicate("mldv2", "eth.mcastv6 && ip6.dst == ff02::16 && icmp6.type == 143")
}
