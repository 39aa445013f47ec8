package probe

import (
	"slices"
	"strings"
	"testing"
)

var covered = struct {
	all  []Case
	runs []*Run
}{
	[]Case{{Name: "a", Feature: "one"}, {Name: "b", Feature: "one"}, {Name: "c", Feature: "two", Needs: "X"}, {Name: "d", Feature: "two", Needs: "Y"}},
	[]*Run{
		{"OVN 1, OVS 1", []Result{{Name: "a", Feature: "one", Outcome: "agree"}, {Name: "b", Feature: "one", Outcome: "unknown", Note: "the hash | is secret"}, {Name: "c", Feature: "two", Outcome: NotHere}, {Name: "d", Feature: "two", Outcome: NotHere}}},
		{"OVN 2, OVS 2", []Result{{Name: "a", Feature: "one", Outcome: "agree"}, {Name: "c", Feature: "two", Outcome: "disagree", Why: []string{"lost"}}, {Name: "d", Feature: "two", Outcome: NotHere}}},
	},
}

func TestUnjudged(t *testing.T) {
	features := []string{"one", "two", "three"}
	all := append(slices.Clone(covered.all), Case{Name: "e", Feature: "three", Needs: "Z"})
	notHere := Result{Name: "e", Feature: "three", Outcome: NotHere}
	run := func(i int) *Run {
		return &Run{covered.runs[i].Versions, append(slices.Clone(covered.runs[i].Results), notHere)}
	}
	for _, c := range []struct {
		runs           []*Run
		missing, newer []string
	}{
		{[]*Run{run(0), run(1)}, nil, []string{"three"}},
		{[]*Run{run(0)}, nil, []string{"two", "three"}},
		{[]*Run{covered.runs[1]}, []string{"three"}, nil}, // not even asked for
		{nil, features, nil},
	} {
		missing, newer := Unjudged(features, all, c.runs)
		if !slices.Equal(missing, c.missing) || !slices.Equal(newer, c.newer) {
			t.Errorf("missing %v, newer %v; want %v, %v", missing, newer, c.missing, c.newer)
		}
	}
}

func TestEach(t *testing.T) {
	for n, want := range map[int]string{1: "acd", 2: "abcd"} {
		got := ""
		for _, c := range Each(covered.all, n) {
			got += c.Name
		}
		if got != want {
			t.Errorf("%d of each: %s, want %s", n, got, want)
		}
	}
}

func TestCoverage(t *testing.T) {
	text := Coverage([]string{"one", "two"}, covered.all, covered.runs)
	for _, want := range []string{
		"- OVN 1, OVS 1: 2 cases, 1 exact\n", "- OVN 2, OVS 2: 2 cases, 1 exact\n", "| feature | cases | OVN 1 | OVN 2 |\n",
		"| one | `a`, `b` | 1 of 2. `b` unknown: the hash \\| is secret | exact |\n", "| two | `c`, `d` | – | 0 of 1. `c` disagree: lost |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
