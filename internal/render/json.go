package render

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// JSON prints a report in schema ovn-ct-trace/1. Lists that the schema names are there even when they are
// empty: a script may walk them without asking.
func JSON(w io.Writer, r *report.Report) error { return encode(w, filled(r)) }

// FindingsJSON prints what doctor or nat found, in the same schema.
func FindingsJSON(w io.Writer, fs []report.Finding) error {
	return encode(w, report.FindingsReport{Schema: report.Schema, Findings: list(fs)})
}

// LeftoversJSON prints what ct list or ct clean found, in the same schema.
func LeftoversJSON(w io.Writer, ls []report.Leftover) error {
	return encode(w, report.LeftoversReport{Schema: report.Schema, Entries: list(ls)})
}

// encode leaves <, > and & as they are: matches and actions are full of them.
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

// filled copies a report with an empty list in place of each absent one.
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

// each copies a list of pointers and what they point to, and lets f change the copies.
func each[T any](in []*T, f func(*T)) []*T {
	out := make([]*T, 0, len(in))
	for _, p := range in {
		c := *p
		f(&c)
		out = append(out, &c)
	}
	return out
}
