package driver

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// Lesson is a flow that a packet would have put into a table by learn(): a trace installs nothing
// (ofproto/ofproto-dpif-xlate.c: xlate_learn_action), and what comes after is traced over tables that lack it.
type Lesson struct {
	Chassis  string   `json:"chassis"`
	Bridge   string   `json:"bridge"`
	Table    int      `json:"table"`
	Priority int      `json:"priority"`
	Items    []string `json:"items"`  // of the learn() action: what the flow matches, and does
	Flow     string   `json:"flow"`   // the packet that would have taught it
	Packet   string   `json:"packet"` // its label
}

// OVS' own values of what a learn() action leaves out (lib/learn.c: learn_parse__).
const (
	learnTable    = 1
	learnPriority = 32768
)

// taught adds what a packet, had it really been sent, would have taught a chassis on its way to some leaves.
func (w World) taught(h *hop, leaves []engine.Leaf, packet string) World {
	for _, seg := range h.result.Segments {
		if !slices.ContainsFunc(leaves, func(l engine.Leaf) bool { return slices.Contains(l.Path, seg.ID) }) {
			continue
		}
		for _, t := range seg.Tables {
			for _, a := range t.Actions {
				spec, ok := strings.CutPrefix(a, "learn(")
				if !ok {
					continue
				}
				l := Lesson{Chassis: h.chs, Bridge: t.Bridge, Items: openflow.SplitActions(strings.TrimSuffix(spec, ")")), Flow: t.Flow, Packet: packet}
				l.Table, l.Priority = l.number("table", learnTable), l.number("priority", learnPriority)
				if !slices.ContainsFunc(w.Lessons, func(o Lesson) bool { return reflect.DeepEqual(o, l) }) {
					w.Lessons = append(w.Lessons[:len(w.Lessons):len(w.Lessons)], l)
				}
			}
		}
	}
	return w
}

// number reads an item of the action that is one.
func (l Lesson) number(name string, otherwise int) int {
	for _, item := range l.Items {
		if v, ok := strings.CutPrefix(item, name+"="); ok {
			if n, err := strconv.Atoi(v); err == nil {
				return n
			}
		}
	}
	return otherwise
}

// unlearned tells of which segments of a visit it cannot be known what comes of them: a look-up there took no flow, or one that
// a flow goes before which was taught and may match.
func (w World) unlearned(h *hop) map[int]string {
	out := map[int]string{}
	for _, seg := range h.result.Segments {
		for _, t := range seg.Tables {
			i := slices.IndexFunc(w.Lessons, func(l Lesson) bool {
				return l.Chassis == h.chs && l.Bridge == t.Bridge && l.Table == t.Table && (t.Miss || t.Priority < l.Priority) && l.mayTake(t.Flow)
			})
			if i >= 0 {
				out[seg.ID] = fmt.Sprintf("the %s before would have taught table %d of %s a flow (learn), which a trace does not install: "+
					"what it makes of this packet is not known", w.Lessons[i].Packet, t.Table, h.chs)
			}
		}
	}
	return out
}

// mayTake tells whether the flow may match a packet: no field that both tell of says that it does not.
func (l Lesson) mayTake(flow string) bool {
	now, err := openflow.Parse(flow)
	then, err2 := openflow.Parse(l.Flow)
	if err != nil || err2 != nil {
		return true
	}
	for _, item := range l.Items {
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
