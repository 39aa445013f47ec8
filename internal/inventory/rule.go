package inventory

import (
	"net/netip"
	"strings"
)

// Rule is what the configuration has for a translation: one of NAT, VIP and Option is set, or none
// if no rule translates so.
type Rule struct {
	NAT    *NAT
	VIP    *VIP
	Option string  // option of a router or load balancer: lb_force_snat_ip, dnat_force_snat_ip, hairpin
	Router *Router // that has the option; nil for hairpin
	// Holds is false if the rule exists and says something else now: another backend, another address.
	Holds bool
	Why   string // why it does not hold; empty if it does, or if there is no rule
}

// Known reports whether there is a rule.
func (r Rule) Known() bool { return r.NAT != nil || r.VIP != nil || r.Option != "" }

// Destination returns the rule by which a packet of the protocol to an address and port goes on to
// another. zone is the name of the conntrack zone: its owner's rules count before those of others.
func (inv *Inventory) Destination(zone string, proto uint8, to, now netip.AddrPort) Rule {
	owner, _ := inv.Zone(zone)
	var best Rule
	for _, v := range inv.vips(proto, to, owner.has) {
		r := Rule{VIP: v, Holds: true}
		switch b := v.Backend(now); {
		case v.Unresolved:
		case !v.Has(now):
			r.Holds, r.Why = false, "it has no backend "+now.String()
		case b != nil && b.IsDown():
			r.Holds, r.Why = false, "its health check says that "+now.String()+" is "+b.Status
		}
		if best = r; r.Holds {
			return r
		}
	}
	for _, n := range inv.NATByExternal(to.Addr()) {
		if !n.IsDestination() || owner.Router != nil && owner.Router != n.Router {
			continue
		}
		r := Rule{NAT: n, Holds: n.Logical.IsValid() && n.Logical.Addr() == now.Addr()}
		if r.Holds {
			return r
		}
		r.Why = "its logical address is " + PrefixText(n.Logical)
		if !best.Known() {
			best = r
		}
	}
	return best
}

// Source returns the rule by which packets from an address get another source. to is the
// destination address after NAT.
func (inv *Inventory) Source(zone string, from, now, to netip.Addr) Rule {
	owner, _ := inv.Zone(zone)
	var best Rule
	for _, n := range inv.NATByExternal(now) {
		if !n.IsSource() || owner.Router != nil && owner.Router != n.Router {
			continue
		}
		r := Rule{NAT: n, Holds: n.Logical.IsValid() && n.Logical.Contains(from)}
		if r.Holds {
			return r
		}
		r.Why = "its logical address is " + PrefixText(n.Logical)
		best = r
	}
	if r := inv.forced(owner.Router, now); r.Known() {
		return r
	}
	if from == to { // a backend that reached itself through its own VIP
		if vips := inv.VIPs(now); len(vips) > 0 {
			return Rule{VIP: vips[0], Holds: true}
		}
		for _, b := range inv.Balancers {
			for ip := range strings.FieldsSeq(b.Options["hairpin_snat_ip"]) {
				if a, err := netip.ParseAddr(ip); err == nil && a == now {
					return Rule{Option: "hairpin_snat_ip", Holds: true}
				}
			}
		}
	}
	return best
}

// forced returns the option of a router by which the source of load-balanced or destination-NATed
// packets is one of the router's addresses.
func (inv *Inventory) forced(r *Router, now netip.Addr) Rule {
	if r == nil {
		return Rule{}
	}
	for _, option := range []string{"lb_force_snat_ip", "dnat_force_snat_ip"} {
		value := r.Options[option]
		if value == "router_ip" {
			for _, p := range r.Ports {
				if p.Has(now) {
					return Rule{Option: option, Router: r, Holds: true}
				}
			}
		}
		for ip := range strings.FieldsSeq(value) {
			if a, err := netip.ParseAddr(ip); err == nil && a == now {
				return Rule{Option: option, Router: r, Holds: true}
			}
		}
	}
	return Rule{}
}

// has reports whether the owner's packets pass a load balancer: it is on the router, or on the
// port's switch. An unknown owner may have it.
func (o ZoneOwner) has(b *Balancer) bool {
	switch {
	case o.Router != nil:
		return b.OnRouter(o.Router)
	case o.Switch != nil:
		return b.OnSwitch(o.Switch)
	case o.Port != nil && o.Port.Switch != nil:
		return b.OnSwitch(o.Port.Switch)
	}
	return true
}
