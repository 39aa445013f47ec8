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

// Lesson is a flow that a packet would have put into a table by learn(): a trace installs nothing
// (ofproto/ofproto-dpif-xlate.c: xlate_learn_action). Those of an Outcome are given to the requests
// of later packets.
type Lesson struct {
	Bridge   string `json:"bridge"`
	Table    int    `json:"table"`
	Priority int    `json:"priority"`
	// Items are those of the learn() action as Open vSwitch prints them, in order: what the flow
	// matches, and does.
	Items []string `json:"items"`
	// Flow is the packet at the learn(), with registers and conntrack state, in the syntax of
	// Segment.Flow; empty where it could not be followed.
	Flow string `json:"flow"`
	// Packet names the packet in reasons and in TableHit.Taught. A trace leaves it empty: the
	// caller knows the name.
	Packet string `json:"packet"`
}

// GoesBefore reports whether the flow is found in place of the one that a look-up found.
func (l Lesson) GoesBefore(h TableHit) bool {
	return l.Bridge == h.Bridge && l.Table == h.Table && (h.Miss || h.Priority < l.Priority)
}

// lessons are what a packet teaches on its way to some leaves, in the order of the segments. Two of
// one flow stay in order: the later one is then in the table.
func (r *run) lessons(leaves []Leaf) (out []Lesson) {
	for _, s := range r.segments {
		if !slices.ContainsFunc(leaves, func(l Leaf) bool { return slices.Contains(l.Path, s.pub.ID) }) {
			continue
		}
		replay := s.replay
		if replay == nil { // cut short: what it was about is not known
			rep := ofreplay.Follow(s.section, ofreplay.Start{Lost: s.unknown})
			replay = &rep
		}
		for _, l := range replay.Lessons {
			out = append(out, Lesson{Bridge: l.Bridge, Table: l.Table, Priority: l.Priority, Items: l.Items, Flow: l.Flow})
		}
	}
	return out
}

// maxDetours bounds how many look-ups of one segment are answered by lessons.
const maxDetours = 16

// learned traces a segment over the flows that packets before would have taught: where a look-up
// would find one, all that the segment's flows do is given to packet-out, with the learned flow's
// actions in the place of what was found.
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

// mayLearn reports whether a lesson is about a table that the segment asks.
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
		s.unknown = "the bridge has a mirror, and the segment was traced anew for a learned flow: whether the packet is mirrored again is not known"
	}
	s.note("table %d is taken to have the flow that the %s would have taught it (learn)", d.hit.Table, d.hit.Taught)
	return nil
}

// detourFlow is the packet where a segment begins, with what OVS would have thawed; why is not
// empty where that is unknown.
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
		return flowText{}, "the port that the packet counts as coming from is not known where it meets a learned flow"
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

// outputsOf are the ports that actions send to, at any depth.
func outputsOf(list odp.Actions) (out []string) {
	odp.Walk(list, func(a odp.Action) bool {
		if o, ok := a.(odp.Output); ok {
			out = append(out, o.Port)
		}
		return true
	})
	return out
}

// mirrored reports whether a mirror's port is among outputs that were not there before.
func (r *run) mirrored(now, before []string) bool {
	return slices.ContainsFunc(now, func(port string) bool {
		p, ok := r.engine.Ports.ByDatapath(port)
		return ok && len(p.Mirrors) > 0 && !slices.Contains(before, port)
	})
}
