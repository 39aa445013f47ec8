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
		{Versions: "OVN 1, OVS 1", Results: []Result{{Name: "a", Feature: "one", Outcome: "agree"}, {Name: "b", Feature: "one", Outcome: "unknown", Note: "the hash | is secret"}, {Name: "c", Feature: "two", Outcome: NotHere}, {Name: "d", Feature: "two", Outcome: NotHere}}},
		{Versions: "OVN 2, OVS 2", Results: []Result{{Name: "a", Feature: "one", Outcome: "agree"}, {Name: "c", Feature: "two", Outcome: "disagree", Why: []string{"lost"}}, {Name: "d", Feature: "two", Outcome: NotHere}}},
	},
}

func TestUnjudged(t *testing.T) {
	features := []string{"one", "two", "three"}
	all := append(slices.Clone(covered.all), Case{Name: "e", Feature: "three", Needs: "Z"})
	notHere := Result{Name: "e", Feature: "three", Outcome: NotHere}
	run := func(i int) *Run {
		return &Run{Versions: covered.runs[i].Versions, Results: append(slices.Clone(covered.runs[i].Results), notHere)}
	}
	for _, c := range []struct {
		runs           []*Run
		missing, newer []string
	}{
		{[]*Run{run(0), run(1)}, nil, []string{"three"}},
		{[]*Run{run(0)}, nil, []string{"two", "three"}},
		{[]*Run{covered.runs[1]}, []string{"three"}, nil}, // not selected for the run
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

// TestLacking checks that a feature that was judged on the kernel's datapath must be judged on the
// other datapath of the same release, or have a reason.
func TestLacking(t *testing.T) {
	kernel := &Run{Versions: "OVN 1, OVS 1, Linux 1", Results: []Result{{Name: "a", Feature: "one", Outcome: "agree"}, {Name: "b", Feature: "two", Outcome: "agree"}, {Name: "c", Feature: "three", Outcome: NotHere}}}
	of := func(versions string, results ...Result) *Run {
		return &Run{Versions: versions, Datapath: "userspace", Results: results}
	}
	a, b := Result{Name: "a", Feature: "one", Outcome: "agree"}, Result{Name: "b", Feature: "two", Outcome: Impossible, Note: "no such | thing"}
	for _, c := range []struct {
		run  *Run
		want []string
	}{
		{of("OVN 1, OVS 1", a, b), nil},
		{of("OVN 1, OVS 1", b), []string{"one (OVN 1, userspace)"}},
		{of("OVN 1, OVS 1", a, Result{Name: "b", Feature: "two", Outcome: NotHere}), []string{"two (OVN 1, userspace)"}},
		{of("OVN 2, OVS 1"), nil},
	} {
		if got := Lacking([]string{"one", "two", "three"}, []*Run{kernel, c.run}); !slices.Equal(got, c.want) {
			t.Errorf("%s %v: %v, want %v", c.run.Versions, c.run.Results, got, c.want)
		}
	}
	text := Coverage([]string{"one", "two"}, covered.all, []*Run{of("OVN 1, OVS 1", a, b)})
	for _, want := range []string{"- OVN 1, OVS 1: 1 cases, 1 exact\n", "| feature | cases | OVN 1, userspace |\n", "| `b` impossible: no such \\| thing |\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
