package oftrace

import (
	"strconv"
	"strings"
)

// Walk calls f for every node in execution order; if f returns false, Walk skips the lines below
// the node.
func (s *Section) Walk(f func(*Node) bool) { walk(s.Nodes, f) }

func walk(nodes []*Node, f func(*Node) bool) {
	for _, n := range nodes {
		if f(n) {
			walk(n.Children, f)
		}
	}
}

// TableRun is one table look-up of a section with the actions that it executed.
type TableRun struct {
	Bridge  string
	Hit     TableHit
	Node    *Node
	Actions []*Node // the action lines of the table's own rule, without the lines that they led to
}

// Tables returns the section's table look-ups in execution order, the execution of the action set
// (ID -1) included.
func (s *Section) Tables() []TableRun {
	var runs []TableRun
	s.InBridges(func(bridge string, n *Node) {
		if n.Kind != Table {
			return
		}
		r := TableRun{Bridge: bridge, Hit: n.Table, Node: n}
		for _, c := range n.Children {
			if c.Kind == ActionLine {
				r.Actions = append(r.Actions, c)
			}
		}
		runs = append(runs, r)
	})
	return runs
}

// InBridges calls f for every node in execution order, with the bridge in which it ran: lines after
// the bridge of a patch port or tunnel belong to the bridge before it again.
func (s *Section) InBridges(f func(bridge string, n *Node)) {
	var visit func(bridge string, nodes []*Node, top bool)
	visit = func(bridge string, nodes []*Node, top bool) {
		for _, n := range nodes {
			in := bridge
			if n.Kind == Bridge {
				in = n.Bridge
				if top && s.Bridge != "" {
					in = s.Bridge
				}
			}
			f(in, n)
			visit(in, n.Children, false)
		}
	}
	visit(s.Bridge, s.Nodes, true)
}

// BridgeOf returns the bridge in which a node of the section ran.
func (s *Section) BridgeOf(n *Node) string {
	name := ""
	s.InBridges(func(bridge string, x *Node) {
		if x == n {
			name = bridge
		}
	})
	return name
}

// Fork is a conntrack recirculation that the trace queued.
type Fork struct {
	Node   *Node
	Bridge string
	Table  int // where the clone resumes
}

// forkText is what compose_recirculate_and_fork reports once for every recirculation that it
// queues.
const forkText = "A clone of the packet is forked to recirculate. The forked pipeline will be resumed at table "

// Forks returns the recirculations that the section queued, in the order of the queue.
func (s *Section) Forks() []Fork {
	var out []Fork
	s.InBridges(func(bridge string, n *Node) {
		rest, ok := strings.CutPrefix(n.Text, forkText)
		if n.Kind != Detail || !ok {
			return
		}
		table, err := strconv.Atoi(strings.TrimSuffix(rest, "."))
		if err != nil {
			table = -1
		}
		out = append(out, Fork{Node: n, Bridge: bridge, Table: table})
	})
	return out
}

// ContextLost is the reason for which translation fails after a recirculation id was freed
// (XLATE_NO_RECIRCULATION_CONTEXT, ofproto/ofproto-dpif-xlate.c).
const ContextLost = "No recirculation context"

// link sets each section's parent and bridge. The queue is first in, first out, so the n-th
// recirculation queued is the n-th section after the first.
func link(t *Trace) {
	next := 1
	for i := range t.Sections {
		s := &t.Sections[i]
		if s.Bridge == "" && len(s.Nodes) > 0 && s.Nodes[0].Kind == Bridge {
			s.Bridge = s.Nodes[0].Bridge
		}
		for _, f := range s.Forks() {
			if next >= len(t.Sections) {
				break
			}
			t.Sections[next].Parent, t.Sections[next].Bridge = i, f.Bridge
			next++
		}
	}
}
