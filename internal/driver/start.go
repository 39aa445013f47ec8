package driver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
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

// Failure classifies the error as wrong input: another port can be given, or the port be bound.
func (e *UnboundError) Failure() (failure.Kind, string) {
	return failure.Input, "look at its Port_Binding (ovn-sbctl find Port_Binding logical_port=" + e.Port +
		"): an interface with external_ids:iface-id=" + e.Port + " must exist on a chassis"
}

// NoInterfaceError is a logical port whose chassis has no interface for it.
type NoInterfaceError struct{ Chassis, Port string }

func (e *NoInterfaceError) Error() string {
	return fmt.Sprintf("no interface there has external_ids:iface-id=%s and an OpenFlow port", e.Port)
}

// ChassisGoneError is a logical port that is bound to a chassis without a row.
type ChassisGoneError struct {
	Port string
	Err  error // an *ovn.NotFoundError
}

func (e *ChassisGoneError) Error() string {
	return fmt.Sprintf("logical port %s is bound to a chassis that is no longer in the Southbound database: %v", e.Port, e.Err)
}

// Unwrap returns Err.
func (e *ChassisGoneError) Unwrap() error { return e.Err }

// ReplyStart finds where a reply to a packet that arrived by a branch enters: the same VIF, or the
// same physical port.
func (d *Driver) ReplyStart(ctx context.Context, b *Branch) (Start, error) {
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
	c, err := d.chassisByUUID(ctx, pb.Chassis)
	var missing *ovn.NotFoundError
	if errors.As(err, &missing) {
		return Start{}, &ChassisGoneError{Port: pb.LogicalPort, Err: err}
	}
	if err != nil {
		return Start{}, err
	}
	return d.enterVIF(ctx, pb, c.Name)
}

// vifStart finds a VIF's OpenFlow port on its node: its own interface, or its parent's for a nested
// container.
func vifStart(ctx context.Context, d *Driver, chassis string, info *node.Info, port string) (Start, error) {
	tag := uint16(0) // of a nested container on its parent's interface
	p, ok := info.PortByIfaceID(port)
	if !ok {
		sb, err := d.Southbound(ctx, chassis)
		if err != nil {
			return Start{}, err
		}
		pb, err := sb.PortByName(ctx, port)
		if err != nil {
			return Start{}, err
		}
		if pb.ParentPort != "" {
			p, ok = info.PortByIfaceID(pb.ParentPort)
			tag = uint16(pb.Tag)
		}
	}
	if !ok {
		return Start{}, &node.Error{Node: chassis, Op: "find logical port " + port, Err: &NoInterfaceError{Chassis: chassis, Port: port}}
	}
	return Start{Chassis: chassis, Port: port, Bridge: p.Bridge, OFPort: p.OFPort, Via: "vif", VLAN: tag}, nil
}

// Enter finds where a packet of a logical port enters: a VIF on its chassis, a virtual port at its
// parent's, a localnet port on the physical ports of its provider network (at names the chassis;
// else the one that answers for the packet's MAC, or all of them for a broadcast), a router port in
// the router's own pipeline.
func (d *Driver) Enter(ctx context.Context, pb *ovn.PortBinding, at string, p packet.Packet) (Start, error) {
	switch pb.Type {
	case "localnet":
		return d.enterWire(ctx, pb, at, p)
	case "patch", "l3gateway":
		return d.enterRouter(ctx, pb, at)
	case "localport":
		if at == "" {
			return Start{}, &EntryError{Port: pb.LogicalPort, Why: "a localport is on every chassis; --at CHASSIS says on which"}
		}
		return d.enterVIF(ctx, pb, at)
	case "virtual":
		if pb.VirtualParent == "" {
			return Start{}, &EntryError{Port: pb.LogicalPort, Why: "no port has claimed this virtual port yet"}
		}
		parent, err := d.SB.PortByName(ctx, pb.VirtualParent)
		if err != nil {
			return Start{}, err
		}
		return d.Enter(ctx, parent, at, p)
	case "l2gateway":
		if at == "" && !pb.Chassis.IsZero() {
			c, err := d.SB.ChassisByUUID(ctx, pb.Chassis)
			if err != nil {
				return Start{}, err
			}
			d.remember(c)
			at = c.Name
		}
		return d.enterWire(ctx, pb, at, p) // a localnet port that lives on one chassis
	case "vtep":
		return Start{}, &EntryError{Port: pb.LogicalPort, Why: "it is on a VTEP gateway: what its hardware does cannot be traced"}
	case "remote":
		return d.enterRemote(ctx, pb)
	}
	if !pb.IsVIF() {
		return Start{}, &EntryError{Port: pb.LogicalPort, Why: "a packet does not enter OVN at a port of type " + pb.Type}
	}
	// A port that is on several chassis while it migrates: --at names the chassis that sends.
	if also, err := d.SB.AlsoOn(ctx, pb, at); err != nil {
		return Start{}, err
	} else if also != nil {
		return d.enterVIF(ctx, pb, at)
	}
	start, err := d.StartAt(ctx, pb)
	if err == nil && at != "" && at != start.Chassis {
		err = &EntryError{Port: pb.LogicalPort, Why: "it is bound on " + start.Chassis + ", not on " + at}
	}
	return start, err
}

