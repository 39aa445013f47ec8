package campaign

import (
	"fmt"
	"slices"
	"strings"
)

// changeKinds are the kinds of change.
var changeKinds = slices.Concat(databaseKinds, []ChangeKind{{"nb-file", byFile}, {"gateway-moves", gatewaysMove}, {"down", chassisFails}}, learnedKinds)

// databaseKinds are changes by commands of ovn-nbctl.
var databaseKinds = []ChangeKind{
	{"acl-add", aclAdded},
	{"acl-del", aclDeleted},
	{"port-group", portGroupChanged},
	{"address-set", addressSetChanged},
	{"nat-del", natDeleted},
	{"nat-add", natAdded},
	{"lb-del", balancerDeleted},
	{"lb-backend", backendRemoved},
	{"lb-add", balancerAdded},
	{"route", routeChanged},
	{"policy", policyAdded},
	{"gateway", gatewayChanged},
	{"port", portRemoved},
	{"harmless", harmless},
}

// switches are those whose ports ACLs are drawn for, each with the address of a port behind it.
var aclPorts = []string{"sw0-p1", "sw0-p3", "sw1-p2", "sw1-p3", "sw2-p1", "sw3-p3", "sw4-p1", "sw4-p2"}

func aclAdded(d *draw) Change {
	port := one(d, aclPorts...)
	sw := switchOf(port)
	dir, side := one(d, "to-lport", "from-lport"), "outport"
	if dir == "from-lport" {
		side = "inport"
	}
	what := one(d, "ip4", "tcp", "udp", "icmp4", "tcp && tcp.dst == 8080", "tcp.src[0] == 1", "tcp.dst[0] == 1", "ip4 && ct.est", "ip4.dst == "+address(d.topo, port), "ip4.src == "+address(d.topo, port))
	action := one(d, "drop", "drop", "reject", "allow-related", "allow")
	acl := fmt.Sprintf("%s %d '%s == \"%s\" && %s' %s", dir, 2000+d.IntN(3), side, port, what, action)
	return Change{What: "acl-add " + sw + " " + acl, Apply: []string{"acl-add " + sw + " " + acl}, Undo: []string{"acl-del " + sw}}
}

func aclDeleted(d *draw) Change {
	f := d.routed()
	sw := switchOf(f.To)
	match := d.match(f)
	setup := []string{fmt.Sprintf("acl-add %s to-lport 2002 '%s' %s", sw, match, one(d, "allow-related", "allow")),
		fmt.Sprintf("acl-add %s to-lport 2001 'ip4.dst == %s' %s", sw, address(d.topo, f.To), one(d, "drop", "reject"))}
	return Change{What: "acl-del of what allows " + f.String(), Setup: setup, Teardown: []string{"acl-del " + sw}, Flows: []Flow{f},
		Apply: []string{fmt.Sprintf("acl-del %s to-lport 2002 '%s'", sw, match)}}
}

func portGroupChanged(d *draw) Change {
	a, b := two(d, "sw0-p1", "sw0-p3", "sw1-p2", "sw1-p3", "sw4-p1")
	pg := d.name("pgw")
	pg = strings.ReplaceAll(pg, "-", "_")
	action := one(d, "drop", "reject")
	setup := []string{fmt.Sprintf("pg-add %s %s", pg, a),
		fmt.Sprintf("acl-add %s %s", pg, one(d, "to-lport 2100 'outport == @"+pg+" && ip4' "+action, "from-lport 2100 'inport == @"+pg+" && ip4' "+action))}
	return Change{What: "the port group moves from " + a + " to " + b, Setup: setup, Teardown: []string{"pg-del " + pg},
		Apply: []string{fmt.Sprintf("pg-set-ports %s %s", pg, b)}}
}

func addressSetChanged(d *draw) Change {
	from, to := two(d, "sw0-p1", "sw0-p2", "sw0-p3")
	set := strings.ReplaceAll(d.name("asw"), "-", "_")
	sw := one(d, "sw1", "sw0")
	match := one(d, "ip4.src == $"+set, "ip4.dst == $"+set, "ip4.src == $"+set+" && tcp")
	setup := []string{fmt.Sprintf(`create address_set name=%s 'addresses="%s"'`, set, address(d.topo, from)),
		fmt.Sprintf("acl-add %s %s 2200 '%s' drop", sw, one(d, "to-lport", "from-lport"), match)}
	return Change{What: fmt.Sprintf("the address set is %s instead of %s (drop %s on %s)", to, from, match, sw), Setup: setup,
		Teardown: []string{"acl-del " + sw, "destroy address_set " + set},
		Apply:    []string{fmt.Sprintf(`set address_set %s 'addresses="%s"'`, set, address(d.topo, to))}}
}

