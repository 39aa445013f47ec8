package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// underlay is other tunnels than Geneve over IPv4. The chassis are told to use
// them, and back again.
func underlay(b builder) []probe.Case {
	// tunnels waits until each chassis of the first zone has a tunnel to each other one.
	tunnels := func(kind, prefix string) []string {
		var out []string
		for _, c := range b.t.Chassis {
			for _, peer := range b.t.Chassis {
				if c.Name != peer.Name && c.Zone == "" && peer.Zone == "" {
					out = append(out, "@until @"+c.Name+" ovs-vsctl --bare --columns=_uuid find interface type="+kind+
						` 'options:remote_ip="`+prefix+number(peer.Name)+`"' ofport!=[]`)
				}
			}
		}
		return out
	}
	const v4, v6 = "172.31.0.", "fd31::"
	encap := func(kind string) []string {
		return append([]string{"@all ovs-vsctl set open_vswitch . external-ids:ovn-encap-type=" + kind}, tunnels(kind, v4)...)
	}
	each := func(prefix string) []string {
		var out []string
		for _, c := range b.t.Chassis {
			out = append(out, "@"+c.Name+" ovs-vsctl set open_vswitch . external-ids:ovn-encap-ip="+prefix+number(c.Name))
		}
		return append(out, tunnels("geneve", prefix)...)
	}
	both := func(name, feature string, setup, cleanup []string) []probe.Case {
		return []probe.Case{
			changed(handshake(name+"-switch", feature, b.tcp("sw0-p1", "sw0-p2", 80), "sw0-p2"), setup, cleanup),
			changed(handshake(name+"-vip", feature, b.tcp("sw0-p1", "30.0.0.10", 80), "sw1-p2"), setup, cleanup),
			changed(one(name+"-broadcast", feature, with(b.udp("sw0-p1", "10.0.0.255", 7), func(p *probe.Packet) { p.EthDst = broadcastMAC }), "sw0-p2, sw0-p3"), setup, cleanup),
		}
	}
	var all []probe.Case
	back := each(v4)
	// Each chassis has its second address at .1N; the kernel sends from the first unless the tunnel says otherwise.
	two := func(order string) []string {
		var out []string
		for _, c := range b.t.Chassis {
			if c.Zone != "" {
				continue
			}
			n := number(c.Name)
			ips := "172.31.0." + n + ",172.31.0.1" + n
			if order == "second first" {
				ips = "172.31.0.1" + n + ",172.31.0." + n
			}
			out = append(out, "@"+c.Name+" ovs-vsctl set open_vswitch . external-ids:ovn-encap-ip="+ips)
		}
		return append(out, "@sleep 3s")
	}
	all = append(all, both("two-addresses", "several tunnel addresses", two(""), back)...)
	all = append(all,
		changed(echo("two-addresses-second", "several tunnel addresses", b.ping("sw0-p1", "sw0-p2"), "sw0-p2"), two("second first"), back),
		changed(echo("two-addresses-of-port", "several tunnel addresses", b.ping("sw0-p1", "sw0-p2"), "sw0-p2"),
			append(two(""), "@hv2 ovs-vsctl set interface sw0-p2 external-ids:encap-ip=172.31.0.12", "@sleep 2s"),
			append([]string{"@hv2 ovs-vsctl remove interface sw0-p2 external-ids encap-ip"}, back...)),
		changed(echo("ipsec", "tunnels set up for IPsec", b.ping("sw0-p1", "sw0-p2"), "sw0-p2"),
			[]string{"set nb_global . ipsec=true", "@sleep 3s"}, []string{"set nb_global . ipsec=false", "@sleep 3s"}),
	)
	mixed := []string{"@hv1 ovs-vsctl set open_vswitch . external-ids:ovn-encap-type=geneve,vxlan", "@hv2 ovs-vsctl set open_vswitch . external-ids:ovn-encap-type=geneve,vxlan",
		"@hv3 ovs-vsctl set open_vswitch . external-ids:ovn-encap-type=vxlan", "@sleep 3s"}
	all = append(all, both("mixed", "Geneve and VXLAN tunnels together", mixed, encap("geneve"))...)
	all = append(all, both("vxlan", "VXLAN tunnels", encap("vxlan"), encap("geneve"))...)
	all = append(all, both("underlay-ipv6", "IPv6 underlay", each(v6), back)...)
	return all
}

