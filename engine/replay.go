package engine

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// follow replays a segment's action lines, once, and adds to its table hits the packet of each
// look-up.
func (r *run) follow(s *segment) *ofreplay.Replay {
	if s.replay != nil {
		return s.replay
	}
	rep := ofreplay.Follow(s.section, r.startOf(s))
	s.replay = &rep
	for i, n := range tableNodes(&s.section) {
		// A flow without a cookie is one of OVN's subroutines, or that of a packet which no other
		// flow matched.
		if hit := &s.pub.Tables[i]; hit.Cookie != 0 || hit.Miss || hit.Priority == 0 {
			if f, ok := rep.Lookups[n]; ok {
				hit.Flow = lookedUp(f).String()
			}
		}
	}
	return s.replay
}

// tableNodes returns the nodes of tableHits, in the same order.
func tableNodes(sec *oftrace.Section) []*oftrace.Node {
	var out []*oftrace.Node
	walkNodes(sec.Nodes, func(n *oftrace.Node) {
		if n.Kind == oftrace.Table {
			out = append(out, n)
		}
	})
	return out
}

// unknownStart is the reason for a resumed segment if its parent's registers are unknown where it
// resumes.
const unknownStart = "the registers that this segment began with are unknown"

// startOf returns the registers at the start of a segment: those at the recirculation of its parent
// that it resumes. A segment that only ran a group's bucket changed none, so its final flow
// contains them.
func (r *run) startOf(s *segment) ofreplay.Start {
	if s.parent == nil || s.ordinal == afresh {
		return ofreplay.Start{}
	}
	if s.start != nil {
		return ofreplay.Start{Flow: s.start}
	}
	if len(s.pub.Tables) == 0 {
		f, err := openflow.Parse(s.pub.Final)
		if err != nil {
			return ofreplay.Start{Lost: unknownStart}
		}
		return ofreplay.Start{Flow: &f}
	}
	return r.startAt(s.parent, s.ordinal)
}

// startAt returns the registers at a segment's recirculation number ordinal.
func (r *run) startAt(s *segment, ordinal int) ofreplay.Start {
	p := r.placeAt(s, ordinal)
	if p == nil || p.Lost != "" {
		return ofreplay.Start{Lost: unknownStart}
	}
	return ofreplay.Start{Flow: &p.Flow}
}

// placeAt returns the place of a segment's recirculation number ordinal; nil if the replay and the
// datapath actions disagree on their number.
func (r *run) placeAt(s *segment, ordinal int) *ofreplay.Place {
	var at []*ofreplay.Place
	places := r.follow(s).Places
	for i, p := range places {
		if strings.HasPrefix(p.Node.Text, "ct(") || strings.HasPrefix(p.Node.Text, "group:") {
			at = append(at, &places[i])
		}
	}
	if len(at) != len(s.ids) {
		return nil
	}
	return at[ordinal]
}
