package diagnose_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// An ovn-northd that is behind in another zone on the way is named with a chassis of it, and
// decides only what is lacking there.
func TestNorthdBehindElsewhere(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology)
	home, there := over(t, ovntest.New(t, ovntest.Topology)), over(t, d)
	for _, c := range [][]string{
		{"ovn-appctl", "-t", filepath.Join(d.Dir, "northd.ctl"), "pause"},
		{"ovn-nbctl", "--db=" + d.NB, "--no-leader-only", "set", "nb_global", ".", "nb_cfg=70000"},
	} {
		if out, err := d.Run(t.Context(), "", c[0], c[1:]...); err != nil {
			t.Fatal(err, out)
		}
	}
	home.Of = func(_ context.Context, chassis string) (*ovn.SB, *ovn.NB) {
		if chassis == "hv2" {
			return there.SB, there.NB
		}
		return home.SB, home.NB
	}
	for want, chassis := range map[string]string{
		"error northd-behind, error no-route":   "hv2",
		"error no-route, warning northd-behind": "hv1",
	} {
		r := dropped("no-route", "66.0.0.9", "lr0", "lr_in_ip_routing", nil)
		r.Packets[0].Branches[0].Reason.Chassis = chassis
		r.Packets[0].Hops = []*report.Hop{{Chassis: "hv1"}, {Chassis: "hv2"}}
		home.Live = r
		w := diagnose.Why(t.Context(), home)
		if got := codes(w); got != want {
			t.Errorf("%s, want %s", got, want)
			continue
		}
		for _, f := range w.Causes {
			mend := strings.Join(f.Mend, "\n")
			if f.Code == report.CodeNorthdBehind && (f.Where["chassis"] != "hv2" || !strings.Contains(f.Text, "hv2's zone") || !strings.Contains(mend, "hv2's zone")) {
				t.Errorf("%+v", f)
			}
		}
	}
}
