package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// causes returns cases in which the cause of a packet's end is elsewhere: on another chassis, in
// another zone, or in a port that is not tracked.
func causes(b builder) []probe.Case {
	const feature = "reasons: what the cause is"
	explained := func(c probe.Case, step int, t probe.Explanation) probe.Case {
		c.Steps[step].Explanation = t
		return c
	}
	return []probe.Case{
		// A gateway port accepts packets only on the chassis where it resides, even from workloads.
		// With OVN 25.03 and later the packet is delivered.
		until("7.11", explained(changed(one("gateway-elsewhere", feature, b.udp("sw1-p1", "sw0-p1", 7), "nowhere"),
			[]string{"lrp-set-gateway-chassis lr0-sw1 hv3 20", "@bound cr-lr0-sw1 hv3"}, []string{"lrp-del-gateway-chassis lr0-sw1 hv3"}), 0,
			probe.Explanation{Because: []string{"is handled only on the chassis where cr-lr0-sw1 resides: hv3", "lr_in_admission"}})),
		// A switch does not track packets from one router to another.
		explained(changed(probe.Case{Name: "answer-untracked-port", Feature: feature, Steps: []probe.Step{
			{Packet: b.udp("sw4-p1", "ext3", 7), Want: "external hv2"},
			{Answer: true, Want: "nowhere"},
		}}, []string{"acl-add join to-lport 1005 'ip4.src == 60.0.0.0/24' allow-related", "acl-add join to-lport 1000 ip4 drop"}, []string{"acl-del join"}), 1,
			probe.Explanation{Because: []string{"no entry can be here: this port is not tracked (router port join-lr2 of switch join)", "the answer needs a rule of its own"}}),
		// The gateway moves to another chassis, its connections do not.
		explained(changed(probe.Case{Name: "answer-known-elsewhere", Feature: feature, Steps: []probe.Step{
			{Packet: b.tcp("sw3-p3", "ext1", 80), Want: "external hv3"},
			{NB: []string{"lrp-set-gateway-chassis lr1-public hv2 30", "@sleep 6s", "@bound cr-lr1-public hv2"}},
			{Answer: true, Want: "nowhere"},
		}}, nil, []string{"lrp-del-gateway-chassis lr1-public hv2", "@sleep 6s", "@bound cr-lr1-public hv3"}), 2,
			probe.Explanation{Because: []string{"the connection is known in zone", "on hv3, and is looked up in zone", "on hv2"}}),
		explained(changed(probe.Case{Name: "answer-stateless", Feature: feature, Steps: []probe.Step{
			{Packet: b.udp("sw1-p1", "sw1-p2", 7), Want: "sw1-p2"},
			{Answer: true, Want: "nowhere"},
		}}, []string{`acl-add sw1 from-lport 1010 'inport == "sw1-p1" && udp.dst == 7' allow-stateless`, `acl-add sw1 to-lport 1010 'udp.dst == 7' allow-related`,
			`acl-add sw1 to-lport 1000 'outport == "sw1-p1" && ip4' drop`}, []string{"acl-del sw1"}), 1,
			probe.Explanation{Because: []string{"no entry can be here: ACL", "allow-stateless", "lets the other direction pass untracked"}}),
		// OVN answers an ARP request for a known address itself; no other port receives the
		// request.
		explained(one("arp-answered", feature, b.arp("sw1-p1", "20.0.0.4"), ""), 0,
			probe.Explanation{Because: []string{"OVN answers it itself", "no other port sees it", "ls_in_arp_rsp"}}),
		explained(one("arp-gratuitous-answered", feature, with(b.arp("sw1-p1", "20.0.0.4"), func(p *probe.Packet) { p.Src = "20.0.0.4" }), ""), 0,
			probe.Explanation{Because: []string{"OVN answers it itself", "no other port sees it or learns the address from this gratuitous ARP"}}),
		explained(one("echo-answered", feature, b.ping("sw0-p1", "10.0.0.1"), "sw0-p1"), 0,
			probe.Explanation{Because: []string{"OVN answers it itself", "no other port sees it"}}),
	}
}

// until returns a case whose packets end elsewhere with a feature of newer releases.
func until(feature string, c probe.Case) probe.Case {
	c.Until = feature
	return c
}
