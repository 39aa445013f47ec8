package driver

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// judge sets a trace's verdict from its branches.
func (t *Trace) judge() {
	list := OwnBranches(t.Branches)
	t.Flood = t.Packet.EthDst[0]&1 != 0 || copies(list)
	t.Verdict = verdictOf(list, t.Flood)
}

// OwnBranches returns the branches of the packet itself, without the copies that mirrors make.
func OwnBranches(list []*Branch) []*Branch {
	return slices.DeleteFunc(slices.Clone(list), func(b *Branch) bool { return b.Mirror != "" })
}

// verdictOf returns the worst verdict of a packet's own branches. For a packet that was flooded it
// returns the best of each exclusive alternative, and of those the worst.
func verdictOf(list []*Branch, flood bool) engine.Verdict {
	if len(list) == 0 {
		return engine.Unknown
	}
	if !flood {
		v := list[0].Verdict
		for _, b := range list[1:] {
			v = min(v, b.Verdict)
		}
		return v
	}
	worst := engine.Delivered
	for _, b := range list {
		best, whole := b.Verdict, true
		for _, o := range list {
			switch {
			case o.within(b):
				best = max(best, o.Verdict)
			case b.within(o):
				whole = false // an alternative of which more is decided includes this one
			}
		}
		if whole {
			worst = min(worst, best)
		}
	}
	return worst
}

// within reports whether b happens wherever o does: its undetermined choices are a subset of o's.
func (b *Branch) within(o *Branch) bool {
	for _, c := range own(b.Choices) {
		if !c.Determined && !slices.Contains(o.Choices, c) {
			return false
		}
	}
	return true
}

// copies reports whether the packet was multiplied: two branches that do not exclude each other and
// that both put a frame out.
func copies(list []*Branch) bool {
	for i, b := range list {
		for _, o := range list[:i] {
			if b.Verdict >= engine.Host && o.Verdict >= engine.Host && slices.Equal(own(b.Choices), own(o.Choices)) {
				return true
			}
		}
	}
	return false
}
