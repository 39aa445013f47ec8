package engine

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// alternatives makes one world for each possible result of a ct() that some flow distinguishes. The
// first continues in w and it.
func (r *run) alternatives(ctx context.Context, w *world, it *item, a odp.CT, step CTStep) (done bool, err error) {
	list, err := r.distinct(ctx, it, step.Result.Alternatives)
	if err != nil {
		return true, err
	}
	if len(r.worlds)+len(r.res.Outcomes)+len(list) > r.limits.Outcomes {
		step.After = step.Before
		it.seg.pub.CT = append(it.seg.pub.CT, step)
		r.leaf(w, *it, Leaf{Kind: LeafUnknown, Why: fmt.Sprintf("more than %d alternatives", r.limits.Outcomes)})
		return true, nil
	}
	worlds := []*world{w}
	for range list[1:] {
		worlds = append(worlds, w.fork())
	}
	from := *it
	for i, alt := range list {
		here, other := from, worlds[i]
		for _, p := range alt.Picks {
			c := Choice{Kind: ChoiceKind(p.Kind), Chosen: p.Chosen, Why: p.Why}
			here.choices = append(here.choices[:len(here.choices):len(here.choices)], c)
			other.choices = append(other.choices[:len(other.choices):len(other.choices)], c)
		}
		step.Choices = here.choices
		ended, err := r.took(ctx, other, &here, a, step, alt.Result, unsure(alt, step.Result.Alternatives))
		switch {
		case err != nil:
			return true, err
		case i == 0:
			*it, done = here, ended
		case !ended:
			other.stack = append(other.stack, here)
		}
	}
	r.worlds = append(r.worlds, worlds[1:]...)
	return done, nil
}

// forget removes the steps of a ct() that differ from another step only in a question without an
// effect.
func (r *run) forget(folded []Choice) {
	folded = slices.DeleteFunc(folded, func(c Choice) bool {
		return !c.Kind.conntrack() ||
			slices.ContainsFunc(r.res.Outcomes, func(o *Outcome) bool { return slices.Contains(o.Choices, c) })
	})
	for _, s := range r.segments {
		s.pub.CT = slices.DeleteFunc(s.pub.CT, func(s CTStep) bool {
			return slices.ContainsFunc(s.Choices, func(c Choice) bool { return slices.Contains(folded, c) })
		})
	}
}

// unsure returns an alternative's result as the step reports it: undetermined, or assumed if it
// represents all alternatives.
func unsure(alt ctstate.Alternative, all []ctstate.Alternative) ctstate.Result {
	res := alt.Result
	res.Why = slices.Clone(res.Why)
	if len(alt.Picks) > 0 {
		res.Certainty = ctstate.Undetermined
		for _, p := range alt.Picks {
			res.Why = append(res.Why, p.Why+"; here: "+p.Chosen)
		}
		return res
	}
	res.Certainty = max(res.Certainty, ctstate.Assumed)
	for _, p := range all[0].Picks {
		res.Why = append(res.Why, p.Why+"; shown as "+p.Chosen+", which no flow here looks at")
	}
	return res
}

// distinct joins alternatives that no flow distinguishes: they differ only in ct_state bits that
// neither the next segment's megaflow nor anything after it matches, and in what is unknown of
// their entry, which is an open question again for later packets.
func (r *run) distinct(ctx context.Context, it *item, list []ctstate.Alternative) ([]ctstate.Alternative, error) {
	var groups [][]ctstate.Alternative
	taken := make([]bool, len(list))
	for i, alt := range list {
		if taken[i] {
			continue
		}
		group, res := []ctstate.Alternative{alt}, alt.Result
		mask, asked := ctstate.State(0), false
		for j := i + 1; j < len(list); j++ {
			both, ok := join(res, list[j].Result)
			if taken[j] || !ok {
				continue
			}
			if !asked {
				var err error
				if mask, err = r.seenState(ctx, it, alt.Result); err != nil {
					return nil, err
				}
				asked = true
			}
			if (alt.Result.Conn.State^list[j].Result.Conn.State)&mask != 0 {
				continue
			}
			taken[j], res = true, both
			group = append(group, list[j])
		}
		group[0].Result = res
		groups = append(groups, group)
	}
	out := make([]ctstate.Alternative, len(groups))
	for i, g := range groups {
		out[i] = ctstate.Alternative{Picks: commonPicks(g, list), Result: g[0].Result}
	}
	return out, nil
}

