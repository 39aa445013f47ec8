package explain

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Reporter writes explanations into reports. Chassis may read different
// Southbound databases (OVN-IC, OVN-Kubernetes interconnect): For gives the
// Explainer of one.
type Reporter struct {
	For func(ctx context.Context, chassis string) (*Explainer, error)

	mu   sync.Mutex
	seen map[*report.Table]*seen
}

// seen is a table hit that Explain has named.
type seen struct {
	lookup
	eval   *seen // of a hit that carries out an ACL stage's decision: where that was made
	before *seen // the look-up before it on the packet's way over the chassis
}

// Explain fills in the stages, logical flows and Northbound rows of a chassis' hops.
func (r *Reporter) Explain(ctx context.Context, chassis string, hops []*report.Hop) error {
	e, err := r.For(ctx, chassis)
	if err != nil {
		return err
	}
	var hits []Hit
	each(hops, func(_ *report.Segment, t *report.Table) { hits = append(hits, hitOf(t)) })
	named, err := e.Explain(ctx, hits)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[*report.Table]*seen{}
	}
	var in *report.Segment
	var eval, before *seen
	last := map[*report.Segment]*seen{}
	next := 0
	each(hops, func(s *report.Segment, t *report.Table) {
		if s != in {
			in, eval, before = s, nil, last[parentOf(hops, s)]
		}
		now := &seen{lookup: lookup{hit: hits[next], named: named[next], flow: t.LookedUp, last: s.FinalFlow, miss: t.Match == noMatch}, before: before}
		before, last[s] = now, now
		next++
		eval = carry(now, eval)
		fill(t, now.named)
		r.seen[t] = now
	})
	return err
}

// Uninstalled lists where a chassis' tables differ from what its Southbound database asks for, as far as the hops tell, which Explain
// has named before.
func (r *Reporter) Uninstalled(ctx context.Context, chassis string, hops []*report.Hop) ([]report.Finding, error) {
	e, err := r.For(ctx, chassis)
	if err != nil {
		return nil, err
	}
	var all []lookup
	r.mu.Lock()
	each(hops, func(_ *report.Segment, t *report.Table) {
		if s := r.seen[t]; s != nil && t.Taught == "" {
			all = append(all, s.lookup)
		}
	})
	r.mu.Unlock()
	return e.uninstalled(ctx, chassis, all)
}

// each goes through the hits on OVN's own bridge, in their order.
func each(hops []*report.Hop, do func(*report.Segment, *report.Table)) {
	for _, h := range hops {
		for _, s := range h.Segments {
			for i := range s.Tables {
				if t := &s.Tables[i]; ours(h, s, t) {
					do(s, t)
				}
			}
		}
	}
}

// parentOf finds the segment that a segment was recirculated from; nil for a first one.
func parentOf(hops []*report.Hop, s *report.Segment) *report.Segment {
	if s.Parent == nil {
		return nil
	}
	for _, h := range hops {
		if slices.Contains(h.Segments, s) && *s.Parent < len(h.Segments) {
			return h.Segments[*s.Parent]
		}
	}
	return nil
}

// noMatch is the match of a look-up that no flow took.
const noMatch = "No match."

// ours leaves out the hits on bridges that OVN does not program. What enters by a provider network's bridge comes to the
// integration bridge in the same segment; a trace that resumes there is headed by the bridge where the packet entered.
func ours(h *report.Hop, s *report.Segment, t *report.Table) bool {
	switch {
	case t.Bridge == "" || t.Bridge == h.Integration:
		return true
	case h.Integration == "" || s.Enter != "packet":
		return t.Bridge == h.Bridge
	}
	return false
}

// carry hands the row that decided on to the stages that act on its decision:
// since 23.06 an ACL only sets a bit in *_acl_eval or *_acl_after_lb_eval, and the stage of the same name with
// _action, which no Northbound row is behind, drops; so do *_check_port_sec and *_apply_port_sec with
// a port's security. It returns the latest evaluation.
func carry(now, eval *seen) *seen {
	stage := now.named.Stage
	switch ends := func(part string) bool { return strings.HasSuffix(stage, part) }; {
	case !strings.Contains(stage, "_acl") && !strings.Contains(stage, "port_sec"):
		return nil
	case ends("_eval"), ends("_acl"), ends("_acl_after_lb"), ends("_check_port_sec"):
		return now
	case (ends("_action") || ends("_apply_port_sec")) && eval != nil:
		now.eval = eval
		if now.named.NB == nil {
			now.named.NB = eval.named.NB
		}
	}
	return eval
}

