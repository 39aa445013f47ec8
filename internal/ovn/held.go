package ovn

import (
	"cmp"
	"context"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// routerHolds reports whether, by the Northbound database, one of the routers answers for an
// address by NAT or by a load balancer's VIP.
func (n *NB) routerHolds(ctx context.Context, routers []attachedRouter, ip netip.Addr) (NextHop, bool, error) {
	for _, r := range routers {
		h, ok, err := n.HeldBy(ctx, r.lrp.LogicalPort, ip)
		if err != nil {
			return NextHop{}, false, err
		}
		if ok {
			return NextHop{MAC: cmp.Or(h.MAC, r.addrs[0].MAC), Kind: "router", Port: r.lrp.LogicalPort}, true, nil
		}
	}
	return NextHop{}, false, nil
}

// Held is the reason why a router answers for an address that none of its ports has.
type Held struct {
	Router string
	What   string // "NAT external address", or "VIP of load balancer NAME"
	MAC    string // the NAT row's external_mac, lower case; empty: the router port's own
}

// HeldBy reports whether the router with the port lrp answers for an address by NAT or by a load
// balancer's VIP. It returns false for a nil NB, and for a router of another zone.
func (n *NB) HeldBy(ctx context.Context, lrp string, ip netip.Addr) (Held, bool, error) {
	if n == nil {
		return Held{}, false, nil
	}
	lr, err := n.routerOfPort(ctx, lrp)
	if err != nil || lr == nil {
		return Held{}, false, err
	}
	h := Held{Router: lr.Str("name")}
	var qs []ovsdb.Query
	for _, u := range lr.Refs("nat") {
		qs = append(qs, ovsdb.From("NAT", "external_ip", "external_mac").Row(u).Equal("external_ip", ip.String()))
	}
	lbs, err := n.loadBalancers(ctx, lr)
	if err != nil {
		return Held{}, false, err
	}
	for _, u := range lbs {
		qs = append(qs, ovsdb.From("Load_Balancer", "name", "vips").Row(u))
	}
	res, err := n.Select(ctx, qs...)
	if err != nil {
		return Held{}, false, err
	}
	for _, rows := range res {
		for _, row := range rows {
			if !row.Has("vips") {
				h.What, h.MAC = "NAT external address", strings.ToLower(row.Str("external_mac"))
				return h, true, nil
			}
			for vip := range row.Map("vips") {
				if a, ok := VIPAddr(vip); ok && a == ip {
					h.What = "VIP of load balancer " + row.Str("name")
					return h, true, nil
				}
			}
		}
	}
	return Held{}, false, nil
}

// loadBalancers returns a router's load balancers: its own and those of its groups.
func (n *NB) loadBalancers(ctx context.Context, lr *ovsdb.Row) ([]ovsdb.UUID, error) {
	var qs []ovsdb.Query
	for _, u := range lr.Refs("load_balancer_group") {
		qs = append(qs, ovsdb.From("Load_Balancer_Group", "load_balancer").Row(u))
	}
	res, err := n.Select(ctx, qs...)
	if err != nil {
		return nil, err
	}
	out := lr.Refs("load_balancer")
	for _, rows := range res {
		for _, r := range rows {
			out = append(out, r.Refs("load_balancer")...)
		}
	}
	return out, nil
}

// routerOfPort returns the Logical_Router that has the port.
func (n *NB) routerOfPort(ctx context.Context, lrp string) (*ovsdb.Row, error) {
	res, err := n.Select(ctx, ovsdb.From("Logical_Router_Port").Equal("name", lrp))
	if err != nil || len(res[0]) == 0 {
		return nil, err
	}
	res, err = n.Select(ctx, ovsdb.From("Logical_Router", "name", "nat", "load_balancer", "load_balancer_group").Includes("ports", res[0][0].UUID()))
	if err != nil || len(res[0]) == 0 {
		return nil, err
	}
	return res[0][0], nil
}

// VIPAddr reads the address of a load balancer's VIP: IP, IP:PORT or [IP6]:PORT.
func VIPAddr(vip string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(vip); err == nil {
		return ap.Addr(), true
	}
	a, err := netip.ParseAddr(strings.Trim(vip, "[]"))
	return a, err == nil
}
