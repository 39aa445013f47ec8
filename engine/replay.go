package engine

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// follow replays a segment's action lines, once, and completes its table hits with the packet that
// was looked up.
func (r *run) follow(s *segment) *ofreplay.Replay {
	if s.replay != nil {
		return s.replay
	}
	rep := ofreplay.Follow(s.section, r.startOf(s))
	s.replay = &rep
	for i, n := range tableNodes(&s.section) {
		// A flow without a cookie is one of OVN's subroutines, or the end of a packet that no other
		// took.
		if hit := &s.pub.Tables[i]; hit.Cookie != 0 || hit.Miss || hit.Priority == 0 {
			if f, ok := rep.Lookups[n]; ok {
				hit.Flow = lookedUp(f).String()
			}
		}
	}
	return s.replay
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

// unknownStart is a resumed segment whose parent's registers could not be followed to where it
// resumes.
const unknownStart = "the registers that this segment began with are not known"

// startOf finds the registers a segment began with: those at the place of its parent that it
// resumes. A segment that only ran a group's bucket changed none, so its final flow has them.
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

// startAt has the registers at the recirculation of a segment that comes ordinal-th.
func (r *run) startAt(s *segment, ordinal int) ofreplay.Start {
	p := r.placeAt(s, ordinal)
	if p == nil || p.Lost != "" {
		return ofreplay.Start{Lost: unknownStart}
	}
	return ofreplay.Start{Flow: &p.Flow}
}

// placeAt is the place of a segment's recirculation that comes ordinal-th; nil where the replay and
// the datapath actions do not agree on how many there are.
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