// number is a chassis' last digit, by which its addresses go.
func number(chassis string) string { return chassis[len(chassis)-1:] }

// learned waits until some switch has learned a MAC.
func learned(mac string) string { return `@until @sb --bare find fdb 'mac="` + mac + `"'` }

// bfd waits until a chassis sees the tunnel to another one alive.
func bfd(chassis, peer string) string {
	return "@until @" + chassis + " ovs-vsctl --bare --columns=_uuid find interface type=geneve " +
		`'options:remote_ip="172.31.0.` + peer + `"' bfd_status:forwarding=true`
}

// learning is what OVN learns from packets and acts on later.
func learning(b builder) []probe.Case {
	return []probe.Case{
		{Name: "mac-binding-learned", Feature: "MAC binding learned from ARP", Cleanup: []string{"@sb --all destroy mac_binding"}, Steps: []probe.Step{
			{Packet: b.arp("ext2", "172.16.0.1"), Want: "nowhere"},
			{NB: []string{"@until @sb --bare find mac_binding ip=172.16.0.200"}},
			{Packet: b.tcp("sw3-p3", "ext2", 80), Want: "external hv3"},
			{Answer: true, Want: "sw3-p3"},
		}},
		{Name: "fdb-learned", Feature: "FDB", Cleanup: []string{"@sb --all destroy fdb"}, Steps: []probe.Step{
			{Packet: with(b.udp("sw5-p2", "sw5-p1", 7), func(p *probe.Packet) { p.EthSrc = "50:54:00:05:00:66" }), Want: "sw5-p1"},
			{NB: []string{learned("50:54:00:05:00:66")}},
			{Packet: with(b.udp("sw5-p1", "70.0.0.66", 7), func(p *probe.Packet) { p.EthDst = "50:54:00:05:00:66" }), Want: "sw5-p2"},
		}},
		changed(probe.Case{Name: "virtual-port", Feature: "virtual ports", Steps: []probe.Step{
			{Packet: with(b.arp("sw5-p1", "70.0.0.50"), func(p *probe.Packet) { p.Src = "70.0.0.50" }), Quiet: true},
			{NB: []string{"@bound sw5-virt hv1"}},
			{Packet: b.udp("sw6-c3", "70.0.0.50", 7), Want: "sw5-p1"},
		}},
			[]string{"lsp-add sw5 sw5-virt", "lsp-set-addresses sw5-virt '50:54:00:05:00:03 70.0.0.50'", "lsp-set-type sw5-virt virtual", "lsp-set-options sw5-virt virtual-ip=70.0.0.50 virtual-parents=sw5-p1,sw5-p3"},
			[]string{"lsp-del sw5-virt", "@sb --all destroy mac_binding"}),
		changed(one("virtual-port-unbound", "virtual ports", b.udp("sw6-c3", "70.0.0.50", 7), "nowhere"),
			[]string{"lsp-add sw5 sw5-virt", "lsp-set-addresses sw5-virt '50:54:00:05:00:03 70.0.0.50'", "lsp-set-type sw5-virt virtual", "lsp-set-options sw5-virt virtual-ip=70.0.0.50 virtual-parents=sw5-p2,sw5-p3"},
			[]string{"lsp-del sw5-virt"}),
		changed(one("lb-health-removed", "load balancer, backend removed by health check", b.tcp("sw0-p1", "30.0.0.91", 80), ""),
			[]string{
				"lb-add lb-case 30.0.0.91:80 20.0.0.3:8080,20.0.0.4:8080 tcp",
				"set load_balancer lb-case ip_port_mappings:20.0.0.4=sw1-p2:20.0.0.254",
				"--id=@h create Load_Balancer_Health_Check vip=30.0.0.91\\:80 options:interval=1 options:timeout=1 options:failure_count=1 options:success_count=1 -- add load_balancer lb-case health_check @h",
				"ls-lb-add sw0 lb-case", "@until @sb --bare find service_monitor status=offline",
			}, []string{"lb-del lb-case"}),
	}
}

