package inventory

import (
	"maps"
	"net/netip"
	"slices"
)

// Places says on which chassis conntrack entries can be. The logical networks decide: a chassis has
// entries of packets that pass a port bound there, or a gateway that may be there.
type Places struct {
	inv      *Inventory
	networks map[string][]*Switch // by name of their physical network
	part     map[any]*part        // by *Switch and *Router
}

// part is a set of switches and routers that are connected to each other, and to no others.
type part struct {
	gateways map[string]bool // chassis of the gateways in it
	unknown  map[string]bool // chassis of the VIFs in it that may have any address
}

// NewPlaces returns the places of an inventory.
func NewPlaces(inv *Inventory) *Places {
	p := &Places{inv: inv, networks: map[string][]*Switch{}, part: map[any]*part{}}
	for _, s := range inv.Switches {
		for _, n := range s.Localnet {
			p.networks[n] = append(p.networks[n], s)
		}
	}
	return p
}

// OfAddress returns the chassis that packets with the address can pass: the chassis of the networks
// that are connected to its owners'. A router that translates it for whatever leaves by its gateway
// ends the way there. ok is false if that is not known: nobody owns the address.
func (p *Places) OfAddress(ip netip.Addr) (chassis []string, ok bool) {
	owners := p.inv.Owners(ip)
	if len(owners) == 0 {
		return nil, false
	}
	w := walk{places: p, ip: ip.Unmap(), seen: map[any]bool{}, chassis: map[string]bool{}}
	for _, o := range owners {
		for _, s := range o.switches() {
			w.toSwitch(s)
		}
		for _, r := range o.routers() {
			w.toRouter(r, nil)
		}
	}
	for _, s := range p.inv.Switches {
		switch {
		case !slices.ContainsFunc(s.Ports, (*Port).mayHaveAny):
		case s.routesTo(w.ip):
			w.toSwitch(s)
		default: // nothing that is not on the switch itself answers such an address
			s.on(w.chassis)
		}
	}
	return slices.Sorted(maps.Keys(w.chassis)), len(w.chassis) > 0
}

// OfEnd returns the chassis that can have entries of a packet because one of its ends has the
// address: those of its owners, and of all gateways in the networks that are connected to them. It
// is empty for an address that nobody owns: then the other end says where.
func (p *Places) OfEnd(ip netip.Addr) []string {
	out := map[string]bool{}
	for _, o := range p.inv.Owners(ip) {
		if o.Port != nil {
			o.Port.on(out)
		}
		if o.NAT != nil && o.NAT.LogicalPort != "" {
			if q := p.inv.Port(o.NAT.LogicalPort); q != nil {
				q.on(out)
			}
		}
		for _, s := range o.switches() {
			p.partOf(s).on(out)
		}
		for _, r := range o.routers() {
			p.partOf(r).on(out)
		}
	}
	return slices.Sorted(maps.Keys(out))
}

// switches are the switches where packets with the owner's address begin or end.
func (o Owner) switches() []*Switch {
	switch {
	case o.Port != nil:
		return []*Switch{o.Port.Switch}
	case o.VIP != nil:
		return o.VIP.Balancer.Switches()
	}
	return nil
}

// routers are the routers that have the owner's address.
func (o Owner) routers() []*Router {
	switch {
	case o.Router != nil:
		return []*Router{o.Router.Router}
	case o.NAT != nil:
		return []*Router{o.NAT.Router}
	case o.VIP != nil:
		return o.VIP.Balancer.Routers()
	}
	return nil
}

// mayHaveAny reports whether the port is one of a workload that may use any address.
func (p *Port) mayHaveAny() bool { return p.Type == "" && p.Unknown && p.Chassis != "" }

// on adds the chassis of a port.
func (p *Port) on(out map[string]bool) {
	for _, c := range append([]string{p.Chassis}, p.Additional...) {
		if c != "" {
			out[c] = true
		}
	}
}

