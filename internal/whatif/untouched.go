package whatif

import (
	"context"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/replica"
)

// A packet meets with the change what it met before, if nothing that its trace depends on is
// different: no flow that one of its look-ups could find, no entry, port, tunnel or row. It is not
// traced again then.

// untouched is what the change leaves as it was. The zero value leaves nothing.
type untouched struct {
	// flows are the changes of the flows by chassis; nil where something else is different too, or
	// where that is unknown.
	flows map[string]*replica.FlowChanges
	known map[*driver.Trace]bool // that it meets what is different
}

// watch begins to write down what is changed in the copy, before anything is traced there. Where the
// flows cannot be watched, everything is traced again.
func (t *task) watch(ctx context.Context) (err error) {
	if len(t.conns) == 0 || len(t.Change.Down) > 0 || len(t.Change.Moves) > 0 {
		return nil
	}
	if t.was, err = t.copied.State(ctx); err != nil {
		return err
	}
	if t.copied.Watch(ctx) != nil {
		t.was = ""
	}
	return ctx.Err()
}

// watched returns what was not changed in the copy since watch.
func (t *task) watched(ctx context.Context, f flushes) (untouched, error) {
	flows := t.copied.Watched(ctx)
	if t.was == "" || !f.none() {
		return untouched{}, ctx.Err()
	}
	is, err := t.copied.State(ctx)
	if err != nil || is != t.was {
		return untouched{}, err
	}
	return untouched{flows, map[*driver.Trace]bool{}}, nil
}

// has reports whether a connection's packets meet nothing that is different. It is false for a
// connection that does not work before.
func (u *untouched) has(b *both) bool {
	if u.flows == nil || !b.works() {
		return false
	}
	for _, p := range []*passage{&b.original, &b.reply} {
		if p.trace != nil && u.meets(p.trace) {
			return false
		}
	}
	return true
}

func (u *untouched) meets(t *driver.Trace) bool {
	meets, known := u.known[t]
	if !known {
		meets = slices.ContainsFunc(t.Hops, u.changes)
		u.known[t] = meets
	}
	return meets
}

// changes reports whether a packet may find another flow on a hop. The buckets of a group may change
// without any flow. Flows are compared whatever the bridge of the look-up: that of one after a
// recirculation is not always known.
func (u *untouched) changes(h *driver.Hop) bool {
	flows := u.flows[h.Chassis]
	if flows == nil {
		return true
	}
	for _, s := range h.Segments {
		for _, hit := range s.Tables {
			if slices.ContainsFunc(hit.Actions, func(a string) bool { return strings.HasPrefix(a, "group:") }) {
				return true
			}
			if hit.Table >= 0 && flows.Meets(hit.Table, hit.Metadata) {
				return true
			}
		}
	}
	return false
}
