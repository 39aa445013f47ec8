package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Lesson is a flow that a packet would have put into a table by learn(): a trace does not install
// it (ofproto/ofproto-dpif-xlate.c: xlate_learn_action). A caller takes the lessons of an Outcome
// and gives them to the requests of later packets.
type Lesson struct {
	Bridge   string `json:"bridge"`
	Table    int    `json:"table"`
	Priority int    `json:"priority"`
	// Items are the items of the learn() action as Open vSwitch prints them, in order: the flow's
	// match and actions.
	Items []string `json:"items"`
	// Flow is the packet at the learn(), with registers and conntrack state, in the syntax of
	// Segment.Flow; empty where it is unknown.
	Flow string `json:"flow"`
	// Packet names the packet in reasons and in TableHit.Taught. A trace leaves it empty, for the
	// caller to set.
	Packet string `json:"packet"`
}

// GoesBefore reports whether the lesson's flow precedes the flow that a look-up found, if both
// match.
func (l Lesson) GoesBefore(h TableHit) bool {
	return l.Bridge == h.Bridge && l.Table == h.Table && (h.Miss || h.Priority < l.Priority)
}

// lessons returns the flows that a packet would learn on its way to some leaves, in the order of
// the segments. If two have the same match, the later one replaces the other.
func (r *run) lessons(leaves []Leaf) (out []Lesson) {
	for _, s := range r.segments {
		if !slices.ContainsFunc(leaves, func(l Leaf) bool { return slices.Contains(l.Path, s.pub.ID) }) {
			continue
		}
		replay := s.replay
		if replay == nil { // the reply was cut short: it is unknown what the flow is
			rep := ofreplay.Follow(s.section, ofreplay.Start{Lost: s.unknown})
			replay = &rep
		}
		for _, l := range replay.Lessons {
			out = append(out, Lesson{Bridge: l.Bridge, Table: l.Table, Priority: l.Priority, Items: l.Items, Flow: l.Flow})
		}
	}
	return out
}

// maxDetours bounds the number of look-ups of one segment that lessons answer.
const maxDetours = 16

// learned traces a segment with the flows that earlier packets would have learned. If a look-up
// would find one, it gives all actions of the segment's flows to packet-out, with the learned
// flow's actions in place of those that the look-up found.
func (r *run) learned(ctx context.Context, s *segment) error {
	for range maxDetours {
		if s.unknown != "" || !r.mayLearn(s) {
			return nil
		}
		start := r.startOf(s)
		if start.Lost != "" {
			s.unknown = start.Lost + ", and a packet before would have taught a table that it asks a flow (learn)"
			return nil
		}
		d, err := r.findDetour(s)
		switch {
		case err != nil:
			s.unknown = err.Error()
			return nil
		case d == nil:
			return nil
		case d.why != "":
			s.unknown = d.why
			return nil
		}
		if err := r.takeDetour(ctx, s, start, d); err != nil {
			return err
		}
	}
	s.unknown = fmt.Sprintf("more than %d look-ups would find a learned flow", maxDetours)
	return nil
}

// mayLearn reports whether a lesson's flow may precede one that the segment found.
func (r *run) mayLearn(s *segment) bool {
	return slices.ContainsFunc(r.req.Lessons, func(l Lesson) bool { return slices.ContainsFunc(s.pub.Tables, l.GoesBefore) })
}

// takeDetour traces a segment again by d.
func (r *run) takeDetour(ctx context.Context, s *segment, start ofreplay.Start, d *detour) error {
	text, why := r.detourFlow(s, start.Flow, d)
	if why != "" {
		s.unknown = why
		return nil
	}
	text.actions = d.Actions
	s.from = &text
	sec, err := r.ask(ctx, text)
	if refused := (*TraceError)(nil); errors.As(err, &refused) && ctx.Err() == nil {
		s.unknown = "the learned flow cannot be traced: " + refused.Error()
		return nil
	}
	if err != nil {
		return err
	}
	at := slices.Index(tableNodes(&s.section), d.at) + s.ahead
	head := append(s.pub.Tables[:at:at], d.hit)
	outputs := outputsOf(s.actions)
	s.flow, s.start = func(uint32) flowText { return text }, start.Flow
	r.read(ctx, s, sec)
	again := min(d.Again, len(s.pub.Tables))
	s.pub.Tables, s.ahead = append(head, s.pub.Tables[again:]...), len(head)-again
	if s.parent != nil && r.mirrored(outputsOf(s.actions), outputs) || d.start != nil && r.mirrored(append(outputs, outputsOf(s.actions)...), nil) {
		s.unknown = "the bridge has a mirror, and the segment was traced anew for a learned flow: whether the packet is mirrored again is unknown"
	}
	s.note("table %d is taken to have the flow that the %s would have taught it (learn)", d.hit.Table, d.hit.Taught)
	return nil
}

// detourFlow returns the packet where a segment begins, with the state that OVS would have thawed;
// if that is unknown, why says why.
func (r *run) detourFlow(s *segment, start *openflow.Flow, d *detour) (f flowText, why string) {
	switch {
	case s.from != nil:
		return *s.from, ""
	case d.start != nil && s.parent != nil:
		return flowText{}, "a resumed packet meets a learned flow on another bridge"
	case d.start != nil:
		f := d.start.Clone()
		f.Fields = append(keyFields(s.entry), f.Fields...)
		return flowText{bridge: d.bridge, flow: f.String()}, ""
	case s.parent == nil || s.ordinal == afresh:
		return s.flow(0), ""
	}
	in, ok := start.Get("in_port")
	if !ok {
		return flowText{}, "the port that the packet counts as coming from is unknown where it meets a learned flow"
	}
	flow := openflow.Flow{Fields: []openflow.Field{{Name: "in_port", Value: in}}}
	for _, fd := range r.metadata() {
		if strings.HasPrefix(fd.Name, "tun_") {
			flow.Fields = append(flow.Fields, fd)
		}
	}
	for _, fd := range start.Fields {
		if fd.Name != "in_port" {
			flow.Fields = append(flow.Fields, fd)
		}
	}
	flow.Fields = append(flow.Fields, keyFields(s.entry)...)
	flow.Fields = append(flow.Fields, ctFields(s.entry)...)
	flow.Fields = append(flow.Fields, openflow.FieldsOf(s.entry.pkt)...)
	flow.Fields = append(flow.Fields, origFields(s.entry.conn)...)
	return flowText{bridge: s.section.Bridge, flow: flow.String()}, ""
}

// outputsOf returns the ports that actions send to, at any depth.
func outputsOf(list odp.Actions) (out []string) {
	odp.Walk(list, func(a odp.Action) bool {
		if o, ok := a.(odp.Output); ok {
			out = append(out, o.Port)
		}
		return true
	})
	return out
}

// mirrored reports whether a mirror's port is among now and not among before.
func (r *run) mirrored(now, before []string) bool {
	return slices.ContainsFunc(now, func(port string) bool {
		p, ok := r.engine.Ports.ByDatapath(port)
		return ok && len(p.Mirrors) > 0 && !slices.Contains(before, port)
	})
}
