package driver

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// Lesson is a flow that a packet, had it really been sent, would have taught a chassis.
type Lesson struct {
	Chassis string `json:"chassis"`
	engine.Lesson
}

// OVS' own values of what a learn() action leaves out (lib/learn.c: learn_parse__).
const (
	learnTable    = 1
	learnPriority = 32768
)

// taught adds what a packet would have taught a chassis on its way to some leaves. What comes again comes last: of two flows with one
// match the later one is in the table.
func (w World) taught(h *hop, leaves []engine.Leaf, packet string) World {
	for _, seg := range h.result.Segments {
		if !slices.ContainsFunc(leaves, func(l engine.Leaf) bool { return slices.Contains(l.Path, seg.ID) }) {
			continue
		}
		for _, t := range seg.Tables {
			for i, a := range t.Actions {
				spec, ok := strings.CutPrefix(a, "learn(")
				if !ok {
					continue
				}
				l := engine.Lesson{Bridge: t.Bridge, Items: openflow.SplitActions(strings.TrimSuffix(spec, ")")), Flow: behind(t, i), Packet: packet}
				l.Table, l.Priority = number(l.Items, "table", learnTable), number(l.Items, "priority", learnPriority)
				w = w.learn(Lesson{h.chs, l})
			}
		}
	}
	return w
}

func (w World) learn(l Lesson) World {
	next := make([]Lesson, 0, len(w.Lessons)+1)
	for _, o := range w.Lessons {
		if !reflect.DeepEqual(o, l) {
			next = append(next, o)
		}
	}
	w.Lessons = append(next, l)
	return w
}

// behind is the packet behind the first n action lines of a table's flow; empty where it could not be followed.
func behind(t engine.TableHit, n int) string {
	f, err := openflow.Parse(t.Flow)
	if err != nil || t.Flow == "" {
		return ""
	}
	if f, err = pinctrl.After(f, t.Actions[:n]); err != nil {
		return ""
	}
	return f.String()
}

// number reads an item of a learn() action that is one.
func number(items []string, name string, otherwise int) int {
	for _, item := range items {
		if v, ok := strings.CutPrefix(item, name+"="); ok {
			if n, err := strconv.Atoi(v); err == nil {
				return n
			}
		}
	}
	return otherwise
}

// lessons are what a chassis would have been taught.
func (w World) lessons(chassis string) (out []engine.Lesson) {
	for _, l := range w.Lessons {
		if l.Chassis == chassis {
			out = append(out, l.Lesson)
		}
	}
	return out
}
