package campaign

import "fmt"

// rules are faults of ACLs and port security.
var rules = []Kind{
	{Name: "acl-drop-egress", Draw: func(d *draw) Instance { return d.acl(d.either(), "to-lport", "drop", "acl-drop") }},
	{Name: "acl-drop-ingress", Draw: func(d *draw) Instance { return d.acl(d.either(), "from-lport", "drop", "acl-drop") }},
	{Name: "acl-reject", Draw: func(d *draw) Instance {
		return d.acl(d.either(), one(d, "to-lport", "from-lport"), "reject", "acl-reject")
	}},
	{Name: "acl-catch-all", Draw: aclCatchAll},
	{Name: "acl-default-drop", Draw: aclDefaultDrop},
	{Name: "acl-reply-dropped", Draw: aclReplyDropped},
	{Name: "acl-stateless", Draw: aclStateless},
	{Name: "acl-port-group", Draw: aclPortGroup},
	{Name: "port-security", Draw: portSecurity},
	{Name: "qos-rate", Draw: qosRate},
}

// acl puts an ACL on the way of a flow.
func (d *draw) acl(f Flow, direction, action, code string) Instance {
	sw, port := switchOf(f.To), f.To
	side := "outport"
	if direction == "from-lport" {
		sw, port, side = switchOf(f.From), f.From, "inport"
	}
	name := d.name("no-way")
	match := fmt.Sprintf(`'%s == "%s" && %s'`, side, port, d.match(f))
	rule := fmt.Sprintf("%s %d %s", direction, 1000+d.IntN(1000), match)
	return Instance{
		What: fmt.Sprintf("%s on %s: %s %s", name, sw, rule, action), Flow: f,
		Inject: []string{fmt.Sprintf("--name=%s acl-add %s %s %s", name, sw, rule, action)},
		Mend:   []string{fmt.Sprintf("acl-del %s %s", sw, rule)},
		Asks:   []Ask{{Args: f.why(d.topo), Codes: []string{code}, Objects: []string{name, "?--bare --columns=_uuid find acl name=" + name}}},
	}
}

// aclCatchAll is a drop of everything to a port, and an allowing ACL that misses the flow by one
// term.
func aclCatchAll(d *draw) Instance {
	f := d.pair()
	for f.Proto == "icmp" {
		f = d.pair()
	}
	sw, name := switchOf(f.To), d.name("rest")
	out := fmt.Sprintf(`outport == "%s"`, f.To)
	near := fmt.Sprintf("%s && ip4.src == %s && %s.dst == %d", out, address(d.topo, f.From), f.Proto, f.Dport+1)
	return Instance{
		What: fmt.Sprintf("%s on %s drops all to %s; %s port %d is allowed", name, sw, f.To, f.Proto, f.Dport+1), Flow: f,
		Inject: []string{fmt.Sprintf("--name=%s acl-add %s to-lport 900 '%s && ip' drop", name, sw, out),
			fmt.Sprintf("--name=near-%s acl-add %s to-lport 950 '%s' allow-related", name, sw, near)},
		Mend: []string{fmt.Sprintf("acl-del %s to-lport 900 '%s && ip'", sw, out), fmt.Sprintf("acl-del %s to-lport 950 '%s'", sw, near)},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"no-acl-allows", "acl-drop"}, Objects: []string{name, "?--bare --columns=_uuid find acl name=" + name}}},
	}
}

// aclDefaultDrop switches the default of all switches to drop where one ACL allows another
// protocol. Only a switch with ACLs is affected.
func aclDefaultDrop(d *draw) Instance {
	a, b := two(d, ports["sw1"]...)
	f := d.port(Flow{From: a, To: b, Proto: one(d, "tcp", "udp")})
	return Instance{
		What: fmt.Sprintf("default_acl_drop, and sw1 allows SCTP only: %s", f), Flow: f,
		Inject: []string{"set nb_global . options:default_acl_drop=true", "acl-add sw1 to-lport 1000 'sctp' allow-related"},
		Mend:   []string{"remove nb_global . options default_acl_drop", "acl-del sw1 to-lport 1000 'sctp'"},
		Asks:   []Ask{{Args: f.why(d.topo), Codes: []string{"no-acl-allows"}}},
	}
}

// aclReplyDropped drops what the server sends back, on a switch that does not track connections.
func aclReplyDropped(d *draw) Instance {
	sw := one(d, "sw1", "sw3")
	a, b := two(d, ports[sw]...)
	f := d.proto(Flow{From: a, To: b})
	if sw == "sw1" && d.IntN(2) == 0 {
		f.From = one(d, ports["sw0"]...)
	}
	name := d.name("no-answer")
	match := fmt.Sprintf(`'inport == "%s" && ip4.dst == %s'`, f.To, address(d.topo, f.From))
	return Instance{
		What: fmt.Sprintf("%s on %s drops what %s sends to %s", name, sw, f.To, f.From), Flow: f,
		Inject: []string{fmt.Sprintf("--name=%s acl-add %s from-lport 1500 %s drop", name, sw, match)},
		Mend:   []string{fmt.Sprintf("acl-del %s from-lport 1500 %s", sw, match)},
		Asks:   []Ask{{Args: f.why(d.topo), Codes: []string{"reply-dropped"}, Objects: []string{name, "?--bare --columns=_uuid find acl name=" + name}}},
	}
}

