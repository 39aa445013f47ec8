package diagnose

import (
	"context"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
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
	out := j.balanced(ctx, s)
	for i := range out {
		if out[i].Code == report.CodeLBNotOnRouter && sw != nil {
			out[i].Mend = []string{command("ovn-nbctl", "ls-lb-add", sw.Name, out[i].NB.Name)}
		}
	}
	return out
}
