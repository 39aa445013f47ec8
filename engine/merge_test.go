package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A choice is removed only if all its alternatives have the same result.
func TestMergeOutcomes(t *testing.T) {
	for _, c := range []struct {
		name     string
		outcomes string // "choices>end", each choice a letter with its number
		want     string
	}{
		{"one", "a1>p1", "a1>p1"},
		{"decides", "a1>p1 a2>p2", "a1>p1 a2>p2"},
		{"decides nothing", "a1>p1 a2>p1 a3>p1", ">p1"},
		{"two of three alike", "a1>p1 a2>p1 a3>p2", "a1>p1 a2>p1 a3>p2"},
		{"the second decides nothing", "a1b1>p1 a1b2>p1 a2b1>p2 a2b2>p2", "a1>p1 a2>p2"},
		{"the first decides nothing", "a1b1>p1 a1b2>p2 a2b1>p1 a2b2>p2", "b1>p1 b2>p2"},
		{"neither decides", "a1b1>p1 a1b2>p1 a2b1>p1 a2b2>p1", ">p1"},
		{"one way meets no second choice", "a1>p1 a2b1>p2 a2b2>p2", "a1>p1 a2>p2"},
	} {
		var in []*Outcome
		for _, s := range strings.Fields(c.outcomes) {
			choices, end, _ := strings.Cut(s, ">")
			var list []Choice
			for i := 0; i < len(choices); i += 2 {
				list = append(list, Choice{Kind: ChoiceKind(choices[i : i+1]), Chosen: choices[i+1 : i+2]})
			}
			in = append(in, &Outcome{Choices: list, Leaves: []Leaf{{Kind: LeafOutput, Port: &Port{Name: end}, Choices: slices.Clone(list)}}})
		}
		var got []string
		merged, _ := mergeOutcomes(in)
		for _, o := range merged {
			s := ""
			for _, ch := range o.Choices {
				s += string(ch.Kind) + ch.Chosen
			}
			got = append(got, s+">"+o.Leaves[0].Port.Name)
			if fmt.Sprint(o.Leaves[0].Choices) != fmt.Sprint(o.Choices) {
				t.Errorf("%s: the leaf hangs on %v, its outcome on %v", c.name, o.Leaves[0].Choices, o.Choices)
			}
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s: got %q, want %q", c.name, g, c.want)
		}
	}
}
