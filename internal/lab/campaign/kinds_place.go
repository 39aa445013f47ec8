package campaign

import (
	"context"
	"fmt"
)

// places are faults of ports, chassis and the ways between them.
var places = []Kind{
	{Name: "port-disabled", Draw: portDisabled},
	{Name: "router-port-disabled", Draw: routerPortDisabled},
	{Name: "port-unbound", Draw: portUnbound},
	{Name: "requested-chassis", Draw: requestedChassis},
	{Name: "interface-missing", Draw: interfaceMissing},
	{Name: "no-tunnel", Draw: noTunnel},
	{Name: "chassis-gone", Draw: chassisGone},
	{Name: "gateway-chassis-gone", Draw: gatewayChassisGone},
	{Name: "no-bridge-mapping", Draw: noBridgeMapping},
	{Name: "no-bridge-mapping-gateway", Draw: noBridgeMappingGateway},
}

func portDisabled(d *draw) Instance {
	f := d.either()
	port := one(d, f.From, f.To)
	return Instance{
		What: port + " is disabled", Flow: f,
		Inject: []string{"lsp-set-enabled " + port + " disabled"}, Mend: []string{"lsp-set-enabled " + port + " enabled"},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"port-disabled"}, Objects: []string{port}}},
	}
}

func routerPortDisabled(d *draw) Instance {
	f := d.routed()
	_, port := routerOf(switchOf(one(d, f.From, f.To)))
	return Instance{
		What: port + " is disabled", Flow: f,
		Inject: []string{"lrp-set-enabled " + port + " disabled"}, Mend: []string{"lrp-set-enabled " + port + " enabled"},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"port-disabled"}, Objects: []string{port}}},
	}
}

func portUnbound(d *draw) Instance {
	f := d.either()
	at := d.chassis(f.To)
	return Instance{
		What: fmt.Sprintf("the interface of %s on %s loses its iface-id", f.To, at), Flow: f,
		Inject: []string{
			fmt.Sprintf("@%s ovs-vsctl remove interface %s external-ids iface-id", at, f.To),
			fmt.Sprintf("@gone @sb --bare --columns=chassis find port_binding logical_port=%s", f.To),
		},
		Mend: []string{
			fmt.Sprintf("@%s ovs-vsctl set interface %s external-ids:iface-id=%s", at, f.To, f.To),
			fmt.Sprintf("@bound %s %s", f.To, at),
		},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"port-not-bound", "interface-missing"}, Objects: []string{f.To}}},
	}
}

func requestedChassis(d *draw) Instance {
	f := d.either()
	at, other := d.chassis(f.To), one(d, "hv1", "hv2", "hv3")
	for other == at {
		other = one(d, "hv1", "hv2", "hv3", "hv9")
	}
	return Instance{
		What: fmt.Sprintf("%s, which is on %s, is requested on %s", f.To, at, other), Flow: f,
		Inject: []string{
			fmt.Sprintf("lsp-set-options %s requested-chassis=%s", f.To, other),
			fmt.Sprintf("@gone @sb --bare --columns=chassis find port_binding logical_port=%s", f.To),
		},
		Mend: []string{"remove logical_switch_port " + f.To + " options requested-chassis", fmt.Sprintf("@bound %s %s", f.To, at)},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"requested-chassis-mismatch"}, Objects: []string{f.To}}},
	}
}

// interfaceMissing removes the interface of a port whose binding remains, because ovn-controller
// does not run.
func interfaceMissing(d *draw) Instance {
	f := d.either()
	at := d.chassis(f.To)
	return Instance{
		What: fmt.Sprintf("%s is not on the integration bridge of %s, whose ovn-controller is paused", f.To, at), Flow: f, Unsettled: true,
		Inject: []string{"@" + at + " ovn-appctl -t ovn-controller debug/pause", fmt.Sprintf("@%s ovs-vsctl del-port br-int %s", at, f.To)},
		Mend: []string{
			fmt.Sprintf("@%s ovs-vsctl add-port br-int %s -- set interface %s external-ids:iface-id=%s", at, f.To, f.To, f.To),
			"@" + at + " ovn-appctl -t ovn-controller debug/resume", fmt.Sprintf("@bound %s %s", f.To, at), "@sleep 1s",
		},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"interface-missing"}, Objects: []string{f.To, at}}},
	}
}

// noTunnel puts a chassis into a transport zone of its own, so that nobody has a tunnel to it.
func noTunnel(d *draw) Instance {
	f := d.far()
	at, from := d.chassis(f.To), d.chassis(f.From)
	return Instance{
		What: at + " is in a transport zone of its own", Flow: f,
		Inject: []string{"@" + at + " ovs-vsctl set open_vswitch . external-ids:ovn-transport-zones=island", "@gone " + tunnel(d, from, at)},
		Mend:   []string{"@" + at + " ovs-vsctl remove open_vswitch . external-ids ovn-transport-zones", "@until " + tunnel(d, from, at) + " ofport!=[]", "@sleep 2s"},
		Asks:   []Ask{{Args: f.why(d.topo), Codes: []string{"no-tunnel"}, Objects: []string{at}}},
	}
}