// placement is where gateways and ports are, and what moves them.
func placement(b builder) []probe.Case {
	const claims = "@sleep 6s" // a gateway may change hands more than once before BFD has settled
	return []probe.Case{
		changed(handshake("gateway-moved", "HA gateway chassis", b.tcp("sw3-p3", "ext1", 80), "external hv2"),
			[]string{"lrp-set-gateway-chassis lr1-public hv2 30", claims, "@bound cr-lr1-public hv2", bfd("hv1", "2"), bfd("hv1", "3")},
			[]string{"lrp-del-gateway-chassis lr1-public hv2", "@bound cr-lr1-public hv3"}),
		changed(handshake("gateway-standby", "HA gateway chassis", b.tcp("sw3-p3", "ext1", 80), "external hv3"),
			[]string{"lrp-set-gateway-chassis lr1-public hv2 10", claims, "@bound cr-lr1-public hv3", bfd("hv1", "2"), bfd("hv1", "3")},
			[]string{"lrp-del-gateway-chassis lr1-public hv2", "@bound cr-lr1-public hv3"}),
		changed(handshake("ha-chassis-group", "HA chassis groups", b.tcp("sw3-p3", "ext1", 80), "external hv1"),
			[]string{
				"ha-chassis-group-add hag", "ha-chassis-group-add-chassis hag hv1 30", "ha-chassis-group-add-chassis hag hv2 20",
				"lrp-del-gateway-chassis lr1-public hv3",
				"--id=@g get HA_Chassis_Group hag -- set Logical_Router_Port lr1-public ha_chassis_group=@g", claims, "@bound cr-lr1-public hv1",
				bfd("hv1", "2"), bfd("hv2", "1"),
			},
			[]string{"clear Logical_Router_Port lr1-public ha_chassis_group", "ha-chassis-group-del hag", "lrp-set-gateway-chassis lr1-public hv3 20", "@bound cr-lr1-public hv3"}),
		handshake("l2gateway-out", "l2gateway", b.tcp("sw7-p1", "ext5", 80), "external hv2"),
		handshake("l2gateway-in", "l2gateway", b.tcp("ext5", "sw7-p1", 80), "sw7-p1", "hv2"),
		one("localport", "localport", b.udp("sw7-p1", "sw7-local", 80), "sw7-local"),
		changed(one("port-disabled", "disabled port", b.udp("sw0-p1", "sw0-p2", 7), "nowhere"),
			[]string{"lsp-set-enabled sw0-p1 disabled"}, []string{"lsp-set-enabled sw0-p1 enabled"}),
		changed(one("port-not-bound", "port not bound", b.udp("sw0-p1", "10.0.0.60", 7), "nowhere"),
			[]string{"lsp-add sw0 sw0-nobody", "lsp-set-addresses sw0-nobody '50:54:00:00:00:60 10.0.0.60'"}, []string{"lsp-del sw0-nobody"}),
		changed(one("qos-dscp", "QoS marking", b.udp("sw0-p1", "sw0-p2", 7), "sw0-p2"),
			[]string{"qos-add sw0 from-lport 100 'ip4.src == 10.0.0.3' dscp=46"}, []string{"qos-del sw0"}),
		changed(one("mcast-snooping", "multicast snooping", with(b.udp("sw0-p1", "239.1.1.1", 7), func(p *probe.Packet) { p.EthDst = "01:00:5e:01:01:01" }), ""),
			[]string{"set logical_switch sw0 other_config:mcast_snoop=true other_config:mcast_querier=false"},
			[]string{"remove logical_switch sw0 other_config mcast_snoop", "remove logical_switch sw0 other_config mcast_querier"}),
		changed(one("mcast-flood-port", "multicast snooping", with(b.udp("sw0-p1", "239.1.1.1", 7), func(p *probe.Packet) { p.EthDst = "01:00:5e:01:01:01" }), "sw0-p2"),
			[]string{"set logical_switch sw0 other_config:mcast_snoop=true other_config:mcast_querier=false", "set logical_switch_port sw0-p2 options:mcast_flood=true"},
			[]string{"remove logical_switch sw0 other_config mcast_snoop", "remove logical_switch sw0 other_config mcast_querier", "remove logical_switch_port sw0-p2 options mcast_flood"}),
		changed(one("multichassis-port", "multichassis ports", b.udp("sw0-p1", "sw0-p2", 7), "sw0-p2"),
			[]string{"set logical_switch_port sw0-p2 options:requested-chassis=hv2,hv3"}, []string{"remove logical_switch_port sw0-p2 options requested-chassis"}),
	}
}

