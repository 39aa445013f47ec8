package campaign

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// translations are faults of NAT rules, and of the entries that outlive them.
var translations = []Kind{
	{Name: "stale-snat", Draw: staleSNAT},
	{Name: "stale-floating-ip", Draw: staleFloating},
	{Name: "snat-exhausted", Draw: snatExhausted},
	{Name: "snat-port-clash", Draw: snatPortClash},
	{Name: "snat-hits-vip", Draw: snatHitsVIP},
	{Name: "nat-conflict-external", Draw: natConflictExternal},
	{Name: "nat-conflict-logical", Draw: natConflictLogical},
	{Name: "gateway-moved", Draw: gatewayMoved},
	{Name: "zone-moved", Draw: zoneMoved},
}

// both asks nat, and why about a flow, for one finding.
func both(codes, why []string, objects ...string) []Ask {
	return []Ask{{Args: []string{"nat"}, Codes: codes, Objects: objects}, {Args: why, Codes: codes, Objects: objects}}
}

// before returns a Before that makes a connection.
func before(flows ...Flow) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		for _, f := range flows {
			if err := s.connect(ctx, f); err != nil {
				return err
			}
		}
		return nil
	}
}

// outward draws a flow that source NAT translates, its router, and an address that the router can
// translate it to.
func (d *draw) outward() (f Flow, router, external string) {
	if d.IntN(2) == 0 {
		f, router, external = Flow{From: "sw3-p3", To: "ext1"}, "lr1", fmt.Sprintf("172.16.0.%d", 70+d.IntN(20))
	} else {
		f, router, external = Flow{From: "sw4-p2", To: "ext3"}, "gr0", fmt.Sprintf("172.17.0.%d", 70+d.IntN(20))
	}
	f.Proto = one(d, "tcp", "udp")
	f = d.port(f)
	f.Sport = 20000 + d.IntN(5000)
	return f, router, external
}

// from returns a Shows: the next packet of the connection still has this source address.
func from(external string) func(context.Context, *stage) (string, error) {
	return func(ctx context.Context, s *stage) (string, error) {
		c := s.conns[0]
		p := c.sent[len(c.sent)-1].Packet
		if c.flow.Proto == "udp" {
			p = c.sent[0].Packet
		}
		real, err := s.Probe.SendOne(ctx, p)
		if err != nil {
			return "", err
		}
		for _, e := range real.Ends {
			if e.Frame.Header["ip_src"] == external {
				return "", nil
			}
		}
		return fmt.Sprintf("no packet of %s comes out with source %s:\n%s", c.flow, external, real), nil
	}
}

// staleSNAT removes a source NAT rule under a connection, which keeps its address.
func staleSNAT(d *draw) Instance {
	f, router, external := d.outward()
	inside := address(d.topo, f.From)
	return Instance{
		What: fmt.Sprintf("%s's rule snat %s %s is removed; a connection keeps it", router, external, inside), Flow: f, Before: before(f),
		Setup: []string{fmt.Sprintf("lr-nat-add %s snat %s %s", router, external, inside)}, Teardown: []string{fmt.Sprintf("--if-exists lr-nat-del %s snat %s", router, inside)},
		Inject: []string{fmt.Sprintf("lr-nat-del %s snat %s", router, inside)}, Mend: []string{flushAll},
		Shows: from(external),
		Asks:  []Ask{{Args: []string{"nat"}, Codes: []string{"stale-nat"}, Objects: []string{router, external}}},
	}
}

// staleFloating moves a floating address to another machine under a connection.
func staleFloating(d *draw) Instance {
	old, now := two(d, ports["sw4"]...)
	external := fmt.Sprintf("172.17.0.%d", 90+d.IntN(9))
	f := Flow{From: "ext3", To: external, Proto: one(d, "tcp", "udp"), Dport: 22, Sport: 20000 + d.IntN(5000)}
	rule := func(port string) string {
		return fmt.Sprintf("lr-nat-add gr0 dnat %s %s", external, address(d.topo, port))
	}
	del := "--if-exists lr-nat-del gr0 dnat " + external
	return Instance{
		What: fmt.Sprintf("gr0's floating address %s moves from %s to %s; a connection stays", external, old, now), Flow: f, Before: before(f),
		Setup: []string{rule(old)}, Teardown: []string{del}, Inject: []string{del, rule(now)}, Mend: []string{flushAll},
		Shows: stuck,
		Asks:  []Ask{{Args: []string{"nat"}, Codes: []string{"stale-nat"}, Objects: []string{"gr0", external, "?--bare --columns=_uuid find nat external_ip=" + external}}},
	}
}

