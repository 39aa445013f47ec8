package inventory

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Group is a load balancer group: its members are on every switch and router that has the group.
type Group struct {
	Name      string
	Balancers []*Balancer

	switches []*Switch
	routers  []*Router
}

// Balancer is a load balancer.
type Balancer struct {
	UUID     ovsdb.UUID
	Name     string
	Protocol uint8 // 6, 17 or 132
	Options  map[string]string
	VIPs     []*VIP // by their text
	Groups   []*Group

	switches []*Switch
	routers  []*Router
}

// Title returns the load balancer's quoted name, or its UUID if it has none.
func (b *Balancer) Title() string {
	if b.Name == "" {
		return b.UUID.String()
	}
	return strconv.Quote(b.Name)
}

// Switches returns the switches that have the load balancer, by themselves or by a group.
func (b *Balancer) Switches() []*Switch {
	out := slices.Clone(b.switches)
	for _, g := range b.Groups {
		out = append(out, g.switches...)
	}
	return out
}

// Routers returns the routers that have the load balancer, by themselves or by a group.
func (b *Balancer) Routers() []*Router {
	out := slices.Clone(b.routers)
	for _, g := range b.Groups {
		out = append(out, g.routers...)
	}
	return out
}

// OnRouter reports whether the router has the load balancer.
func (b *Balancer) OnRouter(r *Router) bool {
	return slices.Contains(b.routers, r) || slices.ContainsFunc(b.Groups, func(g *Group) bool { return slices.Contains(g.routers, r) })
}

// OnSwitch reports whether the switch has the load balancer.
func (b *Balancer) OnSwitch(s *Switch) bool {
	return slices.Contains(b.switches, s) || slices.ContainsFunc(b.Groups, func(g *Group) bool { return slices.Contains(g.switches, s) })
}

// IsTemplate reports whether its VIPs contain variables with a value for each chassis
// (options:template).
func (b *Balancer) IsTemplate() bool { return b.Options["template"] == "true" }

// VIP is one virtual address of a load balancer.
type VIP struct {
	Balancer *Balancer
	Text     string         // as in the database
	Addr     netip.AddrPort // port 0: every port. Invalid if Unresolved
	Backends []Backend
	// Unresolved is true if the VIP or one of its backends is a template, or no address: Addr is
	// invalid, or Backends incomplete.
	Unresolved bool
	Checked    bool // it has a health check
}

// Has reports whether the address is one of the backends'. A VIP without a port keeps the
// destination port: of its backends only the address counts.
func (v *VIP) Has(backend netip.AddrPort) bool { return v.Backend(backend) != nil }

// Backend returns the backend with the address, or nil.
func (v *VIP) Backend(addr netip.AddrPort) *Backend {
	for i, b := range v.Backends {
		if b.Addr == addr || b.Addr.Port() == 0 && b.Addr.Addr() == addr.Addr() {
			return &v.Backends[i]
		}
	}
	return nil
}

// Backend is one backend of a VIP.
type Backend struct {
	Addr   netip.AddrPort // port 0: the packet's destination port
	Port   string         // the logical port that is checked; empty if the backend is not checked
	Status string         // what the health check says: online, offline, error, or empty: nothing yet
}

// IsDown reports whether the health check says that the backend does not answer: northd then leaves
// it out (build_lb_vip_actions).
func (b Backend) IsDown() bool { return b.Status == "offline" || b.Status == "error" }

// protocols has the protocol numbers of the column protocol.
var protocols = map[string]uint8{"": 6, "tcp": 6, "udp": 17, "sctp": 132}

// newBalancer reads a row. status returns what Service_Monitor says of a backend.
func newBalancer(row ovn.BalancerRow, checked map[string]bool, status func(addr netip.AddrPort, proto, port string) string) *Balancer {
	b := &Balancer{UUID: row.UUID, Name: row.Name, Protocol: protocols[row.Protocol], Options: row.Options}
	proto := row.Protocol
	if proto == "" {
		proto = "tcp"
	}
	for text, backends := range row.VIPs {
		v := &VIP{Balancer: b, Text: text, Checked: checked[text]}
		var ok bool
		if v.Addr, ok = parseEndpoint(text); !ok {
			v.Unresolved = true
		}
		for _, item := range strings.Split(backends, ",") {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			addr, ok := parseEndpoint(item)
			if !ok {
				v.Unresolved = true
				continue
			}
			be := Backend{Addr: addr}
			if v.Checked {
				be.Port = mappedPort(row.Mappings, addr.Addr())
				if be.Port != "" {
					be.Status = status(addr, proto, be.Port)
				}
			}
			v.Backends = append(v.Backends, be)
		}
		b.VIPs = append(b.VIPs, v)
	}
	slices.SortFunc(b.VIPs, func(x, y *VIP) int { return strings.Compare(x.Text, y.Text) })
	return b
}

// mappedPort returns the logical port of ip_port_mappings, whose keys are addresses (IPv6 ones in
// brackets) and whose values have the form PORT:SOURCE.
func mappedPort(mappings map[string]string, ip netip.Addr) string {
	for key, value := range mappings {
		if a, err := netip.ParseAddr(strings.Trim(key, "[]")); err == nil && a == ip {
			port, _, _ := strings.Cut(value, ":")
			return port
		}
	}
	return ""
}

// parseEndpoint reads IP, IP:PORT or [IP6]:PORT.
func parseEndpoint(s string) (netip.AddrPort, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return netip.AddrPortFrom(a.Unmap(), 0), err == nil
}
