package inventory

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Read reads both databases, each in one transaction. Neither may be nil.
func Read(ctx context.Context, nb *ovn.NB, sb *ovn.SB) (*Inventory, error) {
	c, err := nb.Configuration(ctx)
	if err != nil {
		return nil, err
	}
	s, err := sb.State(ctx)
	if err != nil {
		return nil, err
	}
	inv := New(c, s)
	return inv, inv.readBalances(ctx, sb)
}

// readBalances sets RouterPort.Balances. Before OVN 25.03, northd handles the VIPs of a router with
// several distributed gateway ports only at one of them (build_distr_lrouter_nat_flows_for_lb).
func (inv *Inventory) readBalances(ctx context.Context, sb *ovn.SB) error {
	several := func(r *Router) bool { return len(r.GatewayPorts()) > 1 && len(r.Balancers()) > 0 }
	if !slices.ContainsFunc(inv.Routers, several) {
		return nil
	}
	resident, err := sb.BalancedAt(ctx)
	if err != nil {
		return err
	}
	for _, r := range inv.Routers {
		for _, p := range r.Ports {
			p.Balances = resident[redirect+p.Name]
		}
	}
	return nil
}

// New links the rows of both databases. References to rows that do not exist are left out.
func New(c *ovn.Configuration, s *ovn.State) *Inventory {
	inv := &Inventory{
		ports: map[string]*Port{}, routerPorts: map[string]*RouterPort{}, routers: map[string]*Router{}, switches: map[string]*Switch{},
		keys: map[portKey]*Port{}, portsByAddr: map[netip.Addr][]*Port{}, portsByMAC: map[string][]*Port{},
		routersByAddr: map[netip.Addr][]*RouterPort{}, natsByAddr: map[netip.Addr][]*NAT{}, vipsByAddr: map[netip.Addr][]*VIP{},
	}
	l := &linker{Inventory: inv, config: c, balancerOf: map[ovsdb.UUID]*Balancer{}, groupOf: map[ovsdb.UUID]*Group{}, lrpOf: map[ovsdb.UUID]*RouterPort{}}
	l.balancers(s.Monitors)
	l.allRouters()
	l.allSwitches()
	l.places(s)
	l.index()
	return inv
}

// linker makes an Inventory of rows.
type linker struct {
	*Inventory
	config     *ovn.Configuration
	balancerOf map[ovsdb.UUID]*Balancer
	groupOf    map[ovsdb.UUID]*Group
	lrpOf      map[ovsdb.UUID]*RouterPort
}

func (l *linker) balancers(monitors []ovn.MonitorRow) {
	type key struct {
		addr        netip.AddrPort
		proto, port string
	}
	status := map[key]string{}
	for _, m := range monitors {
		status[key{m.Addr, m.Protocol, m.Port}] = m.Status
	}
	vipOf := map[ovsdb.UUID]string{}
	for _, r := range l.config.Checks {
		vipOf[r.UUID] = r.VIP
	}
	for _, r := range l.config.Balancers {
		checked := map[string]bool{}
		for _, u := range r.Checks {
			checked[vipOf[u]] = true
		}
		b := newBalancer(r, checked, func(a netip.AddrPort, proto, port string) string { return status[key{a, proto, port}] })
		l.balancerOf[r.UUID] = b
		l.Balancers = append(l.Balancers, b)
	}
	for _, r := range l.config.Groups {
		g := &Group{Name: r.Name, Balancers: linked(l.balancerOf, r.Balancers)}
		l.groupOf[r.UUID] = g
		l.Groups = append(l.Groups, g)
		for _, b := range g.Balancers {
			b.Groups = append(b.Groups, g)
		}
	}
}

func (l *linker) allRouters() {
	gatewayOf := map[ovsdb.UUID]Gateway{}
	for _, r := range l.config.Gateways {
		gatewayOf[r.UUID] = Gateway{Chassis: r.Chassis, Priority: r.Priority}
	}
	haOf := map[ovsdb.UUID]ovn.HAGroupRow{}
	for _, r := range l.config.HAGroups {
		haOf[r.UUID] = r
	}
	for _, r := range l.config.RouterPorts {
		p := &RouterPort{Name: r.Name, MAC: r.MAC, Networks: r.Networks, Options: r.Options, Peer: r.Peer}
		// An HA chassis group has precedence over gateway chassis (northd, sync_gateways).
		members := r.Gateways
		if g, ok := haOf[r.HAGroup]; ok {
			members = g.Members
		}
		p.Gateways = linked(gatewayOf, members)
		slices.SortFunc(p.Gateways, func(a, b Gateway) int {
			return cmp.Or(cmp.Compare(b.Priority, a.Priority), strings.Compare(a.Chassis, b.Chassis))
		})
		l.lrpOf[r.UUID], l.routerPorts[p.Name] = p, p
	}
	nats, routes, policies := l.natRows(), map[ovsdb.UUID]*Route{}, map[ovsdb.UUID]*Policy{}
	for _, r := range l.config.Routes {
		routes[r.UUID] = &Route{UUID: r.UUID, Prefix: r.Prefix, NextHop: r.NextHop, OutputPort: r.OutputPort, Source: r.Policy == "src-ip", Table: r.Table}
	}
	for _, r := range l.config.Policies {
		policies[r.UUID] = &Policy{UUID: r.UUID, Priority: r.Priority, Match: r.Match, Action: r.Action, NextHops: r.NextHops}
	}
	for _, row := range l.config.Routers {
		r := &Router{UUID: row.UUID, Name: row.Name, Options: row.Options, Ports: linked(l.lrpOf, row.Ports),
			NATs: linked(nats, row.NATs), Routes: linked(routes, row.Routes), Policies: linked(policies, row.Policies),
			balancers: linked(l.balancerOf, row.Balancers), groups: linked(l.groupOf, row.Groups)}
		for _, p := range r.Ports {
			p.Router = r
		}
		for _, n := range r.NATs {
			n.Router = r
		}
		for _, b := range r.balancers {
			b.routers = append(b.routers, r)
		}
		for _, g := range r.groups {
			g.routers = append(g.routers, r)
		}
		l.Routers, l.routers[r.Name] = append(l.Routers, r), r
	}
	slices.SortStableFunc(l.Routers, func(a, b *Router) int { return strings.Compare(a.Name, b.Name) })
}

