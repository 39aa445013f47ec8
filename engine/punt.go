package engine

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
)

// punt completes a controller leaf with its OpenFlow action and the registers at that action.
func (r *run) punt(s *segment, c *ControllerLeaf) {
	if c.Action == "" {
		s.controllerAction(c)
	}
	for _, p := range r.follow(s).Places {
		if p.Node.Text == c.Action && p.Lost == "" {
			regs := p.Flow.Clone()
			regs.Del("in_port")
			c.FlowRegs, c.Lost = regs.String(), ""
			return
		}
	}
	c.FlowRegs = s.pub.Final
	c.Lost = "the registers at the punt could not be followed"
}

// controllerAction finds the OpenFlow controller action behind a punt among those of the flow with
// the punt's cookie: a flow may have several (an ACL that logs and rejects), and Open vSwitch makes
// an upcall for each, in their order (ofproto/ofproto-dpif-xlate.c: xlate_controller_action). If it
// is unknown which action it is, it sets none.
func (s *segment) controllerAction(c *ControllerLeaf) {
	var found []ControllerLeaf
	for _, h := range s.pub.Tables {
		if h.Cookie != c.Cookie {
			continue
		}
		for _, a := range h.Actions {
			if isController(a) && pauses(a) == c.Paused {
				found = append(found, ControllerLeaf{Action: a, Table: h.Table, Bridge: h.Bridge})
			}
		}
	}
	nth, ok := s.upcall(c)
	switch {
	case len(found) == 1:
		nth = 0
	case !ok || nth >= len(found):
		return
	}
	c.Action, c.Table, c.Bridge = found[nth].Action, found[nth].Table, found[nth].Bridge
}

// upcall returns how many of the segment's upcalls for the flow of the punt c precede it; ok is
// false if c is not one of them.
func (s *segment) upcall(c *ControllerLeaf) (nth int, ok bool) {
	odp.Walk(s.actions, func(a odp.Action) bool {
		u, isUpcall := a.(odp.Userspace)
		if ok || !isUpcall || u.Controller == nil || u.Controller.RuleCookie != c.Cookie || u.Controller.Continuation != c.Paused {
			return !ok
		}
		if ok = u.Controller.RecircID == c.RecircID; !ok {
			nth++
		}
		return true
	})
	return nth, ok
}

// isController reports whether an action line's action sends the packet to a controller.
func isController(action string) bool {
	return strings.HasPrefix(action, "controller(") || strings.HasPrefix(action, "CONTROLLER:")
}

// pauses reports whether the translation stops until the controller resumes it.
func pauses(controller string) bool { return strings.Contains(controller, "pause") }

// paused finds a punt that stops the translation: ofproto/trace prints no datapath action for
// controller(...pause).
func (s *segment) paused() *ControllerLeaf {
	for _, h := range s.pub.Tables {
		for _, a := range h.Actions {
			if isController(a) && pauses(a) {
				return &ControllerLeaf{Action: a, Table: h.Table, Bridge: h.Bridge, Cookie: h.Cookie, Paused: true}
			}
		}
	}
	return nil
}
