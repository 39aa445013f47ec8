package driver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// wire is a provider network as it is on the physical link: its name and the outermost tag, 0 for
// none.
type wire struct {
	network string
	vlan    uint16
}

// physical carries a packet that leaves by a physical port: to the chassis that answers for its MAC
// on the same provider network, to every chassis that maps the network when it is a broadcast, else
// out of OVN, and perhaps, when the network floods it, to the chassis that take unknown addresses.
func (e *ending) physical(ctx context.Context) error {
	leaf, here := e.leaf, e.from.chassis
	network := networkOf(e.at.info, leaf.Port.Bridge)
	if network == "" {
		e.outside(", which maps no provider network")
		return nil
	}
	w := wire{network: network}
	if len(leaf.Packet.VLANs) > 0 {
		w.vlan = leaf.Packet.VLANs[0].VID
	}
	where := " for provider network " + network
	if leaf.Packet.EthDst[0]&1 != 0 {
		e.outside(where)
		return e.broadcast(ctx, w)
	}
	sb, err := e.Southbound(ctx, here)
	if err != nil {
		return err
	}
	own, err := e.answers(ctx, sb, leaf.Packet.EthDst, w)
	if err != nil {
		return err
	}
	where += ", where no other chassis answers for " + leaf.Packet.EthDst.String()
	switch own.chassis {
	case here:
		e.outside(where)
		return nil
	case "":
		left := e.outside(where)
		if own.outside || e.from.aside {
			return nil
		}
		return e.unknownUnicast(ctx, sb, w, left)
	}
	next, err := e.fromWire(ctx, own.chassis, w)
	var d *dead
	if errors.As(err, &d) && d.fault.Kind != FaultNone {
		d.fault.Chassis = own.chassis
	}
	if err != nil {
		return e.stop(err, fmt.Sprintf("%s answers for %s (%s), but ", own.chassis, leaf.Packet.EthDst, own.port))
	}
	e.forward(next)
	return nil
}

// outside ends a packet that leaves OVN by a physical port.
func (e *ending) outside(why string) *Branch {
	p := e.leaf.Port
	return e.end(engine.External, p.Name, fmt.Sprintf("leaves by %s of %s%s", p.Name, p.Bridge, why))
}

// unknownUnicast brings a packet for a MAC that nobody in OVN is known to have to the other chassis
// that take such packets, as a physical network that has not learned the MAC does. Whether it has
// cannot be asked, so there are two alternatives: it floods the packet, or it has learned a port
// and sends the packet to that one alone. left is the branch by which the packet leaves.
func (e *ending) unknownUnicast(ctx context.Context, sb *ovn.SB, w wire, left *Branch) error {
	takers, err := e.takers(ctx, sb, w)
	if err != nil {
		return err
	}
	mac := e.leaf.Packet.EthDst
	var there []arrival
	for _, chassis := range takers {
		next, ok, err := e.copyTo(ctx, chassis, w, fmt.Sprintf("if the physical network floods %s, it", mac))
		if err != nil {
			return err
		}
		if ok {
			there = append(there, e.onward(next))
		}
	}
	if len(there) > 0 {
		e.track.floods = append(e.track.floods, flood{left: left, there: there, mac: mac})
	}
	return nil
}

// flood is a packet that a physical network may flood: the branch by which it leaves, and the
// arrivals of its copies.
type flood struct {
	left  *Branch
	there []arrival
	mac   packet.MAC
}

// parted makes two alternatives of each flood that a track has found.
func (t *track) parted() []*track {
	out := []*track{t}
	for _, f := range t.floods {
		why := "whether the physical network has learned " + f.mac.String() + " cannot be asked"
		flooded := engine.Choice{Kind: engine.ChoicePhysicalNetwork, Chosen: "floods " + f.mac.String(), Why: why}
		learned := engine.Choice{Kind: engine.ChoicePhysicalNetwork, Chosen: "has learned where " + f.mac.String() + " is", Why: why}
		var next []*track
		for _, t := range out {
			with := t.choosing(flooded, f.left)
			for _, a := range f.there {
				a.choices = append(a.choices[:len(a.choices):len(a.choices)], flooded)
				with.pending = append(with.pending, a)
			}
			next = append(next, with, t.choosing(learned, f.left))
		}
		out = next
	}
	t.floods = nil
	return out
}

