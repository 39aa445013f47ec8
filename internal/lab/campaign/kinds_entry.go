package campaign

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
)

// entries are faults of conntrack's entries and of its limits.
var entries = []Kind{
	{Name: "orphan-half", Draw: orphanHalf},
	{Name: "half-open", Draw: halfOpen},
	{Name: "blocked-mark", Draw: blockedMark},
	{Name: "policy-outlived", Draw: policyOutlived},
	{Name: "zone-limit", Draw: zoneLimit},
	{Name: "zone-clash", Draw: zoneClash},
	{Name: "table-full", Only: lab.Userspace, Draw: tableFull},
	{Name: "unreplied-storm", Draw: unrepliedStorm},
}

// zone returns the conntrack zone of a port or of a router (its name with _dnat or _snat) on a
// chassis. OVN 23.03 names a router's zones by the UUID of its datapath.
func (s *stage) zone(ctx context.Context, chassis, owner string) (string, error) {
	byUUID := owner
	if router, kind, ok := strings.Cut(owner, "_"); ok {
		id, err := s.Lab.Ask(ctx, "@sb --bare --columns=_uuid find datapath_binding external_ids:name="+router)
		if err != nil {
			return "", err
		}
		byUUID = strings.TrimSpace(id) + "_" + kind
	}
	out, err := s.Lab.Ask(ctx, "@"+chassis+" ovn-appctl -t ovn-controller ct-zone-list")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if w := strings.Fields(line); len(w) == 2 && (w[0] == owner || w[0] == byUUID) {
			return w[1], nil
		}
	}
	return "", fmt.Errorf("%s has no zone of %s", chassis, owner)
}

// orphanHalf empties one of the zones that a connection passes.
func orphanHalf(d *draw) Instance {
	f := d.port(Flow{From: "sw4-p2", To: "ext3", Proto: one(d, "tcp", "udp"), Sport: 20000 + d.IntN(5000)})
	back := Flow{From: f.From, To: f.To, Proto: f.Proto, Dport: f.Dport}
	return Instance{
		What: fmt.Sprintf("the zones of gr0 on hv2 are emptied; %s keeps its entry on %s", f, d.chassis(f.From)), Flow: back, Before: before(f),
		// With it the switch tracks every connection, and the half that stays is seen.
		Setup: []string{"acl-add sw4 from-lport 1000 'ip4' allow-related"}, Teardown: []string{"acl-del sw4 from-lport 1000 'ip4'"},
		Act: func(ctx context.Context, s *stage) error {
			for _, of := range []string{"gr0_snat", "gr0_dnat"} {
				zone, err := s.zone(ctx, "hv2", of)
				if err != nil {
					return err
				}
				if err := s.Lab.Do(ctx, "@hv2 ovs-appctl dpctl/flush-conntrack zone="+zone); err != nil {
					return err
				}
			}
			return nil
		},
		Mend:  []string{flushAll},
		Shows: unanswered,
		Asks:  []Ask{{Args: []string{"nat"}, Codes: []string{"orphan-half", "entry-vanished"}, Objects: []string{"gr0", "gr0_snat", "gr0_dnat", "hv2", f.From, d.chassis(f.From)}}},
	}
}

// unanswered is a Shows: what the server sends next does not arrive.
func unanswered(ctx context.Context, s *stage) (string, error) {
	c := s.conns[0]
	real, err := s.Probe.SendOne(ctx, c.sent[1].Packet)
	if err == nil && len(real.Ends) > 0 {
		return fmt.Sprintf("the answer of %s still arrives at %s", c.flow, real.Ends[0].End), nil
	}
	return "", err
}

// toVIP draws a flow whose entries are committed in the zone of its sender.
func (d *draw) toVIP(tcp bool) Flow {
	f := one(d, Flow{To: "30.0.0.10", Proto: "tcp", Dport: 80}, Flow{To: "30.0.0.11", Proto: "tcp", Dport: 80}, Flow{To: "30.0.0.10", Proto: "udp", Dport: 53})
	if tcp {
		f.Proto, f.Dport = "tcp", 80
	}
	f.From = one(d, ports["sw0"]...)
	return f
}

// halfOpen leaves a connection that nobody answers.
func halfOpen(d *draw) Instance {
	f := d.toVIP(true)
	f.Sport = 20000 + d.IntN(5000)
	return Instance{
		What: f.String() + ": a SYN that nobody answers",
		Act: func(ctx context.Context, s *stage) error {
			if _, err := s.Probe.SendOne(ctx, f.packet(s.Lab.Topo, f.Sport)); err != nil {
				return err
			}
			return s.Lab.Do(ctx, "@sleep 6s") // a handshake may take some seconds
		},
		Mend: []string{flushAll},
		Shows: func(_ context.Context, s *stage) (string, error) {
			return s.left(d.chassis(f.From), f)
		},
		Asks: []Ask{{Args: []string{"nat"}, Codes: []string{"half-open"}, Objects: append([]string{f.From, d.chassis(f.From), address(d.topo, f.From)}, backendsOfBase...)}},
	}
}

