package campaign

import "fmt"

// routing are faults of routes and routing policies.
var routing = []Kind{
	{Name: "no-route", Draw: noRoute},
	{Name: "no-route-back", Draw: noRouteBack},
	{Name: "discard-route", Draw: discardRoute},
	{Name: "policy-drop", Draw: policyDrop},
	{Name: "policy-reroute", Draw: policyReroute},
	{Name: "route-via-self", Draw: routeViaSelf},
	{Name: "policy-via-self", Draw: policyViaSelf},
	{Name: "arp-unanswerable", Draw: arpUnanswerable},
	{Name: "mtu", Draw: mtu},
}

// remote is a network behind a machine that routes, with the route to it.
func (d *draw) remote() (f Flow, via, prefix string) {
	from, behind := two(d, "sw0", "sw1")
	n := 100 + d.IntN(100)
	prefix = fmt.Sprintf("99.%d.0.0/24", n)
	f = d.proto(Flow{From: one(d, ports[from]...), To: fmt.Sprintf("99.%d.0.%d", n, 1+d.IntN(250))})
	return f, address(d.topo, one(d, ports[behind]...)), prefix
}

func noRoute(d *draw) Instance {
	f, via, prefix := d.remote()
	return Instance{
		What: fmt.Sprintf("lr0's route %s via %s is removed", prefix, via), Flow: f,
		Setup: []string{fmt.Sprintf("lr-route-add lr0 %s %s", prefix, via)}, Teardown: []string{"--if-exists lr-route-del lr0 " + prefix},
		Inject: []string{"lr-route-del lr0 " + prefix}, Mend: []string{fmt.Sprintf("lr-route-add lr0 %s %s", prefix, via)},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"no-route"}, Objects: []string{"lr0"}}},
	}
}

// noRouteBack removes the default route that the answers of a machine take to the gateway router.
func noRouteBack(d *draw) Instance {
	f := d.proto(Flow{From: "ext3", To: "172.17.0.30"})
	return Instance{
		What: fmt.Sprintf("lr2's default route is removed, which answers of %s need", f), Flow: f,
		Inject: []string{"lr-route-del lr2 0.0.0.0/0"}, Mend: []string{"lr-route-add lr2 0.0.0.0/0 100.64.0.2"},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"reply-dropped"}, Objects: []string{"lr2"}}},
	}
}

func discardRoute(d *draw) Instance {
	f := d.routed()
	to := address(d.topo, f.To)
	return Instance{
		What: "lr0 discards " + to, Flow: f,
		Inject: []string{"lr-route-add lr0 " + to + "/32 discard"}, Mend: []string{"lr-route-del lr0 " + to + "/32"},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"blackhole-route"},
			Objects: []string{"lr0", fmt.Sprintf(`?--bare --columns=_uuid find logical_router_static_route ip_prefix='"%s"'`, to)}}},
	}
}

func (d *draw) policy(f Flow) (priority int, match string) {
	return 100 + d.IntN(900), fmt.Sprintf("ip4.src == %s && ip4.dst == %s", address(d.topo, f.From), address(d.topo, f.To))
}

func policyDrop(d *draw) Instance {
	f := d.routed()
	priority, match := d.policy(f)
	return Instance{
		What: fmt.Sprintf("policy %d of lr0 drops %s", priority, match), Flow: f,
		Inject: []string{fmt.Sprintf("lr-policy-add lr0 %d '%s' drop", priority, match)}, Mend: []string{fmt.Sprintf("lr-policy-del lr0 %d '%s'", priority, match)},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"policy-drop"},
			Objects: []string{fmt.Sprintf("?--bare --columns=_uuid find logical_router_policy priority=%d", priority)}}},
	}
}

