package diagnose_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// codes lists the severities and codes of an answer's causes.
func codes(w *report.WhyReport) string {
	var out []string
	for _, f := range w.Causes {
		out = append(out, string(f.Severity)+" "+string(f.Code))
	}
	return strings.Join(out, ", ")
}

// TestOutdated checks that a flow which is missing where the packet ended decides, and that an
// ovn-controller that is behind comes last, unless the packet ended by a flow without a logical
// flow.
func TestOutdated(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology)
	in := over(t, d)
	if _, err := d.SBCtl(t.Context(), "chassis-add hv1 geneve 192.168.0.1\nset sb_global . nb_cfg=7"); err != nil {
		t.Fatal(err)
	}
	table := 46
	lost := func() *report.Report {
		r := brokenAt("SYN", &report.Branch{Verdict: engine.Dropped, Header: header(), Reason: &report.Reason{Code: report.CodeNoACLAllows, Chassis: "hv1", Table: &table, Text: "drop"}})
		r.Packets[0].Hops = []*report.Hop{{Chassis: "hv1"}}
		return r
	}
	missing := report.Finding{Severity: report.SeverityWarning, Code: report.CodeFlowNotInstalled, Text: "missing", Where: map[string]string{"chassis": "hv1", "table": "46"}}
	in.Live = lost()
	in.Live.Packets[0].Findings = []report.Finding{missing}
	if got := codes(diagnose.Why(t.Context(), in)); got != "error flow-not-installed, error no-acl-allows, warning stale-controller" {
		t.Error(got)
	}
	missing.Where = map[string]string{"chassis": "hv1", "table": "30"}
	in.Live = lost()
	in.Live.Packets[0].Findings = []report.Finding{missing}
	if got := codes(diagnose.Why(t.Context(), in)); got != "error no-acl-allows, warning flow-not-installed, warning stale-controller" {
		t.Error(got)
	}
	in.Live = lost()
	in.Live.Packets[0].Branches[0].Reason.Code = ""
	in.Live.Packets[0].Branches[0].Reason.Cookie = "0xdead"
	w := diagnose.Why(t.Context(), in)
	if got := codes(w); got != "error stale-controller" {
		t.Fatalf("dropped by a flow without a logical flow: %s", got)
	}
	if want := []string{"ovn-appctl -t ovn-controller recompute # on hv1"}; !slices.Equal(w.Causes[0].Mend, want) {
		t.Errorf("mend %q, want %q", w.Causes[0].Mend, want)
	}
	in.Live = lost()
	in.Live.Packets[0].Branches[0].Reason.Code = ""
	in.Live.Packets[0].Branches[0].Reason.LogicalFlow = &report.LogicalFlow{Datapath: "sw0"}
	if got := codes(diagnose.Why(t.Context(), in)); got != "error unknown, warning stale-controller" {
		t.Errorf("dropped by a logical flow: %s", got)
	}
	if got := codes(diagnose.Why(t.Context(), diagnose.Input{Live: established(), NB: in.NB, SB: in.SB})); got != "" {
		t.Errorf("of a session that goes through: %s", got)
	}
}

