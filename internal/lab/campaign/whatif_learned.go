package campaign

import "fmt"

// learnedKinds are changes about packets that depend on what is in no database: flows that Open
// vSwitch has learned by OVN's actions, and flows that others have put into provider bridges.
var learnedKinds = []ChangeKind{
	{"affinity", affinityChanged},
	{"ecmp-symmetric", symmetricChanged},
	{"hairpin", hairpinChanged},
	{"bridge-flow", bridgeFlows},
}

// affinityChanged changes something while a client has its backend by affinity. A new connection of
// the client goes to the learned backend, which is one of several by a hash.
func affinityChanged(d *draw) Change {
	s := d.serviceAt(onSwitch, 2, "tcp", "udp")
	set := func(backends string) string {
		return fmt.Sprintf(`set load_balancer %s 'vips="%s"="%s"'`, s.lb, s.vip, backends)
	}
	all, i := s.backends[0]+","+s.backends[1], d.IntN(2)
	c := Change{Setup: []string{fmt.Sprintf("lb-add %s %s %s %s", s.lb, s.vip, all, s.proto), "set load_balancer " + s.lb + " options:affinity_timeout=600", s.add},
		Teardown: []string{"lb-del " + s.lb}, Flows: []Flow{s.flow}, Pairs: []Flow{s.flow}}
	switch d.IntN(5) {
	case 0:
		h := harmless(d)
		c.What, c.Apply, c.Undo = "affinity, and "+h.What, h.Apply, h.Undo
	case 1:
		c.What = "no affinity any more"
		c.Apply = []string{"remove load_balancer " + s.lb + " options affinity_timeout"}
	case 2:
		c.What = "affinity, and without backend " + s.backends[i]
		c.Apply, c.Undo = []string{set(s.backends[1-i])}, []string{set(all)}
	default:
		sw := switchOf(s.machines[i])
		c.What = "affinity, and nothing reaches backend " + s.backends[i]
		c.Apply = []string{fmt.Sprintf(`acl-add %s to-lport 2500 'outport == "%s" && ip4' drop`, sw, s.machines[i])}
		c.Undo = []string{"acl-del " + sw}
	}
	return c
}

// symmetricChanged changes something while answers leave by the next hop that the client came by.
func symmetricChanged(d *draw) Change {
	const first, second = "172.17.0.100", "172.17.0.101"
	add := "--ecmp-symmetric-reply --ecmp lr-route-add gr0 0.0.0.0/0 "
	c := Change{Setup: []string{"lr-route-del gr0 0.0.0.0/0", add + first, add + second}, Teardown: []string{"lr-route-del gr0 0.0.0.0/0", "lr-route-add gr0 0.0.0.0/0 " + first}}
	for _, proto := range []string{"tcp", "udp"} {
		c.Flows = append(c.Flows, Flow{From: "ext3", To: "60.0.0.4", Proto: proto, Dport: 80})
	}
	switch d.IntN(4) {
	case 0:
		c.What, c.Apply, c.Undo = "symmetric replies lose "+second, []string{"lr-route-del gr0 0.0.0.0/0 " + second}, []string{add + second}
	case 1:
		c.What, c.Apply, c.Undo = "symmetric replies lose both next hops", []string{"lr-route-del gr0 0.0.0.0/0"}, []string{add + first, add + second}
	case 2:
		c.What = "symmetric replies, and sw4-p2 takes no packets"
		c.Apply, c.Undo = []string{`acl-add sw4 to-lport 2500 'outport == "sw4-p2" && ip4' drop`}, []string{"acl-del sw4"}
	default:
		h := harmless(d)
		c.What, c.Apply, c.Undo = "symmetric replies, and "+h.What, h.Apply, h.Undo
	}
	return c
}

// hairpinChanged changes something while a machine talks to itself by a load balancer.
func hairpinChanged(d *draw) Change {
	lb := d.name("lbh")
	port := one(d, ports["sw0"]...)
	c := Change{Setup: []string{fmt.Sprintf("lb-add %s 30.0.0.97:80 %s:8080 tcp", lb, address(d.topo, port)), "ls-lb-add sw0 " + lb}, Teardown: []string{"lb-del " + lb},
		Flows: []Flow{{From: port, To: "30.0.0.97", Proto: "tcp", Dport: 80}}}
	const snat = "options:hairpin_snat_ip=30.0.0.77"
	if d.IntN(2) == 0 {
		c.Setup = append(c.Setup, "set load_balancer "+lb+" "+snat)
	}
	switch d.IntN(3) {
	case 0:
		c.What, c.Apply, c.Undo = "a hairpin's load balancer goes", []string{"ls-lb-del sw0 " + lb}, []string{"ls-lb-add sw0 " + lb}
	case 1:
		c.What, c.Apply, c.Undo = "a hairpin's machine takes no TCP", []string{fmt.Sprintf(`acl-add sw0 to-lport 2500 'outport == "%s" && tcp' drop`, port)}, []string{"acl-del sw0"}
	default:
		h := harmless(d)
		c.What, c.Apply, c.Undo = "a hairpin, and "+h.What, h.Apply, h.Undo
	}
	return c
}

// bridgeFlows moves lr1's gateway to a chassis whose provider bridge has flows that somebody has
// put there by hand.
func bridgeFlows(d *draw) Change {
	// The name of the patch port is too long for ovs-ofctl. The copy has to take its number over.
	const patch, number, wire = "patch-ln-public-to-br-int", "77", "physnet1"
	var flows []string
	what := ""
	switch d.IntN(4) {
	case 0:
		what = one(d, "tcp", "udp", "ip")
		flows = []string{"priority=100," + what + ",nw_dst=172.16.0.100,actions=drop"}
		what = "drops " + what + " to ext1"
	case 1:
		what = one(d, "tcp", "udp", "ip")
		flows = []string{"priority=100," + what + ",nw_src=172.16.0.100,actions=drop"}
		what = "drops " + what + " from ext1"
	case 2:
		what = "sends HTTP to another host"
		flows = []string{"priority=100,tcp,nw_dst=172.16.0.100,tp_dst=80,actions=mod_nw_dst:172.16.0.101,NORMAL"}
	default:
		what = "forwards by its ports"
		flows = []string{"priority=50,in_port=" + number + ",actions=output:" + wire, "priority=50,in_port=" + wire + ",vlan_tci=0x0000,actions=output:" + number,
			"priority=60,udp,nw_dst=172.16.0.100,in_port=" + number + ",actions=in_port"}
	}
	c := Change{What: "lr1's gateway moves to hv2, whose br-ex " + what, Teardown: []string{noSpare},
		Setup: []string{spare, "@until @hv2 ovs-vsctl --bare --columns=_uuid find interface name=" + patch + " ofport!=[]",
			"@hv2 ovs-vsctl set interface " + patch + " ofport_request=" + number}}
	for _, f := range flows {
		c.Setup = append(c.Setup, "@hv2 ovs-ofctl add-flow br-ex "+f)
	}
	c.Teardown = append(c.Teardown, "@hv2 ovs-ofctl del-flows br-ex", "@hv2 ovs-ofctl add-flow br-ex priority=0,actions=NORMAL")
	const move = "lrp-set-gateway-chassis lr1-public hv2 30"
	c.Ask, c.Apply, c.Undo = []string{"--nb-run", move}, []string{move, "@bound cr-lr1-public hv2"}, []string{spare, atHome}
	return c
}
