// Package publish makes the public report of traces: only here numbers become text and table hits
// get their names.
package publish

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Publisher makes reports. The zero Publisher leaves tables unnamed.
type Publisher struct {
	// Explainer returns the explainer for the tables of a chassis: chassis may have different
	// Southbound databases (OVN-IC, OVN-Kubernetes interconnect). Nil: tables stay unnamed.
	Explainer func(ctx context.Context, chassis string) (*explain.Explainer, error)

	prepared *driver.Trace // by Prepare, last
}

// Trace adds a traced packet to a report.
func (p *Publisher) Trace(ctx context.Context, r *report.Report, t *driver.Trace) {
	pkt, warnings := p.packet(ctx, t)
	r.Packets = append(r.Packets, pkt)
	r.Verdict = worst(r.Packets)
	r.Warnings = append(r.Warnings, warnings...)
}

// packet makes the report of a trace. Tables that cannot be named are a warning, never an error:
// the trace is complete without names. warnings are the trace's, and those.
func (p *Publisher) packet(ctx context.Context, t *driver.Trace) (packet *report.Packet, warnings []string) {
	w := &writing{Trace: t, names: map[string]*explain.Names{}}
	w.warnings.add(t.Warnings...)
	out := &report.Packet{
		Label: t.Label, Direction: report.Direction(t.Direction), Header: report.HeaderOf(t.Packet), Verdict: t.Verdict, Flood: t.Flood,
		From:     report.Place{Chassis: t.Start.Chassis, Port: t.Start.Port},
		Branches: []*report.Branch{}, Hops: []*report.Hop{},
	}
	if p.Explainer != nil {
		w.visit()
		if p.prepared != t {
			w.prepare(ctx, p.Explainer)
		}
		out.Findings = w.explain(ctx, p.Explainer)
	}
	for i := range t.Hops {
		out.Hops = append(out.Hops, w.hop(i))
	}
	for _, b := range t.Branches {
		out.Branches = append(out.Branches, w.branch(ctx, b))
	}
	for _, b := range t.Asides {
		out.Generated = append(out.Generated, w.branch(ctx, b))
	}
	w.warnings.add(t.LateWarnings...)
	return out, w.warnings
}

// Prepare reads what the report of a trace is going to need of the databases, as far as it is known
// when the packet has ended.
func (p *Publisher) Prepare(ctx context.Context, t *driver.Trace) {
	if p.Explainer != nil {
		w := &writing{Trace: t}
		w.visit()
		w.prepare(ctx, p.Explainer)
		p.prepared = t
	}
}

// writing is one packet's report being made.
type writing struct {
	*driver.Trace
	names    map[string]*explain.Names // by chassis
	visits   map[string][]int          // indexes in Hops, by chassis
	warnings remarks
}

// explain names the tables of all hops, and returns where they differ from the Southbound database.
func (w *writing) explain(ctx context.Context, of func(context.Context, string) (*explain.Explainer, error)) []report.Finding {
	var found []report.Finding
	for _, chassis := range slices.Sorted(maps.Keys(w.visits)) {
		e, err := of(ctx, chassis)
		if err == nil {
			w.names[chassis], err = e.Names(ctx, chassis, w.visitsOf(chassis))
		}
		if err != nil {
			w.warn("some tables of %s stay unnamed: %v", chassis, err)
			continue
		}
		differences, err := w.names[chassis].Differences(ctx)
		if err != nil {
			w.warn("the tables of %s were not compared with the Southbound database: %v", chassis, err)
		}
		for _, f := range Findings(chassis, differences) {
			found = append(found, f)
			w.warn("%s", f.Text)
		}
	}
	return found
}

// visit sorts the hops by chassis.
func (w *writing) visit() {
	w.visits = map[string][]int{}
	for i, h := range w.Hops {
		w.visits[h.Chassis] = append(w.visits[h.Chassis], i)
	}
}

// prepare reads what the tables of all hops need, chassis that share a database together.
func (w *writing) prepare(ctx context.Context, of func(context.Context, string) (*explain.Explainer, error)) {
	visits := map[*explain.Explainer]explain.Way{}
	for _, chassis := range slices.Sorted(maps.Keys(w.visits)) {
		e, err := of(ctx, chassis)
		if err != nil {
			continue // told by explain
		}
		if visits[e] == nil {
			visits[e] = explain.Way{}
		}
		visits[e][chassis] = w.visitsOf(chassis)
	}
	for e, way := range visits {
		e.Prepare(ctx, way, w.ports())
	}
}

// ports returns the logical ports at which the packet entered and was delivered.
func (w *writing) ports() []string {
	var out []string
	if w.Start.Port != "" { // else it comes from outside
		out = append(out, w.Start.Port)
	}
	for _, o := range w.Outcomes {
		for _, b := range o.Branches {
			if b.Verdict == engine.Delivered && !slices.Contains(out, b.Port) {
				out = append(out, b.Port)
			}
		}
	}
	return out
}

// visitsOf returns the visits to a chassis for Explainer.Names.
func (w *writing) visitsOf(chassis string) []explain.Visit {
	var out []explain.Visit
	for _, i := range w.visits[chassis] {
		h := w.Hops[i]
		out = append(out, explain.Visit{Bridge: h.Bridge, Integration: h.Integration, Segments: h.Segments})
	}
	return out
}

// named returns the names of a table hit's chassis, and the hit's place in them; nil where the
// chassis has none.
func (w *writing) named(at driver.Step, index int) (*explain.Names, explain.At) {
	chassis := w.Hops[at.Hop].Chassis
	return w.names[chassis], explain.At{Visit: slices.Index(w.visits[chassis], at.Hop), Segment: at.Segment, Index: index}
}

func (w *writing) warn(format string, args ...any) { w.warnings.add(fmt.Sprintf(format, args...)) }

// remarks are texts, each once, in the order in which they were added.
type remarks []string

func (r *remarks) add(texts ...string) {
	for _, text := range texts {
		if !slices.Contains(*r, text) {
			*r = append(*r, text)
		}
	}
}

// New begins the report of a run with the software of the nodes that were asked, by chassis.
func New(nodes map[string]*node.Info) *report.Report {
	r := &report.Report{Schema: report.Schema, Warnings: []string{}, Versions: report.Versions{Tool: node.Version(), Chassis: map[string]report.Chassis{}}}
	for name, i := range nodes {
		r.Versions.Chassis[name] = report.Chassis{OVS: i.OVSVersion, OVN: i.OVNVersion, Datapath: i.Datapath, Kernel: i.Kernel}
	}
	return r
}

// worst returns the worst verdict of packets; unknown where there are none.
func worst(packets []*report.Packet) engine.Verdict {
	v := engine.Unknown
	for i, p := range packets {
		if i == 0 || p.Verdict < v {
			v = p.Verdict
		}
	}
	return v
}
