package diagnose_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// TestUnread checks that an answer says what the databases did not tell, once each, and that a row
// that is not there is no such thing.
func TestUnread(t *testing.T) {
	in := over(t, ovntest.New(t, ovntest.Topology))
	ask := func(ctx context.Context) *report.WhyReport {
		in.Live = dropped("no-tunnel", "20.0.0.3", "sw1", "", map[string]string{"port": "sw1-p1", "chassis": "hv9"})
		in.Live.Packets[0].Hops = []*report.Hop{{Chassis: "hv9", Via: report.ViaVIF}}
		return diagnose.Why(ctx, in)
	}
	if w := ask(t.Context()); len(w.Warnings) != 0 {
		t.Errorf("of rows that are not there: %q", w.Warnings)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	all := strings.Join(ask(done).Warnings, "\n")
	for _, what := range []string{
		"the binding of sw0-p1", "chassis hv9", "whether ovn-controller on hv9 has confirmed the newest configuration",
		"whether ovn-northd has processed the newest configuration",
	} {
		if strings.Count(all, what+" is unknown: ") != 1 {
			t.Errorf("%q in the warnings\n%s", what, all)
		}
	}
}
