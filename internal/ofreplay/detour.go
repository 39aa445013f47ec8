package ofreplay

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

// Detour describes what a section would have done if one of its table look-ups had found another
// flow.
type Detour struct {
	Actions string // OpenFlow actions that do the same from where the section began
	// Again is the number of table look-ups before that one that Actions repeat.
	Again int
	// From is the look-up at which Actions begin if that is behind a patch port; nil if they begin
	// where the section began.
	From *oftrace.Node
}

// NewDetour replaces the actions that followed a look-up of a section by a flow's actions. It
// writes out every action line before the look-up; a line that leads to a table with the look-up
// below it is replaced by the table's own lines.
func NewDetour(sec oftrace.Section, at *oftrace.Node, flow []string) (Detour, error) {
	d := detour{at: at, flow: flow, onWay: map[*oftrace.Node]bool{}}
	nodes, from := d.cross(sec.Nodes)
	out, found, err := d.list(nodes, true)
	if err == nil && !found {
		err = errors.New("the look-up is not of this section")
	}
	if err != nil {
		return Detour{}, fmt.Errorf("the way to table %d cannot be written out: %w", at.Table.ID, err)
	}
	again := 0
	before := true
	sec.Walk(func(n *oftrace.Node) bool {
		before = before && n != at
		if before && n.Kind == oftrace.Table && !d.onWay[n] {
			again++
		}
		return true
	})
	return Detour{Actions: strings.Join(out, ","), Again: again, From: from}, nil
}

// learnedPort is the line that NORMAL prints for a packet that it sends to one port
// (ofproto/ofproto-dpif-xlate.c: xlate_normal).
const learnedPort = "forwarding to learned port"

// cross continues on the bridge behind a patch port if the first bridge did nothing but send the
// packet there: a provider network's bridge, by NORMAL.
func (d *detour) cross(nodes []*oftrace.Node) ([]*oftrace.Node, *oftrace.Node) {
	if len(nodes) != 1 || nodes[0].Kind != oftrace.Bridge || len(nodes[0].Children) != 1 || nodes[0].Children[0].Kind != oftrace.Table {
		return nodes, nil
	}
	first := nodes[0].Children[0]
	var bridge *oftrace.Node
	normal, one := 0, false
	var look func([]*oftrace.Node)
	look = func(in []*oftrace.Node) {
		for _, n := range in {
			switch {
			case n.Kind == oftrace.Bridge && bridge == nil && holds(n.Children, d.at):
				bridge = n
				continue
			case n.Kind == oftrace.ActionLine && n.Text == "NORMAL":
				normal++
			case n.Kind == oftrace.Detail:
				one = one || n.Text == learnedPort
			default:
				normal = -1 << 16 // the bridge did something else too
			}
			look(n.Children)
		}
	}
	look(first.Children)
	if normal != 1 || !one || bridge == nil || len(bridge.Children) == 0 || bridge.Children[0].Kind != oftrace.Table {
		return nodes, nil
	}
	d.onWay[first] = true
	return bridge.Children, bridge.Children[0]
}

type detour struct {
	at    *oftrace.Node
	flow  []string
	onWay map[*oftrace.Node]bool
}

// list writes out sibling nodes; found says that the look-up is below them.
func (d *detour) list(nodes []*oftrace.Node, top bool) (out []string, found bool, err error) {
	forks := false
	for i := 0; i < len(nodes); i++ {
		n := nodes[i]
		if n.Kind != oftrace.ActionLine {
			way, here, err := d.below(n, top)
			if err != nil {
				return nil, false, err
			}
			out, found = append(out, way...), found || here
			continue
		}
		forks = forks || strings.HasPrefix(n.Text, "check_pkt_larger(")
		rest := nodes[i+1:]
		rest = rest[:actionIndex(rest, nested(n.Text))] // the lines that belong to the action
		i += len(rest)
		if !holds(append(rest[:len(rest):len(rest)], n.Children...), d.at) {
			out = append(out, n.Text)
			continue
		}
		found = true
		if strings.HasPrefix(n.Text, "clone(") {
			inner, _, err := d.list(rest, false)
			if err != nil {
				return nil, false, err
			}
			out = append(out, "clone("+strings.Join(inner, ",")+")")
			continue
		}
		if !strings.HasPrefix(n.Text, "resubmit(,") || strings.Contains(n.Text, ",ct") {
			return nil, false, fmt.Errorf("it is behind %q", n.Text)
		}
		for _, x := range rest {
			way, _, err := d.below(x, true)
			if err != nil {
				return nil, false, err
			}
			out = append(out, way...)
		}
	}
	if found && forks {
		return nil, false, errors.New("the packet's length decides on the way")
	}
	return out, found, nil
}

// below writes out the lines under a table or, at the top, under the section's bridge if the
// look-up is there.
func (d *detour) below(n *oftrace.Node, entered bool) (out []string, found bool, err error) {
	switch {
	case n == d.at:
		d.onWay[n] = true
		return d.flow, true, nil
	case !holds(n.Children, d.at):
		return nil, false, nil
	case n.Kind == oftrace.Table && entered:
		d.onWay[n] = true
		return d.list(n.Children, true)
	case n.Kind == oftrace.Bridge && entered:
		return d.list(n.Children, true)
	}
	return nil, false, fmt.Errorf("it is behind %q", n.Text)
}

// nested returns how many of the lines after an action belong to it.
func nested(text string) int {
	if inner, ok := inside(text, "clone("); ok {
		return lines(inner)
	}
	if inner, ok := inside(text, "ct("); ok {
		return ctLines(inner)
	}
	return 0
}

func holds(nodes []*oftrace.Node, at *oftrace.Node) bool {
	for _, n := range nodes {
		if n == at || holds(n.Children, at) {
			return true
		}
	}
	return false
}
