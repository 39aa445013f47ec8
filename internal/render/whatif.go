package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// WhatIfJSON prints the answer of what-if in schema ovn-ct-trace/1.
func WhatIfJSON(w io.Writer, r *report.WhatIfReport) error {
	out := *r
	out.Change, out.Connections, out.Pairs = list(r.Change), list(r.Connections), list(r.Pairs)
	out.Chassis, out.Warnings = list(r.Chassis), list(r.Warnings)
	if out.Versions.Chassis == nil {
		out.Versions.Chassis = map[string]report.Chassis{}
	}
	return encode(w, out)
}

// WhatIf prints the answer of what-if: the counts, and then what is different.
func WhatIf(w io.Writer, r *report.WhatIfReport, opts Options) error {
	p := newPrinter(opts)
	p.line(0, whatIfHeadline(r)...)
	if opts.Quiet {
		return p.flush(w)
	}
	for _, step := range r.Change {
		p.line(2, plain("change: "+step))
	}
	p.fates("live connections", r.Counts.Connections)
	if n := r.Counts.Closing; n > 0 {
		p.line(2, plain(fmt.Sprintf("not compared: %d connections that both ends have closed", n)))
	}
	if r.Counts.Pairs.Compared > 0 {
		p.fates("pairs", r.Counts.Pairs)
	}
	for _, g := range r.Gateways {
		p.line(2, plain(fmt.Sprintf("gateway %s: on %s, then on %s", g.Port, orNobody(g.Before), orNobody(g.After))))
	}
	for _, c := range r.Connections {
		p.blank()
		who := ""
		if c.Client != "" || c.Server != "" {
			who = fmt.Sprintf(" (%s to %s)", orNobody(c.Client), orNobody(c.Server))
		}
		what := ""
		if c.Direction == report.DirectionReply {
			what = ": the server's next packet"
		} else if c.Direction != "" {
			what = ": the client's next packet"
		}
		p.line(0, span{string(c.Fate), fateColor(c.Fate)}, plain(" "+c.Proto+" "+c.Original.Text()+who+what))
		p.whatIfEnds(c.Before, c.After)
		for _, f := range c.Flushed {
			p.line(4, plain("removed from conntrack: "+f))
		}
	}
	for _, pair := range r.Pairs {
		p.blank()
		p.line(0, span{string(pair.Fate), fateColor(pair.Fate)}, plain(" "+pair.Text))
		p.whatIfEnds(pair.Before, pair.After)
	}
	if len(r.Warnings) > 0 {
		p.blank()
		p.warnings(&report.Report{Warnings: r.Warnings})
	}
	return p.flush(w)
}

// whatIfHeadline returns the answer in one sentence.
func whatIfHeadline(r *report.WhatIfReport) []span {
	c, pairs := r.Counts.Connections, r.Counts.Pairs
	changed, unknown := c.Dies+c.Revives+pairs.Dies+pairs.Revives, c.Unknown+pairs.Unknown
	switch {
	case changed > 0:
		var parts []string
		for _, n := range []struct {
			count     int
			one, many string
		}{
			{c.Dies, "live connection dies", "live connections die"}, {c.Revives, "live connection comes to life", "live connections come to life"},
			{pairs.Dies, "pair stops working", "pairs stop working"}, {pairs.Revives, "pair begins to work", "pairs begin to work"},
		} {
			if n.count > 0 {
				parts = append(parts, number(n.count, n.one, n.many))
			}
		}
		return []span{{"the change makes a difference", red}, plain(": " + strings.Join(parts, ", "))}
	case unknown > 0:
		return []span{{"not determined", yellow}, plain(fmt.Sprintf(": what becomes of %d is unknown, and nothing else changes fate", unknown))}
	}
	return []span{{"nothing changes fate", green}, plain(fmt.Sprintf(": %s and %s were compared",
		number(c.Compared, "live connection", "live connections"), number(pairs.Compared, "pair", "pairs")))}
}

// fates prints the counts of one kind.
func (p *printer) fates(what string, f report.WhatIfFates) {
	p.line(2, plain(fmt.Sprintf("%s: %d die, %d come to life, %d move, %d unknown; %d go on, %d did not work before either",
		what, f.Dies, f.Revives, f.Moves, f.Unknown, f.Goes, f.Broken)))
}

// whatIfEnds prints where a packet ends before and after a change.
func (p *printer) whatIfEnds(before, after report.WhatIfEnd) {
	for _, e := range []struct {
		when string
		end  report.WhatIfEnd
	}{{"now", before}, {"with the change", after}} {
		text := e.end.Text
		if text == "" {
			text = e.end.Verdict.String()
		}
		if e.end.Chassis != "" {
			text += " (on " + e.end.Chassis + ")"
		}
		p.line(2, span{e.when, bold}, plain(": "+text))
		if e.end.Reason != nil {
			p.nb(4, e.end.Reason.NB)
		}
	}
}

func fateColor(f report.Fate) color {
	switch f {
	case report.FateDies:
		return red
	case report.FateRevives:
		return green
	}
	return yellow
}

func orNobody(s string) string {
	if s == "" {
		return "nobody known"
	}
	return s
}
