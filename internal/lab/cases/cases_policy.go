package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// policy returns cases of ACLs that need several OpenFlow flows each, and of other rules of a
// switch.
func policy(b builder) []probe.Case {
	acl := func(c probe.Case, rules ...string) probe.Case {
		return also(c, func(c *probe.Case) { c.Setup, c.Cleanup = rulesOf(rules), undo(rules) })
	}
	const sets = "ACL with sets (conjunctions)"
	return []probe.Case{
		acl(handshake("acl-sets", sets, b.tcp("sw0-p1", "sw2-p2", 444), "sw2-p2"),
			"to-lport 1010 'outport == @pg2 && ip4.src == {10.0.0.3, 10.0.0.4, 20.0.0.3} && tcp.dst == {443, 444, 445}' allow-related"),
		acl(one("acl-sets-other", sets, b.tcp("sw0-p3", "sw2-p2", 444), "nowhere"),
			"to-lport 1010 'outport == @pg2 && ip4.src == {10.0.0.3, 10.0.0.4, 20.0.0.3} && tcp.dst == {443, 444, 445}' allow-related"),
		acl(one("acl-sets-reject", sets, b.tcp("sw0-p1", "sw2-p2", 445), "rejected"),
			"to-lport 1010 'outport == @pg2 && ip4.src == {10.0.0.3, 10.0.0.4, 20.0.0.3} && tcp.dst == {443, 444, 445}' reject"),
		acl(one("acl-range", sets, b.tcp("sw0-p1", "sw2-p2", 1500), "sw2-p2"),
			"to-lport 1010 'outport == @pg2 && tcp.dst >= 1000 && tcp.dst <= 2000' allow-related"),
		acl(one("acl-not", sets, b.tcp("sw0-p1", "sw2-p2", 300), "sw2-p2"),
			"to-lport 1010 'outport == @pg2 && tcp.dst != 443 && ip4.src != 20.0.0.0/24' allow-related"),
		acl(one("acl-group-addresses", "ACL port groups", b.tcp("sw2-p1", "sw2-p2", 99), "sw2-p2"),
			"to-lport 1010 'outport == @pg2 && ip4.src == $pg2_ip4 && tcp.dst == 99' allow-related"),
		acl(one("acl-tcp-flags", "ACL allow", b.tcp("sw0-p1", "sw2-p2", 98), "sw2-p2"), "to-lport 1010 'outport == @pg2 && tcp.flags == 2' allow"),
		acl(one("acl-reject-icmp", "ACL reject", b.ping("sw0-p1", "sw2-p2"), "rejected"), "to-lport 1010 'outport == @pg2 && icmp4' reject"),
		acl(one("acl-reject-sctp", "ACL reject", b.sctp("sw0-p1", "sw2-p2", 9), "rejected"), "to-lport 1010 'outport == @pg2 && sctp' reject"),
		acl(one("acl-reject-same-chassis", "ACL reject", b.tcp("sw2-p1", "40.0.0.1", 80), "rejected"), "from-lport 1010 'inport == @pg2 && tcp' reject"),
		acl(probe.Case{Name: "acl-reject-established", Feature: "ACL reject", Steps: []probe.Step{
			{Packet: b.tcp("sw0-p1", "sw2-p2", 8080), Want: "sw2-p2"},
			{Answer: true, Want: "sw0-p1"},
			{Answer: true, Want: "sw2-p2"},
			{NB: []string{"acl-add pg2 to-lport 1012 'outport == @pg2 && tcp.dst == 8080' reject"}},
			{Packet: with(b.tcp("sw0-p1", "sw2-p2", 8080), func(p *probe.Packet) { p.Flags, p.Seq, p.Ack = "ack", 1, 1 })},
			{NB: []string{"acl-del pg2 to-lport 1012 'outport == @pg2 && tcp.dst == 8080'"}},
		}}, "to-lport 1011 'outport == @pg2 && tcp.dst == 1' drop"),
		acl(one("acl-arp-allowed", "ACL and ARP", b.arp("sw2-p1", "40.0.0.77"), "sw2-p2"), "to-lport 1010 'outport == @pg2 && ip4' drop"),
		acl(one("acl-broadcast", "ACL, flooded packets", with(b.udp("sw2-p1", "40.0.0.255", 7), func(p *probe.Packet) { p.EthDst = broadcastMAC }), ""), "to-lport 1010 'outport == @pg2 && udp.dst == 7' allow-related"),
		acl(one("acl-multicast", "ACL, flooded packets", with(b.udp("sw2-p1", "239.1.1.1", 7), func(p *probe.Packet) { p.EthDst = "01:00:5e:01:01:01" }), "nowhere")),
		changed(one("acl-switch", "ACL on a switch", b.tcp("sw1-p1", "sw1-p2", 80), "nowhere"), []string{"acl-add sw1 from-lport 1000 'inport == \"sw1-p1\"' drop"}, []string{"acl-del sw1"}),
		changed(handshake("acl-switch-related", "ACL on a switch", b.tcp("sw1-p1", "sw0-p2", 80), "sw0-p2"),
			[]string{"acl-add sw1 from-lport 1000 'ip4' allow-related", "acl-add sw1 to-lport 1000 'outport == \"sw1-p1\" && ip4' drop"}, []string{"acl-del sw1"}),
		changed(one("default-acl-drop", "ACL default drop (default_acl_drop)", b.tcp("sw1-p1", "sw1-p2", 80), "nowhere"),
			[]string{"set nb_global . options:default_acl_drop=true", "acl-add sw1 to-lport 1000 'udp' allow-related"}, []string{"remove nb_global . options default_acl_drop", "acl-del sw1"}),
		changed(one("qos-meter", "QoS rate limit (meter)", b.udp("sw0-p1", "sw0-p2", 7), "sw0-p2"),
			[]string{"qos-add sw0 from-lport 100 'ip4.src == 10.0.0.3' rate=10000 burst=10000"}, []string{"qos-del sw0"}),
		changed(one("qos-out", "QoS marking", b.udp("sw0-p1", "sw0-p2", 7), "sw0-p2"),
			[]string{"qos-add sw0 to-lport 100 'ip4.src == 10.0.0.3' dscp=10"}, []string{"qos-del sw0"}),
		changed(one("forwarding-group", "forwarding groups", with(b.udp("sw1-p3", "20.0.0.200", 7), func(p *probe.Packet) { p.EthDst = "50:54:00:01:00:c8" }), "sw1-p1|sw1-p2"),
			[]string{"fwd-group-add fg1 sw1 20.0.0.200 50:54:00:01:00:c8 sw1-p1 sw1-p2"}, []string{"fwd-group-del fg1"}),
		one("vlan-tagged", "tagged packets of a VIF", with(b.udp("sw0-p1", "sw0-p2", 7), func(p *probe.Packet) { p.VLAN, p.Hex = 77, true }), "nowhere"),
		changed(one("vlan-passthru", "tagged packets of a VIF", with(b.udp("sw0-p1", "sw0-p2", 7), func(p *probe.Packet) { p.VLAN, p.Hex = 77, true }), ""),
			[]string{"set logical_switch sw0 other_config:vlan-passthru=true"}, []string{"remove logical_switch sw0 other_config vlan-passthru"}),
		changed(probe.Case{Name: "mcast-learned", Feature: "multicast snooping", Steps: []probe.Step{
			{Packet: with(b.udp("sw0-p2", "239.1.1.1", 0), func(p *probe.Packet) {
				p.Proto, p.EthDst, p.TTL, p.Payload = "igmp", "01:00:5e:01:01:01", 1, []byte{0x16, 0, 0xf9, 0xfc, 239, 1, 1, 1}
			}), Quiet: true},
			{NB: []string{"@sleep 3s"}},
			{Packet: with(b.udp("sw0-p1", "239.1.1.1", 7), func(p *probe.Packet) { p.EthDst = "01:00:5e:01:01:01" }), Want: "sw0-p2"},
			{Packet: with(b.udp("sw0-p1", "239.2.2.2", 7), func(p *probe.Packet) { p.EthDst = "01:00:5e:02:02:02" })},
		}}, []string{"set logical_switch sw0 other_config:mcast_snoop=true other_config:mcast_querier=false"},
			[]string{"remove logical_switch sw0 other_config mcast_snoop", "remove logical_switch sw0 other_config mcast_querier", "@sb --all destroy igmp_group"}),
		changed(one("mcast-relay", "multicast relay", with(b.udp("sw0-p1", "239.1.1.1", 7), func(p *probe.Packet) { p.EthDst = "01:00:5e:01:01:01" }), ""),
			[]string{
				"set logical_switch sw0 other_config:mcast_snoop=true other_config:mcast_querier=false", "set logical_switch sw1 other_config:mcast_snoop=true other_config:mcast_querier=false other_config:mcast_flood_unregistered=true",
				"set logical_router lr0 options:mcast_relay=true", "set logical_router_port lr0-sw1 options:mcast_flood=true",
			},
			[]string{
				"clear logical_switch sw0 other_config", "clear logical_switch sw1 other_config", "remove logical_router lr0 options mcast_relay", "remove logical_router_port lr0-sw1 options mcast_flood",
			}),
		changed(one("copp-reject", "control plane meters (Copp)", b.tcp("sw0-p1", "30.0.0.84", 80), "rejected"),
			[]string{
				"meter-add m-case drop 100 pktps 10", "copp-add copp-case reject m-case", "ls-copp-add copp-case sw0",
				`--reject lb-add lb-case 30.0.0.84:80 "" tcp`, "ls-lb-add sw0 lb-case",
			},
			[]string{"lb-del lb-case", "clear logical_switch sw0 copp", "--all destroy Copp", "meter-del m-case"}),
		changed(one("copp-icmp", "control plane meters (Copp)", with(b.udp("sw0-p1", "sw1-p2", 7), func(p *probe.Packet) { p.TTL = 1 }), "rejected"),
			[]string{"meter-add m-case drop 100 pktps 10", "copp-add copp-case icmp4-error m-case", "lr-copp-add copp-case lr0"},
			[]string{"clear logical_router lr0 copp", "--all destroy Copp", "meter-del m-case"}),
		changed(one("copp-arp", "control plane meters (Copp)", b.ping("sw0-p1", "20.0.0.77"), "nowhere"),
			[]string{"meter-add m-case drop 100 pktps 10", "copp-add copp-case arp-resolve m-case", "lr-copp-add copp-case lr0"},
			[]string{"clear logical_router lr0 copp", "--all destroy Copp", "meter-del m-case"}),
		changed(one("acl-log-metered", "ACL log", b.tcp("sw1-p1", "sw1-p2", 80), "sw1-p2"),
			[]string{"meter-add m-case drop 100 pktps 10", "--log --meter=m-case --name=metered acl-add sw1 from-lport 1000 'tcp' allow-related"},
			[]string{"acl-del sw1", "meter-del m-case"}),
		changed(one("external-port", "external ports", with(b.arp("ext4", "172.18.0.3"), func(p *probe.Packet) {}), ""),
			[]string{
				"ha-chassis-group-add hagx", "ha-chassis-group-add-chassis hagx hv2 30", "lsp-add prov prov-ext", "lsp-set-type prov-ext external",
				"lsp-set-addresses prov-ext '52:54:00:ee:00:04 172.18.0.100'", "--id=@g get HA_Chassis_Group hagx -- set Logical_Switch_Port prov-ext ha_chassis_group=@g", "@sleep 3s",
			},
			[]string{"lsp-del prov-ext", "ha-chassis-group-del hagx"}),
	}
}
