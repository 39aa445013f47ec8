package engine

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Place is a point of a section at which its registers are told: a controller(...) or a ct(...table=N).
type Place struct {
	Text string        // the action as printed
	Flow openflow.Flow // registers and metadata there
	Lost string        // why Flow is not to be relied on; empty: it is
}

// Replayer executes a section's action lines to find its places. A section's final flow does not tell them: what a clone did is
// undone there. start has the registers that a resumed section began with; nil for the first.
type Replayer func(sec oftrace.Section, start *openflow.Flow) ([]Place, error)

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
	if found, err := r.engine.Replay(s.section, start); err == nil {
		s.places = found
	}
	return s.places
}

// startOf finds the registers a segment began with: those at the ct() of its parent that it resumes. A segment that only ran a
// group's bucket changed none, so its final flow has them.
func (r *run) startOf(s *segment) (*openflow.Flow, bool) {
	if s.parent == nil {
		return nil, true
	}
	if len(s.pub.Tables) == 0 {
		f, err := openflow.Parse(s.pub.Final)
		return &f, err == nil
	}
	var cts []Place
	for _, p := range r.places(s.parent) {
		if strings.HasPrefix(p.Text, "ct(") {
			cts = append(cts, p)
		}
	}
	if len(cts) != len(s.parent.ids) || cts[s.ordinal].Lost != "" {
		return nil, false
	}
	return &cts[s.ordinal].Flow, true
}

// punt completes a controller leaf: the OpenFlow action behind it, and the registers it saw.
func (r *run) punt(s *segment, c *ControllerLeaf) {
	if c.Action == "" {
		s.controllerAction(c)
	}
	for _, p := range r.places(s) {
		if p.Text == c.Action && p.Lost == "" {
			c.FlowRegs, c.Lost = p.Flow.String(), ""
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
