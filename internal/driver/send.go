package driver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// DefaultMaxHops bounds how many node visits one packet may make.
const DefaultMaxHops = 256

// maxPath bounds how many nodes one copy of a packet may pass.
const maxPath = 64

// maxWorlds bounds how many exclusive alternatives of one packet are followed.
const maxWorlds = 256

// maxTries bounds how often a visit is begun anew because a node's tables changed under it.
const maxTries = 3

// sending is one call of Send.
type sending struct {
	*Driver
	*Trace
	visits []*visit          // in the order of Trace.Hops
	made   map[string]*visit // by chassis and request
	tracks []*track
	asked  []*ask
}

// visit is a hop with its node's information.
type visit struct {
	*Hop
	index  int // in Trace.Hops
	info   *node.Info
	result *engine.Result
}

// Send follows one packet from where it enters, over world's entries. With an error it returns what
// was found before.
func (d *Driver) Send(ctx context.Context, world World, start Start, p packet.Packet, label, direction string) (*Trace, error) {
	s := &sending{
		Driver: d, made: map[string]*visit{},
		Trace: &Trace{Label: label, Direction: direction, Start: start, Packet: p},
	}
	s.tracks = []*track{{world: world, pending: start.arrivals(p)}}
	err := s.run(ctx)
	if ctx.Err() != nil { // what was found is still to be named
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastQuestions)
		defer cancel()
	}
	s.finish(ctx)
	s.LateWarnings = append(s.LateWarnings, Texts(d.notes)...)
	d.notes = nil
	return s.Trace, err
}

// lastQuestions bounds the questions about a trace that the end of its context has cut short.
const lastQuestions = time.Second

// run follows all tracks. With an error, what was not followed is unknown.
func (s *sending) run(ctx context.Context) error {
	for len(s.tracks) > 0 {
		t := s.tracks[0]
		s.tracks = s.tracks[1:]
		if len(t.pending) == 0 {
			s.Outcomes = append(s.Outcomes, t.outcome(s.Label))
			continue
		}
		if err := s.visit(ctx, t); err != nil {
			for _, cut := range append([]*track{t}, s.tracks...) {
				for _, a := range cut.pending {
					cut.branches = append(cut.branches, a.unfollowed(notFollowed(err)))
				}
				if len(cut.branches) > 0 {
					s.Outcomes = append(s.Outcomes, cut.outcome(s.Label))
				}
			}
			return err
		}
	}
	return nil
}

// notFollowed is the reason of a branch at which a trace was cut short.
func notFollowed(err error) string { return "not followed: " + err.Error() }

// visit runs a track's next arrival; alternatives found there make further tracks.
func (s *sending) visit(ctx context.Context, t *track) error {
	a := t.pending[0]
	t.pending = t.pending[1:]
	if len(a.hops) >= maxPath || len(s.Hops) >= cmp.Or(s.MaxHops, DefaultMaxHops) {
		t.branches = append(t.branches, a.unfollowed("the packet passes more nodes than are followed: a loop?"))
		s.tracks = append([]*track{t}, s.tracks...)
		return nil
	}
	v, err := s.reach(ctx, a, t.world)
	if v != nil {
		a.hops = append(a.hops[:len(a.hops):len(a.hops)], v.index)
	}
	if err != nil {
		if v != nil { // what the node had found before
			for j := range v.Segments {
				a.way = append(a.way[:len(a.way):len(a.way)], Step{Hop: v.index, Segment: j})
			}
		}
		t.branches = append(t.branches, a.unfollowed(notFollowed(err)))
		return err
	}
	var next []*track
	known := t.world.Carried[a.chassis]
	outcomes := s.wanted(v.result.Outcomes)
	s.wantPeers(ctx, a.chassis, outcomes)
	for _, o := range outcomes {
		alt := t.fork(o.Choices...)
		alt.world = t.world.After(a.chassis, o, a.choices).taught(a.chassis, o.Lessons, s.Label)
		before := alt.ends()
		for _, leaf := range sure(o.Leaves) {
			leaf.Choices = unlisted(leaf.Choices, a.choices, known)
			e := &ending{sending: s, track: alt, from: a, at: v, leaf: leaf}
			if err := e.settle(ctx); err != nil {
				alt.keep(a, e.branch(engine.Unknown, "", notFollowed(err)))
				s.tracks = slices.Concat(next, []*track{alt}, s.tracks)
				t.branches, t.pending = nil, nil // the alternatives have them
				return err
			}
		}
		if alt.ends() == before && len(o.Leaves) > 0 {
			// Nothing but copies for ovn-controller (a log, an address learned): the packet itself
			// ends here.
			last := o.Leaves[len(o.Leaves)-1]
			last.Mirror = ""
			e := &ending{sending: s, track: alt, from: a, at: v, leaf: last}
			b := e.branch(engine.Dropped, "", "")
			b.Cause = e.cause(b)
			alt.keep(a, b)
		}
		next = append(next, alt.parted()...)
	}
	if len(next)+len(s.tracks) > maxWorlds {
		t.branches = append(t.branches, a.unfollowed(fmt.Sprintf("more than %d alternatives", maxWorlds)))
		next = []*track{t}
	}
	s.expectAll(ctx, next)
	s.tracks = append(next, s.tracks...)
	return nil
}

