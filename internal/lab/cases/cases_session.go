package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// sessions is handshakes predicted whole, over no entry at all.
func sessions(b builder) []probe.Case {
	session := func(name, expect string, p *probe.Packet) probe.Case {
		return probe.Case{Name: "session-" + name, Feature: "sessions", Session: true, Expect: expect, Steps: []probe.Step{{Packet: p}}}
	}
	// What a stateful rule let in may always answer; what a stateless one let in
	// needs a rule of its own, and here meets the opposite.
	broken := session("acl-on-the-way-back", "SYN-ACK", b.tcp("sw0-p1", "sw2-p2", 8080))
	broken.Setup = []string{
		"acl-add pg2 to-lport 1010 'outport == @pg2 && tcp.dst == 8080' allow-stateless",
		"acl-add pg2 from-lport 1010 'inport == @pg2 && tcp.src == 8080' drop",
	}
	broken.Cleanup = []string{
		"acl-del pg2 to-lport 1010 'outport == @pg2 && tcp.dst == 8080'",
		"acl-del pg2 from-lport 1010 'inport == @pg2 && tcp.src == 8080'",
	}
	hairpin := session("hairpin", "established", b.tcp("sw0-p1", "30.0.0.12", 80))
	hairpin.Note = "where no packet to that backend has been turned round before: the flow that takes the answer back is one that the SYN teaches the switch"
	return []probe.Case{
		session("vip", "established", b.tcp("sw0-p1", "30.0.0.10", 80)),
		session("vip-three", "established", b.tcp("sw0-p1", "30.0.0.11", 80)),
		session("router", "established", b.tcp("sw0-p1", "sw1-p2", 8080)),
		session("acl", "established", b.tcp("sw0-p1", "sw2-p2", 8080)),
		session("udp", "established", b.udp("sw0-p1", "30.0.0.10", 53)),
		session("ping", "established", b.ping("sw0-p1", "sw2-p2")),
		session("ipv6", "established", b.tcp6("sw0-p1", "fd00:30::10", 80)),
		hairpin,
		session("closed-to-subnet", "SYN", b.tcp("sw1-p1", "sw2-p2", 8080)),
		broken,
	}
}
