package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

const anySw1 = "sw1-p1|sw1-p2|sw1-p3"

// loadBalancers is virtual addresses of all kinds.
func loadBalancers(b builder) []probe.Case {
	return []probe.Case{
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
