package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// routers returns cases of all kinds of routes and policies.
func routers(b builder) []probe.Case {
	const (
		pol  = "router policies"
		ecmp = "ECMP routes"
		via  = "static routes"
	)
	return []probe.Case{
		changed(one("route-static", via, b.udp("sw0-p1", "99.0.0.1", 7), "sw1-p2"),
			[]string{"lr-route-add lr0 99.0.0.0/24 20.0.0.4"}, []string{"lr-route-del lr0 99.0.0.0/24"}),
		changed(one("route-discard", via, b.udp("sw0-p1", "99.0.1.1", 7), "nowhere"),
			[]string{"lr-route-add lr0 99.0.1.0/24 discard"}, []string{"lr-route-del lr0 99.0.1.0/24"}),
		changed(one("route-src", "source routes", b.udp("sw0-p1", "99.0.2.1", 7), "sw1-p1"),
			[]string{"--policy=src-ip lr-route-add lr0 10.0.0.0/24 20.0.0.3"}, []string{"--policy=src-ip lr-route-del lr0 10.0.0.0/24"}),
		changed(one("route-longest", via, b.udp("sw0-p1", "99.0.3.1", 7), "sw1-p3"),
			[]string{"lr-route-add lr0 99.0.0.0/16 20.0.0.4", "lr-route-add lr0 99.0.3.0/24 20.0.0.5"},
			[]string{"lr-route-del lr0 99.0.0.0/16", "lr-route-del lr0 99.0.3.0/24"}),
		changed(one("route-ipv6", via, b.udp6("sw0-p1", "fd99::1", 7), "sw1-p2"),
			[]string{"lr-route-add lr0 fd99::/64 fd00:20::4"}, []string{"lr-route-del lr0 fd99::/64"}),
		changed(one("ecmp", ecmp, b.udp("sw0-p1", "99.0.4.1", 7), "sw1-p1|sw1-p2"),
			[]string{"lr-route-add lr0 99.0.4.0/24 20.0.0.3", "--ecmp lr-route-add lr0 99.0.4.0/24 20.0.0.4"}, []string{"lr-route-del lr0 99.0.4.0/24"}),
		changed(one("policy-drop", pol, b.udp("sw0-p1", "sw1-p2", 7), "nowhere"),
			[]string{"lr-policy-add lr0 100 'ip4.src == 10.0.0.3 && udp.dst == 7' drop"}, []string{"lr-policy-del lr0 100"}),
		changed(one("policy-reroute", pol, b.udp("sw0-p1", "sw1-p2", 7), "sw1-p3"),
			[]string{"lr-policy-add lr0 100 'ip4.src == 10.0.0.3 && udp.dst == 7' reroute 20.0.0.5"}, []string{"lr-policy-del lr0 100"}),
		changed(one("policy-ecmp", "router policies, ECMP", b.udp("sw0-p1", "sw1-p2", 7), "sw1-p1|sw1-p3"),
			[]string{"lr-policy-add lr0 100 'ip4.src == 10.0.0.3 && udp.dst == 7' reroute 20.0.0.3,20.0.0.5"}, []string{"lr-policy-del lr0 100"}),
		changed(one("policy-allow", pol, b.udp("sw0-p1", "sw1-p2", 7), "sw1-p2"),
			[]string{"lr-policy-add lr0 101 'ip4.src == 10.0.0.3' allow", "lr-policy-add lr0 100 'ip4.src == 10.0.0.3' drop"}, []string{"lr-policy-del lr0 101", "lr-policy-del lr0 100"}),
		handshake("routers-in-a-row", "several routers in a row", b.tcp("ext3", "60.0.0.4", 80), "sw4-p2", "hv2"),
		changed(one("router-port-down", "disabled router port", b.udp("sw0-p1", "sw1-p2", 7), "nowhere"),
			[]string{"set logical_router_port lr0-sw1 enabled=false"}, []string{"clear logical_router_port lr0-sw1 enabled"}),
		changed(one("mtu-too-big", "MTU, check_pkt_len", with(b.udp("sw3-p3", "ext1", 7), func(p *probe.Packet) { p.Payload = make([]byte, 1200); p.DF = true }), "rejected"),
			[]string{"set logical_router_port lr1-public options:gateway_mtu=1000"}, []string{"remove logical_router_port lr1-public options gateway_mtu"}),
		changed(one("mtu-fits", "MTU, check_pkt_len", with(b.udp("sw3-p3", "ext1", 7), func(p *probe.Packet) { p.Payload = make([]byte, 300) }), "external hv3"),
			[]string{"set logical_router_port lr1-public options:gateway_mtu=1000"}, []string{"remove logical_router_port lr1-public options gateway_mtu"}),
		changed(handshake("ecmp-symmetric", "ECMP, symmetric reply", b.tcp("ext3", "60.0.0.4", 80), "sw4-p2", "hv2"),
			[]string{"lr-route-del gr0 0.0.0.0/0", "--ecmp-symmetric-reply lr-route-add gr0 0.0.0.0/0 172.17.0.100", "--ecmp-symmetric-reply --ecmp lr-route-add gr0 0.0.0.0/0 172.17.0.101"},
			[]string{"lr-route-del gr0 0.0.0.0/0", "lr-route-add gr0 0.0.0.0/0 172.17.0.100"}),
	}
}