// rules are NAT rules of the topology: how they are removed, and added again.
var natRules = [][2]string{
	{"lr-nat-del lr1 snat 50.0.0.0/24", "lr-nat-add lr1 snat 172.16.0.1 50.0.0.0/24"},
	{"lr-nat-del lr1 dnat_and_snat 172.16.0.10", "lr-nat-add lr1 dnat_and_snat 172.16.0.10 50.0.0.3"},
	{"lr-nat-del lr1 dnat_and_snat 172.16.0.11", "lr-nat-add lr1 dnat_and_snat 172.16.0.11 50.0.0.4 sw3-p2 00:00:00:00:fe:11"},
	{"lr-nat-del gr0 snat 60.0.0.0/24", "lr-nat-add gr0 snat 172.17.0.1 60.0.0.0/24"},
	{"lr-nat-del gr0 dnat_and_snat 172.17.0.30", "lr-nat-add gr0 dnat_and_snat 172.17.0.30 60.0.0.3"},
}

func natDeleted(d *draw) Change {
	r := one(d, natRules...)
	return Change{What: r[0], Apply: []string{r[0]}, Undo: []string{r[1]}}
}

func natAdded(d *draw) Change {
	switch d.IntN(3) {
	case 0:
		return Change{What: "a floating address for 50.0.0.5", Apply: []string{"lr-nat-add lr1 dnat_and_snat 172.16.0.77 50.0.0.5"},
			Undo: []string{"lr-nat-del lr1 dnat_and_snat 172.16.0.77"}}
	case 1:
		return Change{What: "another source address for gr0", Apply: []string{"lr-nat-del gr0 snat 60.0.0.0/24", "lr-nat-add gr0 snat 172.17.0.7 60.0.0.0/24"},
			Undo: []string{"lr-nat-del gr0 snat 60.0.0.0/24", "lr-nat-add gr0 snat 172.17.0.1 60.0.0.0/24"}}
	}
	return Change{What: "another machine for 172.17.0.30", Apply: []string{"lr-nat-del gr0 dnat_and_snat 172.17.0.30", "lr-nat-add gr0 dnat_and_snat 172.17.0.30 60.0.0.4"},
		Undo: []string{"lr-nat-del gr0 dnat_and_snat 172.17.0.30", "lr-nat-add gr0 dnat_and_snat 172.17.0.30 60.0.0.3"}}
}

func balancerDeleted(d *draw) Change {
	b := one(d, [2]string{"ls-lb-del sw0 lb-one", "ls-lb-add sw0 lb-one"}, [2]string{"ls-lb-del sw0 lb-three", "ls-lb-add sw0 lb-three"},
		[2]string{"ls-lb-del sw0 lb-dns", "ls-lb-add sw0 lb-dns"}, [2]string{"lr-lb-del lr1 lb-out", "lr-lb-add lr1 lb-out"},
		[2]string{"lr-lb-del gr0 lb-gr", "lr-lb-add gr0 lb-gr"}, [2]string{"ls-lb-del sw4 lb-cluster", "ls-lb-add sw4 lb-cluster"})
	return Change{What: b[0], Apply: []string{b[0]}, Undo: []string{b[1]}}
}

func backendRemoved(d *draw) Change {
	all := []string{"20.0.0.3:8080", "20.0.0.4:8080", "20.0.0.5:8080"}
	i := d.IntN(len(all))
	var kept []string
	for j, b := range all {
		if j != i {
			kept = append(kept, b)
		}
	}
	set := func(backends []string) string {
		return fmt.Sprintf(`set load_balancer lb-three 'vips="30.0.0.11:80"="%s"'`, strings.Join(backends, ","))
	}
	c := Change{What: "without backend " + all[i], Apply: []string{set(kept)}, Undo: []string{set(all)}}
	for range 4 {
		c.Flows = append(c.Flows, Flow{From: one(d, ports["sw0"]...), To: "30.0.0.11", Proto: "tcp", Dport: 80})
	}
	switch d.IntN(3) {
	case 0:
		c.What += ", with ct_flush"
		c.Setup, c.Teardown = []string{"set load_balancer lb-three options:ct_flush=true"}, []string{"remove load_balancer lb-three options ct_flush"}
	case 1:
		c.What, c.Apply = "without any backend", []string{set(nil)}
	}
	return c
}

func balancerAdded(d *draw) Change {
	name := d.name("lbw")
	vip, sw := one(d, "20.0.0.4:8080", "40.0.0.3:8080"), "sw0"
	return Change{What: fmt.Sprintf("a load balancer takes %s over on %s", vip, sw), Apply: []string{fmt.Sprintf("lb-add %s %s 20.0.0.5:8080 tcp", name, vip), "ls-lb-add " + sw + " " + name},
		Undo: []string{"lb-del " + name}}
}

func routeChanged(d *draw) Change {
	switch d.IntN(5) {
	case 0:
		return Change{What: "lr1 has no default route", Apply: []string{"lr-route-del lr1 0.0.0.0/0"}, Undo: []string{"lr-route-add lr1 0.0.0.0/0 172.16.0.100"}}
	case 1:
		return Change{What: "gr0 does not know sw4's network", Apply: []string{"lr-route-del gr0 60.0.0.0/24"}, Undo: []string{"lr-route-add gr0 60.0.0.0/24 100.64.0.1"}}
	case 2:
		return Change{What: "lr2 has no default route", Apply: []string{"lr-route-del lr2 0.0.0.0/0"}, Undo: []string{"lr-route-add lr2 0.0.0.0/0 100.64.0.2"}}
	}
	port := one(d, "sw0-p1", "sw1-p2", "sw1-p3", "sw2-p1")
	to := address(d.topo, port) + "/32"
	return Change{What: "packets to " + port + " are discarded", Apply: []string{"lr-route-add lr0 " + to + " discard"}, Undo: []string{"lr-route-del lr0 " + to}}
}

