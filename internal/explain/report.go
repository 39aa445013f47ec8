package explain

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/report"
)

// Reporter writes explanations into reports. Chassis may read different
// Southbound databases (OVN-IC, OVN-Kubernetes interconnect): For gives the
// Explainer of one.
type Reporter struct {
	For func(ctx context.Context, chassis string) (*Explainer, error)

	mu   sync.Mutex
	seen map[place]*seen
}

// place is how a reason names its table hit.
type place struct {
	chassis string
	table   int
	cookie  string
}

// seen is what Reason needs of a hit that Explain has named.
type seen struct {
	named Named
	hit   Hit
	flow  string // the segment's last flow
	eval  *seen  // of a hit that carries out an ACL stage's decision: where that was made
}

// Explain fills in the stages, logical flows and Northbound rows of a chassis' hops.
func (r *Reporter) Explain(ctx context.Context, chassis string, hops []*report.Hop) error {
	e, err := r.For(ctx, chassis)
	if err != nil {
		return err
	}
	var hits []Hit
	for _, h := range hops {
		for _, s := range h.Segments {
			for i := range s.Tables {
				if ours(h, &s.Tables[i]) {
					hits = append(hits, hitOf(&s.Tables[i]))
				}
			}
		}
	}
	named, err := e.Explain(ctx, hits)
	next := 0
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[place]*seen{}
	}
	for _, h := range hops {
		for _, s := range h.Segments {
			var eval *seen
			for i := range s.Tables {
				t := &s.Tables[i]
				if !ours(h, t) {
					continue
				}
				now := &seen{named: named[next], hit: hits[next], flow: cmp.Or(t.LookedUp, s.FinalFlow)}
				next++
				eval = carry(now, eval)
				fill(t, now.named)
				r.seen[place{chassis, t.Table, t.Cookie}] = now
			}
		}
	}
	return err
}

// Uninstalled lists where a chassis' tables differ from what its Southbound database asks for, as far as the hops tell.
func (r *Reporter) Uninstalled(ctx context.Context, chassis string, hops []*report.Hop) ([]report.Finding, error) {
	e, err := r.For(ctx, chassis)
	if err != nil {
		return nil, err
	}
	var hits []Hit
	var all []lookup
	for _, h := range hops {
		for _, s := range h.Segments {
			for i := range s.Tables {
				t := &s.Tables[i]
				if ours(h, t) {
					hits = append(hits, hitOf(t))
					all = append(all, lookup{flow: t.LookedUp, miss: t.Match == noMatch})
				}
			}
		}
	}
	named, err := e.Explain(ctx, hits)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].hit, all[i].named = hits[i], named[i]
	}
	return e.uninstalled(ctx, chassis, all)
}

// noMatch is the match of a look-up that no flow took.
const noMatch = "No match."

// ours leaves out the hits on bridges that OVN does not program.
func ours(h *report.Hop, t *report.Table) bool { return t.Bridge == "" || t.Bridge == h.Bridge }

// carry hands the ACL that decided on to the stages that act on its decision:
// since 23.06 an ACL only sets a bit in *_acl_eval, and *_acl_action, which no
// Northbound row is behind, drops. It returns the latest evaluation.
func carry(now, eval *seen) *seen {
	stage := now.named.Stage
	switch {
	case !strings.Contains(stage, "_acl"):
		return nil
	case strings.HasSuffix(stage, "_acl_eval") || strings.HasSuffix(stage, "_acl"):
		return now
	case strings.HasSuffix(stage, "_acl_action") && eval != nil:
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

// Reason completes a branch's reason: Table, Cookie and Chassis say which hit
// decided. Only a logical flow that drops gets a new text.
func (r *Reporter) Reason(ctx context.Context, chassis string, why *report.Reason) error {
	if why == nil || why.Table == nil {
		return nil
	}
	r.mu.Lock()
	s := r.seen[place{chassis, *why.Table, why.Cookie}]
	r.mu.Unlock()
	if s == nil || s.named.Flow == nil {
		return nil
	}
	n := s.named
	why.Stage, why.LogicalFlow, why.NB = n.Stage, n.Flow.report(), n.NB.report()
	if !drops(n.Flow.Actions) && !rejects(n.Flow.Actions) {
		return nil
	}
	why.Text = n.Text()
	if !strings.Contains(n.Stage, "_acl") || s.hit.metadata() == 0 {
		return nil
	}
	e, err := r.For(ctx, chassis)
	if err != nil {
		return err
	}
	at := n.Flow
	if s.eval != nil && s.eval.named.Flow != nil {
		at = s.eval.named.Flow
	}
	miss, err := e.NearestMiss(ctx, s.hit.metadata(), at.Pipeline, at.TableID, at.Priority, s.flow)
	if err != nil {
		return err
	}
	if miss.Nearest != nil && miss.Nearest.UUID != at.UUID {
		why.Nearest = miss.String()
	}
	return nil
}

func rejects(actions string) bool { return strings.Contains(actions, "reject {") }

// Text says in one sentence what a logical flow that drops is about.
func (n Named) Text() string {
	f := n.Flow
	if f == nil {
		return n.Why
	}
	on := f.Datapath
	if on == "" {
		on = "its datapath"
	}
	rule := fmt.Sprintf("%s of %s, priority %d", f.Stage, on, f.Priority)
	stage := f.Stage
	has := func(part string) bool { return strings.Contains(stage, part) }
	switch {
	case n.NB != nil && n.NB.Table == "ACL" && rejects(f.Actions):
		return "ACL " + n.NB.title() + " rejects it"
	case n.NB != nil && n.NB.Table == "ACL":
		return "ACL " + n.NB.title() + " drops it"
	case n.NB != nil && n.NB.Table == "Load_Balancer" && rejects(f.Actions):
		return "load balancer " + n.NB.title() + " has no backend and rejects it"
	case f.Desc != "":
		return f.Desc + " (" + rule + ")"
	case has("_acl") && strings.Contains(f.Match, "ct.inv"):
		return "connection tracking finds it invalid, or its connection was cut off by an ACL that changed (" + rule + ")"
	case has("_acl"):
		return fmt.Sprintf("no ACL allows it: default drop of %s, priority %d in %s", on, f.Priority, f.Stage)
	case has("port_sec"):
		return "port security refuses it (" + rule + ")"
	case has("l2_unknown"), has("l2_lkup"):
		return "nobody on " + on + " has its Ethernet destination (" + rule + ")"
	case has("ip_routing"):
		return "no route of " + on + " leads to its destination (" + rule + ")"
	case has("lr_in_admission"):
		return "the router port does not take its Ethernet destination (" + rule + ")"
	case has("arp_resolve"):
		return "the next hop's MAC address is not to be had (" + rule + ")"
	case n.NB != nil:
		return fmt.Sprintf("%s %s drops it (%s)", n.NB.Table, n.NB.title(), rule)
	}
	return fmt.Sprintf("%s drops it: %s", rule, f.Match)
}
