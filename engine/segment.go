package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// segment is one translation, and what is needed to run it again when its recirculation
// ids have died.
type segment struct {
	pub     *Segment
	parent  *segment
	ordinal int                          // which of the parent's recirculations this resumes; afresh: none
	flow    func(recirc uint32) flowText // the flow that resumes it
	entry   state                        // the packet as it enters
	actions odp.Actions
	ids     []uint32 // recirculation ids in this text's order, as parsed
	live    []uint32 // the same as the newest run printed them
	shape   string   // actions with the ids taken out: a second run must print the same
	failed  string
	unknown string
	section oftrace.Section
	lost    []lostOutput // outputs to tunnels that no action of it stands for

	places   []Place
	replayed bool
	start    *openflow.Flow // what a detour began with; nil: by the parent's place
	from     *flowText      // a detour's own request
	ahead    int            // how much further on in pub.Tables the look-ups of a detour's section are
}

// flowText is one request to ofproto/trace.
type flowText struct {
	bridge, flow string
	actions      string // not empty: packet-out
}

func (s *segment) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, n := range s.pub.Notes {
		if n == text {
			return
		}
	}
	s.pub.Notes = append(s.pub.Notes, text)
}

// assume notes something that was not given, once.
func (s *segment) assume(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(s.pub.Assumed, text) {
		s.pub.Assumed = append(s.pub.Assumed, text)
	}
}

func (s *segment) slowText() string { return strings.Join(s.section.SlowPath, "; ") }

// contextLost is what OVS says when a recirculation id has been freed.
const contextLost = "No recirculation context"

func lost(sec oftrace.Section) bool { return sec.Failed == contextLost }

// probe runs one request and returns its first section: those behind it are ofproto/trace's own
// guesses about conntrack.
func (r *run) probe(ctx context.Context, f flowText) (oftrace.Section, error) {
	all, err := r.sections(ctx, f)
	return all[0], err
}

// sections runs one request and returns all its sections, of which there is always a first.
func (r *run) sections(ctx context.Context, f flowText) ([]oftrace.Section, error) {
	var text string
	var err error
	if f.actions != "" {
		text, err = r.engine.Prober.TracePacketOut(ctx, f.bridge, f.flow, f.actions)
	} else {
		text, err = r.engine.Prober.Trace(ctx, f.bridge, f.flow)
	}
	if err != nil {
		return []oftrace.Section{{}}, &TraceError{Bridge: f.bridge, Flow: f.flow, Err: err}
	}
	tr, err := oftrace.Parse(text)
	if len(tr.Sections) == 0 {
		var refused *oftrace.ReplyError
		if errors.As(err, &refused) && refused.Kind != oftrace.ReplyOther {
			return []oftrace.Section{{}}, &TraceError{Bridge: f.bridge, Flow: f.flow, Err: err}
		}
		// Neither a trace nor a refusal: what becomes of the packet is not known.
		return []oftrace.Section{{Parent: -1, Flow: f.flow}}, nil
	}
	// A later section that is cut short does not matter; the first one says so itself.
	return tr.Sections, nil
}

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

// entryOf is the request for a packet as it enters.
func (r *run) entryOf(st state) func(uint32) flowText {
	return func(uint32) flowText {
		return flowText{bridge: r.req.Bridge, flow: r.entryFlow(st), actions: r.req.Resume}
	}
}

// resume thaws the parent's recirculation with the packet as it is now.
func (r *run) resume(ctx context.Context, parent *segment, ordinal int, st state) (*segment, error) {
	mk := func(id uint32) flowText { return r.thawFlow(id, st) }
	sec, err := r.thaw(ctx, parent, ordinal, mk)
	if err != nil {
		return nil, err
	}
	if lost(sec) {
		return r.packetOut(ctx, parent, ordinal, st)
	}
	return r.keep(ctx, parent, ordinal, st, mk, sec, enterOf(sec))
}

