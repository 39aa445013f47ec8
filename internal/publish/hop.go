package publish

import (
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// hop is the public form of a hop.
func (w *writing) hop(i int) *report.Hop {
	h := w.Hops[i]
	out := &report.Hop{Chassis: h.Chassis, Bridge: h.Bridge, InPort: h.InPort, Via: report.Via(h.Via)}
	if t := h.Tunnel; t != nil {
		out.Tunnel = &report.Tunnel{Type: t.Type, Src: t.Src.String(), Dst: t.Dst.String(), IPsec: t.IPsec}
	}
	for j := range h.Segments {
		out.Segments = append(out.Segments, w.segment(driver.Step{Hop: i, Segment: j}))
	}
	return out
}

// segment is the public form of a segment.
func (w *writing) segment(at driver.Step) *report.Segment {
	h := w.Hops[at.Hop]
	s := h.Segments[at.Segment]
	out := &report.Segment{
		ID: s.ID, Enter: s.Enter, Flow: s.Flow, DatapathActions: s.Actions, FinalFlow: s.Final,
		Notes: append(s.Notes[:len(s.Notes):len(s.Notes)], h.Remarks[at.Segment]...), Tables: []report.Table{}, CT: []report.CT{},
	}
	if parent := s.Parent; parent >= 0 {
		out.Parent = &parent
	}
	for i, t := range s.Tables {
		var name explain.Named
		if names, at := w.named(at, i); names != nil {
			name, _ = names.At(at)
		}
		out.Tables = append(out.Tables, table(t, name))
	}
	for _, c := range s.CT {
		out.CT = append(out.CT, ctStep(c, h.Zones))
	}
	return out
}

// table is the public form of a table hit.
func table(t engine.TableHit, name explain.Named) report.Table {
	out := report.Table{
		Table: t.Table, Bridge: t.Bridge, Priority: t.Priority, Cookie: cookie(t), Match: t.Match, Actions: t.Actions, Taught: t.Taught,
		Stage: name.Stage, LogicalFlow: logicalFlow(name.Flow), NB: nbRow(name.NB), Row: name.Row, Candidates: name.Candidates,
	}
	if t.Actions == nil {
		out.Actions = []string{}
	}
	if t.Miss {
		out.Match = "No match."
	}
	return out
}

// cookie returns a hit's cookie as text; empty for a flow without one.
func cookie(t engine.TableHit) string {
	if t.Cookie == 0 {
		return ""
	}
	return fmt.Sprintf("0x%x", t.Cookie)
}

// logicalFlow is the public form of a logical flow; nil gives nil.
func logicalFlow(f *explain.LogicalFlow) *report.LogicalFlow {
	if f == nil {
		return nil
	}
	return &report.LogicalFlow{Datapath: f.On(), Pipeline: f.Pipeline, Priority: f.Priority, Match: f.Match, Actions: f.Actions}
}

// nbRow is the public form of a Northbound row; nil gives nil.
func nbRow(r *explain.NBRow) *report.NB {
	if r == nil {
		return nil
	}
	return &report.NB{Table: r.Table, UUID: r.UUID.String(), Name: r.Name, Summary: r.Summary}
}
