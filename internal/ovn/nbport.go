package ovn

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// PortNames lists the names of the logical ports of switches and routers that have the name, the UUID in the Northbound
// database, or one that begins with the hex digits.
func (n *NB) PortNames(ctx context.Context, spec string) ([]string, error) {
	var out []string
	for _, table := range []string{"Logical_Switch_Port", "Logical_Router_Port"} {
		res, err := n.Select(ctx, ovsdb.From(table, "name").Equal("name", spec))
		if err != nil {
			return nil, err
		}
		rows := res[0]
		if len(rows) == 0 && isUUIDPrefix(spec) {
			if rows, err = n.RowsByUUIDPrefix(ctx, table, spec, "name"); err != nil {
				return nil, err
			}
		}
		for _, r := range rows {
			out = append(out, r.Str("name"))
		}
	}
	return out, nil
}

// DynamicAddresses are the addresses that northd gave the ports of these names, or all ports that have some, by name.
func (n *NB) DynamicAddresses(ctx context.Context, names ...string) (map[string]string, error) {
	lsps := ovsdb.From("Logical_Switch_Port", "name", "dynamic_addresses")
	var qs []ovsdb.Query
	for _, name := range names {
		qs = append(qs, lsps.Equal("name", name))
	}
	if len(names) == 0 {
		qs = []ovsdb.Query{lsps.NotEmpty("dynamic_addresses")}
	}
	res, err := n.Select(ctx, qs...)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, rows := range res {
		for _, r := range rows {
			if a := r.Str("dynamic_addresses"); a != "" {
				out[r.Str("name")] = a
			}
		}
	}
	return out, nil
}

// PortGroup reads the names of the ports of a port group; false when there is none of the name.
func (n *NB) PortGroup(ctx context.Context, name string) ([]string, bool, error) {
	res, err := n.Select(ctx, ovsdb.From("Port_Group", "ports").Equal("name", name))
	if err != nil || len(res[0]) == 0 {
		return nil, false, err
	}
	var ports []ovsdb.Query
	for _, u := range res[0][0].Refs("ports") {
		ports = append(ports, ovsdb.From("Logical_Switch_Port", "name").Row(u))
	}
	if res, err = n.Select(ctx, ports...); err != nil {
		return nil, false, err
	}
	var names []string
	for _, rows := range res {
		for _, r := range rows {
			names = append(names, r.Str("name"))
		}
	}
	slices.Sort(names)
	return names, true, nil
}

// dhcpRouter is the router that DHCP gives a port for an address: of the classless static routes the most specific one,
// which stand in place of the router option where there are any (RFC 3442). Invalid when DHCP says none.
func (n *NB) dhcpRouter(ctx context.Context, lsp string, dst netip.Addr) (netip.Addr, error) {
	if n == nil || !dst.Is4() {
		return netip.Addr{}, nil
	}
	res, err := n.Select(ctx, ovsdb.From("Logical_Switch_Port", "dhcpv4_options").Equal("name", lsp))
	if err != nil || len(res[0]) == 0 || res[0][0].Ref("dhcpv4_options").IsZero() {
		return netip.Addr{}, err
	}
	res, err = n.Select(ctx, ovsdb.From("DHCP_Options", "options").Row(res[0][0].Ref("dhcpv4_options")))
	if err != nil || len(res[0]) == 0 {
		return netip.Addr{}, err
	}
	options := res[0][0].Map("options")
	if routes := words(options["classless_static_route"]); len(routes) > 0 {
		return staticRoute(routes, dst), nil
	}
	for _, w := range words(options["router"]) {
		if a, err := netip.ParseAddr(w); err == nil {
			return a, nil
		}
	}
	return netip.Addr{}, nil
}

// words reads a value or {several, separated by commas}.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("{}, \t", r) })
}

// staticRoute picks of NETWORK, ROUTER, NETWORK, ROUTER... the longest match.
func staticRoute(routes []string, dst netip.Addr) (router netip.Addr) {
	best := -1
	for i := 0; i+1 < len(routes); i += 2 {
		network, ok := parsePrefix(routes[i])
		via, err := netip.ParseAddr(routes[i+1])
		if ok && err == nil && network.Contains(dst) && network.Bits() > best {
			router, best = via, network.Bits()
		}
	}
	return router
}

// advertising keeps the routers that a guest learns of by router advertisements, of these the most preferred.
func (n *NB) advertising(ctx context.Context, routers []attachedRouter) ([]attachedRouter, error) {
	if n == nil {
		return routers, nil
	}
	rank := map[string]int{"LOW": 1, "": 2, "MEDIUM": 2, "HIGH": 3}
	best, out := 0, []attachedRouter(nil)
	for _, r := range routers {
		res, err := n.Select(ctx, ovsdb.From("Logical_Router_Port", "ipv6_ra_configs").Equal("name", r.lrp.LogicalPort))
		if err != nil {
			return nil, err
		}
		if len(res[0]) == 0 || res[0][0].Map("ipv6_ra_configs")["address_mode"] == "" {
			continue // northd answers solicitations only where an address mode is told
		}
		switch k := rank[strings.ToUpper(res[0][0].Map("ipv6_ra_configs")["router_preference"])]; {
		case k > best:
			best, out = k, []attachedRouter{r}
		case k == best:
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return routers, nil
	}
	return out, nil
}
