package audit

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nbrow"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// balancers checks the load balancers.
func (a *auditor) balancers() {
	for _, b := range a.inv.Balancers {
		used := len(b.Switches())+len(b.Routers()) > 0
		for _, v := range b.VIPs {
			if used && !v.Unresolved {
				a.vip(v)
			}
		}
		if !used && len(b.VIPs) > 0 {
			a.unused(b)
		}
	}
	a.routers()
}

// routers checks where the load balancers of routers are handled, and their options.
func (a *auditor) routers() {
	for _, r := range a.inv.Routers {
		if !a.meets(r.Name) {
			continue
		}
		a.routerOptions(r)
		if len(r.Balancers()) > 0 && !r.IsGateway() {
			a.gateways(r)
		}
	}
}

// addrs returns the addresses that a finding about VIPs is about: theirs, and their backends',
// which packets that do not go to the VIP have too.
func (a *auditor) addrs(vips ...*inventory.VIP) []netip.Addr {
	var out []netip.Addr
	for _, v := range vips {
		out = append(out, v.Addr.Addr())
		if a.way != nil {
			continue
		}
		for _, b := range v.Backends {
			out = append(out, b.Addr.Addr())
		}
	}
	return out
}

// vip reports a VIP that cannot be served, or not by all of its backends.
//
// lb-no-backend: the VIP has none; only information where that is foreseen (options reject or
// event). lb-backend-down: the health checks report backends down; an error if all are.
func (a *auditor) vip(v *inventory.VIP) {
	b := v.Balancer
	if len(v.Backends) == 0 {
		sev := report.SeverityWarning
		what := "its packets are dropped"
		if b.Options["reject"] == "true" {
			sev, what = report.SeverityInfo, "its packets are rejected, as options:reject says"
		} else if b.Options["event"] == "true" {
			sev, what = report.SeverityInfo, "its packets raise an event, as options:event says"
		}
		if i := a.about(b.UUID.String()+v.Text, sev, report.CodeLBNoBackend, fmt.Sprintf("load balancer %s: VIP %s has no backend: %s", b.Title(), v.Text, what), a.addrs(v)...); i != nil {
			i.NB = nbrow.VIP(v)
			i.Mend = []string{fmt.Sprintf("ovn-nbctl --may-exist lb-add %s %s BACKEND:PORT", b.UUID, v.Text)}
		}
		return
	}
	var down []string
	for _, be := range v.Backends {
		if be.IsDown() {
			down = append(down, fmt.Sprintf("%s (port %s) is %s", be.Addr, be.Port, be.Status))
		}
	}
	if len(down) == 0 {
		return
	}
	sev, text := report.SeverityWarning, fmt.Sprintf("load balancer %s: the health check of VIP %s reports %d of %d backends down", b.Title(), v.Text, len(down), len(v.Backends))
	if len(down) == len(v.Backends) {
		sev, text = report.SeverityError, fmt.Sprintf("load balancer %s: the health check of VIP %s reports all %d backends down", b.Title(), v.Text, len(down))
	}
	if i := a.about(b.UUID.String()+v.Text, sev, report.CodeLBBackendDown, text, a.addrs(v)...); i != nil {
		i.NB, i.Evidence = nbrow.VIP(v), down
	}
}

// unused: lb-not-on-router, of a load balancer that no switch and no router has.
func (a *auditor) unused(b *inventory.Balancer) {
	if i := a.about(b.UUID.String(), report.SeverityInfo, report.CodeLBNotOnRouter, fmt.Sprintf("load balancer %s is on no switch and no router: nobody translates its VIPs", b.Title()), a.addrs(b.VIPs...)...); i != nil {
		i.NB = nbrow.VIP(b.VIPs[0])
		i.Mend = []string{"ovn-nbctl ls-lb-add SWITCH " + b.UUID.String(), "ovn-nbctl lr-lb-add ROUTER " + b.UUID.String()}
	}
}