func policyAdded(d *draw) Change {
	port := one(d, "sw0-p1", "sw0-p3", "sw1-p2", "sw1-p3", "sw2-p1")
	match := one(d, "ip4.src == "+address(d.topo, port), "ip4.dst == "+address(d.topo, port))
	action := one(d, "drop", "drop", "allow", "reroute 20.0.0.3")
	return Change{What: "a policy of lr0: " + match + " " + action, Apply: []string{fmt.Sprintf("lr-policy-add lr0 300 '%s' %s", match, action)}, Undo: []string{"lr-policy-del lr0"}}
}

func gatewayChanged(d *draw) Change {
	back := []string{"@bound cr-lr1-public hv3"}
	switch d.IntN(3) {
	case 0:
		return Change{What: "lr1's gateway moves to hv2", Apply: []string{"lrp-set-gateway-chassis lr1-public hv2 30"},
			Undo: append([]string{"lrp-del-gateway-chassis lr1-public hv2"}, back...)}
	case 1:
		return Change{What: "hv2 may serve lr1's gateway too", Apply: []string{"lrp-set-gateway-chassis lr1-public hv2 10"},
			Undo: append([]string{"lrp-del-gateway-chassis lr1-public hv2"}, back...)}
	}
	return Change{What: "gr0 moves to hv1", Apply: []string{"set logical_router gr0 options:chassis=hv1"},
		Undo: []string{"set logical_router gr0 options:chassis=hv2", "@bound gr0-public2 hv2"}}
}

func portRemoved(d *draw) Change {
	port := one(d, "sw0-p1", "sw0-p3", "sw1-p2", "sw1-p3", "sw4-p1")
	if d.IntN(2) == 0 {
		return Change{What: port + " is disabled", Apply: []string{"lsp-set-enabled " + port + " disabled"}, Undo: []string{"lsp-set-enabled " + port + " enabled"}}
	}
	v, err := d.topo.VIF(port)
	if err != nil {
		panic(err)
	}
	sw := switchOf(port)
	return Change{What: port + " is removed", Apply: []string{"lsp-del " + port},
		Undo: []string{"lsp-add " + sw + " " + port, fmt.Sprintf("lsp-set-addresses %s '%s %s'", port, v.MAC, strings.Join(v.IPs, " ")), "@bound " + port + " " + v.Chassis}}
}

// harmless changes what no packet depends on.
func harmless(d *draw) Change {
	switch d.IntN(3) {
	case 0:
		return Change{What: "another name", Apply: []string{"set logical_switch sw0 external_ids:note=x"}, Undo: []string{"remove logical_switch sw0 external_ids note"}}
	case 1:
		return Change{What: "a switch that nobody is on", Apply: []string{"ls-add sw-idle"}, Undo: []string{"ls-del sw-idle"}}
	}
	return Change{What: "a load balancer that nobody uses", Apply: []string{"lb-add lb-idle 30.0.0.99:80 20.0.0.3:80 tcp", "ls-lb-add sw0 lb-idle"}, Undo: []string{"lb-del lb-idle"}}
}

// byFile is a change of another kind, of which the changed database is given.
func byFile(d *draw) Change {
	for {
		c := databaseKinds[d.IntN(len(databaseKinds))].Draw(d)
		if c.Undo == nil {
			continue // only its teardown undoes it
		}
		c.What, c.ByFile = "by the changed database: "+c.What, true
		return c
	}
}

// spare lets a second chassis serve lr1's gateway, which hv3 has.
const (
	spare   = "lrp-set-gateway-chassis lr1-public hv2 10"
	noSpare = "lrp-del-gateway-chassis lr1-public hv2"
	atHome  = "@bound cr-lr1-public hv3"
)

func gatewaysMove(*draw) Change {
	return Change{What: "the gateways of hv3 move", Setup: []string{spare}, Teardown: []string{noSpare}, Ask: []string{"--gateway-moves", "hv3"},
		Apply: []string{"lrp-set-gateway-chassis lr1-public hv2 30", "@bound cr-lr1-public hv2"}, Undo: []string{spare, atHome}}
}

// chassisFails cuts a chassis off. Another one may have a gateway instead.
func chassisFails(d *draw) Change {
	at := one(d, "hv1", "hv2", "hv3", "hv3")
	c := Change{What: at + " fails", Ask: []string{"--down", at}, Apply: []string{"@fail " + at}, Undo: []string{"@restore " + at, atHome}}
	if d.IntN(3) > 0 {
		c.What += ", and hv2 may have lr1's gateway"
		c.Setup, c.Teardown = []string{spare, "@sleep 2s"}, []string{noSpare}
		if at == "hv3" {
			c.Apply = append(c.Apply, "@bound cr-lr1-public hv2")
		}
	}
	return c
}
