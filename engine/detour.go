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

// detour is a section's first look-up that a lesson decides, and what to trace in place of the
// section: actions that do the same from where it began, but with the learned flow.
type detour struct {
	ofreplay.Detour
	at  *oftrace.Node
	hit TableHit // what the look-up finds
	// start is the packet where the actions begin, on bridge, where that is behind a patch port;
	// nil where it is where the section began.
	start  *openflow.Flow
	bridge string
	why    string // not empty: what comes of the look-up is unknown
}

// findDetour finds the first look-up of a segment that a lesson decides; nil where none does.
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

// decides returns what a look-up finds by the lessons, nil where they do not change it; why is not
// empty where that is unknown.
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
				"what it makes of this packet is not known, as %s", l.Packet, l.Table, why)
		case !taken || found != nil && found.Priority > l.Priority:
		case found != nil && found.Priority == l.Priority && found.Match != learned.Match() && !slices.Equal(found.Actions, learned.Actions):
			return nil, fmt.Sprintf("the packets before would have taught table %d two flows of priority %d that match: which of them is found is not known",
				l.Table, l.Priority)
		default: // of two with one match the later one is in the table
			found = &TableHit{Bridge: l.Bridge, Table: l.Table, Priority: l.Priority, Cookie: learned.Cookie, Match: learned.Match(),
				Actions: learned.Actions, Metadata: learned.Metadata(), Flow: lookups[t.Node].String(), Taught: l.Packet}
		}
	}
	return found, ""
}

// takes reports whether a packet that is looked up matches a lesson's flow, or why that is unknown.
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

// behindPatch is the packet as it comes to a bridge by a patch port. The match of the first flow
// that takes it names that port, and says that the bridge before has not changed its tag.
func behindPatch(sec oftrace.Section, first *oftrace.Node, lookups ofreplay.Lookups) (*openflow.Flow, error) {
	f, ok := lookups[first]
	match, err := openflow.Parse(first.Table.Match)
	in, named := match.Get("in_port")
	was, err2 := openflow.Parse(sec.Flow)
	if err = errors.Join(err, err2); err != nil {
		return nil, err
	}
	if !ok || !named || !sameTag(match, was) {
		return nil, errors.New("the packet that comes by the patch port is not known where it meets a learned flow")
	}
	return &openflow.Flow{Fields: append([]openflow.Field{{Name: "in_port", Value: in}}, f.Fields...)}, nil
}

// sameTag reports whether a match asks for the outermost VLAN tag that a packet has.
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
