package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Lesson is a flow that a packet would have put into a table by learn(): a trace installs nothing
// (ofproto/ofproto-dpif-xlate.c: xlate_learn_action).
type Lesson struct {
	Bridge   string   `json:"bridge"`
	Table    int      `json:"table"`
	Priority int      `json:"priority"`
	Items    []string `json:"items"`  // of the learn() action: what the flow matches, and does
	Flow     string   `json:"flow"`   // the packet that would have taught it, at the learn(); empty where it could not be followed
	Packet   string   `json:"packet"` // its label
}

// GoesBefore says that the flow goes before the one that a look-up found.
func (l Lesson) GoesBefore(h TableHit) bool {
	return l.Bridge == h.Bridge && l.Table == h.Table && (h.Miss || h.Priority < l.Priority)
}

// Detour is a section's first look-up that a lesson decides, and what to trace instead of the section.
type Detour struct {
	At      *oftrace.Node
	Hit     TableHit // what the look-up finds
	Actions string   // OpenFlow actions that do the same as the section, from where it began, but with the learned flow
	Again   int      // how many of the look-ups before At those actions make again
	// Start is the packet where Actions begin, on Bridge, if that is behind a patch port; else nil, it is where the section began.
	Start  *openflow.Flow
	Bridge string
	Why    string // not empty: what comes of the look-up is not known
}

// Learner finds the first look-up of a section that a lesson decides, nil where none does. start is as for Replayer.
type Learner func(sec oftrace.Section, start *openflow.Flow, lessons []Lesson) (*Detour, error)

// maxDetours bounds how many look-ups of one segment are answered by lessons.
const maxDetours = 16

// learned traces a segment over the flows that packets before would have taught: where a look-up would find one, all that the
// segment's flows do is given to packet-out, with the learned flow's actions in the place of what was found.
func (r *run) learned(ctx context.Context, s *segment) error {
	for range maxDetours {
		if s.unknown != "" || !r.mayLearn(s) {
			return nil
		}
		start, ok := r.startOf(s)
		if !ok {
			s.unknown = "the registers that this segment began with are not known, and a packet before would have taught a table that it asks a flow (learn)"
			return nil
		}
		d, err := r.engine.Learner(s.section, start, r.req.Lessons)
		switch {
		case err != nil:
			s.unknown = err.Error()
			return nil
		case d == nil:
			return nil
		case d.Why != "":
			s.unknown = d.Why
			return nil
		}
		if err := r.detour(ctx, s, start, d); err != nil {
			return err
		}
	}
	s.unknown = fmt.Sprintf("more than %d look-ups would find a learned flow", maxDetours)
	return nil
}

func (r *run) mayLearn(s *segment) bool {
	return r.engine.Learner != nil && slices.ContainsFunc(r.req.Lessons, func(l Lesson) bool { return slices.ContainsFunc(s.pub.Tables, l.GoesBefore) })
}

func (r *run) detour(ctx context.Context, s *segment, start *openflow.Flow, d *Detour) error {
	text, why := r.detourFlow(s, start, d)
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
	at := slices.Index(tableNodes(&s.section), d.At) + s.ahead
	head := append(s.pub.Tables[:at:at], d.Hit)
	outputs := outputsOf(s.actions)
	s.flow, s.start = func(uint32) flowText { return text }, start
	r.read(ctx, s, sec)
	again := min(d.Again, len(s.pub.Tables))
	s.pub.Tables, s.ahead = append(head, s.pub.Tables[again:]...), len(head)-again
	if s.parent != nil && r.mirrored(outputsOf(s.actions), outputs) || d.Start != nil && r.mirrored(append(outputs, outputsOf(s.actions)...), nil) {
		s.unknown = "the bridge has a mirror, and the segment was traced anew for a learned flow: whether the packet is mirrored again is not known"
	}
	s.note("table %d is taken to have the flow that the %s would have taught it (learn)", d.Hit.Table, d.Hit.Taught)
	return nil
}

// detourFlow is the packet where a segment begins, with what OVS would have thawed.
func (r *run) detourFlow(s *segment, start *openflow.Flow, d *Detour) (flowText, string) {
	switch {
	case s.from != nil:
		return *s.from, ""
	case d.Start != nil && s.parent != nil:
		return flowText{}, "a resumed packet meets a learned flow on another bridge"
	case d.Start != nil:
		f := d.Start.Clone()
		f.Fields = append(keyFields(s.entry), f.Fields...)
		return flowText{bridge: d.Bridge, flow: f.String()}, ""
	case s.parent == nil:
		return r.entryOf(s.entry)(0), ""
	}
	in, ok := start.Get("in_port")
	if !ok {
		return flowText{}, "the port that the packet counts as coming from is not known where it meets a learned flow"
	}
	f := openflow.Flow{Fields: []openflow.Field{{Name: "in_port", Value: in}}}
	for _, fd := range r.req.Metadata {
		if strings.HasPrefix(fd.Name, "tun_") {
			f.Fields = append(f.Fields, fd)
		}
	}
	for _, fd := range start.Fields {
		if fd.Name != "in_port" {
			f.Fields = append(f.Fields, fd)
		}
	}
	f.Fields = append(f.Fields, keyFields(s.entry)...)
	f.Fields = append(f.Fields, ctFields(s.entry)...)
	f.Fields = append(f.Fields, s.entry.pkt.Fields()...)
	f.Fields = append(f.Fields, origFields(s.entry.conn)...)
	return flowText{bridge: s.section.Bridge, flow: f.String()}, ""
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

// mirrored tells of a mirror's port among outputs that were not there before.
func (r *run) mirrored(now, before []string) bool {
	return slices.ContainsFunc(now, func(port string) bool {
		p, ok := r.engine.Ports.ByDatapath(port)
		return ok && len(p.Mirrors) > 0 && !slices.Contains(before, port)
	})
}
