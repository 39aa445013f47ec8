package audit

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nbrow"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// handshakeAge is how long, in seconds, an unfinished TCP handshake may wait before it is held
// against another zone's view.
const handshakeAge = 5

// Timeouts, in seconds, of unfinished TCP handshakes: TCP_CONNTRACK_SYN_SENT and SYN_RECV of
// nf_conntrack_proto_tcp.c, and CT_DPIF_TP_ATTR_TCP_SYN_SENT of lib/conntrack-tp.c.
const (
	kernelSynSent = 120
	kernelSynRecv = 60
	userSynSent   = 30
)

// unfinished reports whether the TCP handshake of an entry has not been completed, and for longer
// than handshakeAge by the default timeouts.
func unfinished(e *ctstate.Entry) bool {
	full := uint32(0)
	switch {
	case e.TCP != nil && (e.TCP.State == ctstate.TCPSynSent || e.TCP.State == ctstate.TCPSynSent2):
		full = kernelSynSent
	case e.TCP != nil && e.TCP.State == ctstate.TCPSynRecv:
		full = kernelSynRecv
	case e.UserTCP != nil && !ends(e) && !established(e):
		full = userSynSent
	}
	return full > 0 && (!e.HasTimeout || e.Timeout+handshakeAge <= full)
}

// contradiction compares the states of a connection's entries.
//
// invalid-state: one zone has completed the TCP handshake and another has not, for more than five
// seconds: that zone does not see the packets of one direction, and tracks what it sees as invalid.
func (a *auditor) contradiction(c *connection.Connection) {
	open, half := -1, -1
	for i := range c.Legs {
		switch e := &c.Legs[i].Entry; {
		case ends(e):
			return // closing: the zones follow each other
		case established(e):
			open = i
		case unfinished(e):
			half = i
		}
	}
	if open < 0 || half < 0 {
		return
	}
	// The records are only valid for now: what the text needs is kept.
	l, other := newLeg(a.inv, &c.Legs[half]), newLeg(a.inv, &c.Legs[open])
	zone := l.zone()
	a.entry(l.Chassis+zone, report.SeverityWarning, report.CodeInvalidState, &l, func(i *issue) {
		i.Certainty = report.ConfidenceLikely
		i.text = func(n int) string {
			return fmt.Sprintf("%s in %s not completed a TCP handshake that another zone has: packets of one direction do not pass there", entries(n, "has", "have"), zone)
		}
		i.evidence("%s", other.evidence())
	})
}

// vanished looks for a connection's entries that must be there because of another entry of it.
func (a *auditor) vanished(c *connection.Connection) {
	for i := range c.Legs {
		l := newLeg(a.inv, &c.Legs[i])
		alive := lifeOf(&l.Entry)
		if alive == lifeless {
			continue
		}
		if alive == answered {
			a.forcedGone(c, &l)
		}
		a.gatewayGone(c, &l, alive)
	}
}

// forcedGone: entry-vanished, of a load balancer's connection on a gateway router with
// lb_force_snat_ip: the DNAT zone has it with ct_mark.force_snat, and the SNAT zone lacks it.
func (a *auditor) forcedGone(c *connection.Connection, l *leg) {
	r := l.owner.Router
	if r == nil || !r.IsGateway() || r.Options["lb_force_snat_ip"] == "" || !l.dnat() || !connection.Natted.In(&l.Entry) || !connection.ForceSNAT.In(&l.Entry) {
		return
	}
	zone, ok := a.zoneOf(l.Chassis, r, "snat")
	if !ok {
		return
	}
	if passes(c, l.Chassis, zone) {
		return
	}
	a.entry(fmt.Sprint("force", r.UUID, l.Chassis), report.SeverityWarning, report.CodeEntryVanished, l, func(i *issue) {
		i.text = func(n int) string {
			return fmt.Sprintf("router %s: %s translated by a load balancer whose source NAT in zone %d is gone: the answers are not translated back", r.Name, entries(n, "is", "are"), zone)
		}
	})
}

// orphan: orphan-half, of the same connection: the SNAT zone of a gateway router has it because of
// lb_force_snat_ip or dnat_force_snat_ip, and the DNAT zone lacks it.
func (a *auditor) orphan(c *connection.Connection, l *leg) {
	r := l.owner.Router
	if !r.IsGateway() || l.owner.Use != "snat" || !established(&l.Entry) {
		return
	}
	zone, ok := a.zoneOf(l.Chassis, r, "dnat")
	if !ok {
		return
	}
	if passes(c, l.Chassis, zone) {
		return
	}
	a.entry(fmt.Sprint(r.UUID, l.Chassis), report.SeverityWarning, report.CodeOrphanHalf, l, func(i *issue) {
		i.text = func(n int) string {
			return fmt.Sprintf("router %s: %s source NAT for a load balancer's connection that zone %d does not have: the answers are not translated back to the VIP", r.Name, entries(n, "is", "are"), zone)
		}
	})
}

