package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// detour is a section's first look-up that finds a lesson's flow, and the actions to trace in place
// of the section: the same from where it began, but with the learned flow's.
type detour struct {
	ofreplay.Detour
	at  *oftrace.Node
	hit TableHit // what the look-up finds
	// start is the packet where the actions begin, on bridge, if that is behind a patch port; nil
	// if they begin where the section began.
	start  *openflow.Flow
	bridge string
	why    string // why the result of the look-up is unknown; empty if it is known
}

// findDetour returns the first look-up of a segment that finds a lesson's flow; nil if there is
// none.
func (r *run) findDetour(s *segment) (*detour, error) {
	lookups := r.follow(s).Lookups
	for _, t := range s.section.Tables() {
		hit, why := decides(r.req.Lessons, t, lookups)
		if why != "" {
			return &detour{why: why}, nil
		}
		if hit == nil {
			continue
		}
		d, err := ofreplay.NewDetour(s.section, t.Node, hit.Actions)
		if err != nil {
			return nil, err
		}
		out := &detour{Detour: d, at: t.Node, hit: *hit}
		if d.From != nil {
			if out.start, err = behindPatch(s.section, d.From, lookups); err != nil {
				return nil, err
			}
			out.bridge = t.Bridge
		}
		return out, nil
	}
	return nil, nil
}

// decides returns the lesson's flow that a look-up finds, nil if the lessons do not change it; if
// that is unknown, why says why.
func decides(lessons []Lesson, t oftrace.TableRun, lookups ofreplay.Lookups) (found *TableHit, why string) {
	hit := TableHit{Bridge: t.Bridge, Table: t.Hit.ID, Priority: t.Hit.Priority, Miss: t.Hit.Miss}
	for _, l := range lessons {
		if !l.GoesBefore(hit) {
			continue
		}
		learned, taken, why := l.takes(lookups, t.Node)
		switch {
		case why != "":
			return nil, fmt.Sprintf("the %s before would have taught table %d a flow (learn), which a trace does not install: "+
				"what it makes of this packet is unknown, as %s", l.Packet, l.Table, why)
		case !taken || found != nil && found.Priority > l.Priority:
		case found != nil && found.Priority == l.Priority && found.Match != learned.Match() && !slices.Equal(found.Actions, learned.Actions):
			return nil, fmt.Sprintf("the packets before would have taught table %d two flows of priority %d that match: which of them is found is unknown",
				l.Table, l.Priority)
		default: // of two flows with one match, the later one is in the table
			found = &TableHit{Bridge: l.Bridge, Table: l.Table, Priority: l.Priority, Cookie: learned.Cookie, Match: learned.Match(),
				Actions: learned.Actions, Metadata: learned.Metadata(), Flow: lookups[t.Node].String(), Taught: l.Packet}
		}
	}
	return found, ""
}

// takes reports whether the packet of a look-up matches a lesson's flow; if that is unknown, why
// says why.
func (l Lesson) takes(lookups ofreplay.Lookups, at *oftrace.Node) (learned ofreplay.Learned, taken bool, why string) {
	var then *openflow.Flow
	if f, err := openflow.Parse(l.Flow); err == nil && l.Flow != "" {
		then = &f
	}
	learned = ofreplay.Learn(l.Items, then)
	now, ok := lookups[at]
	if !ok {
		return learned, false, "the packet could not be followed to it"
	}
	taken, known := learned.Takes(now)
	if !known {
		return learned, false, cmp.Or(learned.Unknown, "it is about fields whose values here are not")
	}
	return learned, taken, ""
}

// behindPatch returns the packet as it enters a bridge by a patch port. The match of the first flow
// there names the port, and shows that the bridge before has not changed the packet's VLAN tag.
func behindPatch(sec oftrace.Section, first *oftrace.Node, lookups ofreplay.Lookups) (*openflow.Flow, error) {
	f, ok := lookups[first]
	match, err := openflow.Parse(first.Table.Match)
	in, named := match.Get("in_port")
	was, err2 := openflow.Parse(sec.Flow)
	if err = errors.Join(err, err2); err != nil {
		return nil, err
	}
	if !ok || !named || !sameTag(match, was) {
		return nil, errors.New("the packet that comes by the patch port is unknown where it meets a learned flow")
	}
	return &openflow.Flow{Fields: append([]openflow.Field{{Name: "in_port", Value: in}}, f.Fields...)}, nil
}

// sameTag reports whether a match requires the packet's own outermost VLAN tag.
func sameTag(match, pkt openflow.Flow) bool {
	p, err := openflow.ToPacket(pkt)
	if err != nil {
		return false
	}
	if v, ok := match.Uint("dl_vlan"); ok {
		return len(p.VLANs) > 0 && uint64(p.VLANs[0].VID) == v
	}
	tci, ok := match.Field("vlan_tci")
	return ok && tci.Value == "0x0000" && len(p.VLANs) == 0
}
