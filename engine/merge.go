package engine

import (
	"reflect"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// mergeOutcomes removes the choices that decide nothing (an existing entry determines the backend,
// whatever the bucket): outcomes that differ only in such a choice become one. folded contains the
// choices of the outcomes that were merged into another one.
func mergeOutcomes(in []*Outcome) (out []*Outcome, folded []Choice) {
	depth := 0
	for _, o := range in {
		depth = max(depth, len(o.Choices))
	}
	for d := depth - 1; d >= 0; d-- {
		in = mergeAt(in, d, &folded)
	}
	return in, folded
}

// mergeAt merges the outcomes that differ in their choice number d, if every alternative of it has
// the same result.
func mergeAt(in []*Outcome, d int, folded *[]Choice) []*Outcome {
	var out []*Outcome
	gone := map[*Outcome]bool{}
	for i, o := range in {
		if gone[o] {
			continue
		}
		same := []*Outcome{o}
		for _, other := range in[i+1:] {
			if !gone[other] && sameBut(o.Choices, other.Choices, d) && sameEnds(o, other) {
				same = append(same, other)
			}
		}
		if len(same) < 2 || len(same) < ways(in, o.Choices[:d]) {
			out = append(out, o)
			continue
		}
		for _, other := range same {
			gone[other] = true
			if c := other.Choices[d]; c != o.Choices[d] {
				*folded = append(*folded, c)
			}
		}
		out = append(out, o.without(d, same))
	}
	return out
}

// ways returns the number of alternatives of choice number len(before) among the outcomes whose
// choices begin with before.
func ways(in []*Outcome, before []Choice) int {
	var seen []Choice
	for _, o := range in {
		if len(o.Choices) <= len(before) || !slices.Equal(o.Choices[:len(before)], before) {
			continue
		}
		if c := o.Choices[len(before)]; !slices.Contains(seen, c) {
			seen = append(seen, c)
		}
	}
	return len(seen)
}

// sameBut reports whether two lists of choices are equal except for number d.
func sameBut(a, b []Choice, d int) bool {
	return len(a) > d && len(b) > d && slices.Equal(a[:d], b[:d]) && slices.Equal(a[d+1:], b[d+1:])
}

// without returns one outcome for all of same, without their choice number d; nothing in it depends
// on that choice.
func (o *Outcome) without(d int, same []*Outcome) *Outcome {
	var fell []Choice
	for _, s := range same {
		fell = append(fell, s.Choices[d])
	}
	without := func(list []Choice) []Choice {
		return slices.DeleteFunc(slices.Clone(list), func(c Choice) bool { return slices.Contains(fell, c) })
	}
	one := *o
	for _, s := range same[1:] {
		one.Overlay, _ = mergeOverlay(one.Overlay, s.Overlay)
	}
	one.Choices = slices.Delete(slices.Clone(o.Choices), d, d+1)
	one.Leaves = slices.Clone(o.Leaves)
	for i, l := range one.Leaves {
		one.Leaves[i].Choices = without(l.Choices)
	}
	for _, s := range same[1:] {
		one.Carried = one.Carried.either(s.Carried)
	}
	one.Carried = one.Carried.Mapped(without)
	return &one
}

func sameEnds(a, b *Outcome) bool {
	if len(a.Leaves) != len(b.Leaves) {
		return false
	}
	if _, ok := mergeOverlay(a.Overlay, b.Overlay); !ok {
		return false
	}
	for i := range a.Leaves {
		x, y := a.Leaves[i], b.Leaves[i]
		if x.Kind != y.Kind || x.Why != y.Why || !reflect.DeepEqual(x.Packet, y.Packet) || !samePlace(x.Port, y.Port) || !reflect.DeepEqual(x.Tunnel, y.Tunnel) {
			return false
		}
	}
	return true
}

// samePlace reports whether two ports lead to the same place: a bond's members do.
func samePlace(a, b *Port) bool {
	if a != nil && b != nil && a.Bond != "" {
		return a.Bond == b.Bond && a.Bridge == b.Bridge
	}
	return reflect.DeepEqual(a, b)
}

// mergeOverlay returns the entries that represent those of both. The entries' creation times may
// differ by the duration of the trace.
func mergeOverlay(a, b ctstate.OverlayData) (ctstate.OverlayData, bool) {
	if len(a.Entries) != len(b.Entries) {
		return a, false
	}
	m := a
	m.Entries = slices.Clone(a.Entries)
	for i := range m.Entries {
		e, ok := ctstate.MergeEntry(a.Entries[i].Entry, b.Entries[i].Entry)
		if !ok {
			return a, false
		}
		m.Entries[i].Entry = e
	}
	return m, true
}
