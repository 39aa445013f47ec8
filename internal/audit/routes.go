package audit

import (
	"fmt"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// routes checks the next hops of static routes and of policies that reroute.
//
// route-via-self: the next hop is an address of one of the router's own ports, the external address
// of one of its NAT rules, or a VIP of one of its load balancers: no host there forwards the packet.
func (a *auditor) routes() {
	for _, r := range a.inv.Routers {
		for _, route := range r.Routes {
			a.nextHop(r, route.NextHop, fmt.Sprintf("the route to %s", inventory.PrefixText(route.Prefix)), &report.NB{
				Table: "Logical_Router_Static_Route", UUID: route.UUID.String(), Summary: inventory.PrefixText(route.Prefix) + " via " + route.NextHop,
			}, fmt.Sprintf("ovn-nbctl remove logical_router %s static_routes %s", r.UUID, route.UUID), route.Prefix.Addr())
		}
		for _, p := range r.Policies {
			if p.Action != "reroute" {
				continue
			}
			for _, hop := range p.NextHops {
				a.nextHop(r, hop, fmt.Sprintf("policy %d", p.Priority), &report.NB{
					Table: "Logical_Router_Policy", UUID: p.UUID.String(), Summary: fmt.Sprintf("%d %s: reroute via %s", p.Priority, p.Match, hop),
				}, fmt.Sprintf("ovn-nbctl remove logical_router %s policies %s", r.UUID, p.UUID))
			}
		}
	}
}

func (a *auditor) nextHop(r *inventory.Router, hop, what string, row *report.NB, mend string, about ...netip.Addr) {
	ip, err := netip.ParseAddr(hop)
	if err != nil {
		return // "discard", or none
	}
	self := a.own(r, ip)
	if self == "" {
		return
	}
	if i := a.about(row.UUID+hop, report.SeverityError, report.CodeRouteViaSelf,
		fmt.Sprintf("router %s: %s has the next hop %s, which is the router's own: %s", r.Name, what, hop, self), append(about, ip)...); i != nil {
		i.NB, i.Where = row, map[string]string{"router": r.Name}
		i.Mend = []string{mend}
	}
}

// own returns by what the router itself has an address; empty if it has not.
func (a *auditor) own(r *inventory.Router, ip netip.Addr) string {
	for _, o := range a.inv.Owners(ip) {
		switch {
		case o.Router != nil && o.Router.Router == r:
			return "address of its port " + o.Router.Name
		case o.NAT != nil && o.NAT.Router == r:
			return "external address of " + natText(o.NAT)
		case o.VIP != nil && o.VIP.Balancer.OnRouter(r):
			return "VIP " + o.VIP.Text + " of load balancer " + balancerName(o.VIP.Balancer)
		}
	}
	return ""
}
