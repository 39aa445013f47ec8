package question

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// TestSessionExpectation: a handshake is as expected if every alternative is.
func TestSessionExpectation(t *testing.T) {
	through := func(v engine.Verdict) report.SessionAlternative {
		return report.SessionAlternative{Established: true, Verdict: v}
	}
	broken := func(v engine.Verdict) report.SessionAlternative { return report.SessionAlternative{Verdict: v} }
	for _, c := range []struct {
		expect string
		ends   []report.SessionAlternative // the first is the one shown
		want   bool
	}{
		{"delivered", []report.SessionAlternative{through(engine.Delivered)}, true},
		{"delivered", []report.SessionAlternative{through(engine.External)}, false},
		{"delivered", []report.SessionAlternative{broken(engine.Delivered)}, false}, // its reply came back wrong
		{"external", []report.SessionAlternative{through(engine.External)}, true},
		{"host", []report.SessionAlternative{through(engine.Host)}, true},
		{"dropped", []report.SessionAlternative{broken(engine.Dropped)}, true},
		{"dropped", []report.SessionAlternative{broken(engine.Rejected)}, false},
		{"dropped", []report.SessionAlternative{broken(engine.Dropped), through(engine.Delivered)}, false},
		{"dropped", []report.SessionAlternative{broken(engine.Dropped), broken(engine.Dropped)}, true},
		{"delivered", []report.SessionAlternative{broken(engine.Dropped), through(engine.Delivered)}, false},
		{"rejected", []report.SessionAlternative{broken(engine.Rejected)}, true},
		{"controller", []report.SessionAlternative{broken(engine.Controller)}, true},
		{"unknown", []report.SessionAlternative{broken(engine.Unknown)}, true},
		{"unknown", []report.SessionAlternative{through(engine.Delivered)}, false},
	} {
		s := &report.Session{Established: c.ends[0].Established, Verdict: c.ends[0].Verdict}
		if len(c.ends) > 1 {
			s.Alternatives = c.ends
		}
		if got := (expectation{verdict: c.expect}).metBySession(&report.Report{Session: s}); got != c.want {
			t.Errorf("--expect %s of %+v: %v", c.expect, c.ends, got)
		}
	}
}

// TestPlaceOf: where a packet for a port of each type should end.
func TestPlaceOf(t *testing.T) {
	for portType, want := range map[string]expectation{
		"": {port: "p"}, "localport": {port: "p"}, "virtual": {port: "parent"},
		"external": {outside: true}, "localnet": {outside: true}, "l2gateway": {outside: true}, "remote": {outside: true},
		"patch": {}, "l3gateway": {}, "chassisredirect": {},
	} {
		if got := placeOf(&ovn.PortBinding{LogicalPort: "p", Type: portType, VirtualParent: "parent"}); got != want {
			t.Errorf("%q: %+v, want %+v", portType, got, want)
		}
	}
}
