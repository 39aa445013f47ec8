package driver

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Local makes a trace of an engine's result on one chassis without OVN: every output that is not
// the host's is delivered at a port. hop is the only one; its segments are those of the result.
func Local(hop Hop, start Start, p packet.Packet, label string, res *engine.Result) *Trace {
	hop.Segments = res.Segments
	s := &sending{Trace: &Trace{Label: label, Direction: "original", Start: start, Packet: p, Hops: []*Hop{&hop}}}
	at := &visit{Hop: &hop, result: res}
	for _, o := range res.Outcomes {
		out := Outcome{Choices: o.Choices}
		for _, leaf := range o.Leaves {
			e := &ending{sending: s, from: arrival{chassis: hop.Chassis, hops: []int{0}}, at: at, leaf: leaf}
			verdict, port := engine.Unknown, ""
			switch leaf.Kind {
			case engine.LeafDrop:
				verdict = engine.Dropped
			case engine.LeafController:
				verdict = engine.Controller
			case engine.LeafOutput:
				verdict, port = engine.Delivered, leaf.Port.Name
				if leaf.Port.Kind == engine.PortHost {
					verdict = engine.Host
				}
			}
			b := e.branch(verdict, port, leaf.Why)
			if verdict != engine.Delivered && verdict != engine.Host {
				b.Cause = e.cause(b)
			}
			out.Branches = append(out.Branches, b)
		}
		s.Outcomes = append(s.Outcomes, out)
	}
	s.collect()
	s.judge()
	return s.Trace
}
