package render

import (
	"io"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// WhyJSON prints the answer of why in schema ovn-ct-trace/1.
func WhyJSON(w io.Writer, r *report.WhyReport) error {
	out := *r
	out.Causes, out.Phases, out.Unchecked, out.Warnings = list(r.Causes), list(r.Phases), list(r.Unchecked), list(r.Warnings)
	out.Packets = filled(&report.Report{Packets: r.Packets}).Packets
	if out.Versions.Chassis == nil {
		out.Versions.Chassis = map[string]report.Chassis{}
	}
	return encode(w, out)
}

// Why prints the answer of why: the cause in one sentence, its evidence and what mends it, the way,
// and what decided on it.
func Why(w io.Writer, r *report.WhyReport, opts Options) error {
	p := newPrinter(opts)
	p.line(0, whyHeadline(r)...)
	if opts.Quiet {
		return p.flush(w)
	}
	for i, f := range r.Causes {
		p.cause(f, i > 0)
	}
	if n := r.AsNew; n != nil {
		p.blank()
		p.line(0, span{"a new connection", bold}, plain(": "+n.Text))
	}
	if r.Path != "" {
		p.blank()
		p.line(0, span{"path", bold}, plain(": "+r.Path))
	}
	p.phases(r.Phases)
	if len(r.Unchecked) > 0 {
		p.blank()
		p.line(0, plain("not checked: "+strings.Join(r.Unchecked, "; ")))
	}
	if opts.Verbose > 0 {
		for _, pkt := range r.Packets {
			p.blank()
			p.packet(pkt, len(r.Packets) > 1)
		}
	}
	if len(r.Warnings) > 0 {
		p.blank()
		p.warnings(&report.Report{Warnings: r.Warnings})
	}
	return p.flush(w)
}

// whyHeadline returns the answer in one sentence.
func whyHeadline(r *report.WhyReport) []span {
	who := r.Question.From + " to " + r.Question.To
	if r.Question.Proto != "" && !strings.Contains(r.Question.To, "/") {
		who += " (" + r.Question.Proto + ")"
	}
	yes := func(b *bool) bool { return b != nil && *b }
	switch {
	case yes(r.Reaches) && yes(r.Answered) && len(r.Causes) == 0:
		return []span{{"it works", green}, plain(": " + who + " arrives, and the answer comes back")}
	case yes(r.Reaches) && yes(r.Answered) && r.Causes[0].Severity == report.SeverityError:
		return []span{{"a live connection does not work", red}, plain(": " + who + ": " + r.Causes[0].Text)}
	case yes(r.Reaches) && yes(r.Answered):
		return []span{{"it works now", yellow}, plain(": " + who + ": " + r.Causes[0].Text)}
	case len(r.Causes) > 0 && r.Causes[0].Code == report.CodeUnknown && yes(r.Reaches) && r.Answered == nil:
		return []span{{"not determined", yellow}, plain(": " + who + " arrives; whether the answer comes back is unknown: " + r.Causes[0].Text)}
	case len(r.Causes) > 0 && (r.Reaches != nil || r.Answered != nil):
		return []span{{"it does not work", red}, plain(": " + who + ": " + r.Causes[0].Text)}
	case len(r.Causes) > 0:
		return []span{{"not determined", yellow}, plain(": " + who + ": " + r.Causes[0].Text)}
	}
	return []span{{"not determined", yellow}, plain(": " + who)}
}

// cause prints a cause; further ones with their sentence, which for the first is the headline.
func (p *printer) cause(f report.Finding, further bool) {
	line := []span{{string(f.Severity), severityColor(f.Severity)}, plain(" "), {string(f.Code), bold}}
	if further {
		p.blank()
		line = append(line, plain(": "+f.Text))
	}
	p.line(2, line...)
	p.details(4, f, false)
}

// phaseWidth is the width of the column of phases.
const phaseWidth = len("port-security")

// phases prints what decided on the way, one line each.
func (p *printer) phases(list []report.Phase) {
	width := 0
	for _, ph := range list {
		width = max(width, len(ph.Chassis))
	}
	for _, ph := range list {
		name := string(ph.Phase) + strings.Repeat(" ", phaseWidth-len(ph.Phase)+1)
		place := ph.Chassis + strings.Repeat(" ", width-len(ph.Chassis)+1)
		p.line(2, span{name, cyan}, plain(place+ph.Text))
	}
}
