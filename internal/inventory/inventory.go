// Package inventory is what OVN's databases say of addresses: who owns one, which NAT rules and
// load balancers translate it, and where the chassis are that do it. Read reads it; everything else
// is pure.
package inventory

import (
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Inventory is a snapshot of both databases. Its rows refer to each other and must not be changed.
type Inventory struct {
	Switches  []*Switch
	Routers   []*Router
	Balancers []*Balancer
	Groups    []*Group

	ports       map[string]*Port
	routerPorts map[string]*RouterPort
	routers     map[string]*Router
	switches    map[string]*Switch
	keys        map[portKey]*Port // by tunnel keys

	portsByAddr   map[netip.Addr][]*Port
	portsByMAC    map[string][]*Port
	routersByAddr map[netip.Addr][]*RouterPort
	natsByAddr    map[netip.Addr][]*NAT // by external address
	vipsByAddr    map[netip.Addr][]*VIP
}

// portKey is the tunnel keys of a datapath and of a port in it.
type portKey struct{ datapath, port int64 }

// Switch is a logical switch.
type Switch struct {
	UUID     ovsdb.UUID
	Name     string
	Ports    []*Port
	Routers  []*RouterPort // router ports attached to it
	Localnet []string      // its physical networks

	balancers []*Balancer
	groups    []*Group
}

// Port is a logical switch port.
type Port struct {
	Name     string
	Type     string // as in the database; empty for a VIF
	Switch   *Switch
	Addrs    []Address
	Unknown  bool // it also takes packets for unknown MAC addresses
	Enabled  bool
	Workload string // "pod NAMESPACE/NAME" or "server ID"; empty if unknown
	Chassis  string // where it is bound; empty if it is not
	// Additional are the other chassis of a port that migrates.
	Additional []string
	Router     *RouterPort
}

// Has reports whether the address is one of the port's.
func (p *Port) Has(ip netip.Addr) bool {
	return slices.ContainsFunc(p.Addrs, func(a Address) bool { return slices.Contains(a.IPs, ip) })
}

// Address is a MAC address, in lower case, with the IP addresses that go with it.
type Address struct {
	MAC string
	IPs []netip.Addr
}

// Router is a logical router.
type Router struct {
	UUID     ovsdb.UUID
	Name     string
	Options  map[string]string
	Ports    []*RouterPort
	NATs     []*NAT
	Routes   []*Route
	Policies []*Policy
	// Bound is the chassis that has claimed the ports of a gateway router; empty if none has, and
	// for a distributed router.
	Bound string

	balancers []*Balancer
	groups    []*Group
}

// Chassis returns the chassis of a gateway router (options:chassis); it is empty for a distributed
// router.
func (r *Router) Chassis() string { return r.Options["chassis"] }

// IsGateway reports whether it is a gateway router.
func (r *Router) IsGateway() bool { return r.Chassis() != "" }

// Balancers returns the load balancers that the router has, by itself or by a group.
func (r *Router) Balancers() []*Balancer { return balancersOf(r.balancers, r.groups) }

// Balancers returns the load balancers that the switch has, by itself or by a group.
func (s *Switch) Balancers() []*Balancer { return balancersOf(s.balancers, s.groups) }

func balancersOf(own []*Balancer, groups []*Group) []*Balancer {
	out := slices.Clone(own)
	for _, g := range groups {
		out = append(out, g.Balancers...)
	}
	return out
}

// GatewayPorts returns the distributed gateway ports.
func (r *Router) GatewayPorts() []*RouterPort {
	var out []*RouterPort
	for _, p := range r.Ports {
		if len(p.Gateways) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// RouterPort is a port of a logical router.
type RouterPort struct {
	Name     string
	MAC      string // lower case
	Networks []netip.Prefix
	Router   *Router
	Switch   *Switch // nil if it is attached to none
	Options  map[string]string
	Peer     string // name of a port of another router; empty if it has none
	// Gateways are the chassis that may serve a distributed gateway port, highest priority first.
	Gateways []Gateway
	// Active is the chassis that has claimed the distributed gateway port (its chassisredirect
	// port); empty if none has.
	Active string
	// Balances reports whether a logical flow of load balancing is restricted to the chassis of the
	// distributed gateway port. It is read only for routers that have several such ports.
	Balances bool
}

// Has reports whether the address is one of the port's own.
func (p *RouterPort) Has(ip netip.Addr) bool {
	return slices.ContainsFunc(p.Networks, func(n netip.Prefix) bool { return n.Addr() == ip })
}

// OnLink reports whether the address is in one of the port's networks.
func (p *RouterPort) OnLink(ip netip.Addr) bool {
	return slices.ContainsFunc(p.Networks, func(n netip.Prefix) bool { return n.Contains(ip) })
}

// PortTo returns the router's port in whose networks the address is, or nil.
func (r *Router) PortTo(ip netip.Addr) *RouterPort {
	for _, p := range r.Ports {
		if p.OnLink(ip) {
			return p
		}
	}
	return nil
}

// Gateway is a chassis that may serve a distributed gateway port.
type Gateway struct {
	Chassis  string
	Priority int64
}

// Route is a static route.
type Route struct {
	UUID       ovsdb.UUID
	Prefix     netip.Prefix // invalid if the database has neither an address nor a network
	NextHop    string       // an address, "discard", or empty: the output port's network
	OutputPort string
	Source     bool   // the route is chosen by the source address
	Table      string // empty: the main table
}

// Policy is a routing policy.
type Policy struct {
	UUID     ovsdb.UUID
	Priority int64
	Match    string
	Action   string
	NextHops []string
}

// NAT is a NAT rule.
type NAT struct {
	UUID        ovsdb.UUID
	Router      *Router
	Type        string       // snat, dnat or dnat_and_snat
	External    netip.Addr   // invalid if the database has no address there
	Logical     netip.Prefix // full length for an address
	LogicalPort string       // of a distributed rule, with ExternalMAC
	ExternalMAC string
	PortRange   string // external_port_range: "LOW-HIGH", or empty
	Match       string
	Allowed     string // name of the address set of allowed_ext_ips; empty if there is none
	Exempted    string // name of the address set of exempted_ext_ips; empty if there is none
	GatewayPort *RouterPort
	Stateless   bool // no conntrack entry is made
}

// IsSource reports whether the rule translates the source of connections from inside.
func (n *NAT) IsSource() bool { return n.Type == "snat" || n.Type == "dnat_and_snat" }

// IsDestination reports whether the rule translates the destination of connections from outside.
func (n *NAT) IsDestination() bool { return n.Type == "dnat" || n.Type == "dnat_and_snat" }

// IsDistributed reports whether the chassis of the logical port translates, and no gateway.
func (n *NAT) IsDistributed() bool {
	return n.Type == "dnat_and_snat" && n.LogicalPort != "" && n.ExternalMAC != ""
}

// Chassis returns the chassis that translates now by the rule; it is empty if none does, or if it
// depends on the packet.
func (n *NAT) Chassis(inv *Inventory) string {
	switch r := n.Router; {
	case r.IsGateway():
		return r.Chassis()
	case n.IsDistributed():
		if p := inv.Port(n.LogicalPort); p != nil {
			return p.Chassis
		}
	case n.GatewayPort != nil:
		return n.GatewayPort.Active
	default:
		if gw := r.GatewayPorts(); len(gw) == 1 {
			return gw[0].Active
		}
	}
	return ""
}