// aclStateless turns the rule that lets a protected client out into one that does not track:
// nothing lets the answers in any more.
func aclStateless(d *draw) Instance {
	f := d.port(Flow{From: one(d, ports["sw1"]...), To: one(d, ports["sw0"]...), Proto: one(d, "tcp", "udp")})
	name, loose := d.name("closed"), d.name("loose")
	out := fmt.Sprintf(`from-lport 1200 'inport == "%s" && ip4'`, f.From)
	in := fmt.Sprintf(`to-lport 1100 'outport == "%s" && ip4'`, f.From)
	return Instance{
		What: fmt.Sprintf("what %s may send is allow-stateless; %s drops what it receives", f.From, name), Flow: f,
		// The last ACL keeps the switch stateful.
		Setup:    []string{"acl-add sw1 " + out + " allow-related", fmt.Sprintf("--name=%s acl-add sw1 %s drop", name, in), "acl-add sw1 from-lport 1201 'sctp' allow-related"},
		Teardown: []string{"acl-del sw1 " + out, "acl-del sw1 " + in, "acl-del sw1 from-lport 1201 'sctp'"},
		Inject:   []string{"acl-del sw1 " + out, fmt.Sprintf("--name=%s acl-add sw1 %s allow-stateless", loose, out)},
		Mend:     []string{"acl-del sw1 " + out, "acl-add sw1 " + out + " allow-related"},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"reply-dropped", "untracked-here"},
			Objects: []string{name, "?--bare --columns=_uuid find acl name=" + name, loose, "?--bare --columns=_uuid find acl name=" + loose}}},
	}
}

// aclPortGroup drops by an address set and a port group, as a security group does.
func aclPortGroup(d *draw) Instance {
	f := d.routed()
	name := d.name("sg")
	set := fmt.Sprintf("set%d", d.n)
	group := fmt.Sprintf("pg_case%d", d.n)
	return Instance{
		What: fmt.Sprintf("%s on port group %s (%s) drops all from address set %s, which now has %s", name, group, f.To, set, f.From), Flow: f,
		Setup: []string{"pg-add " + group + " " + f.To, fmt.Sprintf("create Address_Set name=%s addresses=10.77.0.1", set),
			fmt.Sprintf("--name=%s acl-add %s to-lport 1500 'outport == @%s && ip4.src == $%s' drop", name, group, group, set)},
		Teardown: []string{"pg-del " + group, "destroy Address_Set " + set},
		Inject:   []string{fmt.Sprintf("add Address_Set %s addresses %s", set, address(d.topo, f.From))},
		Mend:     []string{fmt.Sprintf("remove Address_Set %s addresses %s", set, address(d.topo, f.From))},
		Asks:     []Ask{{Args: f.why(d.topo), Codes: []string{"acl-drop"}, Objects: []string{name, "?--bare --columns=_uuid find acl name=" + name}}},
	}
}

func portSecurity(d *draw) Instance {
	f := d.pair()
	v, _ := d.topo.VIF(f.From)
	other := one(d, v.MAC+" 10.9.9.9", "52:54:00:99:00:01 "+v.IP(false), "52:54:00:99:00:01")
	return Instance{
		What: fmt.Sprintf("port security of %s is %q", f.From, other), Flow: f,
		Inject: []string{fmt.Sprintf("lsp-set-port-security %s '%s'", f.From, other)},
		Mend:   []string{"lsp-set-port-security " + f.From},
		Asks:   []Ask{{Args: f.why(d.topo), Codes: []string{"port-security"}, Objects: []string{f.From}}},
	}
}

// qosRate limits what a port may send to less than a packet.
func qosRate(d *draw) Instance {
	f := d.routed()
	f.Proto, f.Size = "udp", 600+d.IntN(200)
	f = d.port(f)
	sw, match := switchOf(f.From), fmt.Sprintf(`'inport == "%s" && udp'`, f.From)
	find := fmt.Sprintf("?--bare --columns=_uuid find qos priority=%d", 1000+d.n)
	return Instance{
		What: fmt.Sprintf("what %s sends by UDP is limited to 1 kbit/s; the packet has %d bytes", f.From, f.Size+28), Flow: f,
		Inject: []string{fmt.Sprintf("qos-add %s from-lport %d %s rate=1 burst=1", sw, 1000+d.n, match)}, Mend: []string{"qos-del " + sw},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"meter-drop"}, Objects: []string{find}}},
	}
}
