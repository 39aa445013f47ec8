// Package render prints a report: as text for a person, one line a branch, or as JSON.
//
// It decides nothing: every verdict, reason and choice comes from the report. Unknown ends are
// printed at every level of detail.
package render

import (
	"io"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Options say how a report is printed; the zero value is plain text without wrapping.
type Options struct {
	Verbose int  // 1: table look-ups and conntrack actions; 2: flows and datapath actions too
	Color   bool // ANSI colours
	Quiet   bool // only the line with the verdict
	Width   int  // columns; longer lines are wrapped; 0 does not wrap
}

// Text prints a report as text, with the verdict on the first line.
func Text(w io.Writer, r *report.Report, opts Options) error {
	p := newPrinter(opts)
	p.line(0, headline(r)...)
	if opts.Quiet {
		return p.flush(w)
	}
	p.underHeadline(r)
	for _, pkt := range r.Packets {
		p.blank()
		p.packet(pkt, len(r.Packets) > 1)
	}
	if opts.Verbose > 0 {
		p.versions(r)
	}
	if len(r.Warnings) > 0 {
		p.blank()
		p.warnings(r)
	}
	return p.flush(w)
}

// underHeadline prints what concerns the whole run: the reason, the alternatives of a session, the
// expectation.
func (p *printer) underHeadline(r *report.Report) {
	if why := extraWhy(r); why != "" {
		p.line(2, plain("why: "+why))
	}
	if r.Session != nil {
		p.sessionAlternatives(r.Session)
	}
	switch e := r.Expectation; {
	case e == nil:
	case !e.Met:
		p.line(2, plain("expected "+e.Text+": "), span{"not met", red})
	case r.Verdict != engine.Delivered: // else the first line says the same
		p.line(2, plain("expected "+e.Text+": "), span{"met", green})
	}
}

func (p *printer) warnings(r *report.Report) {
	for _, w := range r.Warnings {
		p.line(0, span{"warning: ", yellow}, plain(w))
	}
}

func (p *printer) versions(r *report.Report) {
	if r.Versions.Tool == "" && len(r.Versions.Chassis) == 0 {
		return
	}
	p.blank()
	if r.Versions.Tool != "" {
		p.line(0, span{"ovn-ct-trace " + r.Versions.Tool, dim})
	}
	for _, name := range sortedKeys(r.Versions.Chassis) {
		c := r.Versions.Chassis[name]
		text := name + ": ovs " + orNone(c.OVS) + ", ovn " + orNone(c.OVN) + ", datapath " + orNone(c.Datapath)
		if c.Kernel != "" {
			text += ", kernel " + c.Kernel
		}
		p.line(0, span{text, dim})
	}
}
