package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// sessions returns handshakes that are predicted as a whole, on empty conntrack tables.
func sessions(b builder) []probe.Case {
	session := func(name, expect string, p *probe.Packet) probe.Case {
		return probe.Case{Name: "session-" + name, Feature: "sessions", Session: true, Expect: expect, Steps: []probe.Step{{Packet: p}}}
	}
	// An answer to a packet that a stateful rule allowed is always allowed; after a stateless rule it
	// needs a rule of its own, and here a rule drops it.
	broken := session("acl-on-the-way-back", "SYN-ACK", b.tcp("sw0-p1", "sw2-p2", 8080))
	broken.Setup = []string{
		"acl-add pg2 to-lport 1010 'outport == @pg2 && tcp.dst == 8080' allow-stateless",
		"acl-add pg2 from-lport 1010 'inport == @pg2 && tcp.src == 8080' drop",
	}
	broken.Cleanup = []string{
		"acl-del pg2 to-lport 1010 'outport == @pg2 && tcp.dst == 8080'",
		"acl-del pg2 from-lport 1010 'inport == @pg2 && tcp.src == 8080'",
	}
	of := func(feature string, c probe.Case) probe.Case {
		c.Feature = feature
		return c
	}
	const learned, outside = "sessions, flows learned on the way", "sessions, client outside"
	// The SYN teaches the flow of the way back. Each case has its own VIP, to which no packet was sent
	// before.
	hairpin := func(name, vip string, p *probe.Packet) probe.Case {
		return changed(of(learned, session("hairpin-"+name, "established", p)), []string{"lb-add lb-case " + vip, "ls-lb-add sw0 lb-case"}, []string{"lb-del lb-case"})
	}
	symmetric := changed(of(learned, session("ecmp-symmetric", "established", with(b.tcp("ext3", "60.0.0.4", 80), func(p *probe.Packet) { p.Sport = 41041 }))),
		[]string{"lr-route-del gr0 0.0.0.0/0", "--ecmp-symmetric-reply lr-route-add gr0 0.0.0.0/0 172.17.0.100", "--ecmp-symmetric-reply --ecmp lr-route-add gr0 0.0.0.0/0 172.17.0.101"},
		[]string{"lr-route-del gr0 0.0.0.0/0", "lr-route-add gr0 0.0.0.0/0 172.17.0.100"})
	recorded := func(name string, rec probe.Recording, p *probe.Packet) probe.Case {
		c := of("captures", session(name, "established", p))
		c.Name, c.Recording = name, &rec
		return c
	}
	// What was captured before a rule came is what the rule's prediction differs from.
	captured := recorded("capture-then-drop", probe.Recording{Interface: "e0", Differs: "SYN", Says: " answers it; predicted: dropped on ",
		NB: []string{"acl-add sw2 to-lport 1010 'tcp.dst == 8080' drop"}}, b.tcp("sw0-p1", "sw2-p2", 8080))
	captured.Cleanup = []string{"acl-del sw2 to-lport 1010 'tcp.dst == 8080'"}
	answer := recorded("capture-then-drop-answer", probe.Recording{Interface: "any", Differs: "SYN-ACK", Says: "the capture has it; predicted: dropped on ", NB: broken.Setup},
		b.tcp("sw0-p1", "sw2-p2", 8080))
	answer.Cleanup = broken.Cleanup
	moved := changed(recorded("capture-then-vip-moves", probe.Recording{Interface: "e0", Differs: "SYN", Says: " answers it; predicted: ",
		NB: []string{"lb-del lb-case"}}, b.tcp("sw0-p1", "30.0.0.74", 80)),
		[]string{"lb-add lb-case 30.0.0.74:80 20.0.0.4:8080 tcp", "ls-lb-add sw0 lb-case"}, []string{"--if-exists lb-del lb-case"})
	return []probe.Case{
		recorded("capture-vip", probe.Recording{Interface: "e0", Tunnel: true}, b.tcp("sw0-p1", "30.0.0.10", 80)),
		recorded("capture-any", probe.Recording{Interface: "any", Tunnel: true}, b.tcp("sw0-p1", "sw1-p2", 8080)),
		recorded("capture-udp", probe.Recording{Interface: "e0"}, b.udp("sw0-p1", "30.0.0.10", 53)),
		recorded("capture-outside", probe.Recording{Interface: "e0"}, b.tcp("ext1", "172.16.0.10", 80)),
		captured, answer, moved,
		recorded("capture-at-server", probe.Recording{Interface: "e0", At: "sw1-p2", Args: []string{"--to", "30.0.0.10:80"}}, b.tcp("sw0-p1", "30.0.0.10", 80)),
		recorded("capture-at-server-routed", probe.Recording{Interface: "e0", At: "sw1-p2"}, b.tcp("sw0-p1", "sw1-p2", 8080)),
		session("vip", "established", b.tcp("sw0-p1", "30.0.0.10", 80)),
		session("vip-three", "established", b.tcp("sw0-p1", "30.0.0.11", 80)),
		session("router", "established", b.tcp("sw0-p1", "sw1-p2", 8080)),
		session("acl", "established", b.tcp("sw0-p1", "sw2-p2", 8080)),
		session("udp", "established", b.udp("sw0-p1", "30.0.0.10", 53)),
		session("ping", "established", b.ping("sw0-p1", "sw2-p2")),
		session("ipv6", "established", b.tcp6("sw0-p1", "fd00:30::10", 80)),
		hairpin("tcp", "30.0.0.71:80 10.0.0.3:8080 tcp", b.tcp("sw0-p1", "30.0.0.71", 80)),
		symmetric,
		hairpin("udp", "30.0.0.72:53 10.0.0.3:5353 udp", b.udp("sw0-p1", "30.0.0.72", 53)),
		hairpin("ipv6", "[fd00:30::71]:80 [fd00:10::3]:8080 tcp", b.tcp6("sw0-p1", "fd00:30::71", 80)),
		of(learned, session("hairpin", "established", b.tcp("sw0-p1", "30.0.0.12", 80))),
		hairpin("other-client", "30.0.0.73:80 10.0.0.3:8080 tcp", b.tcp("sw0-p3", "30.0.0.73", 80)),
		of(outside, session("from-outside", "established", b.tcp("ext1", "172.16.0.10", 80))),
		of(outside, session("from-outside-vlan", "established", b.tcp("ext3", "172.17.0.30", 80))),
		of(outside, session("from-outside-udp", "established", b.udp("ext1", "172.16.0.11", 53))),
		// br-ex floods it to its own port too, whose host's stack ignores it.
		of(outside, session("from-outside-to-nobody", "request", with(b.udp("ext5", "90.0.0.95", 7), func(p *probe.Packet) { p.EthDst = "52:54:00:ee:00:95" }))),
		session("closed-to-subnet", "SYN", b.tcp("sw1-p1", "sw2-p2", 8080)),
		broken,
	}
}
