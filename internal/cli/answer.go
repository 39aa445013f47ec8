package cli

import (
	"context"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// expectation is what the exit status is measured against.
type expectation struct {
	verdict string // of --expect; empty: delivered
	port    string // logical port of --to
	outside bool   // --to is an address that no port of OVN has: leaving OVN is arriving
}

// placeOf is what it means to arrive at a port: at the port itself; for one that another plays, at that one; for one that
// stands for what is beyond OVN, out there.
func placeOf(pb *ovn.PortBinding) expectation {
	switch {
	case pb.Type == "virtual" && pb.VirtualParent != "":
		return expectation{port: pb.VirtualParent}
	case pb.IsVIF():
		return expectation{port: pb.LogicalPort}
	case pb.Type == "external" || pb.Type == "localnet" || pb.Type == "l2gateway" || pb.Type == "remote" || pb.Type == "vtep":
		return expectation{outside: true}
	}
	return expectation{} // a router's port is no place where a frame comes out
}

// owner sets what it means to arrive at an address: an address that one port has is meant there, one that none has is outside.
func (e *expectation) owner(ctx context.Context, d *deployment, ip netip.Addr) error {
	owners, err := d.sb.PortsByIP(ctx, ip)
	if err != nil {
		return err
	}
	place := expectation{outside: len(owners) == 0}
	if len(owners) == 1 {
		place = placeOf(owners[0])
	}
	e.port, e.outside = place.port, place.outside
	return nil
}

func (e expectation) check() error {
	if e.verdict == "" {
		return nil
	}
	if _, ok := engine.ParseVerdict(e.verdict); !ok {
		return usagef("one of delivered, host, external, controller, rejected, dropped, unknown", "no verdict %q", e.verdict)
	}
	return nil
}

// text says what was expected.
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

// met tells whether a packet ended as asked: every branch, or for a flood one of them.
func (e expectation) met(p *report.Packet) bool {
	want := engine.Delivered
	if e.verdict != "" {
		want, _ = engine.ParseVerdict(e.verdict)
	}
	ok := func(b *report.Branch) bool {
		if b.Verdict != want && !(e.outside && e.verdict == "" && b.Verdict == engine.External) {
			return false
		}
		return e.port == "" || b.Verdict != engine.Delivered || b.End.Port == e.port
	}
	all, some := len(p.Branches) > 0, false
	for _, b := range p.Branches {
		if b.Mirror != "" {
			continue
		}
		if ok(b) {
			some = true
		} else {
			all = false
		}
	}
	// The verdict of a flood is its best branch's; the others end elsewhere by design.
	return all || some && p.Flood && (p.Verdict == want || e.outside && e.verdict == "" && p.Verdict == engine.External)
}

// metBySession tells whether a handshake ended as asked in every alternative: it went through and its first packet arrived
// so, or it broke by a packet that ended so.
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

// answer prints a report and sets the exit status.
func (a *app) answer(c *common, r *report.Report, e expectation) error {
	switch {
	case r.Session != nil:
		text := "session established"
		met := r.Session.Established
		if e.verdict != "" {
			text = "session " + e.verdict
			met = e.metBySession(r)
		}
		r.Expectation = &report.Expectation{Text: text, Met: met}
	default:
		met := len(r.Packets) > 0 && e.met(r.Packets[len(r.Packets)-1])
		r.Expectation = &report.Expectation{Text: e.text(), Met: met}
	}
	if err := a.print(c, r); err != nil {
		return err
	}
	a.status = exitOK
	switch {
	case r.Expectation.Met:
	case undetermined(r):
		a.status = exitUnknown
	default:
		a.status = exitNotAsAsked
	}
	return nil
}

// undetermined tells whether any branch is unknown: then it is not known that the packet does not end as asked.
func undetermined(r *report.Report) bool {
	for _, p := range r.Packets {
		for _, b := range p.Branches {
			if b.Verdict == engine.Unknown {
				return true
			}
		}
	}
	return r.Verdict == engine.Unknown
}

func (a *app) renderOptions(c *common) render.Options {
	color := c.color == "always" || c.color == "auto" && isTerminal(a.out)
	return render.Options{Verbose: c.verbose, Color: color, Quiet: c.quiet}
}

func (a *app) print(c *common, r *report.Report) error {
	opt := a.renderOptions(c)
	switch c.output {
	case "json":
		return render.JSON(a.out, r)
	case "summary":
		return render.Summary(a.out, r, opt)
	}
	return render.Text(a.out, r, opt)
}

// caret quotes an input and marks a place in it.
func caret(text string, off int) string {
	off = min(max(off, 0), len(text))
	clean := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
	return clean + "\n" + strings.Repeat(" ", len([]rune(text[:off]))) + "^"
}
