package diagnose_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// endsAt is a branch that ends at a port, or is dropped where there is none, if choices fall so.
func endsAt(port string, choices ...string) *report.Branch {
	b := &report.Branch{Verdict: engine.Delivered, Header: header(), End: report.End{Kind: report.EndPort, Chassis: "hv2", Port: port}}
	if port == "" {
		b.Verdict, b.Reason = engine.Dropped, &report.Reason{Code: report.CodeACLDrop, Chassis: "hv2", Text: "dropped"}
	}
	for _, c := range choices {
		b.Choices = append(b.Choices, engine.Choice{Kind: engine.ChoiceKind(c[:1]), Chosen: c[1:]})
	}
	return b
}

// TestReaches checks that a request arrives only if it does in every alternative of its choices.
func TestReaches(t *testing.T) {
	flood := func(port string, choices ...string) *report.Branch { return endsAt(port, choices...) }
	outside := func(choices ...string) *report.Branch {
		b := endsAt("ln", choices...)
		b.Verdict = engine.External
		return b
	}
	for _, c := range []struct {
		name     string
		flood    bool
		branches []*report.Branch
		want     string
	}{
		{"one end", false, []*report.Branch{endsAt("p1")}, "true"},
		{"another port", false, []*report.Branch{endsAt("p2")}, "false"},
		{"a flood", true, []*report.Branch{flood("p1"), flood("p2"), flood("")}, "true"},
		{"a flood that does not", true, []*report.Branch{flood("p2"), flood("")}, "false"},
		{"a copy outside", false, []*report.Branch{endsAt("p1"), outside()}, "true"},
		{"two backends, both there", false, []*report.Branch{endsAt("p1", "b1"), endsAt("p1", "b2")}, "true"},
		{"two backends, one there", false, []*report.Branch{endsAt("p1", "b1"), endsAt("p2", "b2")}, "<nil>"},
		{"two backends, none there", false, []*report.Branch{endsAt("p2", "b1"), endsAt("", "b2")}, "false"},
		{"one backend outside", false, []*report.Branch{endsAt("p1", "b1"), outside("b2")}, "<nil>"},
		{"a flood after a choice", true, []*report.Branch{flood("p1", "b1"), flood("p2", "b1"), flood("p2", "b2")}, "<nil>"},
		{"a flood after a choice, all there", true, []*report.Branch{flood("p1", "b1"), flood("p2", "b1"), flood("p1", "b2"), flood("", "b2")}, "true"},
		{"a copy before the choice", true, []*report.Branch{flood("p1"), flood("p2", "b1"), flood("", "b2")}, "true"},
		{"a choice after a choice", false, []*report.Branch{endsAt("p1", "b1", "c1"), endsAt("", "b1", "c2"), endsAt("p1", "b2")}, "<nil>"},
	} {
		r := established()
		r.Packets[0].Branches, r.Packets[0].Flood = c.branches, c.flood
		w := diagnose.Why(t.Context(), diagnose.Input{Live: r, Port: "p1"})
		got := "<nil>"
		if w.Reaches != nil {
			got = fmt.Sprint(*w.Reaches)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestWarnings checks that an answer has the warnings of all that it was made of, each once.
func TestWarnings(t *testing.T) {
	with := func(warnings ...string) *report.Report {
		r := established()
		r.Warnings = warnings
		return r
	}
	w := diagnose.Why(t.Context(), diagnose.Input{Live: with("a", "b"), New: with("b", "c"), Standing: with("a", "d"), Warnings: []string{"e"}})
	want := []string{"a", "b", "e", "a new connection: c", "a live connection of the client: d"}
	if !slices.Equal(w.Warnings, want) {
		t.Errorf("%q, want %q", w.Warnings, want)
	}
}

// TestCertainties checks causes that are less than certain, or less than an error.
func TestCertainties(t *testing.T) {
	r := brokenAt("SYN-ACK", &report.Branch{Verdict: engine.Delivered, Header: header(), End: report.End{Kind: report.EndPort, Chassis: "hv1", Port: "sw0-p1"}})
	r.Session.Why = "it comes back with another source"
	if f := diagnose.Why(t.Context(), diagnose.Input{Live: r}).Causes[1]; f.Code != report.CodeAsymmetricReply || f.Certainty != report.ConfidenceLikely {
		t.Errorf("an answer that does not match: %+v", f)
	}
	lost := dropped(report.CodeLBAffinityFirst, "30.0.0.10", "sw0", "ls_in_lb_aff_learn", nil)
	if got := codes(diagnose.Why(t.Context(), diagnose.Input{Live: lost})); got != "warning lb-affinity-first" {
		t.Errorf("the first packet with affinity: %s", got)
	}
}
