package main

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

func TestHealthy(t *testing.T) {
	chassis := []lab.Chassis{{Name: "hv1"}, {Name: "hv4", Zone: "az2"}}
	say := func(sev report.Severity, code report.Code, chassis, text string) report.Finding {
		return report.Finding{Severity: sev, Code: code, Text: text, Where: map[string]string{"chassis": chassis}}
	}
	one, four := say("info", "chassis", "hv1", "0 lost upcalls"), say("info", "chassis-elsewhere", "hv4", "not asked")
	for _, c := range []struct {
		found []report.Finding
		want  string
	}{
		{[]report.Finding{one, four}, ""},
		{[]report.Finding{one}, "nothing about chassis hv4"},
		{[]report.Finding{say("info", "chassis", "hv1", "20 ports"), four}, "hv1: no \"lost upcalls\""},
		{[]report.Finding{one, four, say("warning", "clock-skew", "hv1", "an hour")}, "reports clock-skew"},
	} {
		got := ""
		if err := healthy(c.found, chassis, []string{"lost upcalls"}); err != nil {
			got = err.Error()
		}
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
