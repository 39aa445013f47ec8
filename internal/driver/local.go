package driver

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// LocalBranches are the ends of an engine's result where there is no OVN to carry the packet on: every output
// that is not the host's is a port.
func LocalBranches(chassis string, res *engine.Result) []*report.Branch {
	s := &sending{pkt: &report.Packet{}, decided: map[*report.Reason]decision{}}
	h := &hop{chs: chassis, result: res}
	a := arrival{chassis: chassis, hops: []int{0}}
	sent := &Sent{}
	for _, o := range res.Outcomes {
		var out Outcome
		for _, leaf := range o.Leaves {
			v, end := engine.Unknown, report.End{Kind: "unknown", Chassis: chassis}
			switch leaf.Kind {
			case engine.LeafDrop:
				v, end.Kind = engine.Dropped, "drop"
			case engine.LeafController:
				v, end.Kind = engine.Controller, "controller"
			case engine.LeafOutput:
				v, end.Kind, end.Port = engine.Delivered, "port", leaf.Port.Name
				if leaf.Port.Kind == engine.PortHost {
					v, end.Kind = engine.Host, "host"
				}
			}
			b := s.branch(a, &leaf, v, end, leaf.Why)
			if v != engine.Delivered && v != engine.Host {
				s.reason(&b, h, leaf)
			}
			out.Branches = append(out.Branches, b)
		}
		sent.Outcomes = append(sent.Outcomes, out)
	}
	s.collect(sent)
	return s.pkt.Branches
}

// Judge sets the verdict of a packet, sent as orig, from its branches.
func Judge(p *report.Packet, orig packet.Packet) {
	p.Flood = orig.EthDst[0]&1 != 0 || copies(p)
	p.Verdict = verdictOf(p, p.Flood)
}
