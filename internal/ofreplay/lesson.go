package ofreplay

import (
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Lesson is a learn() action that a section executes: the flow that it would put into a table. A
// trace suppresses it (ofproto/ofproto-dpif-xlate.c: xlate_learn_action).
type Lesson struct {
	Bridge   string
	Table    int
	Priority int
	Items    []string // items of the action, as printed: the flow's match and actions; Learn executes them
	// Flow is the packet at the action, with its registers and conntrack state; empty if it is
	// unknown.
	Flow string
}

// The defaults of a learn() action (lib/learn.c: learn_parse__).
const (
	learnTable    = 1
	learnPriority = 32768
)

// lesson records a learn() action.
func (w *walker) lesson(n *oftrace.Node) {
	inner, _ := strings.CutPrefix(n.Text, "learn(")
	items := openflow.SplitActions(strings.TrimSuffix(inner, ")"))
	l := Lesson{
		Bridge: w.sec.BridgeOf(n), Items: items,
		Table: number(items, "table", learnTable), Priority: number(items, "priority", learnPriority),
	}
	if f, ok := w.now(); ok {
		l.Flow = f.String()
	}
	w.Lessons = append(w.Lessons, l)
}

// number returns the NUMBER of an item NAME=NUMBER, or otherwise if there is no such item.
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
