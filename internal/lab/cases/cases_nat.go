package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// also sets further fields of a case.
func also(c probe.Case, f func(*probe.Case)) probe.Case {
	f(&c)
	return c
}

// changed returns the case with commands that change the Northbound DB before it and restore it
// after it.
func changed(c probe.Case, setup, cleanup []string) probe.Case {
	c.Setup, c.Cleanup = setup, cleanup
	return c
}

// nat returns cases of NAT on the distributed router lr1 (gateway port on hv3) and on the gateway
// router gr0 (on hv2).
func nat(b builder) []probe.Case {
	const (
		snat    = "NAT: snat, distributed gateway port"
		central = "NAT: dnat_and_snat, centralized"
		distr   = "NAT: dnat_and_snat, distributed"
		gr      = "NAT: gateway router"
	)
	toFloat := func(p *probe.Packet, mac string) *probe.Packet {
		return with(p, func(p *probe.Packet) { p.EthDst = mac })
	}
	stateless := []string{"lr-nat-del lr1 dnat_and_snat 172.16.0.11", "--stateless lr-nat-add lr1 dnat_and_snat 172.16.0.11 50.0.0.4 sw3-p2 00:00:00:00:fe:11"}
	stateful := []string{"lr-nat-del lr1 dnat_and_snat 172.16.0.11", "lr-nat-add lr1 dnat_and_snat 172.16.0.11 50.0.0.4 sw3-p2 00:00:00:00:fe:11"}
	return []probe.Case{
		handshake("snat-tcp", snat, b.tcp("sw3-p3", "ext1", 80), "external hv3"),
		echo("snat-udp", snat, b.udp("sw3-p3", "ext1", 53), "external hv3"),
		echo("snat-ping", snat, b.ping("sw3-p3", "ext1"), "external hv3"),
		handshake("snat-ipv6", "NAT: IPv6", b.tcp6("sw3-p3", "ext1", 80), "external hv3"),
		handshake("fip-central-out", central, b.tcp("sw3-p1", "ext1", 80), "external hv3"),
		handshake("fip-central-in", central, b.tcp("ext1", "172.16.0.10", 80), "sw3-p1", "hv3"),
		echo("fip-central-ping", central, b.ping("ext1", "172.16.0.10"), "sw3-p1", "hv3"),
		handshake("fip-distributed-out", distr, b.tcp("sw3-p2", "ext1", 80), "external hv2"),
		handshake("fip-distributed-in", distr, toFloat(b.tcp("ext1", "172.16.0.11", 80), "00:00:00:00:fe:11"), "sw3-p2", "hv2"),
		changed(handshake("fip-stateless-in", "NAT: stateless", toFloat(b.tcp("ext1", "172.16.0.11", 80), "00:00:00:00:fe:11"), "sw3-p2", "hv2"), stateless, stateful),
		changed(handshake("fip-stateless-out", "NAT: stateless", b.tcp("sw3-p2", "ext1", 80), "external hv2"), stateless, stateful),
		handshake("fip-east-west", "NAT: east-west through two floating addresses", b.tcp("sw3-p1", "172.16.0.11", 80), "sw3-p2"),
		handshake("fip-east-west-back", "NAT: east-west through two floating addresses", b.tcp("sw3-p2", "172.16.0.10", 80), "sw3-p1"),
		handshake("fip-from-snat", "NAT: snat to a floating address", b.tcp("sw3-p3", "172.16.0.10", 80), "sw3-p1"),
		handshake("north-router-no-nat", "distributed gateway port, no NAT", b.tcp("ext1", "50.0.0.5", 80), "sw3-p3", "hv3"),
		one("ping-gateway-port", "router answers echo", b.ping("ext1", "172.16.0.1"), "external hv3"),
		one("ping-gateway-port-inside", "router answers echo", b.ping("sw3-p3", "172.16.0.1"), "sw3-p3"),
		one("arp-gateway-port", "ARP from outside", b.arp("ext1", "172.16.0.1"), ""),
		one("arp-fip-central", "ARP from outside", b.arp("ext1", "172.16.0.10"), ""),
		one("arp-fip-distributed", "ARP from outside", b.arp("ext1", "172.16.0.11"), ""),
		one("external-neighbour-unknown", "missing MAC binding", b.tcp("sw3-p3", "ext2", 80), "nowhere"),
		handshake("gr-snat", gr, b.tcp("sw4-p2", "ext3", 80), "external hv2"),
		echo("gr-snat-ping", gr, b.ping("sw4-p2", "ext3"), "external hv2"),
		handshake("gr-fip-out", gr, b.tcp("sw4-p1", "ext3", 80), "external hv2"),
		handshake("gr-fip-in", gr, b.tcp("ext3", "172.17.0.30", 80), "sw4-p1", "hv2"),
		one("gr-ping", "router answers echo", b.ping("ext3", "172.17.0.1"), "external hv2"),
		one("gr-ttl", "TTL", with(b.udp("sw4-p2", "ext3", 7), func(p *probe.Packet) { p.TTL = 2 }), "rejected"),
		changed(handshake("snat-port-range", "NAT: external port range", b.tcp("sw3-p3", "ext1", 80), "external hv3"),
			[]string{"lr-nat-del lr1 snat 50.0.0.0/24", "--portrange lr-nat-add lr1 snat 172.16.0.1 50.0.0.0/24 20000-20100"},
			[]string{"lr-nat-del lr1 snat 50.0.0.0/24", "lr-nat-add lr1 snat 172.16.0.1 50.0.0.0/24"}),
		changed(handshake("snat-exempted", "NAT: exempted addresses", b.tcp("sw3-p3", "ext1", 80), "external hv3"),
			[]string{"create Address_Set name=noext addresses=172.16.0.100", "--is-exempted lr-nat-update-ext-ip lr1 snat 50.0.0.0/24 noext"},
			[]string{"lr-nat-del lr1 snat 50.0.0.0/24", "lr-nat-add lr1 snat 172.16.0.1 50.0.0.0/24", "destroy Address_Set noext"}),
		changed(handshake("snat-allowed", "NAT: allowed addresses", b.tcp("sw3-p3", "ext1", 80), "external hv3"),
			[]string{"create Address_Set name=onlyext addresses=172.16.0.100", "lr-nat-update-ext-ip lr1 snat 50.0.0.0/24 onlyext"},
			[]string{"lr-nat-del lr1 snat 50.0.0.0/24", "lr-nat-add lr1 snat 172.16.0.1 50.0.0.0/24", "destroy Address_Set onlyext"}),
		changed(handshake("gr-dnat", "NAT: dnat", b.tcp("ext3", "172.17.0.40", 80), "sw4-p2", "hv2"),
			[]string{"lr-nat-add gr0 dnat 172.17.0.40 60.0.0.4"},
			[]string{"lr-nat-del gr0 dnat 172.17.0.40"}),
		changed(handshake("gr-dnat-force-snat", "NAT: dnat_force_snat_ip", b.tcp("ext3", "172.17.0.40", 80), "sw4-p2", "hv2"),
			[]string{"lr-nat-add gr0 dnat 172.17.0.40 60.0.0.4", "set logical_router gr0 options:dnat_force_snat_ip=100.64.0.2"},
			[]string{"lr-nat-del gr0 dnat 172.17.0.40", "remove logical_router gr0 options dnat_force_snat_ip"}),
		{Name: "snat-port-taken", Feature: "NAT: port conflict", Steps: []probe.Step{
			{Packet: b.tcp("sw3-p3", "ext1", 80), Want: "external hv3"},
			{Packet: with(b.tcp("sw3-p2", "ext1", 80), func(p *probe.Packet) { p.Src = "50.0.0.77" }), Want: "external hv3"},
		}},
	}
}