// TestMissingLookup checks that a missing flow for an Ethernet address decides where the packet
// ended in the stage for unknown addresses, and that it replaces the cause "unknown".
func TestMissingLookup(t *testing.T) {
	table := 34
	lost := func() *report.Report {
		r := brokenAt("SYN", &report.Branch{Verdict: engine.Dropped, Header: header(), Segments: [][2]int{{0, 0}}, Reason: &report.Reason{
			Chassis: "hv1", Table: &table, Text: "nobody has it", LogicalFlow: &report.LogicalFlow{Datapath: "sw0"}}})
		p := r.Packets[0]
		p.Hops = []*report.Hop{{Chassis: "hv1", Segments: []*report.Segment{{Tables: []report.Table{{Table: 33}, {Table: 34}}}}}}
		p.Findings = []report.Finding{{Severity: report.SeverityWarning, Code: report.CodeFlowNotInstalled, Text: "missing",
			Where: map[string]string{"chassis": "hv1", "table": "33", "datapath": "sw0"}}}
		return r
	}
	w := diagnose.Why(t.Context(), diagnose.Input{Live: lost()})
	if got := codes(w); got != "error flow-not-installed" || !strings.Contains(strings.Join(w.Causes[0].Evidence, "\n"), "nobody has it") {
		t.Errorf("%s, evidence %q", got, w.Causes[0].Evidence)
	}
	for name, change := range map[string]func(p *report.Packet){
		"another datapath":   func(p *report.Packet) { p.Findings[0].Where["datapath"] = "sw1" },
		"another chassis":    func(p *report.Packet) { p.Findings[0].Where["chassis"] = "hv2" },
		"a table not passed": func(p *report.Packet) { p.Findings[0].Where["table"] = "30" },
	} {
		r := lost()
		change(r.Packets[0])
		if got := codes(diagnose.Why(t.Context(), diagnose.Input{Live: r})); got != "error unknown, warning flow-not-installed" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestNorthdBehind checks that an ovn-northd that is behind decides where the configuration lacks
// something, or where a rule decided that is no longer there, and only there.
func TestNorthdBehind(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology)
	in := over(t, d)
	for _, c := range [][]string{
		{"ovn-appctl", "-t", filepath.Join(d.Dir, "northd.ctl"), "pause"},
		{"ovn-nbctl", "--db=" + d.NB, "--no-leader-only", "set", "nb_global", ".", "nb_cfg=70000"},
	} {
		if out, err := d.Run(t.Context(), "", c[0], c[1:]...); err != nil {
			t.Fatal(err, out)
		}
	}
	acl := func(nb *report.NB) *report.Report {
		r := dropped("acl-drop", "20.0.0.3", "sw0", "ls_in_acl", nil)
		r.Packets[0].Branches[0].Reason.NB = nb
		return r
	}
	for want, r := range map[string]*report.Report{
		"error northd-behind, error no-route":         dropped("no-route", "66.0.0.9", "lr0", "lr_in_ip_routing", nil),
		"error northd-behind":                         dropped("", "66.0.0.9", "lr0", "lr_in_ip_routing", nil),
		"error northd-behind, error acl-drop":         acl(nil),
		"error acl-drop, warning northd-behind":       acl(&report.NB{Table: "ACL", Name: "stays"}),
		"error no-tunnel, warning northd-behind":      dropped("no-tunnel", "20.0.0.3", "sw1", "", map[string]string{"port": "sw1-p1", "chassis": "hv2"}),
		"error vip-other-port, warning northd-behind": dropped("vip-other-port", "20.0.0.3", "sw1", "", nil),
	} {
		in.Live = r
		w := diagnose.Why(t.Context(), in)
		if got := codes(w); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if f := w.Causes[0]; f.Code == report.CodeNorthdBehind && f.Certainty != report.ConfidenceLikely {
			t.Errorf("%+v", f)
		}
	}
}

// TestRanked checks that a warning about another connection of the client comes after the error
// that decides.
func TestRanked(t *testing.T) {
	in := over(t, ovntest.New(t, ovntest.Topology))
	in.Live, in.New = dropped("no-route", "20.0.0.3", "lr0", "lr_in_ip_routing", nil), dropped("no-route", "20.0.0.3", "lr0", "lr_in_ip_routing", nil)
	e := &report.Entry{Original: tuple("10.0.0.3", 1000, "30.0.0.10", 80), Reply: tuple("20.0.0.9", 80, "10.0.0.3", 1000), Timeout: 86}
	in.Standing = through(established(), e, "old")
	if got := codes(diagnose.Why(t.Context(), in)); got != "error no-route, warning stale-lb-backend" {
		t.Error(got)
	}
}
