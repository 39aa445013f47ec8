package explain

import (
	"context"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// Visit is one visit of a packet to a chassis: the bridge where it entered, the integration bridge
// there (empty when unknown), and its segments.
type Visit struct {
	Bridge, Integration string
	Segments            []*engine.Segment
}

// At is the place of a table hit: indexes of the visit, of its segment, and of the hit in the
// segment's Tables.
type At struct{ Visit, Segment, Index int }

// Names are the names of the table hits on a packet's way over one chassis.
type Names struct {
	explainer *Explainer
	chassis   string
	seen      map[At]*seen
	order     []*seen
}

// seen is a table hit that has been named.
type seen struct {
	lookup
	eval   *seen // for a hit that applies an ACL stage's decision: the hit that made it; else nil
	before *seen // the look-up before it on the packet's way over the chassis
	first  bool  // the first one of its segment
}

// Names names the table hits of visits to a chassis. With an error it still returns the names that
// it found.
func (e *Explainer) Names(ctx context.Context, chassis string, visits []Visit) (*Names, error) {
	n := &Names{explainer: e, chassis: chassis, seen: map[At]*seen{}}
	var hits []engine.TableHit
	for v := range visits {
		n.follow(visits[v], v)
	}
	for _, s := range n.order {
		hits = append(hits, s.hit)
	}
	named, err := e.Explain(ctx, hits)
	var eval *seen
	for i, s := range n.order {
		if s.first {
			eval = nil
		}
		s.named = named[i]
		eval = s.carry(eval)
	}
	return n, err
}

// follow lists the hits of a visit on OVN's own bridge, in their order.
func (n *Names) follow(v Visit, visit int) {
	last := make([]*seen, len(v.Segments)) // of each segment
	for i, seg := range v.Segments {
		first, before := true, (*seen)(nil)
		if p := seg.Parent; p >= 0 && p < i {
			before = last[p]
		}
		for j, hit := range seg.Tables {
			if !v.ours(seg, hit) {
				continue
			}
			s := &seen{lookup: lookup{hit: hit, last: seg.Final}, before: before, first: first}
			before, first, last[i] = s, false, s
			n.seen[At{visit, i, j}] = s
			n.order = append(n.order, s)
		}
	}
}

// ours reports whether a hit is on a bridge that OVN programs. A packet that enters by a provider
// network's bridge reaches the integration bridge in the same segment; ofproto/trace heads a
// segment that resumes there by the bridge where the packet entered.
func (v Visit) ours(s *engine.Segment, h engine.TableHit) bool {
	switch {
	case h.Bridge == "" || h.Bridge == v.Integration:
		return true
	case v.Integration == "" || s.Enter != "packet":
		return h.Bridge == v.Bridge
	}
	return false
}

// carry gives the Northbound row of a deciding stage to the stage that applies its decision. Since
// 23.06 an ACL only sets a bit in *_acl_eval or *_acl_after_lb_eval; the stage of the same name
// with _action drops, and its flows have no Northbound row. *_check_port_sec and *_apply_port_sec
// do the same for port security. It returns the latest evaluation.
func (s *seen) carry(eval *seen) *seen {
	stage := s.named.Stage
	switch ends := func(part string) bool { return strings.HasSuffix(stage, part) }; {
	case !strings.Contains(stage, "_acl") && !strings.Contains(stage, "port_sec"):
		return nil
	case ends("_eval"), ends("_acl"), ends("_acl_after_lb"), ends("_check_port_sec"):
		return s
	case (ends("_action") || ends("_apply_port_sec")) && eval != nil:
		s.eval = eval
		if s.named.NB == nil {
			s.named.NB = eval.named.NB
		}
	}
	return eval
}

// At returns the name of a hit; ok is false for a hit on a bridge that OVN does not program.
func (n *Names) At(at At) (name Named, ok bool) {
	s := n.seen[at]
	if s == nil {
		return Named{}, false
	}
	return s.named, true
}
