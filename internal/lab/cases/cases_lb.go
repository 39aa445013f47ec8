package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

const anySw1 = "sw1-p1|sw1-p2|sw1-p3"

// loadBalancers returns cases of all kinds of virtual addresses.
func loadBalancers(b builder) []probe.Case {
	vip := func(opts ...string) []string { // a VIP on sw0 for the case
		return append([]string{"lb-add lb-case 30.0.0.99:80 20.0.0.3:8080,20.0.0.4:8080 tcp", "ls-lb-add sw0 lb-case"}, opts...)
	}
	gone := []string{"lb-del lb-case"}
	again := func(p *probe.Packet) *probe.Packet { return with(p, func(p *probe.Packet) { p.Sport++ }) }
	return []probe.Case{
		changed(one("lb-reject-empty", "load balancer, reject when empty", b.tcp("sw0-p1", "30.0.0.98", 80), "rejected"),
			[]string{`--reject lb-add lb-case 30.0.0.98:80 "" tcp`, "ls-lb-add sw0 lb-case"}, gone),
		changed(one("lb-empty-drop", "load balancer, no backend", b.tcp("sw0-p1", "30.0.0.98", 80), "nowhere"),
			[]string{`lb-add lb-case 30.0.0.98:80 "" tcp`, "ls-lb-add sw0 lb-case"}, gone),
		changed(handshake("lb-selection-fields", "load balancer, selection fields", b.tcp("sw0-p1", "30.0.0.99", 80), "sw1-p1|sw1-p2"),
			vip(`set load_balancer lb-case selection_fields='"ip_src","ip_dst"'`), gone),
		// OVN 23.03 learns the backend from the first packet and drops it; the repeated packet is
		// forwarded.
		changed(probe.Case{Name: "lb-affinity", Feature: "load balancer, affinity", Steps: []probe.Step{
			{Packet: b.tcp("sw0-p1", "30.0.0.99", 80)},
			{Packet: b.tcp("sw0-p1", "30.0.0.99", 80), Want: "sw1-p1|sw1-p2"},
			{Answer: true, Want: "sw0-p1"},
			{Packet: again(b.tcp("sw0-p1", "30.0.0.99", 80)), Want: "sw1-p1|sw1-p2"},
		}}, vip("set load_balancer lb-case options:affinity_timeout=600"), gone),
		changed(handshake("lb-hairpin-snat-ip", "load balancer, hairpin", b.tcp("sw0-p1", "30.0.0.97", 80), "sw0-p1"),
			[]string{"lb-add lb-case 30.0.0.97:80 10.0.0.3:8080 tcp", "set load_balancer lb-case options:hairpin_snat_ip=30.0.0.77", "ls-lb-add sw0 lb-case"}, gone),
		changed(echo("lb-no-port", "load balancer, all ports", b.udp("sw0-p1", "30.0.0.96", 999), "sw1-p2"),
			[]string{"lb-add lb-case 30.0.0.96 20.0.0.4", "ls-lb-add sw0 lb-case"}, gone),
		changed(echo("lb-sctp", "load balancer, SCTP", b.sctp("sw0-p1", "30.0.0.95", 9), "sw1-p2"),
			[]string{"lb-add lb-case 30.0.0.95:9 20.0.0.4:99 sctp", "ls-lb-add sw0 lb-case"}, gone),
		changed(handshake("lb-router", "load balancer on a gateway router", b.tcp("ext3", "172.17.0.50", 80), "sw4-p1|sw4-p2", "hv2"), nil, nil),
		handshake("lb-cluster", "load balancer on a switch behind routers", b.tcp("sw4-p1", "30.0.0.20", 80), "sw4-p2"),
		handshake("lb-gateway-port", "load balancer on a distributed router", b.tcp("ext1", "172.16.0.50", 80), "sw3-p1|sw3-p2", "hv2|external hv3"),
		changed(handshake("lb-force-snat", "load balancer, lb_force_snat_ip", b.tcp("ext3", "172.17.0.50", 80), "sw4-p1|sw4-p2", "hv2"),
			[]string{"set logical_router gr0 options:lb_force_snat_ip=router_ip"}, []string{"remove logical_router gr0 options lb_force_snat_ip"}),
		changed(handshake("lb-force-snat-ip", "load balancer, lb_force_snat_ip", b.tcp("ext3", "172.17.0.50", 80), "sw4-p1|sw4-p2", "hv2"),
			[]string{"set logical_router gr0 options:lb_force_snat_ip=100.64.0.2"}, []string{"remove logical_router gr0 options lb_force_snat_ip"}),
		changed(handshake("lb-skip-snat", "load balancer, skip_snat", b.tcp("ext3", "172.17.0.50", 80), "sw4-p1|sw4-p2", "hv2"),
			[]string{"set logical_router gr0 options:lb_force_snat_ip=router_ip", "set load_balancer lb-gr options:skip_snat=true"},
			[]string{"remove logical_router gr0 options lb_force_snat_ip", "remove load_balancer lb-gr options skip_snat"}),
		changed(handshake("lb-group", "load balancer groups", b.tcp("sw0-p1", "30.0.0.94", 80), "sw1-p2"),
			[]string{"--id=@l create load_balancer name=lb-case protocol=tcp vips:'\"30.0.0.94:80\"'='\"20.0.0.4:8080\"' -- --id=@g create load_balancer_group name=lbg load_balancer=@l -- add logical_switch sw0 load_balancer_group @g"},
			[]string{"clear logical_switch sw0 load_balancer_group", "destroy load_balancer_group lbg", "lb-del lb-case"}),
		changed(handshake("lb-template", "load balancer templates", b.tcp("sw0-p1", "30.0.0.93", 80), "sw1-p2"),
			[]string{
				"create Chassis_Template_Var chassis=hv1 variables:BACK=20.0.0.4:8080 variables:VIP=30.0.0.93",
				"--template lb-add lb-case ^VIP:80 ^BACK tcp", "ls-lb-add sw0 lb-case",
			},
			[]string{"lb-del lb-case", "--all destroy Chassis_Template_Var"}),
		changed(probe.Case{Name: "lb-backend-removed", Feature: "load balancer, backend removed under a connection", Steps: []probe.Step{
			{Packet: b.tcp("sw0-p1", "30.0.0.92", 80), Want: "sw1-p2"},
			{Answer: true, Want: "sw0-p1"},
			{Answer: true, Want: "sw1-p2"},
			{NB: []string{"--may-exist lb-add lb-case 30.0.0.92:80 20.0.0.5:8080 tcp"}},
			{Packet: with(b.tcp("sw0-p1", "30.0.0.92", 80), func(p *probe.Packet) { p.Flags, p.Seq, p.Ack = "ack", 77, 77 })},
			{Packet: again(b.tcp("sw0-p1", "30.0.0.92", 80)), Want: "sw1-p3"},
		}}, []string{"lb-add lb-case 30.0.0.92:80 20.0.0.4:8080 tcp", "ls-lb-add sw0 lb-case"}, gone),
		handshake("vip-one", "load balancer, one backend", b.tcp("sw0-p1", "30.0.0.10", 80), "sw1-p2"),
		handshake("vip-three", "load balancer, several backends", b.tcp("sw0-p1", "30.0.0.11", 80), anySw1),
		{Name: "vip-three-again", Feature: "load balancer, established entry pins the backend", Steps: []probe.Step{
			{Packet: b.tcp("sw0-p1", "30.0.0.11", 80), Want: anySw1},
			{Answer: true, Want: "sw0-p1"},
			{Answer: true, Want: anySw1},
			{Packet: with(b.tcp("sw0-p1", "30.0.0.11", 80), func(p *probe.Packet) { p.Flags = "syn" }), Want: anySw1},
		}},
		echo("vip-udp", "load balancer, UDP", b.udp("sw0-p1", "30.0.0.10", 53), "sw1-p2"),
		handshake("vip-ipv6", "load balancer, IPv6", b.tcp6("sw0-p1", "fd00:30::10", 80), "sw1-p2"),
		one("vip-other-port", "load balancer, port without a VIP", b.tcp("sw0-p1", "30.0.0.10", 81), ""),
		handshake("vip-hairpin", "load balancer, hairpin", b.tcp("sw0-p1", "30.0.0.12", 80), "sw0-p1"),
		handshake("vip-hairpin-other-client", "load balancer, hairpin", b.tcp("sw0-p3", "30.0.0.12", 80), "sw0-p1"),
		one("vip-from-other-switch", "load balancer, switch without it", b.tcp("sw1-p1", "30.0.0.10", 80), "nowhere"),
	}
}