// thaw runs a request on a live recirculation id of the parent. Ids die about a second after the trace that
// made them (ofproto/ofproto-dpif-rid.c: recirc_run), sooner on a busy node; then the parent
// is traced again, and its own parents as far as they have died too.
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
		return nil // the caller's next try sees dead ids again, and gives up at its bound
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
	if len(r.res.Segments) >= r.limits.Segments {
		return nil, fmt.Errorf("%w: %d segments on one node", ErrLimit, r.limits.Segments)
	}
	pub := &Segment{ID: len(r.res.Segments), Parent: -1, Enter: enter, Flow: sec.Flow}
	if parent != nil {
		pub.Parent = parent.pub.ID
	}
	s := &segment{pub: pub, parent: parent, ordinal: ordinal, flow: mk, entry: st}
	r.res.Segments = append(r.res.Segments, pub)
	r.read(ctx, s, sec)
	if err := r.learned(ctx, s); err != nil {
		return nil, err
	}
	s.lportMirrors()
	return s, nil
}

// read takes a section over as what a segment does.
func (r *run) read(ctx context.Context, s *segment, sec oftrace.Section) {
	if s.parent != nil && s.ordinal != afresh {
		r.rename(s, &sec)
	}
	s.pub.Actions, s.pub.Final, s.pub.Mega, s.pub.Tables = sec.Actions, sec.FinalFlow, sec.Megaflow, tableHits(&sec)
	s.section, s.failed = sec, sec.Failed
	s.places, s.replayed = nil, false
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
	r.places(s)
}

// rename heads a resumed section by the bridge that it runs in: the trace names the one where the packet entered.
func (r *run) rename(s *segment, sec *oftrace.Section) {
	p := r.placeAt(s.parent, s.ordinal)
	if p == nil || p.Bridge == "" || len(sec.Nodes) == 0 || sec.Nodes[0].Kind != oftrace.Bridge {
		return
	}
	sec.Nodes[0].Bridge, sec.Bridge = p.Bridge, p.Bridge
}

// shapeOf takes the recirculation ids out of datapath actions: they differ from run to run.
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

// enterOf says where a thawed segment resumed: by restored actions, else at a table.
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

func walkNodes(nodes []*oftrace.Node, f func(*oftrace.Node)) {
	for _, n := range nodes {
		f(n)
		walkNodes(n.Children, f)
	}
}

// tableHits lists a section's table look-ups in execution order, each with the bridge it is in and
// the action lines under it. What follows a nested bridge (behind a patch port or a native tunnel)
// belongs to the outer one again.
func tableHits(sec *oftrace.Section) []TableHit {
	var hits []TableHit
	var walk func(bridge string, nodes []*oftrace.Node, at int)
	walk = func(bridge string, nodes []*oftrace.Node, at int) {
		for _, n := range nodes {
			switch n.Kind {
			case oftrace.Bridge:
				walk(n.Bridge, n.Children, -1)
			case oftrace.Table:
				hits = append(hits, TableHit{
					Bridge: bridge, Table: n.Table.ID, Priority: n.Table.Priority,
					Cookie: n.Table.Cookie, Match: n.Table.Match, Miss: n.Table.Miss,
					Metadata: metadataOf(n.Table.Match),
				})
				walk(bridge, n.Children, len(hits)-1)
			case oftrace.ActionLine, oftrace.Bucket, oftrace.Detail, oftrace.Warn, oftrace.Error:
				if at >= 0 {
					hits[at].Actions = append(hits[at].Actions, lineText(n))
				}
				walk(bridge, n.Children, at)
			default:
				walk(bridge, n.Children, at)
			}
		}
	}
	walk(sec.Bridge, sec.Nodes, -1)
	return hits
}

func lineText(n *oftrace.Node) string {
	switch n.Kind {
	case oftrace.Detail:
		return "-> " + n.Text
	case oftrace.Warn:
		return ">> " + n.Text
	case oftrace.Error:
		return ">>>> " + n.Text + " <<<<"
	}
	return n.Text
}

// metadataOf reads metadata=N, OVN's logical datapath, out of a match.
func metadataOf(match string) uint64 {
	f, err := openflow.Parse(match)
	if err != nil {
		return 0
	}
	v, _ := f.Get("metadata")
	n, _ := strconv.ParseUint(v, 0, 64)
	return n
}

// controllerAction finds the OpenFlow controller action behind a punt: the one in the table hit with
// the punt's cookie.
func (s *segment) controllerAction(c *ControllerLeaf) {
	for _, h := range s.pub.Tables {
		if h.Cookie != c.Cookie {
			continue
		}
		for _, a := range h.Actions {
			if strings.HasPrefix(a, "controller(") || strings.HasPrefix(a, "CONTROLLER:") {
				c.Action, c.Table, c.Bridge = a, h.Table, h.Bridge
				return
			}
		}
	}
}
