package driver

import (
	"context"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// ingressTable is the first table of the logical ingress pipelines, OFTABLE_LOG_INGRESS_PIPELINE in
// every release of OVN from 20.03 on (controller/lflow.h); the trace itself shows whether it is
// right.
const ingressTable = 8

// enterRouter brings a packet into a router's pipeline at one of its ports, as the patch to the
// switch would: by packet-out with the registers that ovn-controller loads for the port
// (controller/physical.c: load_logical_ingress_metadata).
func (d *Driver) enterRouter(ctx context.Context, pb *ovn.PortBinding, at string) (Start, error) {
	dp, err := d.SB.DatapathByUUID(ctx, pb.Datapath)
	if err != nil {
		return Start{}, err
	}
	if !dp.IsRouter {
		return Start{}, &EntryError{Port: pb.LogicalPort, Why: "it is the switch's side of a router; name the router's port " + pb.Peer()}
	}
	chassis := at
	if chassis == "" && !pb.Chassis.IsZero() {
		c, err := d.SB.ChassisByUUID(ctx, pb.Chassis)
		if err != nil {
			return Start{}, err
		}
		d.remember(c)
		chassis = c.Name
	}
	if chassis == "" {
		return Start{}, &EntryError{Port: pb.LogicalPort, Why: "a distributed router's port is on every chassis; --at CHASSIS says on which"}
	}
	return d.enterPipeline(ctx, dp, pb, chassis)
}

// EnterSeen finds where a packet entered that was seen in a tunnel from a chassis, with the tunnel
// key of a logical port: as Enter does, and for a port between a switch and a router in the
// pipeline of its own datapath on that chassis.
func (d *Driver) EnterSeen(ctx context.Context, pb *ovn.PortBinding, chassis string, p packet.Packet) (Start, error) {
	switch {
	case pb.Type == "patch" || pb.Type == "l3gateway" || pb.Type == "chassisredirect":
		dp, err := d.SB.DatapathByUUID(ctx, pb.Datapath)
		if err != nil {
			return Start{}, err
		}
		return d.enterPipeline(ctx, dp, pb, chassis)
	case pb.IsVIF() && pb.Type != "localport":
		chassis = ""
	}
	return d.Enter(ctx, pb, chassis, p)
}

// enterPipeline brings a packet into the ingress pipeline of a datapath on a chassis, at a port
// that is no interface.
func (d *Driver) enterPipeline(ctx context.Context, dp *ovn.Datapath, pb *ovn.PortBinding, chassis string) (Start, error) {
	_, info, err := d.node(ctx, chassis)
	if err != nil {
		return Start{}, err
	}
	actions := []string{
		fmt.Sprintf("set_field:0x%x->metadata", dp.TunnelKey),
		fmt.Sprintf("set_field:0x%x->reg14", pb.TunnelKey),
	}
	for _, z := range [...]struct{ register, suffix string }{{"reg11", "_dnat"}, {"reg12", "_snat"}} {
		if zone, ok := zoneOf(info, dp, z.suffix); ok {
			actions = append(actions, fmt.Sprintf("set_field:0x%x->%s", zone, z.register))
		}
	}
	if len(actions) < 4 {
		return Start{}, &EntryError{Port: pb.LogicalPort, Why: dp.Kind() + " " + dp.Name + " has no conntrack zones on " + chassis + ": it is not there"}
	}
	actions = append(actions, fmt.Sprintf("resubmit(,%d)", ingressTable))
	return Start{Chassis: chassis, Port: pb.LogicalPort, Bridge: info.Bridge, OFPort: ofppNone, Via: "patch", Resume: strings.Join(actions, ",")}, nil
}

// ofppNone is the in_port of a packet that came by no port (OFPP_NONE).
const ofppNone = 0xffff

// zoneOf finds a datapath's zone: by its UUID until 23.06, by its name since.
func zoneOf(info *node.Info, dp *ovn.Datapath, suffix string) (uint16, bool) {
	for zone, name := range info.Zones {
		if name == dp.Name+suffix || name == dp.UUID.String()+suffix {
			return zone, true
		}
	}
	return 0, false
}
