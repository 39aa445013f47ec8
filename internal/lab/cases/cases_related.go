package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// related returns cases of ICMP errors about connections, sent by machines.
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