// enterVIF returns a port's interface on a chassis that was named.
func (d *Driver) enterVIF(ctx context.Context, pb *ovn.PortBinding, chassis string) (Start, error) {
	_, info, err := d.node(ctx, chassis)
	if err != nil {
		return Start{}, err
	}
	return vifStart(ctx, d, chassis, info, pb.LogicalPort)
}

// enterRemote returns the interface of a port of another zone, where that zone's chassis has one:
// the far side of a transit switch may be a router port, at which no packet enters.
func (d *Driver) enterRemote(ctx context.Context, pb *ovn.PortBinding) (Start, error) {
	if pb.Chassis.IsZero() {
		return Start{}, &EntryError{Port: pb.LogicalPort, Why: "it belongs to another zone, and this Southbound database does not say on which chassis"}
	}
	c, err := d.chassisByUUID(ctx, pb.Chassis)
	if err != nil {
		return Start{}, err
	}
	_, info, err := d.node(ctx, c.Name)
	if err != nil {
		return Start{}, err
	}
	if _, ok := info.PortByIfaceID(pb.LogicalPort); !ok {
		return Start{}, &EntryError{Port: pb.LogicalPort, Why: "it belongs to another zone, and no interface of its chassis " + c.Name + " is its own"}
	}
	return vifStart(ctx, d, c.Name, info, pb.LogicalPort)
}

// EntryError is a port at which the packet cannot enter.
type EntryError struct{ Port, Why string }

func (e *EntryError) Error() string { return "port " + e.Port + ": " + e.Why }

// Failure classifies the error as wrong input.
func (e *EntryError) Failure() (failure.Kind, string) { return failure.Input, "" }

// enterWire brings a packet in from a provider network.
func (d *Driver) enterWire(ctx context.Context, ln *ovn.PortBinding, at string, p packet.Packet) (Start, error) {
	w := wire{network: ln.Options["network_name"], vlan: uint16(ln.Tag)}
	var names []string
	switch {
	case at != "":
		names = []string{at}
	case p.EthDst[0]&1 != 0:
		all, err := d.mapping(ctx, d.SB, w.network)
		if err != nil {
			return Start{}, err
		}
		for _, c := range all {
			names = append(names, c.Name)
		}
	default:
		own, err := d.answers(ctx, d.SB, p.EthDst, w)
		if err != nil {
			return Start{}, err
		}
		if own.chassis != "" {
			names = []string{own.chassis}
			break
		}
		if own.outside {
			return Start{}, &EntryError{Port: ln.LogicalPort, Why: p.EthDst.String() + " was learned on provider network " + w.network + " itself (FDB): no chassis takes a packet for it; --at CHASSIS says where it enters"}
		}
		if names, err = d.flooded(ctx, p.EthDst, w); err != nil {
			return Start{}, err
		}
	}
	if len(names) == 0 {
		return Start{}, &EntryError{Port: ln.LogicalPort, Why: "no chassis answers for " + p.EthDst.String() + " on provider network " + w.network + "; --at CHASSIS says where it enters"}
	}
	var first Start
	for i, name := range names {
		start, err := d.wireStart(ctx, ln, name, w)
		if err != nil {
			return Start{}, err
		}
		if i == 0 {
			first = start
		} else {
			first.Also = append(first.Also, start)
		}
	}
	return first, nil
}

// maxFlooded bounds the chassis on which a packet for a MAC that nobody has is followed.
const maxFlooded = 32

// flooded returns the chassis to which a provider network brings a packet for a MAC that OVN does
// not know: those with ports of unknown addresses; where there are none, all that are on the
// network, if they are not too many, to show why each drops it.
func (d *Driver) flooded(ctx context.Context, mac packet.MAC, w wire) ([]string, error) {
	names, err := d.takers(ctx, d.SB, w)
	if err != nil {
		return nil, err
	}
	to := "the chassis with ports of unknown addresses"
	if len(names) == 0 {
		all, err := d.mapping(ctx, d.SB, w.network)
		if err != nil || len(all) > maxFlooded {
			return nil, err
		}
		for _, c := range all {
			names = append(names, c.Name)
		}
		to = "its chassis, none of which has a port of unknown addresses"
	}
	if len(names) > 0 {
		d.note(NoteAssumed, "", "no port of OVN is known to have "+mac.String()+": assumed to be flooded by provider network "+w.network+" to "+to+" ("+strings.Join(names, ", ")+")")
	}
	return names, nil
}

// wireStart returns the physical port of a provider network on one chassis.
func (d *Driver) wireStart(ctx context.Context, ln *ovn.PortBinding, chassis string, w wire) (Start, error) {
	_, info, err := d.node(ctx, chassis)
	if err != nil {
		return Start{}, err
	}
	port, err := physicalPort(info, w.network)
	if err != nil {
		return Start{}, &EntryError{Port: ln.LogicalPort, Why: "it cannot enter on " + chassis + ": " + err.Error()}
	}
	return Start{Chassis: chassis, Port: ln.LogicalPort, Bridge: port.Bridge, OFPort: port.OFPort, Via: "physical", VLAN: w.vlan, Network: w.network}, nil
}
