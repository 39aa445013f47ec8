package driver

import (
	"context"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// UnboundError is a logical port that no chassis has claimed.
type UnboundError struct {
	Port, Type string
}

func (e *UnboundError) Error() string {
	return fmt.Sprintf("logical port %s is not bound to any chassis", e.Port)
}

// ReplyStart finds where a reply to what arrived by a branch enters: the same VIF, or the same physical port.
func (d *Driver) ReplyStart(ctx context.Context, b Branch) (Start, error) {
	_, info, err := d.node(ctx, b.Chassis)
	if err != nil {
		return Start{}, err
	}
	if b.Verdict == engine.Delivered {
		return vifStart(ctx, d, b.Chassis, info, b.Port)
	}
	for _, p := range info.Ports {
		if p.Name == b.Port {
			return Start{Chassis: b.Chassis, Port: b.Port, Bridge: p.Bridge, OFPort: p.OFPort, Via: "physical"}, nil
		}
	}
	return Start{}, &ovn.NotFoundError{What: "port on " + b.Chassis, Name: b.Port}
}

// StartAt finds where a packet of a bound logical port enters.
func (d *Driver) StartAt(ctx context.Context, pb *ovn.PortBinding) (Start, error) {
	if pb.Chassis.IsZero() {
		return Start{}, &UnboundError{Port: pb.LogicalPort, Type: pb.Type}
	}
	c, err := d.SB.ChassisByUUID(ctx, pb.Chassis)
	if err != nil {
		return Start{}, err
	}
	d.remember(c)
	_, info, err := d.node(ctx, c.Name)
	if err != nil {
		return Start{}, err
	}
	return vifStart(ctx, d, c.Name, info, pb.LogicalPort)
}

// vifStart finds a VIF's OpenFlow port on its node: its own interface, or its parent's for a nested container.
func vifStart(ctx context.Context, d *Driver, chassis string, info *node.Info, port string) (Start, error) {
	p, ok := info.PortByIfaceID(port)
	if !ok {
		pb, err := d.SB.PortByName(ctx, port)
		if err != nil {
			return Start{}, err
		}
		if pb.ParentPort != "" {
			p, ok = info.PortByIfaceID(pb.ParentPort)
		}
	}
	if !ok {
		return Start{}, &node.Error{Node: chassis, Op: "find logical port " + port,
			Err: fmt.Errorf("no interface there has external_ids:iface-id=%s and an OpenFlow port", port)}
	}
	return Start{Chassis: chassis, Port: port, Bridge: p.Bridge, OFPort: p.OFPort, Via: "vif"}, nil
}
