package inventory

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// Learned is what ovn-controller has learned about addresses that the inventory has an owner of.
type Learned struct {
	Neighbours []ovn.NeighbourRow
	FDB        []ovn.FDBRow

	known map[neighbour]struct{}
}

// neighbour is an address at a router port.
type neighbour struct {
	port *RouterPort
	ip   netip.Addr
}

// Knows reports whether a router that translates has learned the MAC address of an IP address at
// one of its ports, or was given it.
func (l *Learned) Knows(p *RouterPort, ip netip.Addr) bool {
	_, ok := l.known[neighbour{p, ip}]
	return ok
}

// AddLearned adds a row, of which it keeps little if the Northbound database does not have the
// address.
func (inv *Inventory) AddLearned(l *Learned, n ovn.NeighbourRow) {
	p := inv.routerPorts[n.Port]
	if p == nil || p.Switch == nil {
		return
	}
	if len(p.Router.NATs) > 0 {
		if l.known == nil {
			l.known = map[neighbour]struct{}{}
		}
		l.known[neighbour{p, n.IP}] = struct{}{}
	}
	if len(inv.MACsOn(p.Switch, n.IP)) > 0 {
		l.Neighbours = append(l.Neighbours, n)
	}
}

// Learned reads MAC_Binding, Static_MAC_Binding and FDB, and keeps the rows of addresses that the
// Northbound database has too: the others, which may be many, cannot contradict it.
func (inv *Inventory) Learned(ctx context.Context, sb *ovn.SB) (*Learned, error) {
	out := &Learned{}
	err := sb.Learned(ctx, func(n ovn.NeighbourRow) {
		inv.AddLearned(out, n)
	}, func(f ovn.FDBRow) {
		if len(inv.portsByMAC[f.MAC]) > 0 {
			out.FDB = append(out.FDB, f)
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// LearnedPorts reads the FDB rows of MAC addresses, and keeps those of addresses that the
// Northbound database has too.
func (inv *Inventory) LearnedPorts(ctx context.Context, sb *ovn.SB, macs []string) (*Learned, error) {
	out := &Learned{}
	macs = slices.DeleteFunc(slices.Clone(macs), func(m string) bool { return len(inv.portsByMAC[m]) == 0 })
	err := sb.FDBOf(ctx, macs, func(f ovn.FDBRow) { out.FDB = append(out.FDB, f) })
	if err != nil {
		return nil, err
	}
	return out, nil
}

// MACOwner is who answers for an IP address on a switch.
type MACOwner struct {
	Owner
	MAC string // lower case
}

// MACsOn returns who answers for the address on the switch, by the Northbound database: its ports,
// the router ports attached to it, and the NAT rules and VIPs of their routers.
func (inv *Inventory) MACsOn(s *Switch, ip netip.Addr) []MACOwner {
	var out []MACOwner
	for _, p := range inv.portsByAddr[ip] {
		if p.Switch != s {
			continue
		}
		for _, a := range p.Addrs {
			for _, own := range a.IPs {
				if own == ip {
					out = append(out, MACOwner{Owner{Port: p}, a.MAC})
				}
			}
		}
	}
	for _, rp := range s.Routers {
		if rp.Has(ip) {
			out = append(out, MACOwner{Owner{Router: rp}, rp.MAC})
		}
		if !rp.answersFor(ip) {
			continue
		}
		for _, n := range inv.natsByAddr[ip] {
			if n.Router != rp.Router || n.GatewayPort != nil && n.GatewayPort != rp {
				continue
			}
			mac := rp.MAC
			if n.IsDistributed() {
				mac = n.ExternalMAC
			}
			out = append(out, MACOwner{Owner{NAT: n}, mac})
		}
		for _, v := range inv.vipsByAddr[ip] {
			if v.Balancer.OnRouter(rp.Router) {
				out = append(out, MACOwner{Owner{VIP: v}, rp.MAC})
			}
		}
	}
	return out
}

// Contradicted returns who has the address of a learned row on the network of its router port, if
// all that have it have another MAC address than the row. ok is false if nobody has the address, or
// one with the row's MAC address.
func (inv *Inventory) Contradicted(n *ovn.NeighbourRow) (owner MACOwner, at *RouterPort, ok bool) {
	p := inv.routerPorts[n.Port]
	if p == nil || p.Switch == nil {
		return MACOwner{}, nil, false
	}
	owners := inv.MACsOn(p.Switch, n.IP)
	if len(owners) == 0 || slices.ContainsFunc(owners, func(o MACOwner) bool { return o.MAC == n.MAC }) {
		return MACOwner{}, nil, false
	}
	return owners[0], p, true
}

// answersFor reports whether the router answers at this port for NAT and VIP addresses: on a
// gateway router, at a distributed gateway port, and for addresses of the port's networks.
func (p *RouterPort) answersFor(ip netip.Addr) bool {
	return p.Router.IsGateway() || len(p.Gateways) > 0 || p.OnLink(ip)
}

// AddressesOn returns the addresses that somebody has on the switch, sorted: its ports, the router
// ports attached to it, and the external addresses of NAT rules of gateways attached to it.
func (inv *Inventory) AddressesOn(s *Switch) []netip.Addr {
	set := map[netip.Addr]bool{}
	for _, p := range s.Ports {
		for _, a := range p.Addrs {
			for _, ip := range a.IPs {
				set[ip] = true
			}
		}
	}
	for _, rp := range s.Routers {
		for _, n := range rp.Networks {
			set[n.Addr()] = true
		}
		for _, n := range rp.Router.NATs {
			if n.External.IsValid() && rp.answersFor(n.External) {
				set[n.External] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(set), netip.Addr.Compare)
}