// gatewayGone: entry-vanished, of a connection from a port to the outside: the port's zone has it
// answered, the router translates the port's address on the way out, and the zones of the router on
// its gateway, all of which were read, do not have it. Where the table does not say whether it was
// answered, nothing on the way may have stopped its first packet, and the finding is possible only.
func (a *auditor) gatewayGone(c *connection.Connection, l *leg, alive life) {
	p := l.owner.Port
	if p == nil || p.Type != "" || p.Switch == nil || len(p.Switch.Routers) != 1 || l.translates() {
		return
	}
	src, dst := l.Entry.Orig.Src.Addr(), l.Entry.Orig.Dst.Addr()
	if !p.Has(src) || len(a.inv.Owners(dst)) > 0 || a.nobody(dst) {
		return
	}
	way := a.translator(p.Switch.Routers[0].Router, src, dst)
	if way == nil || alive == maybe && !a.arrives(way, dst) {
		return
	}
	r := way[len(way)-1]
	n, gateway := outward(a.inv, r, src)
	if n == nil || a.chassis[gateway] == nil || a.chassis[gateway].Partial {
		return
	}
	for i := range c.Legs {
		o, ok := a.inv.Zone(c.Legs[i].ZoneName)
		if ok && o.Router == r {
			return
		}
	}
	state := "in use"
	if established(&l.Entry) {
		state = "established"
	}
	a.entry(fmt.Sprint("gateway", r.UUID, p.Name, state, alive), report.SeverityWarning, report.CodeEntryVanished, l, func(i *issue) {
		i.Certainty, i.NB = report.ConfidenceLikely, nbrow.NAT(n)
		i.Where["gateway"] = gateway
		i.text = func(n int) string {
			return fmt.Sprintf("port %s: %s %s, and the gateway of router %s on %s has lost its half: the answers are not translated back", p.Name, entries(n, "is", "are"), state, r.Name, gateway)
		}
		if alive == maybe {
			i.Certainty = report.ConfidencePossible
			i.evidence("the table does not say whether it was answered: its packets may have been lost before the gateway, too")
		}
		i.evidence("rule: %s", nbrow.NATText(n))
	})
}

// maxRouters is the maximum number of routers that a packet is followed through.
const maxRouters = 8

// translator returns the routers on a packet's way to an address outside, up to the one that
// translates its source: r, and those after it by static routes. It is nil where the way depends on
// more than the destination, or no router translates.
func (a *auditor) translator(r *inventory.Router, src, dst netip.Addr) (way []*inventory.Router) {
	for range maxRouters {
		way = append(way, r)
		for _, n := range r.NATs {
			if n.IsSource() && n.Logical.IsValid() && n.Logical.Contains(src) {
				return way
			}
		}
		hop, ok := nextRouter(r, dst)
		if !ok {
			return nil
		}
		var next *inventory.Router
		for _, o := range a.inv.Owners(hop) {
			if o.Router != nil && o.Router.Router != r {
				next = o.Router.Router
			}
		}
		if next == nil {
			return nil
		}
		r = next
	}
	return nil
}

// nextRouter returns the next hop of the router's longest route to an address; ok is false if there
// is none, or if several routes, the source or a policy choose.
func nextRouter(r *inventory.Router, dst netip.Addr) (hop netip.Addr, ok bool) {
	if len(r.Policies) > 0 {
		return hop, false
	}
	longest := -1
	for _, route := range r.Routes {
		switch {
		case route.Source || route.Table != "":
			return netip.Addr{}, false
		case !route.Prefix.IsValid() || !route.Prefix.Contains(dst) || route.Prefix.Bits() < longest:
		case route.Prefix.Bits() == longest:
			ok = false // several next hops
		default:
			var err error
			hop, err = netip.ParseAddr(route.NextHop)
			longest, ok = route.Prefix.Bits(), err == nil
		}
	}
	return hop, ok
}

// outward returns the only rule that translates the source of a packet that leaves by the router's
// gateway, and the chassis of the gateway; nil where that depends on more than the source.
func outward(inv *inventory.Inventory, r *inventory.Router, src netip.Addr) (rule *inventory.NAT, gateway string) {
	if !r.IsGateway() && len(r.GatewayPorts()) != 1 {
		return nil, ""
	}
	for _, n := range r.NATs {
		if !n.IsSource() || !n.Logical.IsValid() || !n.Logical.Contains(src) {
			continue
		}
		if n.Match != "" || n.Allowed != "" || n.Exempted != "" || n.Stateless || n.IsDistributed() {
			return nil, ""
		}
		rule, gateway = n, n.Chassis(inv)
	}
	return rule, gateway
}

// passes reports whether a connection has an entry in a zone of a chassis.
func passes(c *connection.Connection, chassis string, zone uint16) bool {
	return slices.ContainsFunc(c.Legs, func(o connection.Record) bool { return o.Chassis == chassis && o.Entry.Zone == zone })
}

// zoneOf returns the number of a router's zone on a chassis; ok is false if the chassis has none,
// or its entries were not all read.
func (a *auditor) zoneOf(chassis string, r *inventory.Router, use string) (zone uint16, ok bool) {
	if c := a.chassis[chassis]; c == nil || c.Partial {
		return 0, false
	}
	return a.zoneNow(chassis, r, use)
}

// zoneNow returns the number of a router's zone on a chassis; ok is false if the chassis has none.
func (a *auditor) zoneNow(chassis string, r *inventory.Router, use string) (zone uint16, ok bool) {
	c := a.chassis[chassis]
	if c == nil {
		return 0, false
	}
	for zone, name := range c.Zones {
		if o, ok := a.inv.Zone(name); ok && o.Router == r && o.Use == use {
			return zone, true
		}
	}
	return 0, false
}
