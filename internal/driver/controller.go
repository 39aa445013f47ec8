package driver

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// ofppController is the in_port of what ovn-controller sends (OFPP_CONTROLLER).
const ofppController = 0xfffd

// sure returns the leaves of an outcome that are ends of the packet: where a table may have learned
// a flow that is not known, nothing but that.
func sure(leaves []engine.Leaf) []engine.Leaf {
	for i, leaf := range leaves {
		if leaf.Controller == nil {
			continue
		}
		if punt, err := pinctrl.Decode(leaf.Controller.Action); err == nil && punt.TakesAll() {
			return leaves[i : i+1]
		}
	}
	return leaves
}

// controller ends the packet at ovn-controller, or follows the packet that it would send.
func (e *ending) controller() {
	leaf := e.leaf
	if leaf.Controller == nil {
		e.end(engine.Controller, "", leaf.Why)
		return
	}
	punt, err := pinctrl.Decode(leaf.Controller.Action)
	if leaf.Controller.Action == "" || err != nil {
		why := "punted to the controller; which action did it is unknown"
		if err != nil {
			why += ": " + err.Error()
		}
		e.end(engine.Controller, "", why)
		return
	}
	flow, err := openflow.Parse(leaf.Controller.FlowRegs)
	if err != nil {
		flow = openflow.Flow{}
	}
	release, _ := pinctrl.ParseRelease(e.at.info.OVNVersion)
	e.follow(pinctrl.Responder{Release: release}.Answer(punt, leaf.Packet, flow))
}

// follow continues as ovn-controller does with the packet.
func (e *ending) follow(res pinctrl.Result) {
	switch res.Hint {
	case pinctrl.HintGoesOn:
		// A copy: the packet itself goes on, and ends at its other leaves.
		e.at.remark(e.leaf.Segment, res.Text)
		if res.Kind == pinctrl.Learns {
			e.from.ask.hears(e.leaf.Packet)
		}
	case pinctrl.HintDropped:
		e.end(engine.Dropped, "", res.Text)
	case pinctrl.HintFollow, pinctrl.HintRejected:
		if res.Hint == pinctrl.HintFollow && len(res.Outcomes) > 0 {
			e.resumed(res)
			return
		}
		verdict := engine.Controller
		if res.Hint == pinctrl.HintRejected {
			verdict = engine.Rejected
		}
		if next, ok := e.generated(res); ok {
			next.reject = verdict == engine.Rejected
			e.forward(next)
			return
		}
		e.end(verdict, "", textOf(res)).Cause.asked(res)
	case pinctrl.HintController:
		waiting := e.end(engine.Controller, "", textOf(res))
		waiting.Cause.asked(res)
		if next, ok := e.generated(res); ok {
			next.aside = true
			if res.Await != nil {
				next.ask = e.asks(*res.Await, waiting)
			}
			e.forward(next)
		}
	default:
		e.end(engine.Unknown, "", textOf(res))
	}
}

// asked adds what ovn-controller's answer is about: an address that it asks for, an MTU.
func (c *Cause) asked(r pinctrl.Result) {
	if c == nil {
		return
	}
	if r.MTU != 0 {
		c.MTU = r.MTU
	}
	if r.Await != nil {
		c.Awaits = r.Await.Addr
	}
}

func textOf(r pinctrl.Result) string {
	if r.Unknown != "" {
		return r.Text + ": " + r.Unknown
	}
	return r.Text
}

// generated returns the packet that ovn-controller sends into the pipeline by packet-out; false
// where it sends none, or it is not followed.
func (e *ending) generated(res pinctrl.Result) (arrival, bool) {
	if res.Generated == nil || res.Actions == "" || e.from.depth > maxAnswers {
		return arrival{}, false
	}
	if lost := e.leaf.Controller.Lost; lost != "" {
		e.warn("%s: ovn-controller's answer (%s) is not traced on: %s", e.from.chassis, res.Name, lost)
		return arrival{}, false
	}
	why := e.cause(e.branch(engine.Controller, "", res.Text))
	why.asked(res)
	return arrival{
		chassis: e.from.chassis, inPort: "controller", via: "controller", made: res.Name, why: why,
		req: engine.Request{Bridge: e.at.info.Bridge, InPort: ofppController, Packet: *res.Generated, Resume: res.Actions},
	}, true
}

// resumed follows a packet that ovn-controller sends on. Where there are several ways, which one it
// takes depends on data that only ovn-controller has.
func (e *ending) resumed(res pinctrl.Result) {
	c, a := e.leaf.Controller, e.from
	if c.Lost != "" || c.Table < 0 || c.Table > 254 || a.depth > maxAnswers {
		e.end(engine.Controller, "", textOf(res))
		return
	}
	for _, o := range res.Outcomes {
		next := arrival{
			chassis: a.chassis, inPort: "controller", via: "controller", made: a.made, why: a.why, reject: a.reject, aside: a.aside,
			req: engine.Request{
				Bridge: e.at.info.Bridge, InPort: a.req.InPort, Packet: o.Packet, Conn: e.leaf.Conn,
				Resume: res.Resume(o, uint8(c.Table)),
			},
		}
		if len(res.Outcomes) > 1 {
			next.choices = []engine.Choice{{Kind: engine.ChoiceController, Chosen: o.Text, Share: 1 / float64(len(res.Outcomes)), Why: res.Unknown}}
		}
		e.forward(next)
	}
}

// maxAnswers bounds how often ovn-controller's packets may make ovn-controller answer.
const maxAnswers = 16

// remark notes, once, a side effect in a segment.
func (v *visit) remark(segment int, text string) {
	if slices.Contains(v.Segments[segment].Notes, text) || slices.Contains(v.Remarks[segment], text) {
		return
	}
	if v.Remarks == nil {
		v.Remarks = map[int][]string{}
	}
	v.Remarks[segment] = append(v.Remarks[segment], text)
}