func hitOf(t *report.Table) Hit {
	cookie, _ := strconv.ParseUint(strings.TrimPrefix(t.Cookie, "0x"), 16, 64)
	return Hit{Table: t.Table, Cookie: cookie, Priority: t.Priority, Match: t.Match}
}

func fill(t *report.Table, n Named) {
	t.Stage, t.Row, t.Candidates = n.Stage, n.Row, n.Candidates
	t.LogicalFlow, t.NB = n.Flow.report(), n.NB.report()
}

func (f *LogicalFlow) report() *report.LogicalFlow {
	if f == nil {
		return nil
	}
	dp := f.Datapath
	if dp == "" {
		dp = strings.Join(first(f.Of, 5), ", ")
	}
	return &report.LogicalFlow{Datapath: dp, Pipeline: f.Pipeline, Priority: f.Priority, Match: f.Match, Actions: f.Actions}
}

func (n *NBRow) report() *report.NB {
	if n == nil {
		return nil
	}
	return &report.NB{Table: n.Table, UUID: n.UUID.String(), Name: n.Name, Summary: n.Summary}
}

// Reason completes the reason of a branch that a table hit decided, which Explain has named before. Only a logical flow that
// drops gets a new text.
func (r *Reporter) Reason(ctx context.Context, why *report.Reason, at *report.Table) error {
	r.mu.Lock()
	s := r.seen[at]
	r.mu.Unlock()
	if why == nil || s == nil {
		return nil
	}
	n := s.named
	e, err := r.For(ctx, why.Chassis)
	if err != nil {
		return err
	}
	if n.Flow == nil {
		text, err := e.beyond(ctx, why.Chassis, s)
		if text != "" {
			why.Text = text
		}
		return err
	}
	why.Stage, why.LogicalFlow, why.NB = n.Stage, n.Flow.report(), n.NB.report()
	if !drops(n.Flow.Actions) && !rejects(n.Flow.Actions) {
		why.Text, err = e.portNames(ctx, why.Text)
		return err
	}
	f, err := e.factsAt(ctx, s)
	if err != nil {
		return err
	}
	if s.eval != nil && n.NB == nil && s.eval.named.Flow != nil && drops(s.eval.named.Flow.Actions) {
		n.Flow = s.eval.named.Flow // no Northbound database says which rule it was; the flow that decided says more than the one that acts
	}
	why.Text = n.text(f)
	away, err := e.away(ctx, why.Chassis, s)
	if err != nil {
		return err
	}
	if away != nil {
		why.Text = n.textAway(f, away)
		return nil
	}
	if strings.Contains(n.Stage, "_acl") && s.hit.metadata() != 0 {
		return e.nearest(ctx, why, s, n.Flow)
	}
	if away, err = e.awayBefore(ctx, why.Chassis, s); away != nil {
		why.Nearest = away.nearest()
	}
	return err
}

// nearest says of a packet that an ACL stage drops which rule would have let it through, or why its
// connection cannot be known there.
func (e *Explainer) nearest(ctx context.Context, why *report.Reason, s *seen, from *LogicalFlow) error {
	if s.eval != nil && s.eval.named.Flow != nil {
		from = s.eval.named.Flow
	}
	untracked, err := e.untracked(ctx, s, from)
	if err != nil {
		return err
	}
	if untracked != "" {
		why.Text += "; " + untracked
		return nil
	}
	miss, err := e.NearestMiss(ctx, why.Chassis, s.hit.metadata(), from.Pipeline, from.TableID, from.Priority, s.packet())
	if err != nil {
		return err
	}
	if miss.Nearest != nil && miss.Nearest.UUID != from.UUID {
		why.Nearest = miss.String()
	}
	return nil
}

func rejects(actions string) bool { return strings.Contains(actions, "reject {") }