func (l *linker) natRows() map[ovsdb.UUID]*NAT {
	out := map[ovsdb.UUID]*NAT{}
	for _, r := range l.config.NATs {
		out[r.UUID] = &NAT{UUID: r.UUID, Type: r.Type, External: r.External, Logical: r.Logical, LogicalPort: r.LogicalPort,
			ExternalMAC: r.ExternalMAC, PortRange: r.PortRange, Match: r.Match,
			Allowed: l.config.AddressSets[r.Allowed], Exempted: l.config.AddressSets[r.Exempted],
			GatewayPort: l.lrpOf[r.GatewayPort], Stateless: r.Stateless}
	}
	return out
}

func (l *linker) allSwitches() {
	portOf := map[ovsdb.UUID]ovn.SwitchPortRow{}
	for _, r := range l.config.SwitchPorts {
		portOf[r.UUID] = r
	}
	for _, row := range l.config.Switches {
		s := &Switch{UUID: row.UUID, Name: row.Name, balancers: linked(l.balancerOf, row.Balancers), groups: linked(l.groupOf, row.Groups)}
		for _, b := range s.balancers {
			b.switches = append(b.switches, s)
		}
		for _, g := range s.groups {
			g.switches = append(g.switches, s)
		}
		for _, r := range linked(portOf, row.Ports) {
			l.switchPort(s, r)
		}
		l.Switches, l.switches[s.Name] = append(l.Switches, s), s
	}
	slices.SortStableFunc(l.Switches, func(a, b *Switch) int { return strings.Compare(a.Name, b.Name) })
}

func (l *linker) switchPort(s *Switch, r ovn.SwitchPortRow) {
	p := &Port{Name: r.Name, Type: r.Type, Switch: s, Unknown: r.Unknown, Enabled: r.Enabled, Workload: r.Workload}
	for _, a := range r.Addrs {
		own := Address{MAC: a.MAC}
		for _, ip := range a.IPs {
			own.IPs = append(own.IPs, ip.Addr().Unmap())
		}
		p.Addrs = append(p.Addrs, own)
	}
	if r.Type == "router" {
		if p.Router = l.routerPorts[r.RouterPort]; p.Router != nil {
			p.Router.Switch = s
			s.Routers = append(s.Routers, p.Router)
		}
	}
	if r.Type == "localnet" {
		s.Localnet = append(s.Localnet, r.Localnet)
	}
	s.Ports = append(s.Ports, p)
	l.ports[p.Name] = p
}

// redirect begins the name of the chassisredirect port of a distributed gateway port.
const redirect = "cr-"

func (l *linker) places(s *ovn.State) {
	for _, b := range s.Bindings {
		chassis := s.Chassis[b.Chassis]
		if p := l.ports[b.Port]; p != nil {
			p.Chassis, p.Additional = chassis, nil
			for _, u := range b.Additional {
				p.Additional = append(p.Additional, s.Chassis[u])
			}
			if d := s.Datapaths[b.Datapath]; d != nil {
				l.keys[portKey{d.TunnelKey, b.TunnelKey}] = p
			}
		}
		switch b.Type {
		case "chassisredirect":
			if p := l.routerPorts[strings.TrimPrefix(b.Port, redirect)]; p != nil {
				p.Active = chassis
			}
		case "l3gateway":
			if p := l.routerPorts[b.Port]; p != nil && p.Router != nil && chassis != "" {
				p.Router.Bound = chassis
			}
		}
	}
}

func (l *linker) index() {
	for _, p := range l.ports {
		if p.Type == "router" {
			continue
		}
		for _, a := range p.Addrs {
			l.portsByMAC[a.MAC] = append(l.portsByMAC[a.MAC], p)
			for _, ip := range a.IPs {
				l.portsByAddr[ip] = append(l.portsByAddr[ip], p)
			}
		}
	}
	byName := func(a, b *Port) int { return strings.Compare(a.Name, b.Name) }
	for _, ps := range l.portsByAddr {
		slices.SortFunc(ps, byName)
	}
	for _, ps := range l.portsByMAC {
		slices.SortFunc(ps, byName)
	}
	for _, r := range l.Routers {
		for _, p := range r.Ports {
			for _, n := range p.Networks {
				l.routersByAddr[n.Addr()] = append(l.routersByAddr[n.Addr()], p)
			}
		}
		for _, n := range r.NATs {
			if n.External.IsValid() {
				l.natsByAddr[n.External] = append(l.natsByAddr[n.External], n)
			}
		}
	}
	for _, b := range l.Balancers {
		for _, v := range b.VIPs {
			if v.Addr.IsValid() {
				l.vipsByAddr[v.Addr.Addr()] = append(l.vipsByAddr[v.Addr.Addr()], v)
			}
		}
	}
}

// linked returns the values of the keys that the map has.
func linked[V any](of map[ovsdb.UUID]V, keys []ovsdb.UUID) []V {
	var out []V
	for _, k := range keys {
		if v, ok := of[k]; ok {
			out = append(out, v)
		}
	}
	return out
}
