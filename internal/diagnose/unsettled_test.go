package diagnose_test

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Where the live entries are not known, what breaks a new connection is named first, as possible,
// and that it is not known last. Nothing is said of a way that was not followed.
func TestUnsettled(t *testing.T) {
	lost := func(v engine.Verdict, code report.Code) *report.Report {
		return brokenAt("SYN", &report.Branch{Verdict: v, Header: header(), End: report.End{Chassis: "hv1"},
			Reason: &report.Reason{Code: code, Chassis: "hv1", Text: "because", Where: map[string]string{"port": "sw0-p2"}}})
	}
	unknown := func() *report.Report { return lost(engine.Unknown, report.CodeUnknown) }
	for _, c := range []struct {
		name            string
		live, new       *report.Report
		codes           string
		certainty       report.Confidence
		reaches, asNew  string
		freshness, text string
	}{
		{"a new one is lost", unknown(), lost(engine.Dropped, report.CodePortNotBound), "port-not-bound unknown", report.ConfidencePossible, "unknown", "false", "of a new connection", "one without any would not get through"},
		{"a new one gets through", unknown(), established(), "unknown", report.ConfidencePossible, "unknown", "true", "", "one without any would go to"},
		{"a new one is not known either", unknown(), unknown(), "unknown", report.ConfidencePossible, "unknown", "", "", ""},
		{"both are lost", lost(engine.Dropped, report.CodePortNotBound), lost(engine.Dropped, report.CodePortNotBound), "port-not-bound", report.ConfidenceExact, "false", "", "", ""},
	} {
		w := diagnose.Why(t.Context(), diagnose.Input{Live: c.live, New: c.new})
		var codes, evidence []string
		for _, f := range w.Causes {
			codes, evidence = append(codes, string(f.Code)), append(evidence, f.Evidence...)
		}
		if got := strings.Join(codes, " "); got != c.codes || w.Causes[0].Certainty != c.certainty {
			t.Errorf("%s: %s (%s), want %s (%s)", c.name, got, w.Causes[0].Certainty, c.codes, c.certainty)
		}
		if got := truth(w.Reaches); got != c.reaches {
			t.Errorf("%s: reaches %s, want %s", c.name, got, c.reaches)
		}
		if got := strings.Join(evidence, "\n"); strings.Contains(got, "of a new connection") != (c.freshness != "") {
			t.Errorf("%s: evidence %q", c.name, got)
		}
		switch {
		case (w.AsNew != nil) != (c.asNew != ""):
			t.Errorf("%s: as new %+v", c.name, w.AsNew)
		case w.AsNew != nil && (truth(w.AsNew.Reaches) != c.asNew || !strings.Contains(w.AsNew.Text, c.text)):
			t.Errorf("%s: as new %s, %q", c.name, truth(w.AsNew.Reaches), w.AsNew.Text)
		}
	}
}

func truth(b *bool) string {
	switch {
	case b == nil:
		return "unknown"
	case *b:
		return "true"
	}
	return "false"
}
