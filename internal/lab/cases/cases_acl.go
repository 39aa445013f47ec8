package cases

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// acls returns cases of the ACLs on switch sw2 of the base topology, and of changes to them.
func acls(b builder) []probe.Case {
	acl := func(c probe.Case, rules ...string) probe.Case { // adds rules to sw2 for the case
		return also(c, func(c *probe.Case) { c.Setup = rulesOf(rules); c.Cleanup = undo(rules) })
	}
	return []probe.Case{
		acl(one("acl-reject-tcp", "ACL reject", b.tcp("sw0-p1", "sw2-p2", 8080), "rejected"), "to-lport 1010 'outport == @pg2 && tcp' reject"),
		acl(one("acl-reject-log", "ACL reject", b.tcp("sw0-p1", "sw2-p2", 8080), "rejected"), "--log --name=refused to-lport 1010 'outport == @pg2 && tcp' reject"),
		acl(one("acl-reject-log-out", "ACL reject", b.udp("sw2-p1", "sw0-p1", 53), "rejected"), "--log --name=refused from-lport 1010 'inport == @pg2 && udp' reject"),
		acl(one("acl-reject-udp", "ACL reject", b.udp("sw0-p1", "sw2-p2", 53), "rejected"), "to-lport 1010 'outport == @pg2 && udp' reject"),
		acl(one("acl-reject-out", "ACL reject", b.tcp("sw2-p1", "sw0-p1", 8080), "rejected"), "from-lport 1010 'inport == @pg2 && tcp' reject"),
		acl(one("acl-reject-ipv6", "ACL reject", b.tcp6("sw0-p1", "sw2-p2", 8080), "rejected"), "to-lport 1010 'outport == @pg2 && tcp' reject"),
		acl(handshake("acl-stateless", "ACL allow-stateless", b.tcp("sw0-p1", "sw2-p2", 22), "sw2-p2"),
			"to-lport 1010 'outport == @pg2 && tcp' allow-stateless", "from-lport 1010 'inport == @pg2 && tcp' allow-stateless"),
		acl(one("acl-allow-no-related", "ACL allow", b.tcp("sw0-p1", "sw2-p2", 22), "sw2-p2"), "to-lport 1010 'outport == @pg2 && tcp.dst == 22' allow"),
		acl(handshake("acl-label", "ACL label (ct_label)", b.tcp("sw0-p1", "sw2-p2", 23), "sw2-p2"),
			"--label=1234 to-lport 1010 'outport == @pg2 && tcp.dst == 23' allow-related", "--label=77 from-lport 1010 'inport == @pg2 && tcp.src == 23' allow-related"),
		acl(one("acl-log", "ACL log", b.tcp("sw0-p1", "sw2-p2", 24), "nowhere"), "--log --name=logged to-lport 1010 'outport == @pg2 && tcp.dst == 24' drop"),
		acl(handshake("acl-log-allow", "ACL log", b.tcp("sw0-p1", "sw2-p2", 24), "sw2-p2"), "--log --name=logged to-lport 1010 'outport == @pg2 && tcp.dst == 24' allow-related"),
		acl(one("acl-after-lb", "ACL after load balancing", b.tcp("sw2-p1", "sw1-p2", 8080), "nowhere"), "--apply-after-lb from-lport 1010 'inport == @pg2 && tcp.dst == 8080' drop"),
		also(one("acl-address-set", "ACL address sets", b.tcp("sw0-p1", "sw2-p2", 26), "sw2-p2"), func(c *probe.Case) {
			c.Setup = []string{"create Address_Set name=friends addresses=10.0.0.3,10.0.0.9", "acl-add pg2 to-lport 1010 'outport == @pg2 && ip4.src == $friends && tcp.dst == 26' allow-related"}
			c.Cleanup = []string{"acl-del pg2 to-lport 1010 'outport == @pg2 && ip4.src == $friends && tcp.dst == 26'", "destroy Address_Set friends"}
		}),
		also(handshake("acl-after-lb-vip", "ACL after load balancing", b.tcp("sw0-p1", "30.0.0.10", 80), "sw1-p2"), func(c *probe.Case) {
			c.Setup = []string{"--apply-after-lb acl-add sw0 from-lport 1010 'ip4.dst == 20.0.0.5' drop", "acl-add sw0 from-lport 1000 'ip4' allow-related"}
			c.Cleanup = []string{"acl-del sw0"}
		}),
		also(one("acl-after-lb-vip-drop", "ACL after load balancing", b.tcp("sw0-p1", "30.0.0.10", 80), "nowhere"), func(c *probe.Case) {
			c.Setup = []string{"--apply-after-lb acl-add sw0 from-lport 1010 'ip4.dst == 20.0.0.4' drop"}
			c.Cleanup = []string{"acl-del sw0"}
		}),
		also(one("acl-before-lb-vip", "ACL and load balancer", b.tcp("sw0-p1", "30.0.0.10", 80), "nowhere"), func(c *probe.Case) {
			c.Setup = []string{"acl-add sw0 from-lport 1010 'ip4.dst == 30.0.0.10' drop"}
			c.Cleanup = []string{"acl-del sw0"}
		}),
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
			// No rule allows this packet to the client of port 8080 as a new connection.
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

// rulesOf returns acl-add commands for pg2, with options before the command's name.
func rulesOf(rules []string) []string {
	var out []string
	for _, r := range rules {
		opts, rest := splitOptions(r)
		out = append(out, strings.TrimSpace(opts+" acl-add pg2 "+rest))
	}
	return out
}

// undo returns the commands that delete the rules of rulesOf.
func undo(rules []string) []string {
	var out []string
	for _, r := range rules {
		_, rest := splitOptions(r)
		out = append(out, "acl-del pg2 "+rest[:strings.LastIndexByte(rest, ' ')])
	}
	return out
}

func splitOptions(r string) (opts, rest string) {
	rest = r
	for strings.HasPrefix(rest, "--") {
		o, after, _ := strings.Cut(rest, " ")
		opts, rest = opts+" "+o, after
	}
	return strings.TrimSpace(opts), rest
}