// controller is what OVN answers by way of ovn-controller.
func controller(b builder) []probe.Case {
	dns := append([]byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 'v', 'm', 3, 'l', 'a', 'b', 0}, 0, 1, 0, 1)
	return []probe.Case{
		changed(one("dns", "controller actions: DNS", with(b.udp("sw5-p1", "70.0.0.53", 53), func(p *probe.Packet) { p.EthDst, p.Payload = "50:54:00:05:00:04", dns }), ""),
			[]string{"--id=@d create DNS records:vm.lab=70.0.0.4 -- add logical_switch sw5 dns_records @d"},
			[]string{"clear logical_switch sw5 dns_records", "--all destroy DNS"}),
		changed(one("router-solicitation", "controller actions: router advertisement", b.rs("sw5-p1"), ""),
			[]string{"set logical_router_port lr3-sw5 ipv6_ra_configs:address_mode=slaac"}, []string{"clear logical_router_port lr3-sw5 ipv6_ra_configs"}),
		one("arp-reply-to-router", "controller actions: put_arp", with(b.arp("sw5-p1", "70.0.0.1"), func(p *probe.Packet) { p.Op, p.EthDst, p.THA = 2, "00:00:00:00:ff:06", "00:00:00:00:ff:06" }), ""),
		changed(one("lb-event", "controller actions: event", b.tcp("sw0-p1", "30.0.0.98", 80), "nowhere"),
			[]string{"set nb_global . options:controller_event=true", `--event lb-add lb-case 30.0.0.98:80 "" tcp`, "ls-lb-add sw0 lb-case"},
			[]string{"lb-del lb-case", "remove nb_global . options controller_event"}),
		one("igmp-report", "controller actions: IGMP", with(b.udp("sw0-p1", "239.1.1.1", 0), func(p *probe.Packet) {
			p.Proto, p.EthDst, p.TTL, p.Payload = "igmp", "01:00:5e:01:01:01", 1, []byte{0x16, 0, 0xf9, 0xfc, 239, 1, 1, 1}
		}), ""),
		changed(one("igmp-report-snooped", "controller actions: IGMP", with(b.udp("sw0-p1", "239.1.1.1", 0), func(p *probe.Packet) {
			p.Proto, p.EthDst, p.TTL, p.Payload = "igmp", "01:00:5e:01:01:01", 1, []byte{0x16, 0, 0xf9, 0xfc, 239, 1, 1, 1}
		}), ""),
			[]string{"set logical_switch sw0 other_config:mcast_snoop=true other_config:mcast_querier=false"},
			[]string{"remove logical_switch sw0 other_config mcast_snoop", "remove logical_switch sw0 other_config mcast_querier", "@sb --all destroy igmp_group"}),
		changed(one("lb-reject-sctp", "controller actions: SCTP abort", b.sctp("sw0-p1", "30.0.0.98", 9), ""),
			[]string{`--reject lb-add lb-case 30.0.0.98:9 "" sctp`, "ls-lb-add sw0 lb-case"}, []string{"lb-del lb-case"}),
		changed(one("no-bridge-mapping", "chassis without the bridge mapping", b.udp("prov-p1", "ext4", 7), "nowhere"),
			[]string{"@hv1 ovs-vsctl remove open_vswitch . external-ids ovn-bridge-mappings", "@gone @hv1 ovs-vsctl --bare --columns=_uuid find interface name=patch-br-int-to-ln-prov"},
			[]string{"@hv1 ovs-vsctl set open_vswitch . external-ids:ovn-bridge-mappings=physnet1:br-ex", "@until @hv1 ovs-vsctl --bare --columns=_uuid find interface name=patch-br-int-to-ln-prov ofport!=[]"}),
		one("ttl-exceeded-ipv6", "controller actions: ICMP errors", with(b.udp6("sw0-p1", "sw1-p2", 7), func(p *probe.Packet) { p.TTL = 1 }), "rejected"),
	}
}

// rs is a router solicitation.
func (b builder) rs(from string) *probe.Packet {
	e := b.end(from)
	return &probe.Packet{From: from, Proto: "nd_rs", EthSrc: e.mac, EthDst: "33:33:00:00:00:02", Src: "fe80::5054:ff:fe05:3", Dst: "ff02::2", SHA: e.mac}
}

