package engine

import "strings"

// punt completes a controller leaf: the OpenFlow action behind it, and the registers it saw.
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

// controllerAction finds the OpenFlow controller action behind a punt: the one in the table hit
// with the punt's cookie.
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

// paused finds a punt that stops the translation: ofproto/trace prints no datapath action for
// controller(...pause).
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
