package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// reasons returns cases of packets for which a wrong reason is likely.
func reasons(b builder) []probe.Case {
	const feature = "reasons: who answers for a next hop"
	explained := func(c probe.Case, parts ...string) probe.Case {
		c.Steps[0].Explanation = probe.Explanation{Because: parts}
		return c
	}
	route := func(name, router, nexthop string, p *probe.Packet) probe.Case {
		return changed(one(name, feature, p, "nowhere"),
			[]string{"lr-route-add " + router + " 99.0.9.0/24 " + nexthop}, []string{"lr-route-del " + router + " 99.0.9.0/24"})
	}
	return []probe.Case{
		explained(route("next-hop-is-self", "lr0", "20.0.0.1", b.udp("sw0-p1", "99.0.9.1", 7)),
			"nobody will answer", "20.0.0.1 is the address of router port lr0-sw1 itself"),
		explained(route("next-hop-is-vip", "gr0", "172.17.0.50", b.udp("sw4-p1", "99.0.9.1", 7)),
			"nobody will answer", "172.17.0.50 is a VIP of load balancer lb-gr of router gr0 itself"),
		explained(route("next-hop-is-nat", "gr0", "172.17.0.30", b.udp("sw4-p1", "99.0.9.1", 7)),
			"nobody will answer", "172.17.0.30 is a NAT external address of router gr0 itself"),
		explained(one("next-hop-nobody", feature, b.ping("sw0-p1", "20.0.0.78"), "nowhere"),
			"20.0.0.78", "no port that receives the request has that address"),
		explained(one("next-hop-nobody-ipv6", feature, b.ping6("sw0-p1", "fd00:20::78"), "nowhere"),
			"fd00:20::78", "no port that receives the request has that address"),
		explained(one("next-hop-unknown-addresses", feature, b.udp("sw6-c1", "70.0.0.77", 7), "nowhere"),
			"no port has that address", "sw5-p2, which takes unknown addresses"),
		explained(route("next-hop-outside", "gr0", "172.17.0.201", b.udp("sw4-p1", "99.0.9.1", 7)),
			"if a host outside OVN answers"),
	}
}
