package diagnose_test

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// TestOpens checks that an ACL which drops the request of a new connection too is the cause of a
// packet's drop, though another zone knows its connection; and that it is not for an answer, nor if
// a new connection goes through.
func TestOpens(t *testing.T) {
	sport, dport := uint16(1000), uint16(80)
	request := report.Tuple{Proto: "tcp", Src: "10.0.0.3", Dst: "20.0.0.3", Sport: &sport, Dport: &dport}
	answer := report.Tuple{Proto: "tcp", Src: "20.0.0.3", Dst: "10.0.0.3", Sport: &dport, Dport: &sport}
	ends := func(code report.Code, acl string, known ...report.Known) *report.Report {
		return brokenAt("SYN", &report.Branch{Verdict: engine.Dropped, Header: header(), Reason: &report.Reason{
			Code: code, Chassis: "hv1", Stage: "ls_out_acl", Text: "the reason", NB: &report.NB{Table: "ACL", UUID: acl},
			Where: map[string]string{"zone": "7 on hv1"}, KnownIn: known,
		}})
	}
	known := func(original report.Tuple) report.Known {
		return report.Known{Chassis: "hv1", Zone: 6, Entry: report.Entry{Original: original}}
	}
	for _, c := range []struct {
		name  string
		entry report.Tuple
		fresh *report.Report
		code  report.Code
	}{
		{"a new one is dropped too", request, ends(report.CodeACLDrop, "a"), report.CodeACLDrop},
		{"a new one is dropped by another", request, ends(report.CodeACLDrop, "b"), report.CodeKnownElsewhere},
		{"a new one goes through", request, established(), report.CodeKnownElsewhere},
		{"an answer", answer, ends(report.CodeACLDrop, "a"), report.CodeKnownElsewhere},
	} {
		in := diagnose.Input{Live: ends(report.CodeKnownElsewhere, "a", known(c.entry)), New: c.fresh}
		if f := diagnose.Why(t.Context(), in).Causes[0]; f.Code != c.code || (f.Where["zone"] == "") != (c.code == report.CodeACLDrop) {
			t.Errorf("%s: %s, want %s: %+v", c.name, f.Code, c.code, f)
		}
	}
}
