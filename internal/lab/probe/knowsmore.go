package probe

import (
	"slices"
	"strings"
)

// elsewhere begins what a report adds to a reason about other zones that know the connection.
const elsewhere = "; the connection is known in "

// withoutMore returns an answer from an archive without what it says more than the live answer: names
// of rules of a zone whose Northbound database the live one was not given, and in which other zone a
// connection is known, which cannot be asked of every datapath. Why an end is unknown may differ:
// live it may not be known now, and was not collected then.
func withoutMore(from, live *RPkt) *RPkt {
	out := *from
	out.Branches = lessBranches(from.Branches, live.Branches)
	out.Generated = lessBranches(from.Generated, live.Generated)
	out.Hops = slices.Clone(from.Hops)
	for i := range out.Hops {
		if i >= len(live.Hops) {
			break
		}
		out.Hops[i].Segments = slices.Clone(out.Hops[i].Segments)
		for j := range out.Hops[i].Segments {
			if j < len(live.Hops[i].Segments) {
				s := &out.Hops[i].Segments[j]
				s.Tables = lessNames(s.Tables, live.Hops[i].Segments[j].Tables)
			}
		}
	}
	return &out
}

// lessNames returns look-ups without the rules' names that the live ones lack.
func lessNames(from, live []RTable) []RTable {
	left := map[string]int{} // live look-ups that are not matched yet
	for _, t := range live {
		left[text(t)]++
	}
	out := slices.Clone(from)
	var others []int
	for i, t := range out {
		if left[text(t)] == 0 {
			others = append(others, i)
		} else {
			left[text(t)]--
		}
	}
	for _, i := range others {
		bare := out[i]
		if bare.NB = nil; left[text(bare)] > 0 {
			left[text(bare)]--
			out[i] = bare
		}
	}
	return out
}

func lessBranches(from, live []RBranch) []RBranch {
	out := slices.Clone(from)
	for i := range out {
		if out[i].Reason == nil || i >= len(live) || live[i].Reason == nil {
			continue
		}
		mine, other := *out[i].Reason, live[i].Reason
		if other.NB == nil {
			mine.NB = nil
		}
		if strings.HasPrefix(mine.Text, other.Text+elsewhere) || out[i].Verdict == "unknown" && live[i].Verdict == "unknown" {
			mine.Text = other.Text
		}
		out[i].Reason = &mine
	}
	return out
}
