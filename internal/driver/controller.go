package driver

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// ofppController is the in_port of what ovn-controller sends (OFPP_CONTROLLER).
const ofppController = 0xfffd

// controller ends a branch at ovn-controller, or follows the packet that it would send.
func (s *sending) controller(ctx context.Context, t *track, a arrival, h *hop, leaf engine.Leaf, add func(engine.Verdict, string, string, string), forward func(arrival)) error {
	if leaf.Controller == nil {
		add(engine.Controller, "controller", "", leaf.Why)
		return nil
	}
	punt, err := pinctrl.Decode(leaf.Controller.Action)
	if leaf.Controller.Action == "" || err != nil {
		why := "punted to the controller; which action did it is not known"
		if err != nil {
			why += ": " + err.Error()
		}
		add(engine.Controller, "controller", "", why)
		return nil
	}
	flow, err := openflow.Parse(leaf.Controller.FlowRegs)
	if err != nil {
		flow = openflow.Flow{}
	}
	release, _ := pinctrl.ParseRelease(h.info.OVNVersion)
	res := pinctrl.Responder{Release: release}.Answer(punt, leaf.Packet, flow)
	switch res.Hint {
	case pinctrl.HintGoesOn:
		// A copy: the packet's other leaves tell what becomes of it; without any, nothing does.
		s.noteHop(h, leaf, res.Text)
		if res.Kind == pinctrl.Learns {
			a.ask.hears(leaf.Packet)
		}
		return nil
	case pinctrl.HintDropped:
		add(engine.Dropped, "drop", "", res.Text)
		return nil
	case pinctrl.HintFollow:
		if len(res.Outcomes) > 0 {
			s.resumed(a, h, leaf, res, add, forward)
			return nil
		}
		fallthrough
	case pinctrl.HintRejected:
		if next, ok := s.generated(a, h, leaf, res); ok {
			next.reject = res.Hint == pinctrl.HintRejected
			forward(next)
			return nil
		}
		if res.Hint == pinctrl.HintRejected {
			add(engine.Rejected, "controller", "", textOf(res))
			return nil
		}
		add(engine.Controller, "controller", "", textOf(res))
		return nil
	case pinctrl.HintController:
		add(engine.Controller, "controller", "", textOf(res))
		if next, ok := s.generated(a, h, leaf, res); ok {
			next.aside = true
			if res.Await != nil {
				next.ask = s.asks(*res.Await, t.last(a.aside))
			}
			forward(next)
		}
		return nil
	}
	add(engine.Unknown, "unknown", "", textOf(res))
	return nil
}

func textOf(r pinctrl.Result) string {
	if r.Unknown != "" {
		return r.Text + ": " + r.Unknown
	}
	return r.Text
}

// generated is the packet that ovn-controller sends into the pipeline by packet-out.
func (s *sending) generated(a arrival, h *hop, leaf engine.Leaf, res pinctrl.Result) (arrival, bool) {
	if res.Generated == nil || res.Actions == "" || a.depth > maxAnswers {
		return arrival{}, false
	}
	if leaf.Controller.Lost != "" {
		s.warn("%s: ovn-controller's answer (%s) is not traced on: %s", a.chassis, res.Name, leaf.Controller.Lost)
		return arrival{}, false
	}
	b := s.branch(a, &leaf, engine.Controller, report.End{Kind: "controller", Chassis: a.chassis}, res.Text)
	s.reason(&b, h, leaf)
	return arrival{
		chassis: a.chassis, inPort: "controller", via: "controller", gen: res.Name, why: b.Reason,
		req: engine.Request{Bridge: h.info.Bridge, InPort: ofppController, Packet: *res.Generated, Resume: res.Actions},
	}, true
}

// resumed follows a packet that waits for ovn-controller and goes on; which of the ways it goes, where there are several,
// hangs on what only ovn-controller sees.
func (s *sending) resumed(a arrival, h *hop, leaf engine.Leaf, res pinctrl.Result, add func(engine.Verdict, string, string, string), forward func(arrival)) {
	c := leaf.Controller
	if c.Lost != "" || c.Table < 0 || c.Table > 254 || a.depth > maxAnswers {
		add(engine.Controller, "controller", "", textOf(res))
		return
	}
	for _, o := range res.Outcomes {
		next := arrival{
			chassis: a.chassis, inPort: "controller", via: "controller", gen: a.gen, why: a.why, reject: a.reject, aside: a.aside,
			req: engine.Request{
				Bridge: h.info.Bridge, InPort: a.req.InPort, Packet: o.Packet, Conn: leaf.Conn,
				Resume: res.Resume(o, uint8(c.Table)),
			},
		}
		if len(res.Outcomes) > 1 {
			next.choices = []engine.Choice{{Kind: engine.ChoiceController, Chosen: o.Text, Share: 1 / float64(len(res.Outcomes)), Why: res.Unknown}}
		}
		forward(next)
	}
}

// maxAnswers bounds how often ovn-controller's packets may make ovn-controller answer.
const maxAnswers = 16

// noteHop leaves a remark on the segment in which something happened beside the packet's way.
func (s *sending) noteHop(h *hop, leaf engine.Leaf, text string) {
	seg := h.result.Segments[leaf.Segment]
	for _, n := range seg.Notes {
		if n == text {
			return
		}
	}
	seg.Notes = append(seg.Notes, text)
}