// wanted keeps the alternative of Driver.Backend, if this choice has it.
func (s *sending) wanted(in []*engine.Outcome) []*engine.Outcome {
	if s.Backend == "" {
		return in
	}
	var chosen []*engine.Outcome
	balanced := false
	for _, o := range in {
		for _, c := range o.Choices {
			balanced = balanced || c.Kind == engine.ChoiceBackend
			if c.Kind == engine.ChoiceBackend && c.Chosen == s.Backend {
				chosen = append(chosen, o)
				break
			}
		}
	}
	if len(chosen) > 0 {
		return chosen
	}
	if balanced {
		s.warn("no alternative here has the backend %s: all are followed", s.Backend)
	}
	return in
}

// reach visits a node, or returns an equal earlier visit: alternatives that do not differ yet share
// it. With an error it returns a visit if the node had found anything before; it has no outcome.
func (s *sending) reach(ctx context.Context, a arrival, w World) (*visit, error) {
	n, info, err := s.node(ctx, a.chassis)
	if err != nil {
		return nil, err
	}
	req := node.TraceRequest{Request: a.req, Overlay: w.Overlays[a.chassis], MaxDump: s.MaxDump}
	if req.Bridge == "" {
		req.Bridge = info.Bridge
	}
	req.Lessons, req.Carried = w.lessons(a.chassis), w.Carried[a.chassis]
	key, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	id := a.chassis + string(key)
	if v := s.made[id]; v != nil {
		return v, nil
	}
	res, err := s.traceOn(ctx, a.chassis, n, req)
	for try := 1; errors.Is(err, engine.ErrChanged) && try < maxTries; try++ {
		res, err = s.traceOn(ctx, a.chassis, n, req) // the tables have changed under the trace: the new ones count
	}
	if _, ok := err.(*node.Error); err != nil && !ok {
		err = fmt.Errorf("chassis %s: %w", a.chassis, err)
	}
	if res == nil || err != nil && (len(res.Segments) == 0 || errors.Is(err, engine.ErrChanged)) {
		return nil, err
	}
	v := &visit{index: len(s.Hops), info: info, result: res, Hop: &Hop{
		Chassis: a.chassis, Bridge: req.Bridge, Integration: info.Bridge, InPort: a.inPort, Via: a.via, Tunnel: a.tunnel,
		Segments: res.Segments,
	}}
	s.Hops = append(s.Hops, v.Hop)
	s.visits = append(s.visits, v)
	if err == nil {
		s.made[id] = v
	}
	return v, err
}

// traceOn follows a packet on a node, over its live entries or as if there were none.
func (d *Driver) traceOn(ctx context.Context, chassis string, n node.Node, req node.TraceRequest) (res *engine.Result, err error) {
	trace := n.Trace
	if d.AsNew {
		fresh, ok := n.(node.AsNewTracer)
		if !ok {
			return nil, errors.New("it cannot trace as if there were no live entries")
		}
		trace = fresh.TraceAsNew
	}
	err = d.gated(ctx, chassis, func(ctx context.Context) (busy time.Duration, err error) {
		if res, err = trace(ctx, req); res != nil {
			busy = res.Busy
		}
		return busy, err
	})
	return res, err
}
