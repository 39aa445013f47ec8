package driver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/packet"
)

// wire is a provider network as it is on the physical link: its name and the outermost tag, 0 for none.
type wire struct {
	network string
	vlan    uint16
}

// physical carries a packet that leaves by a physical port: to the chassis that answers for its MAC on the same provider
// network, to every chassis that maps the network when it is a broadcast, else out of OVN.
func (s *sending) physical(ctx context.Context, a arrival, h *hop, leaf engine.Leaf, add func(engine.Verdict, string, string, string), forward func(arrival)) error {
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
	chassis, port, err := s.answers(ctx, leaf.Packet.EthDst, w)
	if err != nil {
		return err
	}
	if chassis == "" || chassis == a.chassis {
		outside(where + ", where no other chassis answers for " + leaf.Packet.EthDst.String())
		return nil
	}
	next, why, err := s.fromWire(ctx, chassis, w, leaf.Packet)
	if err != nil {
		return err
	}
	if why != "" {
		add(engine.Unknown, "unknown", leaf.Port.Name, fmt.Sprintf("%s answers for %s (%s), but %s", chassis, leaf.Packet.EthDst, port, why))
		return nil
	}
	forward(next)
	return nil
}

// broadcast brings a broadcast to every other chassis that maps the network; those that cannot be asked are said.
func (s *sending) broadcast(ctx context.Context, a arrival, w wire, p packet.Packet, forward func(arrival)) error {
	all, err := s.mapping(ctx, w.network)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Name == a.chassis || slices.Contains(s.visited(a), c.Name+"/"+w.network) {
			continue
		}
		next, why, err := s.fromWire(ctx, c.Name, w, p)
		var ne *node.Error
		if errors.As(err, &ne) {
			why, err = ne.Error(), nil
		}
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

// mapping lists the chassis that map a provider network.
func (d *Driver) mapping(ctx context.Context, network string) ([]*ovn.Chassis, error) {
	all, err := d.SB.AllChassis(ctx)
	if err != nil {
		return nil, err
	}
	var out []*ovn.Chassis
	for _, c := range all {
		if c.BridgeMappings()[network] != "" {
			d.remember(c)
			out = append(out, c)
		}
	}
	return out, nil
}

// answers finds the chassis that takes packets for a MAC off a provider network, and the logical port whose MAC it is;
// empty when no port of OVN has it.
func (d *Driver) answers(ctx context.Context, mac packet.MAC, w wire) (chassis, port string, err error) {
	nets, err := d.SB.PortsByType(ctx, "localnet")
	if err != nil {
		return "", "", err
	}
	for _, ln := range nets {
		if ln.Options["network_name"] != w.network || uint16(ln.Tag) != w.vlan {
			continue
		}
		ports, err := d.SB.PortsOfDatapath(ctx, ln.Datapath)
		if err != nil {
			return "", "", err
		}
		for _, p := range ports {
			owner, err := d.ownerOf(ctx, p, mac.String())
			if err != nil {
				return "", "", err
			}
			if owner == nil || owner.Chassis.IsZero() {
				continue
			}
			c, err := d.SB.ChassisByUUID(ctx, owner.Chassis)
			if err != nil {
				return "", "", err
			}
			d.remember(c)
			return c.Name, owner.LogicalPort, nil
		}
	}
	return "", "", nil
}

// ownerOf tells whether a switch port answers for a MAC: a VIF's own; a router port's on the chassis of its gateway;
// or a distributed floating IP's external MAC, where the port behind it is (Port_Binding.nat_addresses).
func (d *Driver) ownerOf(ctx context.Context, p *ovn.PortBinding, mac string) (*ovn.PortBinding, error) {
	for _, a := range p.Addrs() {
		if a.MAC == mac && p.IsVIF() {
			return p, nil
		}
	}
	for _, entry := range p.NATAddresses {
		if resident, ok := natResident(entry, mac); ok {
			return d.optionalPort(ctx, resident)
		}
	}
	peer := p.Peer()
	if peer == "" {
		return nil, nil
	}
	lrp, err := d.optionalPort(ctx, peer)
	if err != nil || lrp == nil {
		return nil, err
	}
	for _, a := range lrp.Addrs() {
		if a.MAC != mac {
			continue
		}
		if !lrp.Chassis.IsZero() {
			return lrp, nil // l3gateway
		}
		return d.optionalPort(ctx, "cr-"+peer)
	}
	return d.floating(ctx, lrp, mac)
}

// floating finds the port behind a distributed floating IP's external MAC by the router's NAT rules.
func (d *Driver) floating(ctx context.Context, lrp *ovn.PortBinding, mac string) (*ovn.PortBinding, error) {
	if d.NB == nil {
		return nil, nil
	}
	rules, err := d.NB.NATByExternalMAC(ctx, mac)
	if err != nil {
		return nil, err
	}
	for _, port := range rules {
		if pb, err := d.optionalPort(ctx, port); err != nil || pb != nil {
			return pb, err
		}
	}
	return nil, nil
}

// natResident reads one nat_addresses entry, "MAC IP... [is_chassis_resident("PORT")]".
func natResident(entry, mac string) (port string, ok bool) {
	first, rest, _ := strings.Cut(entry, " ")
	if !strings.EqualFold(first, mac) {
		return "", false
	}
	_, tail, found := strings.Cut(rest, `is_chassis_resident("`)
	if !found {
		return "", false
	}
	port, _, found = strings.Cut(tail, `"`)
	return port, found
}

// optionalPort finds a port by name; none is nil.
func (d *Driver) optionalPort(ctx context.Context, name string) (*ovn.PortBinding, error) {
	p, err := d.SB.PortByName(ctx, name)
	var missing *ovn.NotFoundError
	if errors.As(err, &missing) {
		return nil, nil
	}
	return p, err
}
