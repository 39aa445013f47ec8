package ovn

import (
	"context"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// dhcpRows are the DHCP options of ports.
var dhcpRows = ovsdb.From("Logical_Switch_Port", "dhcpv4_options")

// dhcpRouter returns the router that DHCP gives a port for an address: that of the most specific
// classless static route or, without such routes, that of the router option (RFC 3442). It is
// invalid if DHCP gives none.
func (n *NB) dhcpRouter(ctx context.Context, lsp string, dst netip.Addr) (netip.Addr, error) {
	if n == nil || !dst.Is4() {
		return netip.Addr{}, nil
	}
	res, err := n.Select(ctx, dhcpRows.Equal("name", lsp))
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

// words reads one value, or {several values separated by commas}.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("{}, \t", r) })
}

// staticRoute returns the router of the longest match in NETWORK, ROUTER, NETWORK, ROUTER...
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

// advertising returns the routers with the highest preference among those whose router
// advertisements reach a guest, or all routers if none sends any.
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
			continue // without an address mode, northd answers no solicitation
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