// tunnel returns a command that prints a chassis' tunnel to another one.
func tunnel(d *draw, from, to string) string {
	for _, c := range d.topo.Chassis {
		if c.Name == to {
			return fmt.Sprintf(`@%s ovs-vsctl --bare --columns=_uuid find interface options:remote_ip='"%s"'`, from, c.EncapIP)
		}
	}
	panic(to)
}

// chassisGone ends an ovn-controller that leaves its flows, and removes its chassis.
func chassisGone(d *draw) Instance {
	f := d.far()
	at, from := d.chassis(f.To), d.chassis(f.From)
	return Instance{
		What: fmt.Sprintf("ovn-controller of %s has ended, and its Chassis row is removed", at), Flow: f, Unsettled: true,
		Inject: []string{"@" + at + " ovn-appctl -t ovn-controller exit --restart", "@sleep 1s", "@sb chassis-del " + at, "@gone " + tunnel(d, from, at)},
		Repair: func(ctx context.Context, s *stage) error { return s.Lab.Revive(ctx) },
		Mend:   []string{fmt.Sprintf("@bound %s %s", f.To, at), "@sleep 2s"},
		Asks:   []Ask{{Args: f.why(d.topo), Codes: []string{"chassis-gone", "port-not-bound"}, Objects: []string{f.To, at}}},
	}
}

// gatewayChassisGone gives a router's gateway to a chassis that does not exist.
func gatewayChassisGone(d *draw) Instance {
	if d.IntN(2) == 0 {
		f := d.proto(Flow{From: one(d, ports["sw4"]...), To: "ext3"})
		return Instance{
			What: "gateway router gr0 is bound to hv9, which does not exist", Flow: f,
			Inject: []string{"set logical_router gr0 options:chassis=hv9", "@gone @sb --bare --columns=chassis find port_binding logical_port=gr0-join"},
			Mend:   []string{"set logical_router gr0 options:chassis=hv2", "@bound gr0-join hv2", "@sleep 2s"},
			Asks:   []Ask{{Args: f.why(d.topo), Codes: []string{"port-not-bound", "chassis-gone"}, Objects: []string{"gr0", "hv9", "gr0-join", "join-gr0"}}},
		}
	}
	f := d.proto(Flow{From: "sw3-p3", To: "ext1"})
	return Instance{
		What: "the gateway chassis of lr1-public is hv9, which does not exist", Flow: f,
		Inject: []string{"lrp-set-gateway-chassis lr1-public hv9 20", "lrp-del-gateway-chassis lr1-public hv3", "@gone @sb --bare --columns=chassis find port_binding logical_port=cr-lr1-public"},
		Mend:   []string{"lrp-set-gateway-chassis lr1-public hv3 20", "lrp-del-gateway-chassis lr1-public hv9", "@bound cr-lr1-public hv3", "@sleep 2s"},
		Asks:   []Ask{{Args: f.why(d.topo), Codes: []string{"port-not-bound", "chassis-gone"}, Objects: []string{"lr1-public", "cr-lr1-public", "lr1", "hv9"}}},
	}
}

// unmapped removes the bridge mappings of a chassis and waits until a patch port is gone.
func unmapped(at, localnet string) (inject, mend []string) {
	patch := fmt.Sprintf("@%s ovs-vsctl --bare --columns=_uuid find interface name=patch-br-int-to-%s", at, localnet)
	return []string{"@" + at + " ovs-vsctl remove open_vswitch . external-ids ovn-bridge-mappings", "@gone " + patch},
		[]string{"@" + at + " ovs-vsctl set open_vswitch . external-ids:ovn-bridge-mappings=physnet1:br-ex", "@until " + patch + " ofport!=[]", "@sleep 1s"}
}

func noBridgeMapping(d *draw) Instance {
	from := one(d, "prov-p1", "prov-p2")
	f := d.proto(Flow{From: from, To: "ext4"})
	at := d.chassis(from)
	inject, mend := unmapped(at, "ln-prov")
	return Instance{
		What: at + " has no mapping for physnet1", Flow: f, Inject: inject, Mend: mend,
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"no-bridge-mapping"}, Objects: []string{at, "ln-prov", "physnet1"}}},
	}
}

func noBridgeMappingGateway(d *draw) Instance {
	f, at, localnet := Flow{From: "sw3-p3", To: "ext1"}, "hv3", "ln-public"
	if d.IntN(2) == 0 {
		f, at, localnet = Flow{From: one(d, ports["sw4"]...), To: "ext3"}, "hv2", "ln-public2"
	}
	f = d.proto(f)
	inject, mend := unmapped(at, localnet)
	return Instance{
		What: fmt.Sprintf("the gateway %s has no mapping for physnet1", at), Flow: f, Inject: inject, Mend: mend,
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"no-bridge-mapping"}, Objects: []string{at, localnet, "physnet1"}}},
	}
}
