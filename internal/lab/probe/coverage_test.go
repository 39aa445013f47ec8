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
	missing, newer := Unjudged(covered.all, covered.runs)
	if missing != nil || !slices.Equal(newer, []string{"d"}) {
		t.Errorf("missing %v, newer %v", missing, newer)
	}
	missing, newer = Unjudged(covered.all, covered.runs[1:]) // a run of some cases says nothing of the others
	if !slices.Equal(missing, []string{"b"}) || !slices.Equal(newer, []string{"d"}) {
		t.Errorf("missing %v, newer %v", missing, newer)
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
