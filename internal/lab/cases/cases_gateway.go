package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// gateways returns cases of ways out of OVN and back that need several routers or options.
func gateways(b builder) []probe.Case {
	const (
		dvr     = "distributed router over VLANs (chassis MACs)"
		central = "NAT: dnat_and_snat, centralized"
	)
	// Every chassis gets its own MAC for packets of a distributed router to a physical network.
	var macs, noMacs []string
	for i, c := range b.t.Chassis {
		macs = append(macs, "@"+c.Name+" ovs-vsctl set open_vswitch . external-ids:ovn-chassis-mac-mappings=physnet1:aa:bb:cc:00:00:0"+string(rune('1'+i)))
		noMacs = append(noMacs, "@"+c.Name+" ovs-vsctl remove open_vswitch . external-ids ovn-chassis-mac-mappings")
	}
	localnet := func(sw, tag string) []string {
		p := "ln-" + sw
		return []string{"lsp-add " + sw + " " + p, "lsp-set-type " + p + " localnet", "lsp-set-addresses " + p + " unknown",
			"lsp-set-options " + p + " network_name=physnet1", "set logical_switch_port " + p + " tag_request=" + tag + " tag=" + tag}
	}
	join := func(lists ...[]string) []string {
		var all []string
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	vlans := join(macs, localnet("sw0", "510"), localnet("sw1", "511"), []string{"@sleep 2s"})
	noVlans := join([]string{"lsp-del ln-sw0", "lsp-del ln-sw1"}, noMacs)
	vlan3 := func(opts ...string) []string { return join(macs, localnet("sw3", "513"), opts, []string{"@sleep 2s"}) }
	noVlan3 := func(opts ...string) []string { return join([]string{"lsp-del ln-sw3"}, opts, noMacs) }
	fip := func(p *probe.Packet) { p.EthDst = "00:00:00:00:fe:11" }
	return []probe.Case{
		changed(handshake("dvr-vlan-switch", dvr, b.tcp("sw0-p1", "sw0-p2", 80), "sw0-p2"), vlans, noVlans),
		changed(probe.Case{Name: "dvr-vlan-router", Feature: dvr, Steps: []probe.Step{{Packet: b.tcp("sw0-p1", "sw1-p2", 80), Want: "sw1-p2"}, {Answer: true}}}, vlans, noVlans),
		changed(handshake("dvr-vlan-local", dvr, b.tcp("sw0-p2", "sw1-p1", 80), "sw1-p1"), vlans, noVlans),
		changed(echo("redirect-bridged", "gateway port, redirect-type=bridged", b.ping("sw3-p3", "ext1"), "external hv3"),
			vlan3("lrp-set-redirect-type lr1-public bridged"), noVlan3("remove logical_router_port lr1-public options redirect-type")),
		changed(echo("reside-on-redirect", "reside-on-redirect-chassis", b.ping("sw3-p3", "ext1"), "external hv3"),
			vlan3("set logical_router_port lr1-sw3 options:reside-on-redirect-chassis=true"), noVlan3("remove logical_router_port lr1-sw3 options reside-on-redirect-chassis")),
		one("fip-own", "NAT: hairpin, a machine's own floating address", b.tcp("sw3-p1", "172.16.0.10", 80), ""),
		one("fip-own-distributed", "NAT: hairpin, a machine's own floating address", b.tcp("sw3-p2", "172.16.0.11", 80), ""),
		echo("fip-distributed-ping", "NAT: dnat_and_snat, distributed", with(b.ping("ext1", "172.16.0.11"), fip), "sw3-p2", "hv2"),
		changed(handshake("dnat-gateway-port", "NAT: dnat", b.tcp("ext1", "172.16.0.40", 80), "sw3-p3", "hv3"),
			[]string{"lr-nat-add lr1 dnat 172.16.0.40 50.0.0.5"}, []string{"lr-nat-del lr1 dnat 172.16.0.40"}),
		changed(handshake("fip-ipv6-in", "NAT: IPv6", b.tcp6("ext1", "fd00:172::10", 80), "sw3-p1", "hv3"),
			[]string{"lr-nat-add lr1 dnat_and_snat fd00:172::10 fd00:50::3"}, []string{"lr-nat-del lr1 dnat_and_snat fd00:172::10"}),
		changed(handshake("fip-ipv6-out", "NAT: IPv6", b.tcp6("sw3-p1", "ext1", 80), "external hv3"),
			[]string{"lr-nat-add lr1 dnat_and_snat fd00:172::10 fd00:50::3"}, []string{"lr-nat-del lr1 dnat_and_snat fd00:172::10"}),
		changed(handshake("gr-stateless", "NAT: stateless", b.tcp("ext3", "172.17.0.30", 80), "sw4-p1", "hv2"),
			[]string{"lr-nat-del gr0 dnat_and_snat 172.17.0.30", "--stateless lr-nat-add gr0 dnat_and_snat 172.17.0.30 60.0.0.3"},
			[]string{"lr-nat-del gr0 dnat_and_snat 172.17.0.30", "lr-nat-add gr0 dnat_and_snat 172.17.0.30 60.0.0.3"}),
		changed(handshake("gr-snat-zone", "NAT: snat-ct-zone", b.tcp("sw4-p2", "ext3", 80), "external hv2"),
			[]string{"set logical_router gr0 options:snat-ct-zone=0"}, []string{"remove logical_router gr0 options snat-ct-zone"}),
		changed(handshake("gr-force-snat-ipv6", "NAT: dnat_force_snat_ip", b.tcp6("ext3", "fd00:173::40", 80), "sw4-p2", "hv2"),
			[]string{"lr-nat-add gr0 dnat fd00:173::40 fd00:60::4", "set logical_router gr0 options:dnat_force_snat_ip='\"100.64.0.2 fd00:64::2\"'"},
			[]string{"lr-nat-del gr0 dnat fd00:173::40", "remove logical_router gr0 options dnat_force_snat_ip"}),
		handshake("gr-no-nat", "gateway router, no NAT", b.tcp("ext3", "60.0.0.4", 80), "sw4-p2", "hv2"),
		handshake("gr-hairpin-fip", "NAT: hairpin, a machine's own floating address", b.tcp("sw4-p2", "172.17.0.30", 80), "sw4-p1"),
		echo("fip-inside-ping", central, b.ping("sw3-p3", "172.16.0.10"), "sw3-p1"),
		changed(handshake("route-table", "route tables", b.tcp("sw0-p1", "99.0.6.1", 80), "sw1-p2"),
			[]string{"--route-table=rt1 lr-route-add lr0 99.0.6.0/24 20.0.0.4", "set logical_router_port lr0-sw0 options:route_table=rt1"},
			[]string{"--route-table=rt1 lr-route-del lr0 99.0.6.0/24", "remove logical_router_port lr0-sw0 options route_table"}),
		changed(one("route-table-other", "route tables", b.tcp("sw0-p1", "99.0.6.1", 80), "nowhere"),
			[]string{"--route-table=rt1 lr-route-add lr0 99.0.6.0/24 20.0.0.4", "set logical_router_port lr0-sw1 options:route_table=rt1"},
			[]string{"--route-table=rt1 lr-route-del lr0 99.0.6.0/24", "remove logical_router_port lr0-sw1 options route_table"}),
		changed(one("route-port", "static routes", b.udp("sw0-p1", "99.0.7.1", 7), "sw1-p2"),
			[]string{"lr-route-add lr0 99.0.7.0/24 20.0.0.4 lr0-sw1"}, []string{"lr-route-del lr0 99.0.7.0/24"}),
		changed(one("ecmp-ipv6", "ECMP routes", b.udp6("sw0-p1", "fd99:4::1", 7), "sw1-p1|sw1-p2"),
			[]string{"lr-route-add lr0 fd99:4::/64 fd00:20::3", "--ecmp lr-route-add lr0 fd99:4::/64 fd00:20::4"}, []string{"lr-route-del lr0 fd99:4::/64"}),
		changed(one("policy-mark", "router policies", b.udp("sw0-p1", "sw1-p2", 7), "sw1-p2"),
			[]string{"lr-policy-add lr0 100 'ip4.src == 10.0.0.3' allow pkt_mark=100"}, []string{"lr-policy-del lr0 100"}),
		changed(one("policy-ipv6", "router policies", b.udp6("sw0-p1", "sw1-p2", 7), "sw1-p3"),
			[]string{"lr-policy-add lr0 100 'ip6.src == fd00:10::3' reroute fd00:20::5"}, []string{"lr-policy-del lr0 100"}),
		one("ttl-second-router", "TTL", with(b.udp("sw4-p1", "ext3", 7), func(p *probe.Packet) { p.TTL = 2 }), "rejected"),
		one("routers-first-ttl", "TTL", with(b.udp("sw4-p1", "ext3", 7), func(p *probe.Packet) { p.TTL = 1 }), "rejected"),
		changed(one("mtu-too-big-ipv6", "MTU, check_pkt_len", with(b.udp6("sw3-p3", "ext1", 7), func(p *probe.Packet) { p.Payload = make([]byte, 1330) }), ""),
			[]string{"set logical_router_port lr1-public options:gateway_mtu=1300"}, []string{"remove logical_router_port lr1-public options gateway_mtu"}),
		changed(one("mtu-from-outside", "MTU, check_pkt_len", with(b.udp("ext1", "50.0.0.5", 7), func(p *probe.Packet) { p.Payload = make([]byte, 1200); p.DF = true }), ""),
			[]string{"set logical_router_port lr1-public options:gateway_mtu=1000"}, []string{"remove logical_router_port lr1-public options gateway_mtu"}),
		changed(one("mtu-gateway-router", "MTU, check_pkt_len", with(b.udp("sw4-p2", "ext3", 7), func(p *probe.Packet) { p.Payload = make([]byte, 1200); p.DF = true }), "rejected"),
			[]string{"set logical_router_port gr0-public2 options:gateway_mtu=1000"}, []string{"remove logical_router_port gr0-public2 options gateway_mtu"}),
		changed(one("second-gateway-port", "several distributed gateway ports", b.tcp("sw3-p3", "172.19.0.100", 80), "external hv2"), secondGateway, noSecondGateway),
	}
}

// secondGateway gives lr1 a second gateway port, on hv2 and VLAN 301.
var (
	secondGateway = []string{
		"ls-add public3", "lrp-add lr1 lr1-public3 00:00:00:00:fe:03 172.19.0.1/24", "lsp-add public3 public3-lr1", "lsp-set-type public3-lr1 router",
		"lsp-set-addresses public3-lr1 router", "lsp-set-options public3-lr1 router-port=lr1-public3", "lsp-add public3 ln-public3", "lsp-set-type ln-public3 localnet",
		"lsp-set-addresses ln-public3 unknown", "lsp-set-options ln-public3 network_name=physnet1", "set logical_switch_port ln-public3 tag_request=301 tag=301",
		"lrp-set-gateway-chassis lr1-public3 hv2 20", "static-mac-binding-add lr1-public3 172.19.0.100 52:54:00:ee:00:09", "@sleep 3s",
	}
	noSecondGateway = []string{"static-mac-binding-del lr1-public3 172.19.0.100", "ls-del public3", "lrp-del lr1-public3", "@sleep 1s"}
)
