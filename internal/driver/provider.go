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

// wire is a provider network as it is on the physical link: its name and the outermost tag, 0 for none.
type wire struct {
	network string
	vlan    uint16
}

// physical carries a packet that leaves by a physical port: to the chassis that answers for its MAC on the same provider
// network, to every chassis that maps the network when it is a broadcast, else out of OVN, and perhaps, when the network floods
// it, to the chassis that take unknown addresses.
func (s *sending) physical(ctx context.Context, t *track, a arrival, h *hop, leaf engine.Leaf, add func(engine.Verdict, string, string, string), onward func(arrival) arrival) error {
	forward := func(next arrival) { t.pending = append(t.pending, onward(next)) }
	network := networkOf(h.info, leaf.Port.Bridge)
	outside := func(why string) {
		add(engine.External, "external", leaf.Port.Name, fmt.Sprintf("leaves by %s of %s%s", leaf.Port.Name, leaf.Port.Bridge, why))
	}
	if network == "" {
		outside(", which maps no provider network")
		return nil
	}
	w := wire{network: network}
	if len(leaf.Packet.VLANs) > 0 {
		w.vlan = leaf.Packet.VLANs[0].VID
	}
	where := " for provider network " + network
	if leaf.Packet.EthDst[0]&1 != 0 {
		outside(where)
		return s.broadcast(ctx, a, w, leaf.Packet, forward)
	}
	sb, err := s.Southbound(ctx, a.chassis)
	if err != nil {
		return err
	}
	own, err := s.answers(ctx, sb, leaf.Packet.EthDst, w)
	if err != nil {
		return err
	}
	where += ", where no other chassis answers for " + leaf.Packet.EthDst.String()
	switch own.chassis {
	case a.chassis:
		outside(where)
		return nil
	case "":
		outside(where)
		if own.outside || a.aside {
			return nil
		}
		return s.unknownUnicast(ctx, t, sb, a, w, leaf.Packet, onward)
	}
	next, why, err := s.fromWire(ctx, own.chassis, w, leaf.Packet)
	if err != nil {
		return err
	}
	if why != "" {
		add(engine.Unknown, "unknown", leaf.Port.Name, fmt.Sprintf("%s answers for %s (%s), but %s", own.chassis, leaf.Packet.EthDst, own.port, why))
		return nil
	}
	forward(next)
	return nil
}

// unknownUnicast brings a packet for a MAC that nobody in OVN is known to have to the other chassis that take such packets, as a
// physical network does that has not seen the MAC either. Whether it has cannot be asked: that it floods is one alternative, that it
// knows a port and hands the packet to that one alone is the other.
func (s *sending) unknownUnicast(ctx context.Context, t *track, sb *ovn.SB, a arrival, w wire, p packet.Packet, onward func(arrival) arrival) error {
	takers, err := s.takers(ctx, sb, w)
	if err != nil {
		return err
	}
	var there []arrival
	for _, chassis := range takers {
		if chassis == a.chassis || slices.Contains(s.visited(a), chassis+"/"+w.network) {
			continue
		}
		next, why, err := s.copyTo(ctx, chassis, w, p)
		if err != nil {
			return err
		}
		if why != "" {
			s.warn("if the physical network floods %s, it reaches %s too, but %s", p.EthDst, chassis, why)
			continue
		}
		there = append(there, onward(next))
	}
	if len(there) > 0 {
		t.floods = append(t.floods, flood{outside: len(t.branches) - 1, there: there, mac: p.EthDst})
	}
	return nil
}

// flood is a packet that a physical network may flood: the branch that it leaves by, and where its copies then arrive.
type flood struct {
	outside int // in track.branches
	there   []arrival
	mac     packet.MAC
}

// parted makes two alternatives of each flood that a track has met.
func (t *track) parted() []*track {
	out := []*track{t}
	for _, f := range t.floods {
		why := "whether the physical network has learned " + f.mac.String() + " cannot be asked"
		flooded := engine.Choice{Kind: engine.ChoicePhysicalNetwork, Chosen: "floods " + f.mac.String(), Why: why}
		learned := engine.Choice{Kind: engine.ChoicePhysicalNetwork, Chosen: "has learned where " + f.mac.String() + " is", Why: why}
		var next []*track
		for _, t := range out {
			with := t.choosing(flooded, f.outside)
			for _, a := range f.there {
				a.choices = append(a.choices[:len(a.choices):len(a.choices)], flooded)
				with.pending = append(with.pending, a)
			}
			next = append(next, with, t.choosing(learned, f.outside))
		}
		out = next
	}
	t.floods = nil
	return out
}

