package render

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// JSON prints a report in schema ovn-ct-trace/1. An empty list is printed as [], so that a script
// can iterate over it without a check.
func JSON(w io.Writer, r *report.Report) error { return encode(w, filled(r)) }

// FindingsJSON prints the findings of doctor in the same schema.
func FindingsJSON(w io.Writer, fs []report.Finding) error {
	return encode(w, report.FindingsReport{Schema: report.Schema, Findings: list(fs)})
}

// AuditJSON prints the answer of nat in the same schema.
func AuditJSON(w io.Writer, r *report.FindingsReport) error {
	out := *r
	out.Findings = list(out.Findings)
	return encode(w, out)
}

// LeftoversJSON prints the entries that ct list or ct clean found in the same schema.
func LeftoversJSON(w io.Writer, ls []report.Leftover) error {
	return encode(w, report.LeftoversReport{Schema: report.Schema, Entries: list(ls)})
}

// encode does not escape <, > and &, which are frequent in matches and actions.
func encode(w io.Writer, v any) error {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(buf.Bytes())
	return err
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// filled returns a copy of a report with an empty list in place of each nil one.
func filled(r *report.Report) *report.Report {
	out := *r
	if out.Schema == "" {
		out.Schema = report.Schema
	}
	out.Warnings = list(out.Warnings)
	if out.Versions.Chassis == nil {
		out.Versions.Chassis = map[string]report.Chassis{}
	}
	out.Packets = each(r.Packets, func(p *report.Packet) {
		p.Branches = each(p.Branches, func(b *report.Branch) { b.Hops = list(b.Hops) })
		if p.Generated != nil {
			p.Generated = each(p.Generated, func(b *report.Branch) { b.Hops = list(b.Hops) })
		}
		p.Hops = each(p.Hops, func(h *report.Hop) {
			h.Segments = each(h.Segments, func(s *report.Segment) {
				s.CT = list(s.CT)
				tables := make([]report.Table, len(s.Tables))
				for i, t := range s.Tables {
					t.Actions = list(t.Actions)
					tables[i] = t
				}
				s.Tables = tables
			})
		})
	})
	return &out
}

// each returns a copy of a list of pointers and their targets, after f has changed each copy.
func each[T any](in []*T, f func(*T)) []*T {
	out := make([]*T, 0, len(in))
	for _, p := range in {
		c := *p
		f(&c)
		out = append(out, &c)
	}
	return out
}