// routerOptions: lb-force-snat-ignored, of a router without options:chassis that has
// lb_force_snat_ip or dnat_force_snat_ip: northd adds the flows that translate only to gateway
// routers (build_lrouter_force_snat_flows).
func (a *auditor) routerOptions(r *inventory.Router) {
	if r.IsGateway() {
		return
	}
	for _, option := range []string{"lb_force_snat_ip", "dnat_force_snat_ip"} {
		value := r.Options[option]
		if value == "" {
			continue
		}
		var about []netip.Addr
		for _, b := range r.Balancers() {
			about = append(about, a.addrs(b.VIPs...)...)
		}
		for _, word := range strings.Fields(value) {
			if ip, err := netip.ParseAddr(word); err == nil {
				about = append(about, ip)
			}
		}
		if i := a.about(r.UUID.String()+option, report.SeverityWarning, report.CodeLBForceSNATIgnored,
			fmt.Sprintf("router %s has %s, which only gateway routers follow: it is distributed", r.Name, option), about...); i != nil {
			i.NB = nbrow.Router(r)
			i.evidence("options:%s=%q, and no options:chassis", option, value)
			i.Mend = []string{fmt.Sprintf("ovn-nbctl remove logical_router %s options %s", r.UUID, option)}
			i.Hint = "use a gateway router (options:chassis), or the load balancer's hairpin_snat_ip for its own clients"
		}
	}
}

// gateways reports where the VIPs of a distributed router with gateway ports are handled.
//
// lb-two-gateways: the router has several gateway ports, and northd has restricted its load
// balancers to the chassis of some of them: a packet that comes in at another is not translated.
// lb-handled-elsewhere: only the chassis of the gateway translates; information. Load balancers
// with options:distributed (OVN 26.03) are left out: every chassis translates.
func (a *auditor) gateways(r *inventory.Router) {
	ports := r.GatewayPorts()
	var balancers []*inventory.Balancer
	var vips []*inventory.VIP
	for _, b := range r.Balancers() {
		if b.Options["distributed"] != "true" {
			balancers, vips = append(balancers, b), append(vips, b.VIPs...)
		}
	}
	if len(ports) == 0 || len(vips) == 0 {
		return
	}
	var here, missing []string
	for _, p := range ports {
		place := fmt.Sprintf("%s (on %s)", p.Name, orNobody(p.Active))
		if len(ports) == 1 || p.Balances {
			here = append(here, place)
		} else {
			missing = append(missing, place)
		}
	}
	if len(here) == 0 {
		return // northd has no flows for them: where they are handled is unknown
	}
	if len(missing) > 0 {
		if i := a.about(r.UUID.String(), report.SeverityWarning, report.CodeLBTwoGateways,
			fmt.Sprintf("router %s has %d gateway ports, and its load balancers are handled only at %s: packets that come in at %s are not translated",
				r.Name, len(ports), strings.Join(here, ", "), strings.Join(missing, ", ")), a.addrs(vips...)...); i != nil {
			i.NB = nbrow.Router(r)
			i.evidence("load balancers of the router: %s", names(balancers))
			i.Hint = "one gateway port, or a gateway router for each way out; OVN 25.03 or later handles the load balancers at each gateway port"
		}
		return
	}
	if i := a.about(r.UUID.String(), report.SeverityInfo, report.CodeLBHandledElsewhere,
		fmt.Sprintf("the load balancers of router %s are handled only at %s", r.Name, strings.Join(here, ", ")), a.addrs(vips...)...); i != nil {
		i.NB = nbrow.Router(r)
		i.evidence("load balancers of the router: %s", names(balancers))
	}
}

func orNobody(chassis string) string {
	if chassis == "" {
		return "no chassis"
	}
	return chassis
}

// maxNames is the maximum number of names that a line lists.
const maxNames = 5

func names(bs []*inventory.Balancer) string {
	var out []string
	for i, b := range bs {
		if i == maxNames {
			out = append(out, fmt.Sprintf("and %d more", len(bs)-i))
			break
		}
		out = append(out, b.Title())
	}
	return strings.Join(out, ", ")
}
