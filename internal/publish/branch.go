package publish

import (
	"context"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// branch is the public form of a branch.
func (w *writing) branch(ctx context.Context, b *driver.Branch) *report.Branch {
	out := &report.Branch{
		Verdict: b.Verdict, End: report.End{Kind: report.EndKind(b.Kind()), Chassis: b.Chassis, Port: b.Port}, Header: report.HeaderOf(b.Packet),
		Choices: b.Choices, Reason: w.reason(ctx, b), Hops: b.Hops, Generated: b.Made, Mirror: b.Mirror,
	}
	if b.Held != nil {
		out.Held = &report.Held{Chassis: b.Held.Chassis, Zone: b.Held.Zone}
	}
	for _, s := range b.Way {
		out.Segments = append(out.Segments, [2]int{s.Hop, s.Segment})
	}
	return out
}

// reason returns what decided a branch's end; nil where the end needs no reason.
func (w *writing) reason(ctx context.Context, b *driver.Branch) *report.Reason {
	c := b.Cause
	if c == nil {
		return w.responder(b, nil)
	}
	out := &report.Reason{Chassis: c.Chassis, Text: c.String()}
	var r explain.Reason
	if l := c.Lookup; l != nil {
		table := l.Hit.Table
		out.Table, out.Cookie = &table, cookie(l.Hit)
		if names, at := w.named(l.Step, l.Index); names != nil {
			var err error
			r, err = names.Reason(ctx, at, out.Text)
			if err != nil {
				w.warn("%s: a reason stays unnamed: %v", c.Chassis, err)
			}
			out.Stage, out.LogicalFlow, out.NB, out.Nearest = r.Stage, logicalFlow(r.Flow), nbRow(r.NB), r.Nearest
			if b.Verdict != engine.Unknown && b.Verdict != engine.Host && b.Verdict != engine.External {
				out.Text = r.Text // the tables do not explain the other verdicts
			}
		}
	}
	out.Code, out.Where = classify(b, r)
	out = w.responder(b, out)
	if e := c.Elsewhere; e != nil {
		out.Text += "; " + e.String()
		out.KnownIn = known(e)
	}
	if text := w.outlook(ctx, c.Outlook); text != "" && !strings.Contains(out.Text, text) {
		out.Text += "; " + text
	}
	return out
}

// known is the public form of the entries of a connection in other zones.
func known(e *driver.Elsewhere) []report.Known {
	var out []report.Known
	for _, k := range e.Known {
		out = append(out, report.Known{Chassis: k.Chassis, Zone: k.ID, ZoneName: k.Name, Entry: *entry(&k.Entry)})
	}
	return out
}

// outlook returns who will answer the address request that a packet waits for; empty where that is
// unknown.
func (w *writing) outlook(ctx context.Context, o driver.Outlook) string {
	because := ""
	if o.Dropped != nil {
		if r := w.reason(ctx, o.Dropped); r != nil {
			because = r.Text
		}
	}
	return o.Text(because)
}