// on adds the chassis of a switch's ports.
func (s *Switch) on(out map[string]bool) {
	for _, p := range s.Ports {
		p.on(out)
	}
}

// routesTo reports whether a router sends packets for the address to the switch: by the network of
// its port there, or by a static route to a next hop in it.
func (s *Switch) routesTo(ip netip.Addr) bool {
	return slices.ContainsFunc(s.Routers, func(p *RouterPort) bool {
		return p.OnLink(ip) || p.Router != nil && slices.ContainsFunc(p.Router.Routes, func(r *Route) bool {
			hop, err := netip.ParseAddr(r.NextHop)
			return err == nil && r.Prefix.IsValid() && r.Prefix.Contains(ip) && p.OnLink(hop)
		})
	})
}

// gateways adds the chassis that may serve a router.
func (r *Router) gateways(out map[string]bool) {
	for _, c := range []string{r.Chassis(), r.Bound} {
		if c != "" {
			out[c] = true
		}
	}
	for _, p := range r.Ports {
		if p.Active != "" {
			out[p.Active] = true
		}
		for _, g := range p.Gateways {
			out[g.Chassis] = true
		}
	}
}

func (p *part) on(out map[string]bool) {
	maps.Copy(out, p.gateways)
	maps.Copy(out, p.unknown)
}

// partOf returns the part that a switch or router is in.
func (p *Places) partOf(at any) *part {
	if found := p.part[at]; found != nil {
		return found
	}
	w := walk{places: p, seen: map[any]bool{}, chassis: map[string]bool{}}
	switch at := at.(type) {
	case *Switch:
		w.toSwitch(at)
	case *Router:
		w.toRouter(at, nil)
	}
	out := &part{gateways: map[string]bool{}, unknown: map[string]bool{}}
	for at := range w.seen {
		switch at := at.(type) {
		case *Switch:
			p.part[at] = out
			for _, port := range at.Ports {
				if port.mayHaveAny() {
					port.on(out.unknown)
				}
			}
		case *Router:
			p.part[at] = out
			at.gateways(out.gateways)
		}
	}
	return out
}

// walk goes through connected networks.
type walk struct {
	places  *Places
	ip      netip.Addr // invalid: goes on behind every router
	seen    map[any]bool
	chassis map[string]bool
}

// from is a way into a router.
type from struct {
	router *Router
	port   *RouterPort
}

func (w *walk) toSwitch(s *Switch) {
	if s == nil || w.seen[s] {
		return
	}
	w.seen[s] = true
	s.on(w.chassis)
	for _, p := range s.Routers {
		w.toRouter(p.Router, p)
	}
	for _, n := range s.Localnet {
		for _, other := range w.places.networks[n] {
			w.toSwitch(other)
		}
	}
}

// toRouter enters a router by one of its ports; nil begins in it.
func (w *walk) toRouter(r *Router, by *RouterPort) {
	if r == nil || w.seen[from{r, by}] {
		return
	}
	w.seen[r], w.seen[from{r, by}] = true, true
	r.gateways(w.chassis)
	ends := by != nil && w.ip.IsValid() && r.translatesAll(w.ip)
	for _, p := range r.Ports {
		if ends && (r.IsGateway() || len(p.Gateways) > 0) {
			continue
		}
		w.toSwitch(p.Switch)
		if peer := w.places.inv.RouterPort(p.Peer); peer != nil {
			w.toRouter(peer.Router, peer)
		}
	}
}

// translatesAll reports whether a rule translates the source address of every packet that leaves by
// the router's gateway.
func (r *Router) translatesAll(ip netip.Addr) bool {
	return slices.ContainsFunc(r.NATs, func(n *NAT) bool {
		return n.IsSource() && n.Logical.IsValid() && n.Logical.Contains(ip) && n.External != ip &&
			n.Match == "" && n.Allowed == "" && n.Exempted == "" && n.GatewayPort == nil
	})
}
