package node

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// Learn is engine.Learner by pinctrl's machine.
func Learn(sec oftrace.Section, start *openflow.Flow, lessons []engine.Lesson) (*engine.Detour, error) {
	_, lookups, err := pinctrl.Follow(sec, start)
	if err != nil {
		return nil, err
	}
	for _, t := range sec.Tables() {
		hit := engine.TableHit{Bridge: t.Bridge, Table: t.Hit.ID, Priority: t.Hit.Priority, Miss: t.Hit.Miss}
		var found *engine.TableHit
		for _, l := range lessons {
			if !l.GoesBefore(hit) {
				continue
			}
			learned, taken, why := take(l, lookups, t.Node)
			switch {
			case why != "":
				return &engine.Detour{Why: fmt.Sprintf("the %s before would have taught table %d a flow (learn), which a trace does not install: "+
					"what it makes of this packet is not known, as %s", l.Packet, l.Table, why)}, nil
			case !taken || found != nil && found.Priority > l.Priority:
			case found != nil && found.Priority == l.Priority && found.Match != learned.Match() && !slices.Equal(found.Actions, learned.Actions):
				return &engine.Detour{Why: fmt.Sprintf("the packets before would have taught table %d two flows of priority %d that match: which of them is found is not known",
					l.Table, l.Priority)}, nil
			default: // of two with one match the later one is in the table
				found = &engine.TableHit{Bridge: l.Bridge, Table: l.Table, Priority: l.Priority, Cookie: learned.Cookie, Match: learned.Match(),
					Actions: learned.Actions, Metadata: learned.Metadata(), Flow: lookups[t.Node].String(), Taught: l.Packet}
			}
		}
		if found == nil {
			continue
		}
		d, err := pinctrl.NewDetour(sec, t.Node, found.Actions)
		if err != nil {
			return nil, err
		}
		out := &engine.Detour{At: t.Node, Hit: *found, Actions: d.Actions, Again: d.Again}
		if d.From != nil {
			if out.Start, err = behindPatch(sec, d.From, lookups); err != nil {
				return nil, err
			}
			out.Bridge = t.Bridge
		}
		return out, nil
	}
	return nil, nil
}

// take says whether a packet that is looked up matches a lesson's flow, or why that is not known.
func take(l engine.Lesson, lookups pinctrl.Lookups, at *oftrace.Node) (learned pinctrl.Learned, taken bool, why string) {
	var then *openflow.Flow
	if f, err := openflow.Parse(l.Flow); err == nil && l.Flow != "" {
		then = &f
	}
	learned = pinctrl.Learn(l.Items, then)
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

// behindPatch is the packet as it comes to a bridge by a patch port. Which one, and that the bridge before has not changed its tag,
// is told by the match of the first flow that takes it.
func behindPatch(sec oftrace.Section, first *oftrace.Node, lookups pinctrl.Lookups) (*openflow.Flow, error) {
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

// sameTag says whether a match asks for the outermost VLAN tag that a packet has.
func sameTag(match, pkt openflow.Flow) bool {
	p, err := packet.FromFlow(pkt)
	if err != nil {
		return false
	}
	if v, ok := match.Uint("dl_vlan"); ok {
		return len(p.VLANs) > 0 && uint64(p.VLANs[0].VID) == v
	}
	tci, ok := match.Field("vlan_tci")
	return ok && tci.Value == "0x0000" && len(p.VLANs) == 0
}