// snatExhausted uses up the few ports of a rule.
func snatExhausted(d *draw) Instance {
	f, router, external := d.outward()
	f.Sport = 0
	inside, n := address(d.topo, f.From), 2+d.IntN(3)
	del := fmt.Sprintf("--if-exists lr-nat-del %s snat %s", router, inside)
	return Instance{
		What: fmt.Sprintf("%s's rule snat %s %s has %d ports, and %d connections to %s:%d", router, external, inside, n, n, f.To, f.Dport), Flow: f,
		Inject: []string{fmt.Sprintf("--portrange lr-nat-add %s snat %s %s 5000-%d", router, external, inside, 4999+n)}, Mend: []string{del, flushAll}, Teardown: []string{del},
		Act: func(ctx context.Context, s *stage) error {
			for range n {
				if err := s.connect(ctx, f); err != nil {
					return err
				}
			}
			return nil
		},
		Shows: untranslated(external),
		Asks:  both([]string{"snat-exhausted"}, f.why(d.topo), external, "?--bare --columns=_uuid find nat external_ip="+external),
	}
}

// snatPortClash makes two machines use one source port to one destination.
func snatPortClash(d *draw) Instance {
	f := d.port(Flow{From: "sw4-p1", To: "ext3", Proto: one(d, "tcp", "udp"), Sport: 20000 + d.IntN(5000)})
	g := f
	g.From = "sw4-p2"
	external := fmt.Sprintf("172.17.0.%d", 60+d.IntN(9))
	del := "--if-exists lr-nat-del gr0 snat"
	return Instance{
		What:     fmt.Sprintf("%s and %s use port %d of %s to %s:%d", f.From, g.From, f.Sport, external, f.To, f.Dport),
		Setup:    []string{"lr-nat-del gr0 dnat_and_snat 172.17.0.30", "lr-nat-add gr0 snat " + external + " 60.0.0.3", "lr-nat-add gr0 snat " + external + " 60.0.0.4"},
		Teardown: []string{del + " 60.0.0.3", del + " 60.0.0.4", "lr-nat-add gr0 dnat_and_snat 172.17.0.30 60.0.0.3"},
		Act:      func(ctx context.Context, s *stage) error { return before(f, g)(ctx, s) }, Mend: []string{flushAll},
		Shows: func(_ context.Context, s *stage) (string, error) {
			if port := s.conns[1].sent[0].Real.Ends[0].Frame.Header["l4_src"]; port == fmt.Sprint(f.Sport) {
				return "both have port " + port, nil
			}
			return "", nil
		},
		Asks: both([]string{"snat-port-clash"}, g.why(d.topo), external, "?--bare --columns=_uuid find nat external_ip="+external),
	}
}

// snatHitsVIP gives a client's port on its NAT address to a VIP.
func snatHitsVIP(d *draw) Instance {
	f := d.port(Flow{From: "sw4-p2", To: "ext3", Proto: one(d, "tcp", "udp"), Sport: 20000 + d.IntN(5000)})
	external, lb := fmt.Sprintf("172.17.0.%d", 60+d.IntN(9)), d.name("lb-port")
	del := "--if-exists lr-nat-del gr0 snat 60.0.0.4"
	return Instance{
		What:  fmt.Sprintf("%s:%d is the source of %s, and a VIP of %s", external, f.Sport, f, lb),
		Setup: []string{"lr-nat-add gr0 snat " + external + " 60.0.0.4"}, Teardown: []string{del, "--if-exists lb-del " + lb},
		Before: before(f),
		Inject: []string{fmt.Sprintf("lb-add %s %s:%d 60.0.0.3:8080 %s", lb, external, f.Sport, f.Proto), "lr-lb-add gr0 " + lb},
		Mend:   []string{"lb-del " + lb, flushAll},
		Shows:  func(_ context.Context, s *stage) (string, error) { return s.left("hv2", f) },
		Asks:   both([]string{"snat-hits-vip"}, f.why(d.topo), external, lb, "?--bare --columns=_uuid find load_balancer name="+lb),
	}
}

// untranslated is a Shows: a new packet of the flow does not come out with this source address. The
// kernel drops it; the userspace datapath lets it pass as it is.
func untranslated(external string) func(context.Context, *stage) (string, error) {
	return func(ctx context.Context, s *stage) (string, error) {
		_, sent, err := s.works(ctx, s.in.Flow)
		if err != nil {
			return "", err
		}
		for _, e := range sent[0].Real.Ends {
			if e.Frame.Header["ip_src"] == external {
				return "a new connection is still translated", nil
			}
		}
		return "", nil
	}
}

// natRow returns a command that adds a NAT row, without the checks of lr-nat-add.
func (d *draw) natRow(router, kind, external, logical string) string {
	return fmt.Sprintf(`--id=@n create nat type=%s external_ip='"%s"' logical_ip='"%s"' external_ids:campaign=%d -- add logical_router %s nat @n`, kind, external, logical, d.n, router)
}

