package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// explain adds the expected explanations to the cases.
func explain(all []probe.Case) {
	for i := range all {
		for step, want := range explanations[all[i].Name] {
			all[i].Steps[step].Explanation = want
		}
	}
}

// because expects a reason that contains all parts.
func because(parts ...string) []probe.Explanation { return []probe.Explanation{{Because: parts}} }

// names expects rows that explain table hits of the first packet.
func names(rows ...string) []probe.Explanation { return []probe.Explanation{{Names: rows}} }

// both expects a reason and rows.
func both(reason []string, rows ...string) []probe.Explanation {
	return []probe.Explanation{{Because: reason, Names: rows}}
}

// explanations lists by case the expected explanation of each step.
var explanations = map[string][]probe.Explanation{
	// ACLs of switches.
	"acl-reject-tcp":        {{Because: []string{"ACL", "to-lport 1010 reject: outport == @pg2 && tcp", "rejects it", "ls_out_acl"}}},
	"acl-reject-log":        because("ACL refused", "to-lport 1010 reject: outport == @pg2 && tcp", "rejects it"),
	"acl-reject-log-out":    because("ACL refused", "from-lport 1010 reject: inport == @pg2 && udp", "rejects it"),
	"acl-reject-udp":        because("ACL", "to-lport 1010 reject: outport == @pg2 && udp", "rejects it"),
	"acl-reject-out":        because("ACL", "from-lport 1010 reject: inport == @pg2 && tcp", "rejects it", "ls_in_acl"),
	"acl-reject-ipv6":       because("ACL", "to-lport 1010 reject: outport == @pg2 && tcp", "rejects it"),
	"acl-log":               because("ACL logged", "tcp.dst == 24", "logged", "drops it", "ls_out_acl"),
	"acl-after-lb":          because("ACL", "from-lport 1010 drop: inport == @pg2 && tcp.dst == 8080", "ls_in_acl_after_lb"),
	"acl-after-lb-vip-drop": both([]string{"ACL", "from-lport 1010 drop: ip4.dst == 20.0.0.4", "ls_in_acl_after_lb"}, "Load_Balancer lb-one"),
	"acl-before-lb-vip":     because("ACL", "from-lport 1010 drop: ip4.dst == 30.0.0.10", "on switch sw0", "ls_in_acl"),
	"acl-drop-in":           {{Because: []string{"ACL", "to-lport 1000 drop: outport == @pg2 && ip", "on port group pg2", "ls_out_acl"}, Nearest: "allow-8080"}},
	"acl-drop-in-subnet":    {{Because: []string{"ACL", "to-lport 1000 drop"}, Nearest: "but for ip4.src == 10.0.0.0/24"}},
	"acl-drop-out":          because("ACL no-smtp", "from-lport 1004 drop: inport == @pg2 && tcp.dst == 25", "ls_in_acl"),
	"acl-drop-out-ip":       because("ACL", "ip4.dst == 20.0.0.5", "ls_in_acl"),
	"acl-ipv6-drop":         because("ACL", "to-lport 1000 drop"),
	"acl-allow-related":     names("ACL allow-8080"),
	"acl-established-differs": {
		{Names: []string{"ACL allow-8080"}}, {}, {}, {Because: []string{"ACL", "to-lport 1000 drop"}},
	},
	"acl-changed-under-connection": {{Names: []string{"ACL allow-8080"}}, {}, {}, {}, {Because: []string{"ACL", "to-lport 1005 drop", "tcp.dst == 8080"}}},
	"acl-label":                    names("label 1234"),
	"acl-address-set":              names("ACL: to-lport 1010 allow-related: outport == @pg2 && ip4.src == $friends"),
	"synack-without-syn":           because("invalid", "ls_in_acl"),
	"synack-without-syn-ipv6":      because("invalid", "ls_in_acl"),
	"session-closed-to-subnet":     because("ACL", "to-lport 1000 drop"),
	// The stateless rule left no connection to answer.
	"session-acl-on-the-way-back": because("invalid", "ls_in_acl"),

	// Load balancers.
	"lb-reject-empty":    because("Load_Balancer lb-case", "30.0.0.98:80/tcp", "no backend", "rejects it"),
	"lb-affinity":        because("Load_Balancer lb-case", "(affinity)", "a retransmission goes through"),
	"lb-router-affinity": because("Load_Balancer lb-case", "(affinity)", "a retransmission goes through"),
	"lb-empty-drop":      because("Load_Balancer lb-case", "30.0.0.98:80/tcp", "no backend"),
	"lb-reject-sctp":     because("Load_Balancer lb-case", "30.0.0.98:9/sctp", "no backend"),
	"lb-event":           because("Load_Balancer lb-case", "30.0.0.98:80/tcp", "no backend"),
	"vip-one":            names("Load_Balancer lb-one: 30.0.0.10:80/tcp => 20.0.0.4:8080"),
	"vip-three":          {{Names: []string{"Load_Balancer lb-three"}, Choice: []string{"lb-backend 20.0.0.3:8080", "lb-backend 20.0.0.4:8080", "lb-backend 20.0.0.5:8080"}}},
	"vip-udp":            names("Load_Balancer lb-dns: 30.0.0.10:53/udp => 20.0.0.4:5353"),
	"vip-ipv6":           names("Load_Balancer lb-six"),
	"vip-hairpin":        names("Load_Balancer lb-self"),
	"lb-cluster":         names("Load_Balancer lb-cluster"),
	"lb-router":          names("Load_Balancer lb-gr: 172.17.0.50:80/tcp"),
	"lb-gateway-port":    names("Load_Balancer lb-out: 172.16.0.50:80/tcp"),
	"lb-group":           names("Load_Balancer lb-case: 30.0.0.94:80/tcp"),
	"lb-template":        names("Load_Balancer lb-case"),
	"session-vip":        names("Load_Balancer lb-one"),
	"lb-health-removed":  names("Load_Balancer lb-case"),

	// Translation.
	"snat-tcp":            names("NAT: snat 50.0.0.0/24 => 172.16.0.1 (on router lr1)"),
	"snat-ipv6":           names("NAT: snat fd00:50::/64 => fd00:172::1"),
	"fip-central-in":      names("NAT: dnat_and_snat 172.16.0.10 <=> 50.0.0.3"),
	"fip-central-out":     names("NAT: dnat_and_snat 172.16.0.10 <=> 50.0.0.3"),
	"fip-distributed-in":  names("NAT: dnat_and_snat 172.16.0.11 <=> 50.0.0.4, distributed at sw3-p2"),
	"fip-distributed-out": names("NAT: dnat_and_snat 172.16.0.11 <=> 50.0.0.4, distributed at sw3-p2"),
	"fip-stateless-in":    names("NAT: dnat_and_snat 172.16.0.11 <=> 50.0.0.4", ", stateless"),
	"gr-dnat":             names("NAT: dnat 172.17.0.40 => 60.0.0.4 (on router gr0)"),
	"gr-snat":             names("NAT: snat 60.0.0.0/24 => 172.17.0.1"),
	"snat-port-range":     names("NAT: snat 50.0.0.0/24 => 172.16.0.1:20000-20100"),
	"snat-allowed":        names("only for an allowed address set"),

	// Routers.
	"no-route":         because("no route of lr0 leads to", "lr_in_ip_routing"),
	"route-static":     names("Logical_Router_Static_Route: route 99.0.0.0/24 via 20.0.0.4 (on router lr0)"),
	"route-discard":    because("Logical_Router_Static_Route", "route 99.0.1.0/24 via discard"),
	"route-src":        names("Logical_Router_Static_Route: route 10.0.0.0/24 via 20.0.0.3", "by source"),
	"route-longest":    names("Logical_Router_Static_Route: route 99.0.3.0/24 via 20.0.0.5"),
	"route-ipv6":       names("Logical_Router_Static_Route: route fd99::/64 via fd00:20::4"),
	"ecmp":             {{Names: []string{"Logical_Router_Static_Route: route 99.0.4.0/24"}, Choice: []string{"ecmp 20.0.0.3", "ecmp 20.0.0.4"}}},
	"policy-drop":      because("Logical_Router_Policy", "policy 100 ip4.src == 10.0.0.3 && udp.dst == 7: drop", "on router lr0", "lr_in_policy"),
	"policy-reroute":   names("Logical_Router_Policy: policy 100 ip4.src == 10.0.0.3 && udp.dst == 7: reroute to 20.0.0.5"),
	"policy-ecmp":      {{Names: []string{"Logical_Router_Policy: policy 100"}, Choice: []string{"ecmp 20.0.0.3", "ecmp 20.0.0.5"}}},
	"policy-allow":     names("Logical_Router_Policy: policy 101 ip4.src == 10.0.0.3: allow"),
	"router-port-down": because("router port lr0-sw1 does not send", "lr_out_delivery"),
	"ttl-exceeded":     because("lr0", "lr_in_ip_input"),
	"mtu-too-big":      because("lr_in_larger_pkts"),

	// Neighbours.
	"missing-neighbour":          because("ARP", "20.0.0.77", "buffered", "out of lr0-sw1 of lr0", "lr_in_arp_request"),
	"external-neighbour-unknown": because("ARP", "172.16.0.200", "out of cr-lr1-public of lr1", "lr_in_arp_request"),
	"mac-binding-learned":        {{}, {}, {Names: []string{"MAC_Binding 172.16.0.200 is 52:54:00:ee:00:02 at lr1-public"}}},
	"fdb-learned":                {{}, {}, {Names: []string{"FDB 50:54:00:05:00:66"}}},
	"prov-out":                   names("Logical_Switch_Port ln-prov"),

	// Port security, and missing ports, addresses and mappings.
	"unknown-mac":          because("nobody on sw0 has its Ethernet destination"),
	"security-ip":          because("port security of sw5-p3", "with 70.0.0.99", "it allows 50:54:00:05:00:05 70.0.0.5"),
	"security-mac":         because("port security of sw5-p3", "from 50:54:00:05:00:99", "it allows 50:54:00:05:00:05"),
	"security-arp":         because("port security of sw5-p3", "it allows 50:54:00:05:00:05"),
	"port-disabled":        because("sw0-p1", "disabled"),
	"port-not-bound":       because("sw0-nobody", "not bound"),
	"virtual-port-unbound": because("ARP", "70.0.0.50", "lr3-sw5"),
	"no-bridge-mapping":    because("hv1", "physnet1", "no bridge mapping"),
	"prov-wrong-vlan":      because("the bridge's own port"),

	// Marking, and answers by OVN.
	"qos-dscp":            names("QoS: from-lport 100 ip4.src == 10.0.0.3: dscp=46"),
	"dhcp":                names("DHCP_Options: DHCP options of 70.0.0.0/24"),
	"igmp-report-snooped": because("snooping", "ls_in_l2_lkup"),
}
