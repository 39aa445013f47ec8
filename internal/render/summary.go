package render

import (
	"io"
	"reflect"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Summary prints a line for each packet and, indented, a line for each branch; before them a
// session's verdict, after them the warnings.
func Summary(w io.Writer, r *report.Report, opts Options) error {
	p := newPrinter(opts)
	if r.Session != nil || len(r.Packets) == 0 {
		p.line(0, headline(r)...)
	}
	if r.Session != nil && !opts.Quiet {
		p.sessionAlternatives(r.Session)
	}
	for _, pkt := range r.Packets {
		if opts.Quiet && r.Session != nil {
			break // the session's line is the answer
		}
		head := strings.TrimSpace(pkt.Label + " " + headerText(pkt.Header) + " from " + place(pkt.From) + frame(pkt, ", frame %d"))
		p.line(0, span{head, bold}, plain(": "), verdictSpan(pkt.Verdict))
		if opts.Quiet {
			continue
		}
		for _, b := range pkt.Branches {
			p.line(2, summaryLine(pkt, b)...)
		}
		for _, b := range pkt.Generated {
			p.line(2, append([]span{plain("also sent: ")}, summaryLine(pkt, b)...)...)
		}
	}
	if !opts.Quiet {
		p.warnings(r)
	}
	return p.flush(w)
}

func summaryLine(pkt *report.Packet, b *report.Branch) []span {
	line := endSpans(b)
	if text := choicesText(b.Choices); text != "" {
		line = append(line, plain(" ["+text+"]"))
	}
	var via []string
	for _, i := range b.Hops {
		if i >= 0 && i < len(pkt.Hops) {
			via = append(via, pkt.Hops[i].Chassis)
		}
	}
	if len(via) > 0 {
		line = append(line, plain(" via "+strings.Join(via, ", ")))
	}
	if !headless(b) && !reflect.ValueOf(b.Header).IsZero() {
		line = append(line, plain(" as "+headerText(b.Header)))
	}
	return append(line, reasonSpans(b, true)...)
}

// choicesText lists choices and their outcomes.
func choicesText(cs []engine.Choice) string {
	var out []string
	for _, c := range cs {
		text := string(c.Kind) + " " + c.Chosen
		switch {
		case c.Of != "":
			text += " as the " + c.Of
		case !c.Determined:
			if c.Share > 0 && c.Share < 1 {
				text += " " + percent(c.Share)
			} else {
				text += " not determined"
			}
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}