// backendsOfBase are the backends of the topology's VIPs for sw0.
var backendsOfBase = []string{"20.0.0.3", "20.0.0.4", "20.0.0.5"}

// blockedMark turns an allowing ACL into a dropping one under a connection: the next packet marks
// its entry.
func blockedMark(d *draw) Instance {
	f := d.routed()
	for f.Proto == "icmp" {
		f = d.routed()
	}
	f.Sport = 20000 + d.IntN(5000)
	name, sw := d.name("was-allowed"), switchOf(f.To)
	match := fmt.Sprintf(`'outport == "%s" && %s'`, f.To, d.match(f))
	uuid := "--bare --columns=_uuid find acl name=" + name
	return Instance{
		What: fmt.Sprintf("%s on %s is now a drop, under %s", name, sw, f), Flow: f, Before: before(f),
		// The second ACL keeps the switch stateful.
		Setup:    []string{fmt.Sprintf("--name=%s acl-add %s to-lport 1200 %s allow-related", name, sw, match), "acl-add " + sw + " to-lport 1201 'sctp' allow-related"},
		Teardown: []string{fmt.Sprintf("acl-del %s to-lport 1200 %s", sw, match), "acl-del " + sw + " to-lport 1201 'sctp'"},
		Inject:   []string{fmt.Sprintf("acl-del %s to-lport 1200 %s", sw, match), fmt.Sprintf("--name=%s acl-add %s to-lport 1200 %s drop", name, sw, match)},
		Mend:     []string{fmt.Sprintf("acl-del %s to-lport 1200 %s", sw, match), fmt.Sprintf("--name=%s acl-add %s to-lport 1200 %s allow-related", name, sw, match), flushAll},
		Shows:    cut,
		Asks: []Ask{{Args: []string{"nat"}, Codes: []string{"blocked-mark"}, Objects: []string{name, "?" + uuid, f.To, f.From}},
			{Args: f.why(d.topo), Codes: []string{"acl-drop", "blocked-mark"}, Objects: []string{name, "?" + uuid}}},
	}
}

// policyOutlived tightens the rules of a client that goes on receiving: what answers its
// connection passes by the entry.
func policyOutlived(d *draw) Instance {
	client, server := one(d, ports["sw1"]...), one(d, ports["sw0"]...)
	f := Flow{From: client, To: server, Proto: "udp", Dport: 5000 + d.IntN(1000), Sport: 20000 + d.IntN(5000)}
	name := d.name("allowed-out")
	out := fmt.Sprintf(`'inport == "%s" && ip4.dst == %s && udp'`, client, address(d.topo, server))
	in := fmt.Sprintf(`'outport == "%s" && ip4'`, client)
	from := Flow{From: server, To: client, Proto: "udp", Dport: f.Sport, Sport: f.Dport}
	allow := fmt.Sprintf("--name=%s acl-add sw1 from-lport 1200 %s allow-related", name, out)
	return Instance{
		What: fmt.Sprintf("%s no longer allows %s; what %s sends still passes", name, f, server), Flow: f, Before: before(f),
		// The last ACL keeps the switch stateful.
		Setup:    []string{allow, "acl-add sw1 from-lport 1201 'sctp' allow-related", "--name=in-" + name + " acl-add sw1 to-lport 1100 " + in + " drop"},
		Teardown: []string{"acl-del sw1 from-lport 1200 " + out, "acl-del sw1 from-lport 1201 'sctp'", "acl-del sw1 to-lport 1100 " + in},
		Inject:   []string{"acl-del sw1 from-lport 1200 " + out, fmt.Sprintf("--name=%s acl-add sw1 from-lport 1200 %s drop", name, out)},
		Mend:     []string{"acl-del sw1 from-lport 1200 " + out, allow, flushAll},
		Shows: func(ctx context.Context, s *stage) (string, error) {
			if why, err := unanswered(ctx, s); err != nil || why != "" {
				return "", err
			}
			return "the answer does not pass any more", nil
		},
		Asks: []Ask{{Args: from.why(d.topo), Codes: []string{"policy-outlived"}, Any: true,
			Objects: []string{client, server, name, "in-" + name, "?--bare --columns=_uuid find acl name=in-" + name}}},
	}
}

// zoneLimit limits the zone of a port to the entries that it has.
func zoneLimit(d *draw) Instance {
	f := d.toVIP(false)
	at, zone := d.chassis(f.From), ""
	return Instance{
		What: fmt.Sprintf("the zone of %s on %s has a limit of 1 entry", f.From, at), Flow: f,
		Act: func(ctx context.Context, s *stage) (err error) {
			if zone, err = s.zone(ctx, at, f.From); err != nil {
				return err
			}
			if err := s.Lab.Do(ctx, "@"+at+" ovs-appctl dpctl/ct-set-limits zone="+zone+",limit=1"); err != nil {
				return err
			}
			_, _, err = s.works(ctx, f) // may take the place: the userspace datapath counts new entries only
			return err
		},
		Repair: func(ctx context.Context, s *stage) error {
			return s.Lab.Do(ctx, "@"+at+" ovs-appctl dpctl/ct-del-limits zone="+zone)
		},
		Mend: []string{flushAll},
		Asks: lacking(both([]string{"zone-limit"}, f.why(d.topo), f.From, at), "sosreport", "limits of zones: not collected"),
	}
}

