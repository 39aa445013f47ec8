package audit

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// routes checks the next hops of static routes and of policies that reroute.
//
// route-via-self: the next hop is an address of one of the router's own ports, the external address
// of one of its NAT rules, or a VIP of one of its load balancers: no host there forwards the
// packet.
func (a *auditor) routes() {
	for _, r := range a.inv.Routers {
		if !a.meets(r.Name) {
			continue
		}
		for _, route := range r.Routes {
			if !a.meetsRow(route.UUID.String()) {
				continue
			}
			a.nextHop(r, route.NextHop, fmt.Sprintf("the route to %s", inventory.PrefixText(route.Prefix)), &report.NB{
				Table: "Logical_Router_Static_Route", UUID: route.UUID.String(), Summary: inventory.PrefixText(route.Prefix) + " via " + route.NextHop,
			}, fmt.Sprintf("ovn-nbctl remove logical_router %s static_routes %s", r.UUID, route.UUID), route.Prefix.Addr())
		}
		for _, p := range r.Policies {
			if p.Action != "reroute" || !a.meetsRow(p.UUID.String()) {
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
	owners := a.inv.Owners(ip)
	self := slices.IndexFunc(owners, func(o inventory.Owner) bool { return o.IsRouter(r) })
	if self < 0 {
		return
	}
	if i := a.about(row.UUID+hop, report.SeverityError, report.CodeRouteViaSelf,
		fmt.Sprintf("router %s: %s has the next hop %s, which is the router's own: %s", r.Name, what, hop, owners[self]), append(about, ip)...); i != nil {
		i.NB, i.Where = row, map[string]string{"router": r.Name}
		i.Mend = []string{mend}
	}
}
