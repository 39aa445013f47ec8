package diagnose_test

import (
	"fmt"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/audit"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// asking gives a report's first packet a ct(commit) in zone 5 of hv1, on a datapath.
func asking(r *report.Report, datapath string) *report.Report {
	r.Versions.Chassis = map[string]report.Chassis{"hv1": {Datapath: datapath}}
	r.Packets[0].Hops = []*report.Hop{{Chassis: "hv1", Segments: []*report.Segment{{
		CT:     []report.CT{{Zone: 5, Action: "ct(commit,zone=5)", Found: report.FoundNone}},
		Tables: []report.Table{{LogicalFlow: &report.LogicalFlow{Datapath: "sw1"}}},
	}}}}
	return r
}

// TestLimits checks that a limit decides, whatever the traces say, where the packet needs an entry,
// and what is known of a session that they let through.
func TestLimits(t *testing.T) {
	in := over(t, ovntest.New(t, ovntest.Topology))
	in.Tables = []audit.Chassis{{Name: "hv1", Zones: map[uint16]string{5: "sw0-p1"}, Limits: map[uint16]ctstate.ZoneLimit{5: {Limit: 3, Count: 3}}}}
	text := func(b *bool) string {
		if b == nil {
			return "unknown"
		}
		return fmt.Sprint(*b)
	}
	for _, c := range []struct {
		name            string
		live            *report.Report
		codes, outcomes string
	}{
		{"lost", asking(dropped(report.CodeNoRoute, "20.0.0.3", "lr0", "lr_in_ip_routing", nil), "netdev"), "error zone-limit, error no-route", "false false"},
		{"through, the kernel's", asking(established(), "system"), "error zone-limit", "false false"},
		{"through, the userspace datapath's", asking(established(), "netdev"), "error zone-limit", "unknown false"},
	} {
		in.Live = c.live
		w := diagnose.Why(t.Context(), in)
		if got := codes(w); got != c.codes {
			t.Errorf("%s: %s", c.name, got)
		}
		if got := text(w.Reaches) + " " + text(w.Answered); got != c.outcomes {
			t.Errorf("%s: %s, want %s", c.name, got, c.outcomes)
		}
	}
	known := asking(established(), "system")
	known.Packets[0].Hops[0].Segments[0].CT[0].Entry = &report.Entry{}
	if in.Live = known; codes(diagnose.Why(t.Context(), in)) != "warning zone-limit" || !*diagnose.Why(t.Context(), in).Answered {
		t.Errorf("with an entry: %s", codes(diagnose.Why(t.Context(), in)))
	}
}

// TestMistakes checks where a mistake on the way comes among the causes: it is a warning where the
// session goes through or another cause is certain, and what may be the cause where none is.
func TestMistakes(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology+"lsp-add sw1 twin\nlsp-set-addresses twin '50:54:00:01:00:99 20.0.0.3'\n")
	in := over(t, d)
	lost := func(code report.Code) *report.Report {
		return asking(dropped(code, "20.0.0.3", "sw1", "ls_in_l2_unknown", nil), "system")
	}
	astray := asking(brokenAt("SYN-ACK", &report.Branch{Verdict: engine.Delivered, Header: header()}), "system")
	for want, live := range map[string]*report.Report{
		"warning address-claimed-twice":                                              asking(established(), "system"),
		"error port-disabled, warning address-claimed-twice":                         lost(report.CodePortDisabled),
		"error address-claimed-twice, error unknown":                                 lost(""),
		"error reply-dropped, error asymmetric-reply, warning address-claimed-twice": astray,
	} {
		in.Live, in.Stock = live, nil
		if got := codes(diagnose.Why(t.Context(), in)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
