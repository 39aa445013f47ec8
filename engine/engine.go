package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

// Engine traces packets through one node. Its fields are set before the first trace and not changed
// afterwards. It keeps nothing from one trace to the next. Several traces may run at the same time
// if the values of its fields, such as Tracker and Table, allow it.
type Engine struct {
	OVS   Tracer
	Ports Ports
	// Underlay may be nil for a datapath on which Open vSwitch does not encapsulate by itself, such
	// as the kernel's. Without it, a trace on the userspace datapath may make Open vSwitch send a
	// packet: see Underlay.
	Underlay Underlay
	Groups   Groups // may be nil: every value of a hash is then asked for
	Bonds    Bonds  // may be nil: the end of a packet at lb_output is then unknown
	Tracker  ctstate.Tracker
	Table    ctstate.Table // the node's live entries
	Limits   Limits        // a field that is 0 has the value of DefaultLimits
	Now      func() int64  // returns unix seconds, by which overlay entries age; nil: they do not age
	// OVN says that ovn-controller made the flows: reg0 and xxreg0 then contain a router's next
	// hop, which names the alternatives of an ECMP route (Choice.Chosen).
	OVN bool
	// Invented is a bridge that the machine does not have, by which tunnels leave in its place; empty
	// for none. That a tunnel's packet leaves by no port of it means nothing: its end is unknown.
	Invented string
	// Recircs is the number of recirculations of a packet that the datapath runs inside one
	// another; it drops a packet at one more (lib/dpif-netdev.c: MAX_RECIRC_DEPTH). 0: there is no
	// bound, as in the kernel.
	Recircs int
}

// ErrLimit is the error of a trace that reached Limits.Segments.
var ErrLimit = failure.Of(failure.Undetermined, errors.New("bound of work reached"))

// ErrChanged is the error of a trace during which the node's flow tables changed.
var ErrChanged = failure.Of(failure.Undetermined, errors.New("the flow tables changed during the trace"))

// TraceError is the error of a request to ofproto/trace: the daemon refused the flow, or could not
// be reached.
type TraceError struct {
	Bridge, Flow string // as given to Tracer
	Err          error  // Tracer's own error, or the error in the daemon's answer
}

// Error returns the bridge, the flow and the cause.
func (e *TraceError) Error() string {
	return fmt.Sprintf("ofproto/trace %s '%s': %v", e.Bridge, e.Flow, e.Err)
}

// Unwrap returns Err.
func (e *TraceError) Unwrap() error { return e.Err }

// Trace follows one packet until every branch has left the node or ended. The overlay's entries
// replace those of Table; each Outcome contains the overlay after it. Nothing changes on the node.
//
// The result is never nil: on an error it contains what was found before it. The error is a
// *TraceError, ErrLimit, ErrChanged, an error of Underlay, that of ctx, or an error of Table that
// is fs.ErrPermission. After any other error of Table the branch ends as LeafUnknown.
func (e *Engine) Trace(ctx context.Context, req Request, overlay ctstate.OverlayData) (*Result, error) {
	r := &run{
		engine: e,
		limits: e.Limits.orDefault(),
		req:    req,
		res:    &Result{},
	}
	ov := ctstate.NewOverlay(e.Table)
	ov.Now = e.Now
	ov.Load(overlay)
	err := r.begin(ctx, ov)
	for _, s := range r.segments {
		r.res.Segments = append(r.res.Segments, s.pub)
	}
	return r.res, err
}

func (l Limits) orDefault() Limits {
	pick := func(v, d int) int {
		if v == 0 {
			return d
		}
		return v
	}
	return Limits{
		Segments: pick(l.Segments, DefaultLimits.Segments),
		Outcomes: pick(l.Outcomes, DefaultLimits.Outcomes),
		Buckets:  pick(l.Buckets, DefaultLimits.Buckets),
		Resumes:  pick(l.Resumes, DefaultLimits.Resumes),
	}
}

// run is the state of one call of Trace.
type run struct {
	engine   *Engine
	limits   Limits
	req      Request
	res      *Result
	segments []*segment
	worlds   []*world // still to be walked
	pushes   int      // tnl_push actions met
	// ahead is the last answer that was read before the packet came to where it is needed.
	ahead map[flowText]oftrace.Section
}

// world is one combination of the undetermined choices met so far: what is still to do in it, and
// the entries that it has left.
type world struct {
	overlay *ctstate.Overlay
	stack   []item // the next item is the last
	later   []item // recirculations too deep for the kernel to run inline
	leaves  []Leaf
	choices []Choice
	carried Carried
}

