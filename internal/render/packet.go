package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// compactFrom is the number of copies from which on the way of each single copy is printed only
// with -v.
const compactFrom = 5

// packet prints one packet: its header, then its way as a tree.
func (p *printer) packet(pkt *report.Packet, several bool) {
	head := []span{{strings.TrimSpace(pkt.Label + " " + headerText(pkt.Header)), bold}, plain(" from " + place(pkt.From))}
	head = append(head, plain(frame(pkt, ", frame %d")))
	if several {
		head = append(append(head, plain(": ")), packetLine(pkt)...)
	}
	p.line(0, head...)
	if p.opts.Verbose > 0 {
		p.line(2, span{headerDetails(pkt.Header), dim})
	}
	w := &walker{printer: p, pkt: pkt, compact: p.opts.Verbose == 0 && isFlood(pkt)}
	root := treeOf(pkt)
	root.shrink(w.silent)
	w.node(root, at{indent: 2, hopIndent: 2, hop: -1})
	if w.hidden > 0 {
		p.line(2, span{fmt.Sprintf("(-v shows %d conntrack steps of single copies)", w.hidden), dim})
	}
	p.beside(pkt)
}

// beside prints the ends of packets that OVN sends in addition because of this one.
func (p *printer) beside(pkt *report.Packet) {
	if len(pkt.Generated) == 0 {
		return
	}
	p.line(2, plain("OVN also sends:"))
	for _, g := range groupEnds(pkt.Generated) {
		p.end(4, g)
	}
}

// isFlood reports whether many copies are sent, as in a flood, and not as alternatives.
func isFlood(p *report.Packet) bool {
	return len(p.Branches) >= compactFrom && (p.Flood || len(alternatives(p.Branches)) == 0)
}

// walker prints one packet's tree.
type walker struct {
	*printer
	pkt     *report.Packet
	compact bool
	hidden  int // number of conntrack steps omitted
}

// at is the position of the walk.
type at struct {
	indent    int // of steps
	hopIndent int // of a hop's head, and of the end
	hop       int // index of the hop whose head was printed last
	choices   int // how many of the branches' choices have been printed
}

// lone reports whether only one copy of a compact flood passed a node.
func (w *walker) lone(n *node) bool { return w.compact && len(n.branches) == 1 }

// silent reports whether a node prints nothing at this level of detail.
func (w *walker) silent(n *node) bool {
	if n.seg == nil {
		return true
	}
	if w.lone(n) {
		w.hidden += len(n.seg.CT)
		return len(n.seg.Notes) == 0
	}
	return w.opts.Verbose == 0 && len(n.seg.CT) == 0 && len(n.seg.Notes) == 0 && len(courseOf(n.seg)) == 0
}

// node prints a node and all nodes below it.
func (w *walker) node(n *node, a at) {
	if n.hop != nil {
		if n.hopIndex != a.hop {
			w.hopHead(a.hopIndent, n)
			a.hop, a.indent = n.hopIndex, a.hopIndent+2
		}
		if n.seg != nil {
			w.segment(a.indent, n)
		}
	}
	groups := groupEnds(n.ends)
	switch {
	case len(groups)+len(n.children) == 0:
	case len(groups) == 0 && len(n.children) == 1:
		w.node(n.children[0], a)
	case len(groups) == 1 && len(n.children) == 0:
		w.choices(a.hopIndent, &a, groups[0].branches)
		w.end(a.hopIndent, groups[0])
	default:
		w.choices(a.indent, &a, n.branches)
		w.fork(n, groups, a)
	}
}

// fork prints the ends and the children of a node as arms of the tree, ends first.
func (w *walker) fork(n *node, groups []endGroup, a at) {
	arms := len(groups) + len(n.children)
	arm := func(i int, bs []*report.Branch, f func(a at)) {
		first, rest := "|- ", "|  "
		if i == arms-1 {
			first, rest = "`- ", "   "
		}
		w.under(a.indent, first, rest, func() {
			inner := at{hop: a.hop, choices: a.choices}
			w.choices(0, &inner, bs)
			f(inner)
		})
	}
	for i, g := range groups {
		arm(i, g.branches, func(at) { w.end(0, g) })
	}
	for i, c := range n.children {
		arm(len(groups)+i, c.branches, func(a at) { w.node(c, a) })
	}
}

// choices prints the choices that these branches share and that have not been printed yet.
func (w *walker) choices(indent int, a *at, bs []*report.Branch) {
	common := shared(bs)
	for i := a.choices; i < len(common); i++ {
		w.choice(indent, common[i], w.among(common[:i]))
	}
	a.choices = max(a.choices, len(common))
}

// among returns the number of different outcomes of the choice that follows the choices before.
func (w *walker) among(before []engine.Choice) int {
	var seen []engine.Choice
	for _, b := range w.pkt.Branches {
		i := len(before)
		if len(b.Choices) > i && slices.Equal(b.Choices[:i], before) && !slices.Contains(seen, b.Choices[i]) {
			seen = append(seen, b.Choices[i])
		}
	}
	return len(seen)
}

// choice prints an alternative: the number of alternatives, the outcome of this one, and its
// probability.
func (p *printer) choice(indent int, c engine.Choice, among int) {
	why := ""
	if c.Why != "" {
		why = ": " + c.Why
	}
	switch {
	case c.Of != "":
		p.line(indent, span{"as the " + c.Of + ": ", yellow}, plain(string(c.Kind)+" "), span{c.Chosen, bold}, plain(why))
	case c.Determined:
		p.line(indent, plain(string(c.Kind)+" "), span{c.Chosen, bold}, plain(why))
	case among > 1:
		p.line(indent, span{fmt.Sprintf("one of %d: ", among), yellow}, span{c.Chosen, bold}, plain(fmt.Sprintf(" (%s)%s", odds(c), why)))
	case c.Share > 0 && c.Share < 1:
		p.line(indent, span{"one of several: ", yellow}, span{c.Chosen, bold}, plain(fmt.Sprintf(" (%s, %s)%s", percent(c.Share), c.Kind, why)))
	default:
		p.line(indent, span{"not determined: ", yellow}, plain(string(c.Kind)+" "+c.Chosen+why))
	}
}

// odds returns a choice's kind, and its probability if that is known.
func odds(c engine.Choice) string {
	if c.Share == 0 {
		return string(c.Kind)
	}
	return percent(c.Share) + ", " + string(c.Kind)
}
