package driver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// place is a table on a chassis.
type place struct {
	chassis, bridge string
	table           int
}

// lesson is a flow that a packet of this run would have put into a table by learn(): a trace installs nothing
// (ofproto/ofproto-dpif-xlate.c: xlate_learn_action), and the packets after it are traced over tables that lack it.
type lesson struct {
	items    []string // of the learn() action: what the flow matches, and does
	priority int
	flow     string // the packet that would have taught it
	packet   string // its label
}

// OVS' own values of what a learn() action leaves out (lib/learn.c: learn_parse__).
const (
	learnTable    = 1
	learnPriority = 32768
)

// taught notes what this packet, had it really been sent, would have taught.
func (s *sending) taught() {
	for _, h := range s.hops {
		for _, seg := range h.result.Segments {
			for _, t := range seg.Tables {
				for _, a := range t.Actions {
					spec, ok := strings.CutPrefix(a, "learn(")
					if !ok {
						continue
					}
					l := lesson{openflow.SplitActions(strings.TrimSuffix(spec, ")")), learnPriority, t.Flow, s.pkt.Label}
					l.priority = l.number("priority", learnPriority)
					if s.lessons == nil {
						s.Driver.lessons = map[place][]lesson{}
					}
					at := place{h.chs, t.Bridge, l.number("table", learnTable)}
					s.lessons[at] = append(s.lessons[at], l)
				}
			}
		}
	}
}

// number reads an item of the action that is one.
func (l lesson) number(name string, otherwise int) int {
	for _, item := range l.items {
		if v, ok := strings.CutPrefix(item, name+"="); ok {
			if n, err := strconv.Atoi(v); err == nil {
				return n
			}
		}
	}
	return otherwise
}

// unlearned tells of which segments of a visit it cannot be known what comes of them: a look-up there took no flow, or one that
// a flow goes before which an earlier packet would have taught and which may match.
func (s *sending) unlearned(h *hop) map[int]string {
	out := map[int]string{}
	for _, seg := range h.result.Segments {
		for _, t := range seg.Tables {
			lessons := s.lessons[place{h.chs, t.Bridge, t.Table}]
			i := slices.IndexFunc(lessons, func(l lesson) bool { return (t.Miss || t.Priority < l.priority) && l.mayTake(t.Flow) })
			if i >= 0 {
				out[seg.ID] = fmt.Sprintf("the %s before would have taught table %d of %s a flow (learn), which a trace does not install: "+
					"what it makes of this packet is not known", lessons[i].packet, t.Table, h.chs)
			}
		}
	}
	return out
}

// mayTake tells whether the flow may match a packet: no field that both tell of says that it does not.
func (l lesson) mayTake(flow string) bool {
	now, err := openflow.Parse(flow)
	then, err2 := openflow.Parse(l.flow)
	if err != nil || err2 != nil {
		return true
	}
	for _, item := range l.items {
		dst, src, given := strings.Cut(item, "=")
		got, known := learnField(now, dst)
		want := src
		if !given { // the field as the packet that taught it had it
			src = dst
		}
		if strings.HasSuffix(src, "]") {
			var has bool
			want, has = learnField(then, src)
			known = known && has
		}
		if known && got != want {
			return false
		}
	}
	return true
}

// learnField is a whole field of a packet by its name in learn(); a part of one is not told.
func learnField(f openflow.Flow, name string) (string, bool) {
	if sub, ok := pinctrl.ParseSubfield(name); ok {
		if sub.Bits < sub.Field.Bits {
			return "", false
		}
		name = sub.Field.Name
	}
	return f.Get(name)
}

// settled is a leaf as far as it is known: one behind a segment that cannot be told is unknown.
func settled(leaf engine.Leaf, unlearned map[int]string) engine.Leaf {
	for _, seg := range leaf.Path {
		if why := unlearned[seg]; why != "" {
			leaf.Kind, leaf.Port, leaf.Controller, leaf.Why = engine.LeafUnknown, nil, nil, why
		}
	}
	return leaf
}
