package probe

import (
	"encoding/json"
	"strings"
	"testing"
)

const explainedReport = `{"schema": "ovn-ct-trace/1", "verdict": "dropped", "warnings": ["hv1 is slow"], "packets": [{
 "verdict": "dropped",
 "branches": [
  {"verdict": "dropped", "end": {"kind": "drop", "chassis": "hv1"}, "choices": [{"kind": "ecmp", "chosen": "20.0.0.3"}],
   "reason": {"text": "ACL drops it", "stage": "ls_in_acl", "nearest": "allow-8080 would take it",
     "nb": {"table": "ACL", "name": "no-smtp", "summary": "from-lport 1004 drop: tcp.dst == 25"}}},
  {"verdict": "dropped", "end": {"kind": "drop", "chassis": "hv1"}, "choices": [{"kind": "ecmp", "chosen": "20.0.0.4"}],
   "reason": {"text": "no route", "stage": "lr_in_ip_routing"}}],
 "hops": [{"chassis": "hv1", "segments": [{"id": 0, "tables": [
   {"table": 12, "nb": {"table": "Load_Balancer", "name": "lb-one", "summary": "30.0.0.10:80/tcp"}}, {"table": 66, "row": "MAC_Binding 10.0.0.9 is x"}]}]}]}]}`

// TestExplanation checks that missing finds each text that the report lacks.
func TestExplanation(t *testing.T) {
	for _, c := range []struct {
		want Explanation
		old  string // in the report, replaced by new
		new  string
		bad  string // part of the result; "" for no result
	}{
		{want: Explanation{Because: []string{"ACL no-smtp", "ls_in_acl", "tcp.dst == 25"}, Nearest: "allow-8080", Names: []string{"Load_Balancer lb-one", "MAC_Binding 10.0.0.9"},
			Choice: []string{"ecmp 20.0.0.3", "ecmp 20.0.0.4"}, Warn: []string{"slow"}}},
		{want: Explanation{Because: []string{"ACL no-smtp"}}, old: "no-smtp", new: "other", bad: "no reason names"},
		// No reason contains both.
		{want: Explanation{Because: []string{"ACL no-smtp", "lr_in_ip_routing"}}, bad: "no reason names"},
		{want: Explanation{Nearest: "allow-8080"}, old: "allow-8080", new: "allow-22", bad: "no reason names"},
		{want: Explanation{Names: []string{"Load_Balancer lb-one"}}, old: "lb-one", new: "lb-two", bad: "no table hit is explained"},
		{want: Explanation{Names: []string{"MAC_Binding 10.0.0.9"}}, old: "MAC_Binding", new: "", bad: "no table hit is explained"},
		{want: Explanation{Choice: []string{"ecmp 20.0.0.3", "ecmp 20.0.0.4"}}, old: "20.0.0.4", new: "bucket 1", bad: "the choices are"},
		{want: Explanation{Warn: []string{"slow"}}, old: "slow", new: "quick", bad: "no warning says"},
		{old: "hv1 is slow", new: "hv1: a flow is not in its tables: x", bad: "a false alarm"},
		{want: Explanation{Warn: []string{"is not in its tables"}}, old: "hv1 is slow", new: "hv1: a flow is not in its tables: x"},
		{want: Explanation{Warn: []string{"is not in its tables"}}, old: "hv1 is slow", new: "is no longer in the Southbound database", bad: "a false alarm"},
	} {
		var r Report
		if err := json.Unmarshal([]byte(strings.Replace(explainedReport, c.old, c.new, 1)), &r); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(c.want.missing(&r, 0), "; ")
		if (c.bad == "") != (got == "") || !strings.Contains(got, c.bad) {
			t.Errorf("%+v with %q for %q: %q, want %q", c.want, c.new, c.old, got, c.bad)
		}
	}
	if got := (Explanation{}).missing(&Report{}, 0); len(got) != 1 {
		t.Errorf("a report without the packet: %q", got)
	}
}
