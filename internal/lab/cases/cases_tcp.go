package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// connections returns cases of TCP and UDP connections after their first packets.
func connections(b builder) []probe.Case {
	const f = "a connection's later packets"
	flags := func(p *probe.Packet, fl string) *probe.Packet {
		return with(p, func(p *probe.Packet) { p.Flags, p.Seq, p.Ack = fl, 1, 1 })
	}
	open := func(p *probe.Packet, server string, back string) []probe.Step {
		return []probe.Step{{Packet: p, Want: server}, {Answer: true, Want: back}, {Answer: true, Want: server}}
	}
	acl := b.tcp("sw0-p1", "sw2-p2", 8080)
	vip := b.tcp("sw0-p1", "30.0.0.10", 80)
	snat := b.tcp("sw3-p3", "ext1", 80)
	return []probe.Case{
		{Name: "tcp-close", Feature: f, Steps: append(open(acl, "sw2-p2", "sw0-p1"),
			probe.Step{Answer: true, Flags: "fin|ack", Want: "sw0-p1"}, probe.Step{Answer: true, Flags: "fin|ack", Want: "sw2-p2"},
			probe.Step{Answer: true, Flags: "ack", Want: "sw0-p1"}, probe.Step{Packet: acl})},
		{Name: "tcp-close-vip", Feature: f, Steps: append(open(vip, "sw1-p2", "sw0-p1"),
			probe.Step{Answer: true, Flags: "fin|ack", Want: "sw0-p1"}, probe.Step{Answer: true, Flags: "fin|ack", Want: "sw1-p2"},
			probe.Step{Answer: true, Flags: "ack", Want: "sw0-p1"}, probe.Step{Packet: vip})},
		{Name: "tcp-reset", Feature: f, Note: "whether a SYN on a reset connection begins a new one depends on which side sent the last packet, which ctnetlink does not show", Steps: append(open(acl, "sw2-p2", "sw0-p1"),
			probe.Step{Answer: true, Flags: "rst", Want: "sw0-p1"}, probe.Step{Packet: acl, Want: "sw2-p2"})},
		{Name: "tcp-refused", Feature: f, Steps: []probe.Step{
			{Packet: vip, Want: "sw1-p2"}, {Answer: true, Flags: "rst|ack", Want: "sw0-p1"}, {Packet: vip, Want: "sw1-p2"},
		}},
		{Name: "tcp-syn-again", Feature: f, Steps: []probe.Step{{Packet: vip, Want: "sw1-p2"}, {Packet: vip, Want: "sw1-p2"}, {Answer: true, Want: "sw0-p1"}}},
		{Name: "tcp-snat-syn-again", Feature: f, Steps: []probe.Step{{Packet: snat, Want: "external hv3"}, {Packet: snat, Want: "external hv3"}, {Answer: true, Want: "sw3-p3"}}},
		{Name: "tcp-ack-on-syn", Feature: f, Steps: []probe.Step{{Packet: acl, Want: "sw2-p2"}, {Packet: flags(acl, "ack")}}},
		one("tcp-fin-alone", "conntrack states", flags(acl, "fin"), ""),
		one("tcp-rst-alone", "conntrack states", flags(acl, "rst"), ""),
		one("tcp-no-flags", "conntrack states", with(acl, func(p *probe.Packet) { p.Flags, p.Hex = "", true }), ""),
		one("tcp-syn-fin", "conntrack states", with(acl, func(p *probe.Packet) { p.Flags, p.Hex = "syn|fin", true }), ""),
		{Name: "udp-both-ways", Feature: f, Steps: []probe.Step{
			{Packet: b.udp("sw1-p1", "sw2-p2", 53), Want: "sw2-p2"}, {Answer: true, Want: "sw1-p1"}, {Packet: b.udp("sw1-p1", "sw2-p2", 53), Want: "sw2-p2"}, {Answer: true, Want: "sw1-p1"},
		}},
		{Name: "ping-twice", Feature: f, Steps: []probe.Step{
			{Packet: b.ping("sw0-p1", "sw2-p2"), Want: "sw2-p2"}, {Answer: true, Want: "sw0-p1"}, {Packet: b.ping("sw0-p1", "sw2-p2"), Want: "sw2-p2"},
		}},
		// A connection in the opposite direction with the same ports.
		{Name: "reverse-connection", Feature: f, Steps: []probe.Step{
			{Packet: acl, Want: "sw2-p2"}, {Answer: true, Want: "sw0-p1"}, {Answer: true, Want: "sw2-p2"}, {Answer: true, Flags: "syn"},
		}},
		{Name: "two-clients-one-snat", Feature: "NAT: port conflict", Steps: []probe.Step{
			{Packet: b.udp("sw3-p3", "ext1", 53), Want: "external hv3"},
			{Packet: with(b.udp("sw3-p2", "ext1", 53), func(p *probe.Packet) { p.Src = "50.0.0.78" }), Want: "external hv3"},
			{Answer: true},
		}},
	}
}
