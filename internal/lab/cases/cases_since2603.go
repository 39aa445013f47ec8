package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// since2603 returns cases of features of OVN 26.03 other than network functions.
func since2603(b builder) []probe.Case {
	const version = "7.18"
	needs := func(c probe.Case, setup, cleanup []string) probe.Case {
		c.Needs, c.Setup, c.Cleanup = version, setup, cleanup
		return c
	}
	// One tunnel port for all chassis, whose addresses are set by flows; afterwards again a port for
	// each chassis.
	var shared, apart []string
	for _, hv := range []string{"hv1", "hv2", "hv3"} {
		shared = append(shared, "@"+hv+" ovs-vsctl set open . external_ids:ovn-enable-flow-based-tunnels=true",
			"@until @"+hv+" ovs-vsctl --bare --columns=_uuid find interface type=geneve options:remote_ip=flow ofport!=[]")
		apart = append(apart, "@"+hv+" ovs-vsctl remove open . external_ids ovn-enable-flow-based-tunnels",
			"@until @"+hv+" ovs-vsctl --bare --columns=_uuid find interface type=geneve options:remote_ip!=flow ofport!=[]")
	}
	flowBased := func(c probe.Case) probe.Case { return needs(c, shared, apart) }
	// ACLs match the ports of the conntrack entry, which every fragment has.
	translated := func(c probe.Case) probe.Case {
		return needs(c, []string{"set nb_global . options:acl_ct_translation=true"}, []string{"remove nb_global . options acl_ct_translation"})
	}
	// Only backends on the client's chassis are used.
	distributed := func(c probe.Case) probe.Case {
		return needs(c, []string{
			"lb-add lb-case 30.0.0.60:80 20.0.0.3:8080,20.0.0.4:8080 tcp",
			`set load_balancer lb-case options:distributed=true ip_port_mappings:20.0.0.3="sw1-p1:20.0.0.1" ip_port_mappings:20.0.0.4="sw1-p2:20.0.0.1"`,
			"ls-lb-add sw0 lb-case", "lr-lb-add lr0 lb-case",
		}, []string{"lb-del lb-case"})
	}
	vrrp := func(c probe.Case) probe.Case {
		return needs(c, []string{"lsp-set-port-security sw5-p3 'VRRPv3 50:54:00:05:00:05 00:00:5e:00:01:07'"},
			[]string{"lsp-set-port-security sw5-p3 '50:54:00:05:00:05 70.0.0.5 fd00:70::5'"})
	}
	from := func(p *probe.Packet, mac string) *probe.Packet {
		return with(p, func(p *probe.Packet) { p.EthSrc, p.SHA = mac, mac })
	}
	const ct, tunnels, lb, security = "ACL, fields translated by conntrack", "flow-based tunnels", "load balancer, distributed backends", "port security"
	return []probe.Case{
		flowBased(handshake("tunnel-flow-based", tunnels, b.tcp("sw0-p1", "sw1-p2", 80), "sw1-p2")),
		flowBased(handshake("tunnel-flow-based-snat", tunnels, b.tcp("sw3-p3", "ext1", 80), "external hv3")),
		flowBased(one("tunnel-flow-based-broadcast", tunnels, with(b.udp("sw0-p1", "sw0-p2", 7), func(p *probe.Packet) { p.EthDst = "ff:ff:ff:ff:ff:ff" }), "sw0-p2, sw0-p3")),
		translated(handshake("acl-ct-translation", ct, b.tcp("sw0-p1", "sw2-p1", 8080), "sw2-p1")),
		translated(one("acl-ct-translation-drop", ct, b.tcp("sw0-p1", "sw2-p1", 8081), "nowhere")),
		translated(one("acl-ct-translation-smtp", ct, b.tcp("sw2-p1", "sw1-p2", 25), "nowhere")),
		translated(one("acl-ct-translation-fragment", ct, with(b.udp("sw0-p1", "sw2-p2", 53), func(p *probe.Packet) { p.Size, p.Cut = 1600, []int{1400} }), "sw2-p2")),
		distributed(handshake("lb-distributed", lb, b.tcp("sw0-p2", "30.0.0.60", 80), "sw1-p1")),
		distributed(one("lb-distributed-nobody", lb, b.tcp("sw0-p1", "30.0.0.60", 80), "")),
		vrrp(one("security-vrrp", security, from(b.udp("sw5-p3", "sw5-p1", 7), "00:00:5e:00:01:07"), "sw5-p1")),
		vrrp(one("security-vrrp-physical", security, b.udp("sw5-p3", "sw5-p1", 7), "nowhere")),
		vrrp(one("security-vrrp-other", security, from(b.udp("sw5-p3", "sw5-p1", 7), "00:00:5e:00:01:08"), "nowhere")),
		needs(one("policy-output-port", "router policies", b.udp("sw0-p1", "sw1-p2", 7), "sw1-p3"),
			[]string{"--id=@o get Logical_Router_Port lr0-sw1 -- --id=@p create Logical_Router_Policy priority=100 match='\"ip4.src == 10.0.0.3\"' action=reroute nexthops=20.0.0.5 output_port=@o" +
				" -- add Logical_Router lr0 policies @p"}, []string{"lr-policy-del lr0"}),
	}
}
