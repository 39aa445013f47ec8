package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// acls is policy on switch sw2 of the base topology, and changes of it.
func acls(b builder) []probe.Case {
	return []probe.Case{
		handshake("acl-allow-related", "ACL allow-related, return traffic", b.tcp("sw0-p1", "sw2-p2", 8080), "sw2-p2"),
		one("acl-drop-in", "ACL drop, to-lport", b.tcp("sw0-p1", "sw2-p2", 22), "nowhere"),
		one("acl-drop-in-subnet", "ACL drop, to-lport", b.tcp("sw1-p1", "sw2-p2", 8080), "nowhere"),
		one("acl-drop-out", "ACL drop, from-lport", b.tcp("sw2-p1", "sw0-p1", 25), "nowhere"),
		one("acl-drop-out-ip", "ACL drop, from-lport", b.tcp("sw2-p1", "sw1-p3", 8080), "nowhere"),
		handshake("acl-out-return", "ACL allow-related, return traffic", b.tcp("sw2-p1", "sw1-p2", 8080), "sw1-p2"),
		echo("acl-icmp", "ACL allow-related, return traffic", b.ping("sw0-p1", "sw2-p2"), "sw2-p2"),
		echo("acl-udp", "ACL allow-related, return traffic", b.udp("sw1-p1", "sw2-p2", 53), "sw2-p2"),
		handshake("acl-ipv6", "ACL, IPv6", b.tcp6("sw0-p1", "sw2-p2", 8080), "sw2-p2"),
		one("acl-ipv6-drop", "ACL, IPv6", b.tcp6("sw0-p1", "sw2-p2", 22), "nowhere"),
		handshake("acl-both-ends", "ACL on both ends", b.tcp("sw2-p1", "sw0-p2", 8080), "sw0-p2"),
		{Name: "acl-established-differs", Feature: "established entry decides differently from a new one", Steps: []probe.Step{
			{Packet: b.tcp("sw0-p1", "sw2-p2", 8080), Want: "sw2-p2"},
			{Answer: true, Want: "sw0-p1"},
			{Answer: true, Want: "sw2-p2"},
			// A packet to port 8080's client that no rule allows as a new connection.
			{Packet: b.tcp("sw1-p1", "sw2-p2", 8080), Want: "nowhere"},
		}},
		{Name: "acl-changed-under-connection", Feature: "ACL, ct_mark.blocked",
			Cleanup: []string{
				"acl-del pg2 to-lport 1005 'outport == @pg2 && tcp.dst == 8080'",
			},
			Steps: []probe.Step{
				{Packet: b.tcp("sw0-p1", "sw2-p2", 8080), Want: "sw2-p2"},
				{Answer: true, Want: "sw0-p1"},
				{Answer: true, Want: "sw2-p2", NB: []string{}},
				{NB: []string{"acl-add pg2 to-lport 1005 'outport == @pg2 && tcp.dst == 8080' drop"}},
				{Packet: with(b.tcp("sw0-p1", "sw2-p2", 8080), func(p *probe.Packet) { p.Flags, p.Seq, p.Ack = "ack", 1, 1 })},
			}},
	}
}
