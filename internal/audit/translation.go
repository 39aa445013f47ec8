package audit

import (
	"fmt"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nbrow"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// translation holds what an entry translates against today's rules.
func (a *auditor) translation(c *connection.Connection, l *leg) {
	if !l.owned || l.ends() || l.portless() {
		return
	}
	if r := l.owner.Router; r != nil && r.IsGateway() {
		a.placed(c, l, r.Bound, report.CodeGatewayMoved, "gateway router "+r.Name)
	}
	if l.dnat() {
		a.destination(c, l)
	}
	if l.snat() {
		a.source(c, l)
	}
}

// destination checks an entry that translates the destination.
//
// stale-lb-backend: an entry that a load balancer has made for a VIP translates to an address that
// is not a backend of that VIP now, or that its health check reports down; also if the VIP is gone.
// stale-nat: a router's entry that no load balancer has made translates as none of its dnat and
// dnat_and_snat rules does.
func (a *auditor) destination(c *connection.Connection, l *leg) {
	from, to := l.Entry.Orig.Dst, l.after.Dst
	rule := a.inv.Destination(l.ZoneName, l.Entry.Orig.Proto, from, to)
	switch {
	case rule.Holds && rule.NAT != nil:
		a.ruleApplies(c, l, rule.NAT)
	case rule.Holds:
	case rule.VIP != nil:
		a.staleBackend(l, rule.VIP)
	case l.owner.Router == nil, connection.Natted.In(&l.Entry), from.Port() != to.Port():
		a.vipGone(l)
	default:
		a.staleNAT(l, from.Addr(), fmt.Sprintf("%s to %s", from.Addr(), to.Addr()), a.inv.NATByExternal(from.Addr()))
	}
}

// sw returns the switch of the zone, or nil if it is a router's.
func (l *leg) sw() *inventory.Switch {
	if l.owner.Port != nil {
		return l.owner.Port.Switch
	}
	return l.owner.Switch
}

func (a *auditor) staleBackend(l *leg, v *inventory.VIP) {
	to := l.after.Dst
	why, sev := "which is no longer a backend", report.SeverityWarning
	if b := v.Backend(to); b != nil {
		why, sev = "which its health check reports "+b.Status, report.SeverityError
	} else if a.nobody(to.Addr()) {
		why, sev = "which is no longer a backend, and which no port has", report.SeverityError
	}
	a.entry(fmt.Sprint(v.Balancer.UUID, v.Text, to, l.Chassis, l.Entry.Zone), sev, report.CodeStaleLBBackend, l, func(i *issue) {
		i.text = func(n int) string {
			return fmt.Sprintf("load balancer %s: %s the VIP %s to %s, %s", v.Balancer.Title(), entries(n, "translates", "translate"), v.Text, to, why)
		}
		i.NB = nbrow.VIP(v)
		i.Hint = fmt.Sprintf("ovn-nbctl set load_balancer %s options:ct_flush=true lets ovn-controller remove such entries (OVN 23.03 or later)", v.Balancer.UUID)
		i.evidence("backends of %s now: %s", v.Text, nbrow.Backends(v))
	})
}

// vipGone reports an entry of a load balancer whose VIP nobody has any more.
func (a *auditor) vipGone(l *leg) {
	var has []*inventory.Balancer
	owner := "router "
	if r := l.owner.Router; r != nil {
		has, owner = r.Balancers(), owner+r.Name
	} else if s := l.sw(); s != nil {
		has, owner = s.Balancers(), "switch "+s.Name
	}
	for _, b := range has {
		if b.IsTemplate() {
			return // one of its variables may have been this VIP
		}
	}
	vip := l.Entry.Orig.Dst
	sev := report.SeverityWarning
	if a.nobody(l.after.Dst.Addr()) {
		sev = report.SeverityError
	}
	a.entry(fmt.Sprint(vip, l.after.Dst, l.Chassis, l.Entry.Zone), sev, report.CodeStaleLBBackend, l, func(i *issue) {
		i.text = func(n int) string {
			return fmt.Sprintf("%s %s to %s, and no load balancer of %s has that VIP now", entries(n, "translates", "translate"), vip, l.after.Dst, owner)
		}
		for _, v := range a.inv.VIPs(vip.Addr()) {
			i.evidence("VIP %s of load balancer %s, which %s does not have", v.Text, v.Balancer.Title(), owner)
		}
	})
}

// nobody reports whether an address is in a network of OVN's and belongs to nobody there.
func (a *auditor) nobody(ip netip.Addr) bool {
	if len(a.inv.Owners(ip)) > 0 {
		return false
	}
	for _, r := range a.inv.Routers {
		for _, p := range r.Ports {
			if len(p.Gateways) > 0 || p.Switch == nil || len(p.Switch.Localnet) > 0 {
				continue // others, whom OVN does not know, are in the network of a gateway
			}
			if p.OnLink(ip) {
				return true
			}
		}
	}
	return false
}

// source checks an entry that translates the source.
//
// stale-nat: a router's entry translates as none of its snat and dnat_and_snat rules, and neither
// lb_force_snat_ip nor dnat_force_snat_ip, does. A port's zone has such entries for a load
// balancer's connection to its own client (ct_snat_to_vip): they follow no rule.
func (a *auditor) source(c *connection.Connection, l *leg) {
	r, from, to := l.owner.Router, l.Entry.Orig.Src.Addr(), l.after.Src.Addr()
	if r == nil || from == to {
		return // the port alone changes if another connection has it
	}
	rule := a.inv.Source(l.ZoneName, from, to, l.after.Dst.Addr())
	switch {
	case rule.Holds && rule.NAT != nil:
		a.ruleApplies(c, l, rule.NAT)
	case rule.Holds && rule.Router == r:
		a.orphan(c, l)
	case !rule.Holds:
		a.staleNAT(l, from, fmt.Sprintf("%s to %s", from, to), r.NATOf(from))
	}
}

func (a *auditor) staleNAT(l *leg, ip netip.Addr, what string, now []*inventory.NAT) {
	r := l.owner.Router
	a.entry(fmt.Sprint(r.UUID, what, l.Chassis, l.Entry.Zone), report.SeverityWarning, report.CodeStaleNAT, l, func(i *issue) {
		i.text = func(n int) string {
			return fmt.Sprintf("router %s: %s %s, as none of its NAT rules does now", r.Name, entries(n, "translates", "translate"), what)
		}
		for _, n := range now {
			i.evidence("rule now: %s", nbrow.NATText(n))
			if i.NB == nil {
				i.NB = nbrow.NAT(n)
			}
		}
		if len(now) == 0 {
			i.evidence("no NAT rule now has %s", ip)
		}
	})
}

// ruleApplies checks the place of an entry that a NAT rule explains.
func (a *auditor) ruleApplies(c *connection.Connection, l *leg, n *inventory.NAT) {
	if n.Router.IsGateway() {
		return // checked for every entry of the router
	}
	code, what := report.CodeGatewayMoved, "the gateway of router "+n.Router.Name
	if n.IsDistributed() {
		code, what = report.CodeKnownElsewhere, "port "+n.LogicalPort
	}
	a.placed(c, l, n.Chassis(a.inv), code, what)
}

// placed checks that an entry is on the chassis that translates for its router now.
//
// gateway-moved: the gateway was on the entry's chassis, and the connection has no entry on the
// chassis of the gateway now. known-elsewhere: the same of a distributed floating address, whose
// port has moved.
func (a *auditor) placed(c *connection.Connection, l *leg, now string, code report.Code, what string) {
	if now == "" || now == l.Chassis || !l.translates() {
		return
	}
	for i := range c.Legs {
		if c.Legs[i].Chassis == now && c.Legs[i].ZoneName == l.ZoneName {
			return // the connection has gone on there
		}
	}
	before := l.Chassis
	a.entry(fmt.Sprint(what, before), report.SeverityWarning, code, l, func(i *issue) {
		i.Where["now"] = now
		i.text = func(n int) string {
			return fmt.Sprintf("%s is on %s now: %s only on %s, where it was", what, now, entries(n, "is left", "are left"), before)
		}
		if a.chassis[now] == nil || a.chassis[now].Partial {
			i.Certainty = report.ConfidenceLikely
			i.evidence("the entries of %s were not read, or not all", now)
		}
	})
}

// translates reports whether the entry translates anything.
func (l *leg) translates() bool { return l.after != l.Entry.Orig }

// marks reports properties of the entry itself.
//
// blocked-mark: the entry of a port's zone has ct_mark.blocked, or ct_label.blocked (see
// connection.Bit): an ACL that drops has matched a packet of the connection after it was allowed.
// offloaded: the entry's flow is in hardware (IPS_HW_OFFLOAD) or in the kernel's flow table, and
// its state may be old.
func (a *auditor) marks(l *leg) {
	if connection.Blocked.In(&l.Entry) && l.owner.Port != nil && !l.ends() {
		a.entry(l.Chassis+l.ZoneName, report.SeverityWarning, report.CodeBlockedMark, l, func(i *issue) {
			i.text = func(n int) string {
				return fmt.Sprintf("port %s: %s marked as blocked: an ACL has dropped a packet of a connection that was allowed before", l.owner.Port.Name, entries(n, "is", "are"))
			}
		})
	}
	if l.Entry.Status&(ctstate.Offload|ctstate.HWOffload) != 0 {
		i, isNew := a.issue(l.Chassis, report.CodeOffloaded)
		if isNew {
			i.Severity, i.Where = report.SeverityInfo, map[string]string{"chassis": l.Chassis}
			i.text = func(n int) string {
				return entries(n, "is", "are") + " offloaded: the state and the time left may be old"
			}
			i.evidence("%s", l.evidence())
			i.listed++
		}
		i.count++
	}
}
