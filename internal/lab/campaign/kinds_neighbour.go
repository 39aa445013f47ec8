package campaign

import (
	"context"
	"fmt"
	"strings"
)

// neighbours are faults of addresses: nobody answers, somebody else does, or two do.
var neighbours = []Kind{
	{Name: "next-hop-unresolved", Draw: nextHopUnresolved},
	{Name: "address-missing", Draw: addressMissing},
	{Name: "stale-mac-binding", Draw: staleMACBinding},
	{Name: "stale-fdb", Draw: staleFDB},
	{Name: "address-claimed-twice", Draw: addressClaimedTwice},
}

// nextHopUnresolved moves a route to a next hop that does not exist.
func nextHopUnresolved(d *draw) Instance {
	f, via, prefix := d.remote()
	hop := via[:len(via)-1] + fmt.Sprint(100+d.IntN(100))
	return Instance{
		What: fmt.Sprintf("lr0's route %s goes via %s, which nobody has", prefix, hop), Flow: f,
		Setup: []string{fmt.Sprintf("lr-route-add lr0 %s %s", prefix, via)}, Teardown: []string{"--if-exists lr-route-del lr0 " + prefix},
		Inject: []string{"lr-route-del lr0 " + prefix, fmt.Sprintf("lr-route-add lr0 %s %s", prefix, hop)},
		Mend:   []string{"lr-route-del lr0 " + prefix, fmt.Sprintf("lr-route-add lr0 %s %s", prefix, via)},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"next-hop-unresolved"},
			Objects: []string{hop, fmt.Sprintf(`?--bare --columns=_uuid find logical_router_static_route ip_prefix='"%s"'`, prefix)}}},
	}
}

// addressMissing takes the IP address out of the addresses of a port, so that a router does not
// know its neighbour and nobody answers.
func addressMissing(d *draw) Instance {
	f := d.routed()
	v, _ := d.topo.VIF(f.To)
	all := v.MAC
	for _, ip := range v.IPs {
		all += " " + ip
	}
	return Instance{
		What: "the addresses of " + f.To + " have no IP address", Flow: f,
		// While the change spreads, OVN may answer its own request, and learn that.
		Inject: []string{fmt.Sprintf("lsp-set-addresses %s %s", f.To, v.MAC), "--wait=hv sync", "@sb --all destroy mac_binding"},
		Mend:   []string{fmt.Sprintf("lsp-set-addresses %s '%s'", f.To, all)},
		Asks:   []Ask{{Args: f.why(d.topo), Codes: []string{"next-hop-unresolved"}, Objects: []string{v.IP(false)}}},
	}
}

// staleMACBinding gives a router that learns its neighbours, as OVN-Kubernetes' gateway routers do,
// another MAC address for one of them than it has.
func staleMACBinding(d *draw) Instance {
	router, port, neighbour, mac := "gr0", "gr0-join", "100.64.0.1", "00:00:00:00:fb:01"
	f := Flow{From: "ext3", To: "172.17.0.30"}
	if d.IntN(2) == 0 {
		router, port, neighbour, mac = "lr2", "lr2-join", "100.64.0.2", "00:00:00:00:fb:02"
		f = Flow{From: one(d, ports["sw4"]...), To: "ext3"}
	}
	f = d.proto(f)
	dynamic := []string{"set logical_router " + router + " options:dynamic_neigh_routers=true"}
	static := []string{"remove logical_router " + router + " options dynamic_neigh_routers", "@sb --all destroy mac_binding"}
	old := fmt.Sprintf("52:54:00:de:ad:%02x", d.IntN(256))
	return Instance{
		What: fmt.Sprintf("%s has learned %s for %s, which is now %s", port, old, neighbour, mac), Flow: f,
		Setup: dynamic, Teardown: static, Before: learned(router, port, neighbour, mac), Act: learned(router, port, neighbour, old), Repair: learned(router, port, neighbour, mac),
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"stale-mac-binding"}, Objects: []string{neighbour, port}},
			{Args: []string{"nat"}, Codes: []string{"stale-mac-binding"}, Objects: []string{neighbour, port}}},
	}
}

// learned makes a router port have learned a MAC address for a neighbour. A row that is there is
// changed: while there is none, a packet makes the router ask, and learn the right address.
func learned(router, port, neighbour, mac string) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		var refused error
		for range 5 {
			id, err := s.Lab.Ask(ctx, fmt.Sprintf(`@sb --bare --columns=_uuid find mac_binding logical_port=%s ip='"%s"'`, port, neighbour))
			if err != nil {
				return err
			}
			change := fmt.Sprintf(`@sb --id=@d get datapath_binding %s -- create mac_binding logical_port=%s ip='"%s"' mac='"%s"' datapath=@d`, router, port, neighbour, mac)
			if id = strings.TrimSpace(id); id != "" {
				change = fmt.Sprintf(`@sb set mac_binding %s mac='"%s"'`, id, mac)
			}
			if refused = s.Lab.Do(ctx, change); refused == nil { // else the router has just learned it
				return s.Lab.Do(ctx, "@sleep 1s")
			}
		}
		return refused
	}
}

// staleFDB lets a switch have learned a machine's MAC address at the port of another one.
func staleFDB(d *draw) Instance {
	sw := one(d, "sw0", "sw1", "sw3")
	a, b := two(d, ports[sw]...)
	v, _ := d.topo.VIF(a)
	f := d.proto(Flow{From: b, To: a})
	return Instance{
		What: fmt.Sprintf("%s has learned %s, the address of %s, at %s", sw, v.MAC, a, b),
		Act: func(ctx context.Context, s *stage) error {
			dp, err := s.Lab.Ask(ctx, "@sb --bare --columns=tunnel_key find datapath_binding external_ids:name="+sw)
			if err != nil {
				return err
			}
			port, err := s.Lab.Ask(ctx, "@sb --bare --columns=tunnel_key find port_binding logical_port="+b)
			if err != nil {
				return err
			}
			return s.Lab.Do(ctx, fmt.Sprintf(`@sb create fdb mac='"%s"' dp_key=%s port_key=%s`, v.MAC, strings.TrimSpace(dp), strings.TrimSpace(port)))
		},
		Mend:  []string{"@sb --all destroy fdb"},
		Shows: holds("@sb --bare --columns=_uuid list fdb"),
		Asks:  both([]string{"stale-fdb"}, f.why(d.topo), a, b, v.MAC, sw),
	}
}

// addressClaimedTwice gives a port the address of another one on its switch.
func addressClaimedTwice(d *draw) Instance {
	sw := one(d, "sw0", "sw1", "sw3")
	a, b := two(d, ports[sw]...)
	va, _ := d.topo.VIF(a)
	vb, _ := d.topo.VIF(b)
	f := d.proto(Flow{From: b, To: a})
	all := vb.MAC
	for _, ip := range vb.IPs {
		all += " " + ip
	}
	return Instance{
		What:   fmt.Sprintf("%s also has %s, the address of %s", b, va.IP(false), a),
		Inject: []string{fmt.Sprintf(`set logical_switch_port %s addresses='"%s %s"'`, b, all, va.IP(false))},
		Mend:   []string{fmt.Sprintf("lsp-set-addresses %s '%s'", b, all)},
		Shows:  holds(fmt.Sprintf(`--bare --columns=_uuid find logical_switch_port addresses='"%s %s"'`, all, va.IP(false))),
		Asks:   both([]string{"address-claimed-twice"}, f.why(d.topo), a, b, va.IP(false)),
	}
}