// related is ICMP errors about connections, sent by the machines themselves.
func related(b builder) []probe.Case {
	const f = "ICMP errors, related (+rel)"
	about := func(name string, p *probe.Packet, server, back string) probe.Case {
		return probe.Case{Name: "related-" + name, Feature: f, Steps: []probe.Step{{Packet: p, Want: server}, {Error: true, Want: back}}}
	}
	middle := func(name string, p *probe.Packet, server, back, router string) probe.Case {
		return probe.Case{Name: "related-exceeded-" + name, Feature: f, Steps: []probe.Step{{Packet: p, Want: server}, {Error: true, Middle: router, Want: back}}}
	}
	hexed := func(p *probe.Packet) *probe.Packet {
		return with(p, func(p *probe.Packet) { p.Hex = true })
	}
	return []probe.Case{
		about("switch", b.udp("sw0-p1", "sw0-p2", 7), "sw0-p2", "sw0-p1"),
		about("vip-udp", b.udp("sw0-p1", "30.0.0.10", 53), "sw1-p2", "sw0-p1"),
		about("vip-tcp", b.tcp("sw0-p1", "30.0.0.10", 80), "sw1-p2", "sw0-p1"),
		about("acl", b.tcp("sw0-p1", "sw2-p2", 8080), "sw2-p2", "sw0-p1"),
		about("acl-ipv6", b.tcp6("sw0-p1", "sw2-p2", 8080), "sw2-p2", "sw0-p1"),
		about("snat", b.udp("sw3-p3", "ext1", 7), "external hv3", "sw3-p3"),
		about("gr-snat", b.udp("sw4-p2", "ext3", 7), "external hv2", "sw4-p2"),
		about("gr-fip-out", b.udp("sw4-p1", "ext3", 7), "external hv2", "sw4-p1"),
		about("gr-fip-in", b.udp("ext3", "172.17.0.30", 7), "sw4-p1", "external hv2"),
		changed(about("gr-lb", b.udp("ext3", "172.17.0.51", 53), "sw4-p2", "external hv2"),
			[]string{"lb-add lb-case 172.17.0.51:53 60.0.0.4:5353 udp", "lr-lb-add gr0 lb-case"}, []string{"lb-del lb-case"}),
		about("fip-out", b.udp("sw3-p1", "ext1", 7), "external hv3", "sw3-p1"),
		about("fip-in", b.udp("ext1", "172.16.0.10", 7), "sw3-p1", "external hv3"),
		about("fip-distributed-in", b.udp("ext1", "172.16.0.11", 7), "sw3-p2", "external hv2"),
		about("snat-ipv6", b.udp6("sw3-p3", "ext1", 7), "external hv3", "sw3-p3"),
		middle("snat", b.udp("sw3-p3", "ext1", 7), "external hv3", "sw3-p3", "172.16.0.200"),
		middle("snat-ipv6", b.udp6("sw3-p3", "ext1", 7), "external hv3", "sw3-p3", "fd00:172::200"),
		middle("gr-snat", b.udp("sw4-p2", "ext3", 7), "external hv2", "sw4-p2", "172.17.0.200"),
		middle("fip-in", b.udp("ext1", "172.16.0.10", 7), "sw3-p1", "external hv3", "50.0.0.99"),
		middle("vip", b.udp("sw0-p1", "30.0.0.10", 53), "sw1-p2", "sw0-p1", "20.0.0.99"),
		middle("acl", b.tcp("sw0-p1", "sw2-p2", 8080), "sw2-p2", "sw0-p1", "40.0.0.99"),
		{Name: "related-to-nothing", Feature: f, Steps: []probe.Step{
			{Packet: b.tcp("sw0-p1", "sw2-p2", 8080), Want: "sw2-p2"},
			{Flush: true, Error: true, Want: "nowhere"},
		}},
		echo("hex-ping", "packet given as bytes", with(hexed(b.ping("sw0-p1", "sw2-p2")), func(p *probe.Packet) { p.ID = 4711 }), "sw2-p2"),
		one("hex-tcp", "packet given as bytes", hexed(b.tcp("sw0-p1", "30.0.0.10", 80)), "sw1-p2"),
		one("hex-sctp", "packet given as bytes", hexed(b.sctp("sw0-p1", "sw1-p2", 9)), "sw1-p2"),
		one("hex-arp", "packet given as bytes", hexed(b.arp("sw0-p1", "10.0.0.77")), "sw0-p2, sw0-p3"),
	}
}