// choosing is a copy of a track in which a choice has fallen, on which one of its branches hangs.
func (t *track) choosing(c engine.Choice, branch int) *track {
	alt := &track{
		world:    t.world,
		pending:  append([]arrival(nil), t.pending...),
		branches: append([]Branch(nil), t.branches...),
		asides:   t.asides[:len(t.asides):len(t.asides)],
		choices:  append(t.choices[:len(t.choices):len(t.choices)], c),
	}
	b := *alt.branches[branch].Branch
	b.Choices = append(b.Choices[:len(b.Choices):len(b.Choices)], c)
	alt.branches[branch].Branch = &b
	return alt
}

// copyTo is fromWire for one copy of several: a node that cannot be reached is a reason, not the end of the run.
func (s *sending) copyTo(ctx context.Context, chassis string, w wire, p packet.Packet) (next arrival, why string, err error) {
	next, why, err = s.fromWire(ctx, chassis, w, p)
	var ne *node.Error
	if errors.As(err, &ne) {
		why, err = ne.Error(), nil
	}
	return next, why, err
}

// broadcast brings a broadcast to every other chassis that maps the network; those that cannot be asked are said.
func (s *sending) broadcast(ctx context.Context, a arrival, w wire, p packet.Packet, forward func(arrival)) error {
	sb, err := s.Southbound(ctx, a.chassis)
	if err != nil {
		return err
	}
	all, err := s.mapping(ctx, sb, w.network)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Name == a.chassis || slices.Contains(s.visited(a), c.Name+"/"+w.network) {
			continue
		}
		next, why, err := s.copyTo(ctx, c.Name, w, p)
		if err != nil {
			return err
		}
		if why != "" {
			s.warn("the broadcast reaches %s too, but %s", c.Name, why)
			continue
		}
		forward(next)
	}
	return nil
}

// visited lists chassis and provider network of the wire arrivals on a's way: a broadcast that came by the wire is not
// handed back to it.
func (s *sending) visited(a arrival) []string {
	var out []string
	for _, i := range a.hops {
		h := s.hops[i]
		if h.rep.Via == "physical" {
			out = append(out, h.chs+"/"+networkOf(h.info, h.rep.Bridge))
		}
	}
	return out
}

// fromWire is the arrival of a packet on a chassis by the physical port of a provider network.
func (s *sending) fromWire(ctx context.Context, chassis string, w wire, p packet.Packet) (next arrival, why string, err error) {
	_, info, err := s.node(ctx, chassis)
	if err != nil {
		return next, "", err
	}
	port, why := physicalPort(info, w.network)
	if why != "" {
		return next, why, nil
	}
	return arrival{chassis: chassis, inPort: port.Name, via: "physical",
		req: engine.Request{Bridge: port.Bridge, InPort: port.OFPort, InPortDatapath: port.Datapath, Packet: p}}, "", nil
}

// physicalPort finds the port by which a chassis is on a provider network. A bond counts as one port: its active member where it has
// one, since what comes by another is dropped (ofproto/bond.c: bond_check_admissibility), else any.
func physicalPort(info *node.Info, network string) (node.Port, string) {
	bridge := info.BridgeMappings[network]
	if bridge == "" {
		return node.Port{}, "it has no bridge mapping for provider network " + network
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
		return node.Port{}, "its bridge " + bridge + " has no physical port"
	case 1:
		return found[0], ""
	}
	var names []string
	for _, p := range found {
		names = append(names, p.Name)
	}
	return node.Port{}, "its bridge " + bridge + " has several physical ports: " + strings.Join(names, ", ")
}

// networkOf is the provider network that a bridge is mapped to.
func networkOf(info *node.Info, bridge string) string {
	for _, name := range slices.Sorted(maps.Keys(info.BridgeMappings)) {
		if info.BridgeMappings[name] == bridge {
			return name
		}
	}
	return ""
}
