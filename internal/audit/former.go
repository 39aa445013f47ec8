package audit

import (
	"fmt"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nbrow"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// former looks at the entries of zones that OVN does not have now.
//
// zone-moved: such an entry translates as a router does, or did, that translates on the entry's
// chassis and has another zone there now: nothing looks the entry up any more. Other software may
// have zones of its own: the finding is likely.
func (a *auditor) former() {
	for i := range a.Former {
		l := newLeg(a.inv, &a.Former[i])
		if l.ends() {
			continue
		}
		for _, r := range a.inv.Routers {
			if use := a.translated(&l, r); use != "" {
				a.zoneMoved(&l, r, use)
				break
			}
		}
	}
}

func (a *auditor) zoneMoved(l *leg, r *inventory.Router, use string) {
	now, ok := a.zoneNow(l.Chassis, r, use)
	if !ok {
		return
	}
	was := l.Entry.Zone
	a.entry(fmt.Sprint(r.UUID, use, l.Chassis, was), report.SeverityWarning, report.CodeZoneMoved, l, func(i *issue) {
		i.Certainty, i.NB = report.ConfidenceLikely, nbrow.Router(r)
		i.Where["router"], i.Where["zone_name"], i.Where["now"] = r.Name, r.Name+"_"+use, strconv.Itoa(int(now))
		i.text = func(n int) string {
			return fmt.Sprintf("router %s: %s left in zone %d of %s, which OVN does not have now; its zone of %s is %d", r.Name, entries(n, "is", "are"), was, l.Chassis, useText[use], now)
		}
		if v := r.Options["snat-ct-zone"]; v != "" && use == "snat" {
			i.evidence("options:snat-ct-zone of router %s is %s", r.Name, v)
		}
	})
}

var useText = map[string]string{"snat": "source NAT", "dnat": "destination NAT"}

// translated returns the use of the router's zone that an entry translates like; empty for none,
// and if the router does not translate on the entry's chassis.
//
// Source NAT is the router's if it gives an external address of its rules, or to one of their
// logical addresses an address of a network of the router, as a rule that is gone may have.
// Destination NAT is if the destination is a VIP of the router's or an external address of its
// rules.
func (a *auditor) translated(l *leg, r *inventory.Router) (use string) {
	if !a.translatesOn(r, l.Chassis) {
		return ""
	}
	from, to := l.Entry.Orig.Src.Addr(), l.after.Src.Addr()
	if from != to {
		for _, n := range r.NATs {
			if n.IsSource() && (n.External == to || n.Logical.IsValid() && n.Logical.Contains(from) && r.PortTo(to) != nil) {
				return "snat"
			}
		}
	}
	if !l.dnat() {
		return ""
	}
	dst := l.Entry.Orig.Dst.Addr()
	for _, v := range a.inv.VIPs(dst) {
		if v.Balancer.OnRouter(r) {
			return "dnat"
		}
	}
	for _, n := range a.inv.NATByExternal(dst) {
		if n.Router == r && n.IsDestination() {
			return "dnat"
		}
	}
	return ""
}

// translatesOn reports whether the router translates on a chassis now: it is a gateway router's,
// that of one of its gateway ports, or that of a port with a distributed floating address.
func (a *auditor) translatesOn(r *inventory.Router, chassis string) bool {
	if r.IsGateway() {
		return r.Bound == chassis
	}
	for _, p := range r.GatewayPorts() {
		if p.Active == chassis {
			return true
		}
	}
	for _, n := range r.NATs {
		if n.IsDistributed() && n.Chassis(a.inv) == chassis {
			return true
		}
	}
	return false
}
