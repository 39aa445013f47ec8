package render

import (
	"io"
	"reflect"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/report"
)

// Summary prints a line a packet and, indented, a line a branch; a session's verdict
// stands before them, warnings behind.
func Summary(w io.Writer, r *report.Report, opts Options) error {
	p := newPrinter(opts)
	if r.Session != nil || len(r.Packets) == 0 {
		p.line(0, headline(r)...)
	}
	for _, pkt := range r.Packets {
		if opts.Quiet && r.Session != nil {
			break
		}
		head := strings.TrimSpace(pkt.Label + " " + headerText(pkt.Header) + " from " + place(pkt.From))
		p.line(0, span{head, bold}, plain(": "), verdictSpan(pkt.Verdict))
		if opts.Quiet {
			continue
		}
		for _, b := range pkt.Branches {
			p.line(2, summaryLine(pkt, b)...)
		}
	}
	if !opts.Quiet {
		p.warnings(r)
	}
	return p.flush(w)
}

func summaryLine(pkt *report.Packet, b *report.Branch) []span {
	line := endSpans(b)
	if text := choicesText(b); text != "" {
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

// choicesText lists the choices that this branch is one outcome of.
func choicesText(b *report.Branch) string {
	var out []string
	for _, c := range b.Choices {
		text := c.Kind + " " + c.Chosen
		if !c.Determined {
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
