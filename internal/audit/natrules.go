package audit

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nbrow"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// natRules compares the NAT rules of each router with each other.
//
// nat-conflict: two rules of a router translate the same packet to different addresses, and nothing
// in them says which: two dnat or dnat_and_snat rules with one external address, two dnat_and_snat
// rules with one logical address, or two snat rules with one logical network. A floating address
// beside the snat of its subnet is no conflict, and neither are rules with a match, with address
// sets of external addresses, or for different gateway ports.
func (a *auditor) natRules() {
	for _, r := range a.inv.Routers {
		if !a.meets(r.Name) {
			continue
		}
		inward, outwards := map[pick]*inventory.NAT{}, map[pick]*inventory.NAT{}
		for _, n := range r.NATs {
			if !n.External.IsValid() || !n.Logical.IsValid() || n.Match != "" || n.Allowed != "" || n.Exempted != "" {
				continue
			}
			if n.IsDestination() {
				a.conflict(inward, pick{n.GatewayPort, n.External.String(), ""}, n, n.External)
			}
			if n.IsSource() {
				a.conflict(outwards, pick{n.GatewayPort, n.Logical.String(), n.Type}, n, n.Logical.Addr())
			}
		}
	}
}

// pick is what a rule is chosen by.
type pick struct {
	gateway *inventory.RouterPort
	address string
	kind    string
}

func (a *auditor) conflict(seen map[pick]*inventory.NAT, by pick, n *inventory.NAT, about netip.Addr) {
	first := seen[by]
	if first == nil {
		seen[by] = n
		return
	}
	if first.External == n.External && first.Logical == n.Logical {
		return // the same, twice
	}
	if i := a.about(n.UUID.String()+by.kind, report.SeverityWarning, report.CodeNATConflict,
		fmt.Sprintf("router %s: two NAT rules translate %s, to different addresses", n.Router.Name, by.address), append([]netip.Addr{about, first.External, n.External}, slices.Concat(a.within(first.Logical), a.within(n.Logical))...)...); i != nil {
		i.NB = nbrow.NAT(n)
		i.Where = map[string]string{"router": n.Router.Name, "address": about.String()}
		i.Evidence = []string{nbrow.NATText(first), nbrow.NATText(n)}
		for _, rule := range []*inventory.NAT{first, n} {
			i.Mend = append(i.Mend, fmt.Sprintf("ovn-nbctl remove logical_router %s nat %s", rule.Router.UUID, rule.UUID))
		}
		i.Hint = "remove one of the two"
	}
}
