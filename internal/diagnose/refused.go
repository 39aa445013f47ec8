package diagnose

import (
	"context"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nbrow"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Refusal is why no packet could be sent, where that is the answer itself.
type Refusal struct {
	// Code is port-not-bound, interface-missing, chassis-gone, northd-behind, no-route (the switch has
	// no router) or next-hop-unresolved (nobody on the switch has the address).
	Code    report.Code
	Text    string // in words
	Port    string // logical port that it is about
	Chassis string // of interface-missing
	// Packet is the packet that could not be sent; it has no Ethernet destination.
	Packet report.Header
}

// Refused answers a question whose packet could not be sent.
func Refused(ctx context.Context, in Input, r Refusal, warnings []string, versions report.Versions) *report.WhyReport {
	j := &judge{Input: in}
	no := false
	f := report.Finding{Severity: report.SeverityError, Code: r.Code, Text: r.Text, Certainty: report.ConfidenceExact, Where: map[string]string{"port": r.Port}}
	causes := []report.Finding{}
	switch r.Code {
	case report.CodePortNotBound:
		j.notBound(ctx, &f, r.Port)
	case report.CodeInterfaceMissing:
		f.Where["chassis"] = r.Chassis
		missingInterface(&f, r.Chassis, r.Port)
	case report.CodeChassisGone:
		chassisLost(&f)
	case report.CodeNorthdBehind:
		f.Mend = append(f.Mend, syncNorthd())
	case report.CodeNoRoute, report.CodeNextHopUnresolved:
		causes = append(causes, j.unsent(ctx, r, &f)...)
	}
	return &report.WhyReport{
		Schema: report.Schema, Question: in.Question, Reaches: &no, Answered: &no, Causes: append(causes, f), Phases: []report.Phase{},
		Unchecked: []string{}, Packets: []*report.Packet{}, Warnings: append(append([]string{}, warnings...), j.warnings...), Versions: versions,
	}
}

// unsent explains a packet for which the guest finds no next hop: its address may be a VIP on
// another port, or of a load balancer that the switch does not have.
func (j *judge) unsent(ctx context.Context, r Refusal, f *report.Finding) []report.Finding {
	s := &scene{packet: &report.Packet{Header: r.Packet, From: report.Place{Port: r.Port}}, branch: &report.Branch{Header: r.Packet}, reason: &report.Reason{Text: r.Text}}
	f.Text = fmt.Sprintf("the guest behind %s finds no way to %s: %s", r.Port, r.Packet.IPDst, r.Text)
	f.Where["address"] = r.Packet.IPDst
	inv := j.inventory(ctx)
	if inv == nil {
		return nil
	}
	if _, to := destination(r.Packet); to.IsValid() {
		for _, o := range inv.Owners(to.Addr()) {
			f.Evidence = append(f.Evidence, "the address belongs to "+o.String())
		}
	}
	var sw *inventory.Switch
	if p := inv.Port(r.Port); p != nil {
		sw = p.Switch
	}
	if r.Code == report.CodeNextHopUnresolved && sw != nil && unanswered(inv, sw, r, f) {
		return nil
	}
	out := j.balanced(ctx, s)
	for i := range out {
		if out[i].Code == report.CodeLBNotOnRouter && sw != nil {
			out[i].Mend = []string{command("ovn-nbctl", "ls-lb-add", sw.Name, out[i].NB.Name)}
		}
	}
	return out
}

// unanswered reports whether an address in the client's own network, for which nobody answers, is a
// VIP that the switch or a router attached to it balances, and then says so: the router answers for
// its VIPs, unless options:neighbor_responder is none (northd: build_lrouter_lb_reachable_ips), and
// nobody for those of the switch alone.
func unanswered(inv *inventory.Inventory, sw *inventory.Switch, r Refusal, f *report.Finding) bool {
	for _, v := range inv.VIP(destination(r.Packet)) {
		var routers, has []string
		for _, p := range sw.Routers {
			routers = append(routers, p.Router.Name)
			if v.Balancer.OnRouter(p.Router) {
				has = append(has, p.Router.Name)
			}
		}
		if len(has) == 0 && !v.Balancer.OnSwitch(sw) {
			continue
		}
		f.Code, f.NB, f.Where["datapath"] = report.CodeLBUnansweredVIP, nbrow.VIP(v), sw.Name
		f.Evidence = append(f.Evidence, f.Text)
		f.Text = fmt.Sprintf("nobody answers on switch %s for %s, which is in the client's own network", sw.Name, inventory.Owner{VIP: v})
		switch {
		case len(has) > 0:
			f.Evidence = append(f.Evidence, fmt.Sprintf("options:neighbor_responder of the load balancer: %s", orNone(v.Balancer.Options["neighbor_responder"])))
			f.Mend = append(f.Mend, command("ovn-nbctl", "set", "Load_Balancer", v.Balancer.UUID.String(), "options:neighbor_responder=all"))
		case len(routers) > 0:
			f.Evidence = append(f.Evidence, "only the switch has the load balancer; routers there: "+strings.Join(routers, ", "))
			f.Mend = append(f.Mend, command("ovn-nbctl", "lr-lb-add", routers[0], v.Balancer.UUID.String())+" # the router then answers for the VIP")
		}
		return true
	}
	return false
}