// natGone returns a Repair that removes the rows that natRow has added.
func (d *draw) natGone(router string) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		out, err := s.Lab.Ask(ctx, fmt.Sprintf("--bare --columns=_uuid find nat external_ids:campaign=%d", d.n))
		for _, uuid := range strings.Fields(out) {
			err = errors.Join(err, s.Lab.Do(ctx, "remove logical_router "+router+" nat "+uuid))
		}
		return err
	}
}

func natConflictExternal(d *draw) Instance {
	external := fmt.Sprintf("172.16.0.%d", 90+d.IntN(9))
	a, b := "50.0.0.5", fmt.Sprintf("50.0.0.%d", 20+d.IntN(20))
	return Instance{
		What:   fmt.Sprintf("lr1 has dnat_and_snat %s twice, for %s and %s", external, a, b),
		Inject: []string{d.natRow("lr1", "dnat_and_snat", external, a), d.natRow("lr1", "dnat_and_snat", external, b)},
		Repair: d.natGone("lr1"),
		Shows:  nothing,
		// Which of the two translates is not defined: a packet for the other may be lost.
		Asks: both([]string{"nat-conflict"}, d.port(Flow{From: "ext1", To: external, Proto: one(d, "tcp", "udp")}).why(d.topo),
			external, "?--bare --columns=_uuid find nat external_ip="+external),
	}
}

func natConflictLogical(d *draw) Instance {
	f := d.port(Flow{From: "sw4-p2", To: "ext3", Proto: one(d, "tcp", "udp")})
	logical := address(d.topo, f.From)
	a, b := "172.17.0.91", fmt.Sprintf("172.17.0.%d", 92+d.IntN(8))
	return Instance{
		What:   fmt.Sprintf("gr0 has dnat_and_snat %s and %s for %s", a, b, logical),
		Inject: []string{d.natRow("gr0", "dnat_and_snat", a, logical), d.natRow("gr0", "dnat_and_snat", b, logical)},
		Repair: d.natGone("gr0"),
		Shows:  nothing,
		Asks:   both([]string{"nat-conflict"}, f.why(d.topo), logical, "?--bare --columns=_uuid find nat logical_ip="+logical),
	}
}

// gatewayMoved moves a gateway port: the entries stay on the chassis of before.
func gatewayMoved(d *draw) Instance {
	f := d.port(Flow{From: "sw3-p3", To: "ext1", Proto: one(d, "tcp", "udp"), Sport: 20000 + d.IntN(5000)})
	to := one(d, "hv1", "hv2")
	back := Flow{From: f.From, To: f.To, Proto: f.Proto, Dport: f.Dport}
	return Instance{
		What: fmt.Sprintf("the gateway of lr1-public moves from hv3 to %s under a connection", to), Flow: back, Before: before(f),
		Inject: []string{"lrp-set-gateway-chassis lr1-public " + to + " 30", "@bound cr-lr1-public " + to, "@sleep 2s"},
		Mend:   []string{"lrp-del-gateway-chassis lr1-public " + to, "@bound cr-lr1-public hv3", "@sleep 2s", flushAll},
		Shows:  func(_ context.Context, s *stage) (string, error) { return s.left("hv3", f) },
		Asks: []Ask{{Args: []string{"nat"}, Codes: []string{"gateway-moved", "known-elsewhere"},
			Objects: []string{"lr1", "hv3", to, "lr1-public", "cr-lr1-public"}}},
	}
}

// left returns "" if a chassis has an entry of a flow with a given source port.
func (s *stage) left(chassis string, f Flow) (string, error) {
	all, err := s.Probe.Entries()
	if err != nil {
		return "", err
	}
	src := address(s.Lab.Topo, f.From)
	for _, e := range all[chassis] {
		if e.Orig.Src.String() == src && int(e.Orig.Sport) == f.Sport {
			return "", nil
		}
	}
	return fmt.Sprintf("%s has no entry of %s", chassis, f), nil
}

// zoneMoved gives a gateway router's source NAT another zone under a connection.
func zoneMoved(d *draw) Instance {
	f := d.port(Flow{From: "sw4-p2", To: "ext3", Proto: one(d, "tcp", "udp"), Sport: 20000 + d.IntN(5000)})
	zone := 900 + d.IntN(90)
	back := Flow{From: f.From, To: f.To, Proto: f.Proto, Dport: f.Dport}
	return Instance{
		What: fmt.Sprintf("gr0's zone of source NAT is now %d; the entries of a connection are in the one before", zone), Flow: back, Before: before(f),
		Inject: []string{fmt.Sprintf("set logical_router gr0 options:snat-ct-zone=%d", zone), "@sleep 1s"},
		Mend:   []string{"remove logical_router gr0 options snat-ct-zone", "@sleep 1s", flushAll},
		Shows:  func(_ context.Context, s *stage) (string, error) { return s.left("hv2", f) },
		Asks:   []Ask{{Args: []string{"nat"}, Codes: []string{"zone-moved"}, Objects: []string{"gr0", "gr0_snat", "hv2"}}},
	}
}
