package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// basic returns cases of forwarding without ACLs: switch, tunnel, router.
func basic(b builder) []probe.Case {
	return []probe.Case{
		handshake("switch-local", "logical switch, one chassis", b.tcp("sw0-p1", "sw0-p3", 80), "sw0-p3"),
		handshake("switch-tunnel", "logical switch, across chassis", b.tcp("sw0-p1", "sw0-p2", 80), "sw0-p2"),
		echo("switch-udp", "logical switch, across chassis", b.udp("sw0-p1", "sw0-p2", 7), "sw0-p2"),
		echo("switch-ping", "logical switch, across chassis", b.ping("sw0-p1", "sw0-p2"), "sw0-p2"),
		handshake("router-tcp", "distributed router", b.tcp("sw0-p1", "sw1-p2", 8080), "sw1-p2"),
		echo("router-udp", "distributed router", b.udp("sw0-p1", "sw1-p1", 7), "sw1-p1"),
		echo("router-ping", "distributed router", b.ping("sw0-p1", "sw1-p2"), "sw1-p2"),
		handshake("router-local", "distributed router", b.tcp("sw0-p2", "sw1-p1", 8080), "sw1-p1"),
		handshake("ipv6-switch", "IPv6", b.tcp6("sw0-p1", "sw0-p2", 80), "sw0-p2"),
		handshake("ipv6-router", "IPv6", b.tcp6("sw0-p1", "sw1-p2", 8080), "sw1-p2"),
		echo("ipv6-udp", "IPv6", b.udp6("sw0-p1", "sw1-p2", 53), "sw1-p2"),
		echo("ipv6-ping", "IPv6", b.ping6("sw0-p1", "sw1-p2"), "sw1-p2"),
		{Name: "synack-without-syn", Feature: "conntrack states", Steps: []probe.Step{
			{Packet: with(b.tcp("sw2-p1", "sw0-p1", 8080), func(p *probe.Packet) { p.Flags, p.Ack = "syn|ack", 7 }), Want: "nowhere"},
		}},
		{Name: "synack-without-syn-ipv6", Feature: "conntrack states", Steps: []probe.Step{
			{Packet: with(b.tcp6("sw2-p1", "sw0-p1", 8080), func(p *probe.Packet) { p.Flags, p.Ack = "syn|ack", 7 }), Want: "nowhere"},
		}},
		{Name: "synack-without-syn-no-acl", Feature: "conntrack states", Steps: []probe.Step{
			{Packet: with(b.tcp("sw1-p2", "sw0-p1", 8080), func(p *probe.Packet) { p.Flags, p.Ack = "syn|ack", 7 })},
		}},
		{Name: "ack-without-syn", Feature: "conntrack states", Steps: []probe.Step{
			{Packet: with(b.tcp("sw2-p1", "sw0-p1", 8080), func(p *probe.Packet) { p.Flags, p.Ack = "ack", 7 })},
		}},
		one("ping-router-port", "router answers echo", b.ping("sw0-p1", "10.0.0.1"), "sw0-p1"),
		one("ping-far-router-port", "router answers echo", b.ping("sw0-p1", "20.0.0.1"), "sw0-p1"),
		one("ping6-router-port", "router answers echo", b.ping6("sw0-p1", "fd00:10::1"), "sw0-p1"),
		one("ttl-exceeded", "TTL", with(b.udp("sw0-p1", "sw1-p2", 7), func(p *probe.Packet) { p.TTL = 1 }), "rejected"),
		one("ttl-2", "TTL", with(b.udp("sw0-p1", "sw1-p2", 7), func(p *probe.Packet) { p.TTL = 2 }), "sw1-p2"),
		one("dscp-kept", "distributed router", with(b.udp("sw0-p1", "sw1-p2", 7), func(p *probe.Packet) { p.TOS = 46 << 2 }), "sw1-p2"),
		one("no-route", "distributed router", b.ping("sw0-p1", "99.0.0.1"), "nowhere"),
		one("unknown-mac", "unknown unicast", with(b.udp("sw0-p1", "10.0.0.99", 7), func(p *probe.Packet) { p.EthDst = "50:54:00:00:00:99" }), "nowhere"),
		one("udp-closed-router-port", "router answers errors", b.udp("sw0-p1", "10.0.0.1", 7777), "rejected"),
		one("tcp-closed-router-port", "router answers errors", b.tcp("sw0-p1", "10.0.0.1", 7777), "rejected"),
		echo("sctp-router", "SCTP", b.sctp("sw0-p1", "sw1-p2", 9), "sw1-p2"),
		one("broadcast", "multicast and broadcast", with(b.udp("sw0-p1", "10.0.0.255", 7), func(p *probe.Packet) { p.EthDst = broadcastMAC }), "sw0-p2, sw0-p3"),
		one("multicast", "multicast and broadcast", with(b.udp("sw0-p1", "239.1.1.1", 7), func(p *probe.Packet) { p.EthDst = "01:00:5e:01:01:01" }), "sw0-p2, sw0-p3"),
		one("arp-router", "ARP", b.arp("sw0-p1", "10.0.0.1"), "nowhere"),
		one("arp-peer", "ARP", b.arp("sw0-p1", "10.0.0.4"), "nowhere"),
		one("arp-unknown", "ARP", b.arp("sw0-p1", "10.0.0.77"), "sw0-p2, sw0-p3"),
		one("arp-gratuitous", "ARP", b.arp("sw0-p1", "10.0.0.3"), "sw0-p2, sw0-p3"),
		one("nd-router", "ND", b.nd("sw0-p1", "fd00:10::1"), "nowhere"),
		one("nd-peer", "ND", b.nd("sw0-p1", "fd00:10::4"), "nowhere"),
		one("ethertype-unknown", "other packets", &probe.Packet{From: "sw0-p1", EthSrc: "50:54:00:00:00:03", EthDst: "50:54:00:00:00:04", Proto: "eth", EthType: 0x88b5}, "sw0-p2"),
		one("ip-proto-other", "other packets", with(b.udp("sw0-p1", "sw1-p2", 0), func(p *probe.Packet) { p.Proto, p.IPProto = "ip", 89 }), "sw1-p2"),
		one("missing-neighbour", "missing MAC binding", b.ping("sw0-p1", "20.0.0.77"), "nowhere"),
	}
}

const broadcastMAC = "ff:ff:ff:ff:ff:ff"

// sctp returns a packet with an INIT chunk.
func (b builder) sctp(from, dst string, dport int) *probe.Packet {
	p := b.udp(from, dst, dport)
	p.Proto = "sctp"
	return p
}

// arp returns an ARP request for an address.
func (b builder) arp(from, target string) *probe.Packet {
	e := b.end(from)
	return &probe.Packet{From: from, Proto: "arp", Op: 1, EthSrc: e.mac, EthDst: broadcastMAC, VLAN: e.vlan,
		Src: e.ip(false), Dst: target, SHA: e.mac, THA: "00:00:00:00:00:00"}
}

// nd returns a neighbour solicitation to the solicited-node group of an address.
func (b builder) nd(from, target string) *probe.Packet {
	e := b.end(from)
	a := ipLow24(target)
	return &probe.Packet{From: from, Proto: "nd_ns", EthSrc: e.mac, VLAN: e.vlan,
		EthDst: "33:33:ff:" + a[0] + ":" + a[1] + ":" + a[2], Src: e.ip(true), Dst: "ff02::1:ff" + a[0] + ":" + a[1] + a[2], Target: target, SHA: e.mac}
}
