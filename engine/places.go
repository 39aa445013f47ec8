package engine

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Place is a point of a section at which its registers are told: a controller(...), a ct(...table=N) or a group
// that recirculates for a hash.
type Place struct {
	Text   string        // the action as printed
	Flow   openflow.Flow // registers and metadata there, and in_port where it is known
	Lost   string        // why Flow is not to be relied on; empty: it is
	Bridge string        // where it is
}

// Replayer executes a section's action lines to find its places, and what its table look-ups were about, as far as that can be
// followed. A section's final flow does not tell them: what a clone did is undone there. start has the registers that a resumed
// section began with; nil for the first.
type Replayer func(sec oftrace.Section, start *openflow.Flow) (places []Place, lookups map[*oftrace.Node]openflow.Flow, err error)

// places replays a segment, once.
func (r *run) places(s *segment) []Place {
	if r.engine.Replay == nil || s.replayed {
		return s.places
	}
	s.replayed = true
	start, ok := r.startOf(s)
	if !ok {
		return nil
	}
	found, lookups, err := r.engine.Replay(s.section, start)
	if err != nil {
		return nil
	}
	s.places = found
	for i, n := range tableNodes(&s.section) {
		// A flow without a cookie is one of OVN's subroutines, or the end of a packet that no other took.
		if hit := &s.pub.Tables[i]; hit.Cookie != 0 || hit.Miss || hit.Priority == 0 {
			if f, ok := lookups[n]; ok {
				hit.Flow = lookedUp(f).String()
			}
		}
	}
	return s.places
}

// tableNodes are the nodes behind tableHits, in their order.
func tableNodes(sec *oftrace.Section) []*oftrace.Node {
	var out []*oftrace.Node
	walkNodes(sec.Nodes, func(n *oftrace.Node) {
		if n.Kind == oftrace.Table {
			out = append(out, n)
		}
	})
	return out
}

// startOf finds the registers a segment began with: those at the place of its parent that it resumes. A segment that only ran a
// group's bucket changed none, so its final flow has them.
func (r *run) startOf(s *segment) (*openflow.Flow, bool) {
	if s.parent == nil || s.ordinal == afresh {
		return nil, true
	}
	if s.start != nil {
		return s.start, true
	}
	if len(s.pub.Tables) == 0 {
		f, err := openflow.Parse(s.pub.Final)
		return &f, err == nil
	}
	return r.startAt(s.parent, s.ordinal)
}

// startAt has the registers at the recirculation of a segment that comes ordinal-th.
func (r *run) startAt(s *segment, ordinal int) (*openflow.Flow, bool) {
	p := r.placeAt(s, ordinal)
	if p == nil || p.Lost != "" {
		return nil, false
	}
	return &p.Flow, true
}

// placeAt is the place of a segment's recirculation that comes ordinal-th; nil where it cannot be told.
func (r *run) placeAt(s *segment, ordinal int) *Place {
	var at []*Place
	places := r.places(s)
	for i, p := range places {
		if strings.HasPrefix(p.Text, "ct(") || strings.HasPrefix(p.Text, "group:") {
			at = append(at, &places[i])
		}
	}
	if len(at) != len(s.ids) {
		return nil
	}
	return at[ordinal]
}

// punt completes a controller leaf: the OpenFlow action behind it, and the registers it saw.
func (r *run) punt(s *segment, c *ControllerLeaf) {
	if c.Action == "" {
		s.controllerAction(c)
	}
	for _, p := range r.places(s) {
		if p.Text == c.Action && p.Lost == "" {
			regs := p.Flow.Clone()
			regs.Del("in_port")
			c.FlowRegs, c.Lost = regs.String(), ""
			return
		}
	}
	c.FlowRegs = s.pub.Final
	c.Lost = "the registers at the punt could not be followed"
}

// paused finds a punt that stops the translation: ofproto/trace prints no datapath action for controller(...pause).
func (s *segment) paused() *ControllerLeaf {
	for _, h := range s.pub.Tables {
		for _, a := range h.Actions {
			if strings.HasPrefix(a, "controller(") && strings.Contains(a, ",pause") {
				return &ControllerLeaf{Action: a, Table: h.Table, Bridge: h.Bridge, Cookie: h.Cookie, Paused: true}
			}
		}
	}
	return nil
}
