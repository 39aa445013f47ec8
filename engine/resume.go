package engine

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

// first traces the packet as it enters.
func (r *run) first(ctx context.Context, st state) (*segment, error) {
	mk := r.entryOf(st)
	sec, err := r.ask(ctx, mk(0))
	if err != nil {
		return nil, err
	}
	enter := "packet"
	if r.req.Resume != "" {
		enter = "actions " + r.req.Resume
	}
	return r.keep(ctx, nil, 0, st, mk, sec, enter)
}

// entryOf returns the request for a packet as it enters.
func (r *run) entryOf(st state) func(uint32) flowText {
	return func(uint32) flowText {
		return flowText{bridge: r.req.Bridge, flow: r.entryFlow(st), actions: r.req.Resume}
	}
}

// resume thaws the parent's recirculation with the packet as it is now.
func (r *run) resume(ctx context.Context, parent *segment, ordinal int, st state) (*segment, error) {
	mk := func(id uint32) flowText { return r.thawFlow(id, st) }
	sec, known := r.ahead[mk(parent.live[ordinal])]
	r.ahead = nil // its recirculation ids die soon: a later copy asks again
	if !known {
		var err error
		if sec, err = r.thaw(ctx, parent, ordinal, mk); err != nil {
			return nil, err
		}
	}
	if lost(sec) {
		return r.packetOut(ctx, parent, ordinal, st)
	}
	return r.keep(ctx, parent, ordinal, st, mk, sec, enterOf(sec))
}

// thaw runs a request on a live recirculation id of the parent. Ids die about a second after the
// trace that made them (ofproto/ofproto-dpif-rid.c: recirc_run), sooner on a busy node; then it
// traces the parent again, and those of its ancestors whose ids have died too.
func (r *run) thaw(ctx context.Context, parent *segment, ordinal int, mk func(uint32) flowText) (oftrace.Section, error) {
	var sec oftrace.Section
	for try := 0; try < r.limits.Resumes; try++ {
		var err error
		if sec, err = r.ask(ctx, mk(parent.live[ordinal])); err != nil {
			return sec, err
		}
		if !lost(sec) {
			return sec, nil
		}
		if err := r.again(ctx, parent); err != nil {
			return sec, err
		}
	}
	return sec, nil
}

// again runs a segment's trace once more, for live recirculation ids.
func (r *run) again(ctx context.Context, s *segment) error {
	sec, err := r.rerun(ctx, s, s.flow)
	if err != nil {
		return err
	}
	if lost(sec) {
		return nil // the caller's next try finds dead ids again, and ends at its limit
	}
	actions, err := odp.Parse(sec.Actions)
	if err != nil {
		return fmt.Errorf("segment %d traced again: %w", s.pub.ID, err)
	}
	if shapeOf(sec.Actions) != s.shape {
		return fmt.Errorf("segment %d: %w: first %q, then %q", s.pub.ID, ErrChanged, s.pub.Actions, sec.Actions)
	}
	s.live = recircIDs(actions)
	return nil
}

// rerun enters a segment by a flow like the one that made it.
func (r *run) rerun(ctx context.Context, s *segment, flow func(uint32) flowText) (oftrace.Section, error) {
	if s.parent == nil || s.ordinal == afresh {
		return r.ask(ctx, flow(0))
	}
	return r.thaw(ctx, s.parent, s.ordinal, flow)
}

// keep makes a section a segment of the result.
func (r *run) keep(ctx context.Context, parent *segment, ordinal int, st state, mk func(uint32) flowText, sec oftrace.Section, enter string) (*segment, error) {
	if len(r.segments) >= r.limits.Segments {
		return nil, fmt.Errorf("%w: %d segments on one node", ErrLimit, r.limits.Segments)
	}
	s := r.newSegment(parent, enter)
	s.pub.Flow, s.entry, s.entrance = sec.Flow, st, entrance{ordinal, mk}
	r.read(ctx, s, sec)
	if err := r.learned(ctx, s); err != nil {
		return nil, err
	}
	s.lportMirrors()
	return s, nil
}

// newSegment lists another segment.
func (r *run) newSegment(parent *segment, enter string) *segment {
	s := &segment{pub: &Segment{ID: len(r.segments), Parent: -1, Enter: enter}, parent: parent}
	if parent != nil {
		s.pub.Parent = parent.pub.ID
	}
	r.segments = append(r.segments, s)
	return s
}

// read sets a segment's fields from a section.
func (r *run) read(ctx context.Context, s *segment, sec oftrace.Section) {
	if s.parent != nil && s.ordinal != afresh {
		r.rename(s, &sec)
	}
	s.pub.Actions, s.pub.Final, s.pub.Mega, s.pub.Tables = sec.Actions, sec.FinalFlow, sec.Megaflow, tableHits(&sec)
	s.section, s.failed = sec, sec.Failed
	s.replay = nil
	if !sec.Complete {
		s.unknown = cmp.Or(sec.Failed, "ofproto/trace's answer was cut short")
		return
	}
	actions, err := odp.Parse(sec.Actions)
	if err != nil {
		s.unknown = err.Error()
		return
	}
	s.actions, s.ids, s.shape = actions, recircIDs(actions), shapeOf(sec.Actions)
	s.live = s.ids
	s.lost = lostOutputs(&sec, actions, r.tunnelCause(ctx))
	r.follow(s)
}

// rename sets the bridge of a resumed section: the trace prints the one where the packet entered.
func (r *run) rename(s *segment, sec *oftrace.Section) {
	p := r.placeAt(s.parent, s.ordinal)
	if p == nil || p.Bridge == "" || len(sec.Nodes) == 0 || sec.Nodes[0].Kind != oftrace.Bridge {
		return
	}
	sec.Nodes[0].Bridge, sec.Bridge = p.Bridge, p.Bridge
}

// shapeOf returns datapath actions without their recirculation ids, which differ between runs.
func shapeOf(actions string) string {
	var b strings.Builder
	for {
		i := strings.Index(actions, "recirc")
		if i < 0 {
			break
		}
		// recirc(0xN) and, inside controller(...), recirc_id=N
		end := i + strings.IndexAny(actions[i:]+")", "),")
		b.WriteString(actions[:i])
		b.WriteString("recirc")
		actions = actions[min(end, len(actions)):]
	}
	b.WriteString(actions)
	return b.String()
}

// enterOf returns where a thawed segment resumed: at restored actions, else at a table.
func enterOf(sec oftrace.Section) string {
	table, actions := "", ""
	walkNodes(sec.Nodes, func(n *oftrace.Node) {
		if v, ok := strings.CutPrefix(n.Text, "Resuming from table "); ok && table == "" {
			table = "table " + v
		}
		if v, ok := strings.CutPrefix(n.Text, "Restoring actions: "); ok && actions == "" {
			actions = "actions " + v
		}
	})
	if actions != "" {
		return actions
	}
	return table
}