// join returns one result for two that differ only in ct_state and in what is unknown of their
// entry; it returns false if they differ in more.
func join(a, b ctstate.Result) (ctstate.Result, bool) {
	ok := true
	merge := func(x, y ctstate.Entry) ctstate.Entry {
		m, same := ctstate.MergeEntry(x, y)
		ok = ok && same
		return m
	}
	optional := func(x, y *ctstate.Entry) *ctstate.Entry {
		if x == nil || y == nil {
			ok = ok && x == y
			return nil
		}
		m := merge(*x, *y)
		return &m
	}
	m := a
	m.Conn.Entry = merge(a.Conn.Entry, b.Conn.Entry)
	m.Updated, m.Committed = optional(a.Updated, b.Updated), optional(a.Committed, b.Committed)
	m.Certainty = max(a.Certainty, b.Certainty)
	x, y := a, b
	for _, v := range []*ctstate.Result{&x, &y} {
		v.Conn.Entry, v.Conn.State = ctstate.Entry{}, 0
		if v.Conn.Info == ctstate.CTNew {
			v.Conn.Info = ctstate.CTEstablished
		}
		v.Updated, v.Committed, v.Why, v.NATed, v.Certainty = nil, nil, nil, false, 0
	}
	return m, ok && reflect.DeepEqual(x, y)
}

// commonPicks returns the picks of a group of joined alternatives, without the questions whose
// every answer is in the group.
func commonPicks(group, all []ctstate.Alternative) []ctstate.Pick {
	var out []ctstate.Pick
	for _, p := range group[0].Picks {
		mine, whole := chosen(group, p.Kind), chosen(all, p.Kind)
		if len(all) > 1 && len(mine) == len(whole) && len(whole) > 1 {
			continue
		}
		p.Chosen = strings.Join(mine, " or ")
		out = append(out, p)
	}
	return out
}

// chosen lists the answers to a question in some alternatives.
func chosen(list []ctstate.Alternative, kind ctstate.Question) []string {
	var out []string
	for _, alt := range list {
		for _, p := range alt.Picks {
			if p.Kind == kind && !slices.Contains(out, p.Chosen) {
				out = append(out, p.Chosen)
			}
		}
	}
	return out
}

// allState is every bit of ct_state.
const allState = ^ctstate.State(0)

// seenState returns the bits of ct_state that something after a ct() depends on, before another
// ct() sets them again.
func (r *run) seenState(ctx context.Context, it *item, res ctstate.Result) (ctstate.State, error) {
	zone := res.Conn.KeyZone
	if len(it.actions) == 0 {
		return 0, nil
	}
	next, ok := it.actions[0].(odp.Recirc)
	if !ok {
		return seenIn(it.actions, zone), nil
	}
	if seen := seenIn(it.actions[1:], zone); seen != 0 {
		return seen, nil
	}
	st := it.pkt
	st.conn, st.hash = res.Conn, ""
	untrackView(&st.pkt, res.Packet)
	ordinal := indexOf(it.seg.ids, next.ID)
	mk := func(id uint32) flowText { return r.thawFlow(id, st) }
	sec, err := r.thaw(ctx, it.seg, ordinal, mk)
	if err != nil {
		return allState, err
	}
	if !lost(sec) {
		// The packet resumes there with this very answer, if it is the one that is followed.
		r.ahead = map[flowText]oftrace.Section{mk(it.seg.live[ordinal]): sec}
	}
	actions, perr := odp.Parse(sec.Actions)
	if lost(sec) || sec.Failed != "" || perr != nil {
		return allState, nil
	}
	return stateMask(sec.Megaflow) | seenIn(actions, zone), nil
}

// seenIn returns allState if actions depend on ct_state before a ct() of another zone or a ct_clear
// sets it again, else 0.
func seenIn(actions odp.Actions, zone uint16) ctstate.State {
	for _, a := range actions {
		switch a := a.(type) {
		case odp.CTClear:
			return 0
		case odp.CT:
			if a.Zone != zone {
				return 0
			}
			return allState
		case odp.Recirc, odp.Userspace, odp.Opaque, odp.Hash:
			return allState
		}
		for _, sub := range odp.Nested(a) {
			if seenIn(sub, zone) != 0 {
				return allState
			}
		}
	}
	return 0
}

// stateMask returns the bits of ct_state that a megaflow matches.
func stateMask(megaflow string) ctstate.State {
	f, err := openflow.Parse(megaflow)
	if err != nil {
		return allState
	}
	if f.Find("ct_state") < 0 {
		return 0
	}
	_, mask, ok := f.CTState()
	if !ok {
		return allState
	}
	return ctstate.State(mask)
}