// zoneClash gives two owners one zone id, which ovn-controller finds when it starts.
func zoneClash(d *draw) Instance {
	at := one(d, "hv1", "hv2", "hv3")
	var on []string
	for _, v := range d.topo.VIFs {
		if v.Chassis == at && v.Parent == "" && !v.Local {
			on = append(on, v.Port)
		}
	}
	a, b := two(d, on...)
	old := ""
	set := func(ctx context.Context, s *stage, id string) error {
		for _, cmd := range []string{"@" + at + " ovn-appctl -t ovn-controller exit --restart", "@sleep 1s",
			fmt.Sprintf("@%s ovs-vsctl --no-wait set bridge br-int external_ids:ct-zone-%s=%s", at, b, id)} {
			if err := s.Lab.Do(ctx, cmd); err != nil {
				return err
			}
		}
		if err := s.Lab.Revive(ctx); err != nil {
			return err
		}
		s.dirty = true
		return s.change(ctx, []string{"@bound " + b + " " + at}, true)
	}
	return Instance{
		What: fmt.Sprintf("%s and %s have one zone on %s", a, b, at), Unsettled: true,
		Act: func(ctx context.Context, s *stage) (err error) {
			if old, err = s.zone(ctx, at, b); err != nil {
				return err
			}
			id, err := s.zone(ctx, at, a)
			if err != nil {
				return err
			}
			return set(ctx, s, id)
		},
		Repair: func(ctx context.Context, s *stage) error { return set(ctx, s, old) },
		Shows: func(ctx context.Context, s *stage) (string, error) {
			za, err := s.zone(ctx, at, a)
			if err != nil {
				return "", err
			}
			if zb, err := s.zone(ctx, at, b); err != nil || za != zb {
				return fmt.Sprintf("the zones are %s and %s", za, zb), err
			}
			return "", nil
		},
		Asks: []Ask{{Args: []string{"nat"}, Codes: []string{"zone-clash"}, Objects: []string{a, b, at}}},
	}
}

// tableFull limits the connections of a chassis to a few, which it has. The kernel's limit is not
// per namespace.
func tableFull(d *draw) Instance {
	f := d.toVIP(false)
	at, n := d.chassis(f.From), 5+d.IntN(20)
	return Instance{
		What: fmt.Sprintf("the table of %s takes %d connections, and has them", at, n), Flow: f,
		Act: func(ctx context.Context, s *stage) error {
			if err := s.Lab.Do(ctx, fmt.Sprintf("@%s ovs-appctl dpctl/ct-set-maxconns %d", at, n)); err != nil {
				return err
			}
			return s.storm(f, n+5)
		},
		Mend: []string{"@" + at + " ovs-appctl dpctl/ct-set-maxconns 3000000", flushAll},
		Asks: lacking(both([]string{"table-full"}, f.why(d.topo), at), "sosreport", "the maximum number of connections: not collected"),
	}
}

// lacking says of the questions what a kind of archive does not have.
func lacking(asks []Ask, archive, text string) []Ask {
	for i := range asks {
		asks[i].Lacks = map[string]string{archive: text}
	}
	return asks
}

// storm sends n first packets of a flow from different ports. Nobody answers them.
func (s *stage) storm(f Flow, n int) error {
	for i := range n {
		if err := s.Probe.Emit(f.packet(s.Lab.Topo, 10000+i)); err != nil {
			return err
		}
		if i%20 == 19 {
			time.Sleep(20 * time.Millisecond)
		}
	}
	time.Sleep(time.Second)
	return nil
}

// unrepliedStorm is a flood of requests that nobody answers. Whether a UDP entry was answered shows
// in the kernel's table only.
func unrepliedStorm(d *draw) Instance {
	f := d.toVIP(d.topo.Datapath == lab.Userspace)
	n := 1200 + d.IntN(500)
	return Instance{
		What: fmt.Sprintf("%d requests of %s that nobody answers", n, f),
		Act:  func(_ context.Context, s *stage) error { return s.storm(f, n) },
		Mend: []string{flushAll},
		Shows: func(_ context.Context, s *stage) (string, error) {
			f.Sport = 10000
			return s.left(d.chassis(f.From), f)
		},
		Asks: []Ask{{Args: []string{"nat"}, Codes: []string{"unreplied-storm"}, Objects: []string{f.From, d.chassis(f.From)}}},
	}
}
