package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// loadBalancerPlacement returns cases of load balancers by the place of client, VIP and backend:
// client and backend on one switch, a client inside for a VIP outside, a load balancer on both
// switch and router.
func loadBalancerPlacement(b builder) []probe.Case {
	gone := []string{"lb-del lb-case"}
	onSw0 := func(vips string, more ...string) []string {
		return append([]string{"lb-add lb-case " + vips, "ls-lb-add sw0 lb-case"}, more...)
	}
	const (
		hairpin = "load balancer, hairpin"
		inside  = "load balancer on a router, asked from inside"
	)
	return []probe.Case{
		one("vip-ping", "load balancer, port without a VIP", b.ping("sw0-p1", "30.0.0.10"), "nowhere"),
		changed(handshake("lb-same-switch", "load balancer, backend beside the client", b.tcp("sw0-p1", "30.0.0.89", 80), "sw0-p2"),
			onSw0("30.0.0.89:80 10.0.0.4:8080 tcp"), gone),
		changed(handshake("lb-vip-in-subnet", "load balancer, backend beside the client", with(b.tcp("sw0-p1", "10.0.0.89", 80), func(p *probe.Packet) { p.EthDst = "00:00:00:00:ff:01" }), "sw1-p2"),
			onSw0("10.0.0.89:80 20.0.0.4:8080 tcp"), gone),
		changed(echo("lb-hairpin-udp", hairpin, b.udp("sw0-p1", "30.0.0.88", 53), "sw0-p1"), onSw0("30.0.0.88:53 10.0.0.3:5353 udp"), gone),
		changed(handshake("lb-hairpin-ipv6", hairpin, b.tcp6("sw0-p1", "fd00:30::88", 80), "sw0-p1"), onSw0("[fd00:30::88]:80 [fd00:10::3]:8080 tcp"), gone),
		changed(echo("lb-hairpin-sctp", hairpin, b.sctp("sw0-p1", "30.0.0.88", 9), "sw0-p1"), onSw0("30.0.0.88:9 10.0.0.3:99 sctp"), gone),
		changed(handshake("lb-hairpin-two", hairpin, b.tcp("sw0-p1", "30.0.0.87", 80), "sw0-p1|sw0-p2"), onSw0("30.0.0.87:80 10.0.0.3:8080,10.0.0.4:8080 tcp"), gone),
		changed(handshake("lb-switch-and-router", "load balancer on switch and router", b.tcp("sw3-p3", "172.16.0.50", 80), "sw3-p1|sw3-p2"),
			[]string{"ls-lb-add sw3 lb-out"}, []string{"ls-lb-del sw3 lb-out"}),
		// The router asks for a VIP in the outside network by ARP, and holds the packet meanwhile.
		changed(one("lb-gateway-port-inside", inside, b.tcp("sw3-p3", "172.16.0.50", 80), ""), nil, []string{"@sb --all destroy mac_binding"}),
		changed(one("lb-gateway-router-inside", inside, b.tcp("sw4-p1", "172.17.0.50", 80), ""), nil, nil),
		changed(handshake("lb-gateway-router-inside-snat", inside, b.tcp("sw4-p1", "172.17.0.50", 80), "sw4-p1|sw4-p2"),
			[]string{"set logical_router gr0 options:lb_force_snat_ip=router_ip"}, []string{"remove logical_router gr0 options lb_force_snat_ip"}),
		changed(one("lb-router-reject", "load balancer, reject when empty", b.tcp("ext3", "172.17.0.51", 80), "rejected"),
			[]string{`--reject lb-add lb-case 172.17.0.51:80 "" tcp`, "lr-lb-add gr0 lb-case"}, gone),
		changed(one("lb-reject-udp", "load balancer, reject when empty", b.udp("sw0-p1", "30.0.0.98", 80), "rejected"), []string{`--reject lb-add lb-case 30.0.0.98:80 "" udp`, "ls-lb-add sw0 lb-case"}, gone),
		changed(one("lb-reject-ipv6", "load balancer, reject when empty", b.tcp6("sw0-p1", "fd00:30::98", 80), "rejected"), []string{`--reject lb-add lb-case [fd00:30::98]:80 "" tcp`, "ls-lb-add sw0 lb-case"}, gone),
		changed(handshake("lb-router-selection-fields", "load balancer, selection fields", b.tcp("ext3", "172.17.0.51", 80), "sw4-p1|sw4-p2", "hv2"),
			[]string{"lb-add lb-case 172.17.0.51:80 60.0.0.3:8080,60.0.0.4:8080 tcp", `set load_balancer lb-case selection_fields='"ip_src","tp_src"'`, "lr-lb-add gr0 lb-case"}, gone),
		changed(probe.Case{Name: "lb-router-affinity", Feature: "load balancer, affinity", Steps: []probe.Step{
			{Packet: b.tcp("ext3", "172.17.0.51", 80)},
			{Packet: b.tcp("ext3", "172.17.0.51", 80), Want: "sw4-p1|sw4-p2"},
			{Answer: true, Want: "external hv2"},
			{Packet: with(b.tcp("ext3", "172.17.0.51", 80), func(p *probe.Packet) { p.Sport++ }), Want: "sw4-p1|sw4-p2"},
		}}, []string{"lb-add lb-case 172.17.0.51:80 60.0.0.3:8080,60.0.0.4:8080 tcp", "set load_balancer lb-case options:affinity_timeout=600", "lr-lb-add gr0 lb-case"}, gone),
		changed(handshake("lb-router-ipv6", "load balancer, IPv6", b.tcp6("ext3", "fd00:173::50", 80), "sw4-p2", "hv2"),
			[]string{"lb-add lb-case [fd00:173::50]:80 [fd00:60::4]:8080 tcp", "lr-lb-add gr0 lb-case"}, gone),
		changed(one("lb-acl-stateless", "load balancer and allow-stateless", b.tcp("sw0-p1", "30.0.0.10", 80), "nowhere"),
			[]string{"acl-add sw0 from-lport 1010 'ip4' allow-stateless", "acl-add sw0 to-lport 1010 'ip4' allow-stateless"}, []string{"acl-del sw0"}),
		changed(handshake("lb-router-ip", "load balancer on the router's own address", b.tcp("ext3", "172.17.0.1", 80), "sw4-p2", "hv2"),
			[]string{"lb-add lb-case 172.17.0.1:80 60.0.0.4:8080 tcp", "lr-lb-add gr0 lb-case"}, gone),
		changed(handshake("lb-two-vips", "load balancer, several VIPs", b.tcp("sw0-p1", "30.0.0.86", 81), "sw1-p3"),
			[]string{"lb-add lb-case 30.0.0.86:80 20.0.0.4:8080 tcp", "lb-add lb-case 30.0.0.86:81 20.0.0.5:8081 tcp", "ls-lb-add sw0 lb-case"}, gone),
		changed(handshake("lb-to-floating", "load balancer, backend beyond a gateway", b.tcp("sw3-p3", "30.0.0.85", 80), "external hv3"),
			[]string{"lb-add lb-case 30.0.0.85:80 172.16.0.100:8080 tcp", "ls-lb-add sw3 lb-case"}, gone),
	}
}