// policyReroute sends packets to a next hop that nobody has.
func policyReroute(d *draw) Instance {
	f := d.routed()
	priority, match := d.policy(f)
	hop := fmt.Sprintf("20.0.0.%d", 100+d.IntN(100))
	if switchOf(f.To) == "sw0" {
		hop = fmt.Sprintf("10.0.0.%d", 100+d.IntN(100))
	}
	return Instance{
		What: fmt.Sprintf("policy %d of lr0 sends %s to %s, which nobody has", priority, match, hop), Flow: f,
		Inject: []string{fmt.Sprintf("lr-policy-add lr0 %d '%s' reroute %s", priority, match, hop)}, Mend: []string{fmt.Sprintf("lr-policy-del lr0 %d '%s'", priority, match)},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"policy-reroute", "next-hop-unresolved"},
			Objects: []string{hop, fmt.Sprintf("?--bare --columns=_uuid find logical_router_policy priority=%d", priority)}}},
	}
}

// routeViaSelf replaces a route's next hop by an address of the router itself.
func routeViaSelf(d *draw) Instance {
	f, via, prefix := d.remote()
	self := "20.0.0.1"
	if via[:2] == "10" {
		self = "10.0.0.1"
	}
	find := fmt.Sprintf(`?--bare --columns=_uuid find logical_router_static_route ip_prefix='"%s"'`, prefix)
	return Instance{
		What: fmt.Sprintf("lr0's route %s goes via %s, its own address", prefix, self), Flow: f,
		Setup: []string{fmt.Sprintf("lr-route-add lr0 %s %s", prefix, via)}, Teardown: []string{"--if-exists lr-route-del lr0 " + prefix},
		Inject: []string{"lr-route-del lr0 " + prefix, fmt.Sprintf("lr-route-add lr0 %s %s", prefix, self)},
		Mend:   []string{"lr-route-del lr0 " + prefix, fmt.Sprintf("lr-route-add lr0 %s %s", prefix, via)},
		Asks:   []Ask{{Args: f.why(d.topo), Codes: []string{"route-via-self"}, Objects: []string{"lr0", self, find}}},
	}
}

// policyViaSelf sends packets to an address of the router itself.
func policyViaSelf(d *draw) Instance {
	f := d.routed()
	priority, match := d.policy(f)
	self := one(d, "10.0.0.1", "20.0.0.1")
	return Instance{
		What: fmt.Sprintf("policy %d of lr0 sends %s to %s, its own address", priority, match, self), Flow: f,
		Inject: []string{fmt.Sprintf("lr-policy-add lr0 %d '%s' reroute %s", priority, match, self)}, Mend: []string{fmt.Sprintf("lr-policy-del lr0 %d '%s'", priority, match)},
		Asks: both([]string{"route-via-self"}, f.why(d.topo), self, fmt.Sprintf("?--bare --columns=_uuid find logical_router_policy priority=%d", priority)),
	}
}

// arpUnanswerable sends packets to a next hop on a network of routers only, for which OVN itself
// drops the request.
func arpUnanswerable(d *draw) Instance {
	f := d.proto(Flow{From: one(d, ports["sw4"]...), To: "ext3"})
	priority, match := d.policy(f)
	hop := fmt.Sprintf("100.64.0.%d", 50+d.IntN(100))
	return Instance{
		What: fmt.Sprintf("policy %d of lr2 sends %s to %s, where only routers are", priority, match, hop), Flow: f,
		Inject: []string{fmt.Sprintf("lr-policy-add lr2 %d '%s' reroute %s", priority, match, hop)}, Mend: []string{fmt.Sprintf("lr-policy-del lr2 %d '%s'", priority, match)},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"arp-unanswerable"}, Objects: []string{hop}}},
	}
}

// mtu lowers a gateway port's MTU below the length of a packet that must not be fragmented.
func mtu(d *draw) Instance {
	f, port := Flow{From: "sw3-p3", To: "ext1"}, "lr1-public"
	if d.IntN(2) == 0 {
		f, port = Flow{From: one(d, ports["sw4"]...), To: "ext3"}, "gr0-public2"
	}
	f.Proto, f.Size = "udp", 1000+d.IntN(200)
	f = d.port(f)
	return Instance{
		What: fmt.Sprintf("gateway_mtu of %s is 900, the packet has %d bytes", port, f.Size+28), Flow: f,
		Inject: []string{"set logical_router_port " + port + " options:gateway_mtu=900"}, Mend: []string{"remove logical_router_port " + port + " options gateway_mtu"},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"mtu-exceeded"}, Objects: []string{port}}},
	}
}