// item is a list of datapath actions still to be run on a packet.
type item struct {
	seg      *segment
	actions  odp.Actions
	pkt      state
	path     []int
	choices  []Choice // choices on this item's own way
	root     bool     // the segment's own list, not one nested in it
	produced bool     // an earlier action of the list has produced an end
	pushed   bool     // this list has put a tunnel's header around the packet
	level    int      // how many recirculations and clones enclose it
}

// inlineLevels is the depth to which the kernel runs recirculations and clones inline; deeper ones
// wait in a FIFO until the packet's first action list has ended (net/openvswitch/actions.c:
// clone_execute, OVS_DEFERRED_ACTION_THRESHOLD).
const inlineLevels = 3

func (w *world) push(it item) {
	if it.level > inlineLevels {
		w.later = append(w.later, it)
		return
	}
	w.stack = append(w.stack, it)
}

func (w *world) pop() (item, bool) {
	if n := len(w.stack); n > 0 {
		it := w.stack[n-1]
		w.stack = w.stack[:n-1]
		return it, true
	}
	if len(w.later) > 0 {
		it := w.later[0]
		w.later = w.later[1:]
		it.level = 1
		return it, true
	}
	return item{}, false
}

// fork copies a world, so that an alternative can be followed separately.
func (w *world) fork() *world {
	return &world{
		overlay: w.overlay.Fork(),
		stack:   append([]item(nil), w.stack...),
		later:   append([]item(nil), w.later...),
		leaves:  append([]Leaf(nil), w.leaves...),
		choices: append([]Choice(nil), w.choices...),
		carried: w.carried,
	}
}

func (r *run) begin(ctx context.Context, ov *ctstate.Overlay) error {
	w := &world{overlay: ov, carried: r.req.Carried}
	r.worlds = append(r.worlds, w)
	st := state{pkt: r.req.Packet, conn: r.req.Conn}
	if st.pkt.Frag == packet.FragLater {
		st = later(st) // whatever transport header was given
	}
	st.hashOver = hashedFields(st.pkt)
	seg, err := r.first(ctx, st)
	if err != nil {
		return err
	}
	r.enter(w, seg, st, nil, nil, 1)
	for len(r.worlds) > 0 {
		w := r.worlds[0]
		for {
			it, ok := w.pop()
			if !ok {
				break
			}
			if err := r.step(ctx, w, it); err != nil {
				return err
			}
		}
		r.worlds = r.worlds[1:]
		r.res.Outcomes = append(r.res.Outcomes, &Outcome{Choices: w.choices, Leaves: w.leaves, Overlay: w.overlay.Snapshot(), Carried: w.carried})
	}
	var folded []Choice
	r.res.Outcomes, folded = mergeOutcomes(r.res.Outcomes)
	r.forget(folded)
	for _, o := range r.res.Outcomes {
		o.Lessons = r.lessons(o.Leaves)
	}
	return nil
}

// enter queues a segment's actions, or records the leaf if the segment failed.
func (r *run) enter(w *world, seg *segment, st state, path []int, choices []Choice, level int) {
	path = append(append([]int(nil), path...), seg.pub.ID)
	it := item{seg: seg, actions: seg.actions, pkt: st, path: path, choices: choices, root: true, level: level}
	if why := seg.unknown; why != "" {
		r.leaf(w, it, Leaf{Kind: LeafUnknown, Why: why})
		return
	}
	if seg.failed != "" {
		r.leaf(w, it, Leaf{Kind: LeafDrop, Why: "translation failed: " + seg.failed})
		return
	}
	for _, o := range seg.lost {
		it.produced = true
		r.leaf(w, it, Leaf{Kind: o.kind, Why: o.why, Hit: o.hit + seg.ahead + 1})
	}
	w.push(it)
}

// leaf records how item it ended.
func (r *run) leaf(w *world, it item, l Leaf) {
	st := &it.pkt
	if st.inside != nil {
		l.Outer = &st.pkt
		st = &st.inside.state
	}
	l.Packet = st.pkt
	l.Tunnel = st.tun
	l.Conn = st.conn
	l.Segment = it.seg.pub.ID
	l.Path = it.path
	l.Choices = it.choices
	l.Held = st.held
	if l.Kind == LeafOutput && st.piece != packet.FragNo {
		l.Packet.Frag = st.piece // ovs_fragment cuts by the size of the fragments that came
	}
	w.leaves = append(w.leaves, l)
}
