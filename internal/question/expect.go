package question

import (
	"context"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// expectation is how the packet should end.
type expectation struct {
	verdict string     // of Question.Expect; empty: delivered
	port    string     // logical port of Question.To
	outside bool       // Question.To is an address that no port of OVN has: leaving OVN is as expected
	on      ovsdb.UUID // chassis of the port; zero where there is none, or it is in another zone
}

// CheckExpect refuses a text that is not a verdict; an empty text means delivered.
func CheckExpect(verdict string) error {
	if verdict == "" {
		return nil
	}
	if _, ok := engine.ParseVerdict(verdict); !ok {
		return usage.Errorf("one of delivered, host, external, controller, rejected, dropped, unknown", "no verdict %q", verdict)
	}
	return nil
}

// Expect fills in the expectation of a report whose packet should end with a verdict, at any place;
// verdict is as in Question.Expect.
func Expect(r *report.Report, verdict string) { expectation{verdict: verdict}.judge(r) }

// placeOf returns where a packet for a port should end: at the port; for a virtual port, at its
// parent; for a port that connects to a network outside OVN, outside.
func placeOf(pb *ovn.PortBinding) expectation {
	switch {
	case pb.Type == "virtual" && pb.VirtualParent != "":
		return expectation{port: pb.VirtualParent, on: pb.Chassis}
	case pb.IsVIF():
		return expectation{port: pb.LogicalPort, on: pb.Chassis}
	case pb.Type == "external" || pb.Type == "localnet" || pb.Type == "l2gateway" || pb.Type == "remote" || pb.Type == "vtep":
		return expectation{outside: true}
	}
	return expectation{} // no frame comes out at a router's port
}

// owner sets where a packet for an address should end: at the port that has it; outside where no
// port has it.
func (e *expectation) owner(ctx context.Context, r *deployment.Run, ip netip.Addr) error {
	owners, err := r.SB.PortsByIP(ctx, ip)
	if err != nil {
		return err
	}
	place := expectation{outside: len(owners) == 0}
	if len(owners) == 1 {
		place = placeOf(owners[0])
	}
	e.port, e.outside, e.on = place.port, place.outside, place.on
	return nil
}

// prepare lets the node be started on which the packet should end, while it is followed on others.
// Where nodes are kept for other questions they are started only when needed.
func (e expectation) prepare(ctx context.Context, r *deployment.Run) {
	if r.Nodes.Quick() && r.Driver.Describe == nil {
		r.Driver.Expect(ctx, e.on)
	}
}

// text returns the expectation in words.
func (e expectation) text() string {
	s := "delivered"
	switch {
	case e.verdict != "":
		s = e.verdict
	case e.outside:
		s = "delivered or external"
	}
	if e.port != "" && (e.verdict == "" || e.verdict == "delivered") {
		s += " at " + e.port
	}
	return s
}

// judge fills in the expectation of a report.
func (e expectation) judge(r *report.Report) {
	if r.Session != nil {
		r.Expectation = &report.Expectation{Text: "session established", Met: r.Session.Established}
		if e.verdict != "" {
			r.Expectation = &report.Expectation{Text: "session " + e.verdict, Met: e.metBySession(r)}
		}
		return
	}
	met := len(r.Packets) > 0 && e.met(r.Packets[len(r.Packets)-1])
	r.Expectation = &report.Expectation{Text: e.text(), Met: met}
}

// met reports whether a packet ended as expected.
func (e expectation) met(p *report.Packet) bool {
	want := []engine.Verdict{engine.Delivered}
	switch {
	case e.verdict != "":
		want[0], _ = engine.ParseVerdict(e.verdict)
	case e.outside:
		want = append(want, engine.External)
	}
	return p.Ended(e.port, want...)
}

// metBySession reports whether a handshake ended as expected in every alternative: it went through
// and its first packet has the verdict, or it was broken by a packet that has it.
func (e expectation) metBySession(r *report.Report) bool {
	want, _ := engine.ParseVerdict(e.verdict)
	through := want == engine.Delivered || want == engine.External || want == engine.Host
	if r.Session.Established != through || r.Session.Verdict != want {
		return false
	}
	for _, a := range r.Session.Alternatives {
		if a.Established != through || a.Verdict != want {
			return false
		}
	}
	return true
}
