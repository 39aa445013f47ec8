package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// fragments returns cases of fragmented datagrams. Without ct() each fragment is forwarded by
// itself; at a ct() the kernel holds fragments until all have arrived.
func fragments(b builder) []probe.Case {
	const f = "IP fragments"
	pieces := func(p *probe.Packet, order ...int) *probe.Packet {
		return with(p, func(p *probe.Packet) { p.Size, p.Cut, p.Pieces = 1600, []int{1400}, order })
	}
	datagram := func(name, feature string, p *probe.Packet, want string) probe.Case {
		return one("fragment-"+name, feature, pieces(p), want)
	}
	hexed := func(p *probe.Packet) *probe.Packet { return with(p, func(p *probe.Packet) { p.Hex = true }) }
	held := func(name string, p *probe.Packet, want string) probe.Case {
		return probe.Case{Name: "fragment-" + name, Feature: f + ", alone", Steps: []probe.Step{{Packet: p, Want: "nowhere"}, {Rest: true, Want: want}}}
	}
	return []probe.Case{
		datagram("no-ct", f, b.udp("sw5-p1", "sw5-p2", 7), "sw5-p2"),
		datagram("no-ct-router", f, b.udp("sw5-p1", "sw6-c3", 7), "sw6-c3"),
		datagram("router", f, b.udp("sw0-p1", "sw1-p2", 7), "sw1-p2"),
		datagram("acl", f, b.udp("sw0-p1", "sw2-p2", 53), "sw2-p2"),
		datagram("acl-drop", f, b.udp("sw0-p1", "sw2-p2", 54), "nowhere"),
		datagram("acl-both-ends", f, b.udp("sw2-p1", "sw2-p2", 53), "sw2-p2"),
		datagram("acl-ping", f, b.ping("sw0-p1", "sw2-p2"), "sw2-p2"),
		one("fragment-acl-three", f, with(b.udp("sw0-p1", "sw2-p2", 53), func(p *probe.Packet) { p.Size, p.Cut = 2000, []int{800, 1600} }), "sw2-p2"),
		datagram("acl-bytes", f, hexed(b.udp("sw0-p1", "sw2-p2", 53)), "sw2-p2"),
		datagram("vip", f, b.udp("sw0-p1", "30.0.0.10", 53), "sw1-p2"),
		changed(datagram("vip-router", f, b.udp("ext3", "172.17.0.51", 53), ""),
			[]string{"lb-add lb-case 172.17.0.51:53 60.0.0.4:5353 udp", "lr-lb-add gr0 lb-case"}, []string{"lb-del lb-case"}),
		changed(datagram("vip-distributed-router", f, b.udp("sw0-p1", "30.0.0.60", 53), ""),
			[]string{"lb-add lb-case 30.0.0.60:53 20.0.0.4:5353 udp", "ls-lb-add sw0 lb-case", "lr-lb-add lr0 lb-case"}, []string{"lb-del lb-case"}),
		changed(datagram("vip-hash", f, b.udp("sw0-p1", "30.0.0.60", 53), ""),
			[]string{"lb-add lb-case 30.0.0.60:53 20.0.0.3:5353,20.0.0.4:5353 udp", "ls-lb-add sw0 lb-case"}, []string{"lb-del lb-case"}),
		changed(datagram("acl-stateless", f, b.udp("sw0-p1", "sw2-p2", 77), ""),
			[]string{"acl-add sw2 to-lport 2000 'outport == \"sw2-p2\" && udp.dst == 77' allow-stateless", "acl-add sw2 from-lport 2000 'udp.dst == 77' allow-stateless"},
			[]string{"acl-del sw2"}),
		datagram("snat", f, b.udp("sw3-p3", "ext1", 7), "external hv3"),
		datagram("fip-in", f, b.udp("ext1", "172.16.0.10", 7), "sw3-p1"),
		datagram("gateway-router", f, b.udp("sw4-p1", "ext3", 7), "external hv2"),
		datagram("ipv6-no-ct", f+", IPv6", b.udp6("sw5-p1", "sw5-p2", 7), "sw5-p2"),
		datagram("ipv6-router", f+", IPv6", b.udp6("sw0-p1", "sw1-p2", 7), "sw1-p2"),
		datagram("ipv6-acl", f+", IPv6", b.ping6("sw2-p1", "sw1-p2"), "sw1-p2"),
		datagram("ipv6-acl-drop", f+", IPv6", b.udp6("sw0-p1", "sw2-p2", 54), "nowhere"),
		datagram("ipv6-snat", f+", IPv6", b.udp6("sw3-p3", "ext1", 7), "external hv3"),
		one("fragment-first-alone", f+", alone", pieces(b.udp("sw5-p1", "sw5-p2", 7), 0), "sw5-p2"),
		one("fragment-later-alone", f+", alone", pieces(b.udp("sw5-p1", "sw5-p2", 7), 1), "sw5-p2"),
		one("fragment-ipv6-later-alone", f+", alone", pieces(b.udp6("sw5-p1", "sw5-p2", 7), 1), "sw5-p2"),
		held("first-held", pieces(b.udp("sw0-p1", "sw2-p2", 53), 0), "sw2-p2"),
		held("first-held-no-lb", pieces(b.udp("sw2-p1", "sw1-p2", 53), 0), "sw1-p2"),
		held("ipv6-first-held", pieces(b.udp6("sw2-p1", "sw1-p2", 53), 0), "sw1-p2"),
		one("fragment-later-held", f+", alone", pieces(b.udp("sw0-p1", "sw2-p2", 53), 1), "nowhere"),
		one("fragment-ipv6-later-held", f+", alone", pieces(b.udp6("sw0-p1", "sw2-p2", 53), 1), "nowhere"),
	}
}
