package driver

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// mapping lists the chassis that map a provider network.
func (d *Driver) mapping(ctx context.Context, sb *ovn.SB, network string) ([]*ovn.Chassis, error) {
	all, err := sb.AllChassis(ctx)
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
	slices.SortFunc(out, func(a, b *ovn.Chassis) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// owner is who takes packets for a MAC off a provider network. The zero owner is nobody in OVN, as
// far as OVN knows.
type owner struct {
	chassis, port string
	outside       bool // the FDB table has it on the physical network itself
}

// answers finds who has a MAC on a provider network: a port whose address it is, else the one that
// the FDB table has for it.
func (d *Driver) answers(ctx context.Context, sb *ovn.SB, mac packet.MAC, w wire) (owner, error) {
	doors, err := doorsOf(ctx, sb, w)
	if err != nil {
		return owner{}, err
	}
	for _, door := range doors {
		ports, err := sb.PortsOfDatapath(ctx, door.Datapath)
		if err != nil {
			return owner{}, err
		}
		for _, p := range ports {
			pb, found, err := d.ownerOf(ctx, sb, p, mac.String())
			if err != nil {
				return owner{}, err
			}
			if found {
				pb = takenAt(door, pb)
			}
			if pb == nil || pb.Chassis.IsZero() {
				continue
			}
			return d.ownedBy(ctx, sb, pb)
		}
	}
	for _, door := range doors {
		pb, err := fdbPort(ctx, sb, door.Datapath, mac)
		switch {
		case err != nil:
			return owner{}, err
		case pb == nil:
		case isDoor(pb):
			return owner{port: pb.LogicalPort, outside: true}, nil
		case !takenAt(door, pb).Chassis.IsZero():
			return d.ownedBy(ctx, sb, takenAt(door, pb))
		}
	}
	return owner{}, nil
}

// takenAt returns the port whose chassis takes packets for another port of a switch off the wire:
// the port itself, as every chassis has a localnet port; an l2gateway port is on one chassis alone.
func takenAt(door, pb *ovn.PortBinding) *ovn.PortBinding {
	if door.Type == "l2gateway" {
		return door
	}
	return pb
}

func (d *Driver) ownedBy(ctx context.Context, sb *ovn.SB, pb *ovn.PortBinding) (owner, error) {
	c, err := sb.ChassisByUUID(ctx, pb.Chassis)
	if err != nil {
		return owner{}, err
	}
	d.remember(c)
	return owner{chassis: c.Name, port: pb.LogicalPort}, nil
}

// doorsOf lists the ports by which switches are on a wire.
func doorsOf(ctx context.Context, sb *ovn.SB, w wire) ([]*ovn.PortBinding, error) {
	all, err := sb.PortsByType(ctx, "localnet", "l2gateway")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p *ovn.PortBinding) bool {
		return p.Options["network_name"] != w.network || uint16(p.Tag) != w.vlan
	}), nil
}

// isDoor reports whether a port connects its switch to a physical network.
func isDoor(p *ovn.PortBinding) bool { return p.Type == "localnet" || p.Type == "l2gateway" }

// fdbPort returns the port of a switch that the FDB table has for a MAC; nil where it has none.
func fdbPort(ctx context.Context, sb *ovn.SB, datapath ovsdb.UUID, mac packet.MAC) (*ovn.PortBinding, error) {
	dp, err := sb.DatapathByUUID(ctx, datapath)
	if err != nil {
		return nil, err
	}
	key, found, err := sb.FDBPort(ctx, dp.TunnelKey, mac.String())
	if err != nil || !found {
		return nil, err
	}
	return optional(sb.PortByKey(ctx, datapath, key))
}

// takers lists the chassis that take packets off a wire for a port of unknown addresses, each once.
func (d *Driver) takers(ctx context.Context, sb *ovn.SB, w wire) ([]string, error) {
	doors, err := doorsOf(ctx, sb, w)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, door := range doors {
		ports, err := sb.PortsOfDatapath(ctx, door.Datapath)
		if err != nil {
			return nil, err
		}
		for _, p := range ports {
			if !p.IsVIF() || !p.HasUnknown() || takenAt(door, p).Chassis.IsZero() {
				continue
			}
			o, err := d.ownedBy(ctx, sb, takenAt(door, p))
			if err != nil {
				return nil, err
			}
			if !slices.Contains(out, o.chassis) {
				out = append(out, o.chassis)
			}
		}
	}
	return out, nil
}

// ownerOf returns the port whose chassis answers for a MAC by a switch port, nil where it does not:
// a VIF for its own MAC; for a router port's MAC the port of its gateway; for a distributed
// floating IP's external MAC the port behind it (Port_Binding.nat_addresses). found reports whether
// the MAC belongs to the switch port or its router, with or without a chassis that answers.
func (d *Driver) ownerOf(ctx context.Context, sb *ovn.SB, p *ovn.PortBinding, mac string) (pb *ovn.PortBinding, found bool, err error) {
	for _, a := range p.Addrs() {
		if a.MAC == mac && p.IsVIF() {
			return p, true, nil
		}
	}
	for _, entry := range p.NATAddresses {
		if resident, ok := natResident(entry, mac); ok {
			pb, err := optional(sb.PortByName(ctx, resident))
			return pb, true, err
		}
	}
	peer := p.Peer()
	if peer == "" {
		return nil, false, nil
	}
	lrp, err := optional(sb.PortByName(ctx, peer))
	if err != nil || lrp == nil {
		return nil, false, err
	}
	for _, a := range lrp.Addrs() {
		if a.MAC != mac {
			continue
		}
		if !lrp.Chassis.IsZero() {
			return lrp, true, nil // l3gateway
		}
		pb, err := optional(sb.PortByName(ctx, "cr-"+peer))
		return pb, true, err
	}
	pb, err = d.floating(ctx, sb, mac)
	return pb, pb != nil, err
}

// floating finds the port behind a distributed floating IP's external MAC by the router's NAT
// rules.
func (d *Driver) floating(ctx context.Context, sb *ovn.SB, mac string) (*ovn.PortBinding, error) {
	if d.NB == nil {
		return nil, nil
	}
	rules, err := d.NB.NATByExternalMAC(ctx, mac)
	if err != nil {
		return nil, err
	}
	for _, port := range rules {
		if pb, err := optional(sb.PortByName(ctx, port)); err != nil || pb != nil {
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

// optional returns nil for a port that was not found.
func optional(p *ovn.PortBinding, err error) (*ovn.PortBinding, error) {
	var missing *ovn.NotFoundError
	if errors.As(err, &missing) {
		return nil, nil
	}
	return p, err
}