// choosing returns a copy of a track with a choice made, on which one of its branches depends.
func (t *track) choosing(c engine.Choice, of *Branch) *track {
	alt := t.fork(c)
	b := *of
	b.Choices = append(b.Choices[:len(b.Choices):len(b.Choices)], c)
	alt.branches[slices.Index(alt.branches, of)] = &b
	return alt
}

// broadcast brings a broadcast to every other chassis that maps the network. It warns of those that
// cannot be asked.
func (e *ending) broadcast(ctx context.Context, w wire) error {
	sb, err := e.Southbound(ctx, e.from.chassis)
	if err != nil {
		return err
	}
	all, err := e.mapping(ctx, sb, w.network)
	if err != nil {
		return err
	}
	for _, c := range all {
		next, ok, err := e.copyTo(ctx, c.Name, w, "the broadcast")
		if err != nil {
			return err
		}
		if ok {
			e.forward(next)
		}
	}
	return nil
}

// copyTo calls fromWire for one copy of several; ok is false where the copy has been on the chassis
// already. A node that cannot be reached, or a copy that cannot be followed there, is a warning and
// not an error of the run; what names the copy in it.
func (e *ending) copyTo(ctx context.Context, chassis string, w wire, what string) (next arrival, ok bool, err error) {
	if chassis == e.from.chassis || slices.Contains(e.wired(), wiredTo{chassis, w.network}) {
		return arrival{}, false, nil
	}
	next, err = e.fromWire(ctx, chassis, w)
	var d *dead
	var ne *node.Error
	switch {
	case err == nil:
		return next, true, nil
	case errors.As(err, &d), errors.As(err, &ne):
		e.warn("%s reaches %s too, but %s", what, chassis, err)
		return arrival{}, false, nil
	}
	return arrival{}, false, err
}

// wiredTo is a chassis that a packet has reached by a provider network.
type wiredTo struct{ chassis, network string }

// wired returns the arrivals by a wire on the packet's way: a broadcast that came by a wire is not
// sent back to it.
func (e *ending) wired() []wiredTo {
	var out []wiredTo
	for _, i := range e.from.hops {
		if v := e.visits[i]; v.Via == "physical" {
			out = append(out, wiredTo{v.Chassis, networkOf(v.info, v.Bridge)})
		}
	}
	return out
}

// fromWire returns the arrival of the packet on a chassis by the physical port of a provider
// network.
func (e *ending) fromWire(ctx context.Context, chassis string, w wire) (arrival, error) {
	_, info, err := e.node(ctx, chassis)
	if err != nil {
		return arrival{}, err
	}
	port, err := physicalPort(info, w.network)
	if err != nil {
		return arrival{}, err
	}
	return arrival{chassis: chassis, inPort: port.Name, via: "physical",
		req: engine.Request{Bridge: port.Bridge, InPort: port.OFPort, InPortDatapath: port.Datapath, Packet: e.leaf.Packet}}, nil
}

// physicalPort finds the port by which a chassis is on a provider network. A bond counts as one
// port: its active member where it has one, since what comes by another is dropped (ofproto/bond.c:
// bond_check_admissibility), else any.
func physicalPort(info *node.Info, network string) (node.Port, error) {
	bridge := info.BridgeMappings[network]
	if bridge == "" {
		d := unknown("it has no bridge mapping for provider network %s", network)
		d.fault = Fault{Kind: FaultNoBridgeMapping, Network: network}
		return node.Port{}, d
	}
	var found []node.Port
	for _, p := range info.Ports {
		if p.Bridge != bridge || p.Kind != engine.PortPhysical || p.Peer != "" {
			continue
		}
		i := slices.IndexFunc(found, func(f node.Port) bool { return f.Bond != "" && f.Bond == p.Bond })
		switch {
		case i < 0:
			found = append(found, p)
		case p.Active:
			found[i] = p
		}
	}
	switch len(found) {
	case 0:
		return node.Port{}, unknown("its bridge %s has no physical port", bridge)
	case 1:
		return found[0], nil
	}
	var names []string
	for _, p := range found {
		names = append(names, p.Name)
	}
	return node.Port{}, unknown("its bridge %s has several physical ports: %s", bridge, strings.Join(names, ", "))
}

// networkOf returns the provider network that a bridge is mapped to, or nothing.
func networkOf(info *node.Info, bridge string) string {
	for _, name := range slices.Sorted(maps.Keys(info.BridgeMappings)) {
		if info.BridgeMappings[name] == bridge {
			return name
		}
	}
	return ""
}
