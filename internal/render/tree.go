package render

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// node is a segment on a chassis, shared by all branches that passed it.
type node struct {
	hop      *report.Hop
	hopIndex int
	seg      *report.Segment // nil if the hop's segments are unknown
	from     *report.Segment // the segment before it on the way
	branches []*report.Branch
	ends     []*report.Branch // the branches that end here
	children []*node
}

// treeOf merges the branches' ways into a tree, in which a shared beginning occurs once.
func treeOf(p *report.Packet) *node {
	root := &node{hopIndex: -1}
	for _, b := range p.Branches {
		n := root
		n.branches = append(n.branches, b)
		for _, s := range steps(p, b) {
			n = n.child(p, s)
			n.branches = append(n.branches, b)
		}
		n.ends = append(n.ends, b)
	}
	return root
}

// steps returns a branch's hops and segments. If the branch has no Segments, it returns every
// segment of its hops.
func steps(p *report.Packet, b *report.Branch) [][2]int {
	if len(b.Segments) > 0 {
		return b.Segments
	}
	var out [][2]int
	for _, h := range b.Hops {
		if h < 0 || h >= len(p.Hops) {
			continue
		}
		if len(p.Hops[h].Segments) == 0 {
			out = append(out, [2]int{h, -1})
		}
		for _, s := range p.Hops[h].Segments {
			out = append(out, [2]int{h, s.ID})
		}
	}
	return out
}

func (n *node) child(p *report.Packet, step [2]int) *node {
	var hop *report.Hop
	var seg *report.Segment
	if step[0] >= 0 && step[0] < len(p.Hops) {
		hop = p.Hops[step[0]]
		if i := slices.IndexFunc(hop.Segments, func(s *report.Segment) bool { return s.ID == step[1] }); i >= 0 {
			seg = hop.Segments[i]
		}
	}
	for _, c := range n.children {
		if c.hopIndex == step[0] && c.seg == seg {
			return c
		}
	}
	c := &node{hop: hop, hopIndex: step[0], seg: seg, from: n.seg}
	n.children = append(n.children, c)
	return c
}

// shrink replaces nodes that would print nothing by their children.
func (n *node) shrink(silent func(c *node) bool) {
	var kept []*node
	for _, c := range n.children {
		c.shrink(silent)
		if c.hopIndex != n.hopIndex || len(shared(c.branches)) > len(shared(n.branches)) || !silent(c) {
			kept = append(kept, c)
			continue
		}
		n.ends = append(n.ends, c.ends...)
		kept = append(kept, c.children...)
	}
	n.children = kept
}

// shared returns the longest common beginning of the choices of these branches.
func shared(bs []*report.Branch) []engine.Choice {
	if len(bs) == 0 {
		return nil
	}
	common := bs[0].Choices
	for _, b := range bs[1:] {
		i := 0
		for i < len(common) && i < len(b.Choices) && common[i] == b.Choices[i] {
			i++
		}
		common = common[:i]
	}
	return common
}

// endGroup is a group of branches that end in the same way in several places: the copies of a
// flood.
type endGroup struct{ branches []*report.Branch }

// groupEnds groups branches that differ only in their port.
func groupEnds(bs []*report.Branch) []endGroup {
	var groups []endGroup
next:
	for _, b := range bs {
		for i := range groups {
			if alike(groups[i].branches[0], b) {
				groups[i].branches = append(groups[i].branches, b)
				continue next
			}
		}
		groups = append(groups, endGroup{[]*report.Branch{b}})
	}
	return groups
}

func alike(a, b *report.Branch) bool {
	return a.Verdict == b.Verdict && a.End.Kind == b.End.Kind && a.End.Chassis == b.End.Chassis &&
		a.Generated == b.Generated && headerText(a.Header) == headerText(b.Header) &&
		sameReason(a.Reason, b.Reason) && slices.Equal(a.Choices, b.Choices)
}
