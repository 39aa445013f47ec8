package diagnose_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

func tuple(src string, sport uint16, dst string, dport uint16) report.Tuple {
	return report.Tuple{Proto: "tcp", Src: src, Sport: &sport, Dst: dst, Dport: &dport}
}

// through gives the first packet of a report a look-up that found an entry in zone 5 of hv1, and an
// end at a port with the destination that the entry's replies come from.
func through(r *report.Report, e *report.Entry, port string) *report.Report {
	p := r.Packets[0]
	ct := report.CT{Zone: 5, ZoneName: "sw0-p1", Entry: e, Found: report.FoundNone}
	if e != nil {
		ct.Found = report.FoundKernel
	}
	p.Hops = []*report.Hop{{Chassis: "hv1", Segments: []*report.Segment{{CT: []report.CT{ct}}}}}
	b := p.Branches[0]
	b.Segments, b.End.Port = [][2]int{{0, 0}}, port
	if e != nil {
		n := int(*e.Reply.Sport)
		b.Header.IPDst, b.Header.L4Dst = e.Reply.Src, &n
	}
	return r
}

// reply makes the first packet's look-up that of an answer.
func reply(r *report.Report) *report.Report {
	r.Packets[0].Hops[0].Segments[0].CT[0].Direction = report.DirectionReply
	return r
}

// TestPinned checks what a live entry does that a new connection would not get.
func TestPinned(t *testing.T) {
	in := over(t, ovntest.New(t, ovntest.Topology))
	const flush = "ovs-appctl dpctl/flush-conntrack zone=5 'ct_nw_src=10.0.0.3,ct_nw_dst="
	entry := func(dst, by string, port uint16) *report.Entry {
		return &report.Entry{Original: tuple("10.0.0.3", 1000, dst, 80), Reply: tuple(by, port, "10.0.0.3", 1000), Timeout: 86, Mark: "0x2", Label: "0x0"}
	}
	fresh := func() *report.Report { return through(established(), nil, "sw1-p1") }
	lost := func() *report.Report {
		r := brokenAt("SYN", &report.Branch{Verdict: engine.Dropped, Header: header(), End: report.End{Chassis: "hv1"},
			Reason: &report.Reason{Code: report.CodePortNotBound, Chassis: "hv1", Text: "lost", Where: map[string]string{"port": "sw0-p2"}}})
		return r
	}
	for _, c := range []struct {
		name      string
		live, new *report.Report
		standing  *report.Report
		codes     []report.Code
		severity  report.Severity
		text      string
	}{
		{"removed backend, which still answers", through(established(), entry("30.0.0.10", "20.0.0.9", 80), "old"), fresh(), nil,
			[]report.Code{"stale-lb-backend"}, report.SeverityWarning, `pins VIP 30.0.0.10:80 of load balancer "lb0" to 20.0.0.9:80, which is no backend any more`},
		{"removed backend, which is gone", through(lost(), entry("30.0.0.10", "20.0.0.9", 80), ""), fresh(), nil,
			[]report.Code{"stale-lb-backend", "port-not-bound"}, report.SeverityError, "which is no backend any more"},
		{"of a connection that is not asked about", fresh(), fresh(), through(lost(), entry("30.0.0.10", "20.0.0.9", 80), ""),
			[]report.Code{"stale-lb-backend", "port-not-bound"}, report.SeverityError, "which is no backend any more"},
		{"removed VIP", through(established(), entry("30.0.0.99", "20.0.0.9", 80), "old"), fresh(), nil,
			[]report.Code{"stale-lb-backend"}, report.SeverityWarning, "no load balancer has that VIP any more"},
		{"removed NAT", through(established(), entry("172.16.0.110", "20.0.0.9", 80), "old"), fresh(), nil,
			[]report.Code{"stale-nat"}, report.SeverityWarning, "as no NAT rule does for a new connection"},
		{"passes what a rule drops", through(established(), entry("20.0.0.3", "20.0.0.3", 80), "sw1-p1"), lost(), nil,
			[]report.Code{"policy-outlived"}, report.SeverityWarning, "passes what today's rules would not pass for a new connection"},
		{"answers of a connection that a rule now drops", reply(through(brokenAt("SYN-ACK", lost().Packets[0].Branches[0]), entry("20.0.0.3", "20.0.0.3", 80), "sw1-p1")), lost(), nil,
			[]report.Code{"reply-dropped", "port-not-bound", "policy-outlived"}, report.SeverityError, "sw0-p2"},
		{"answers of a connection that is allowed", reply(through(established(), entry("20.0.0.3", "20.0.0.3", 80), "sw1-p1")), lost(), nil, nil, "", ""},
		{"the same way", through(established(), entry("20.0.0.3", "20.0.0.3", 80), "sw1-p1"), fresh(), nil, nil, "", ""},
		{"lost either way", through(lost(), entry("30.0.0.10", "20.0.0.9", 80), ""), lost(), nil, []report.Code{"port-not-bound"}, report.SeverityError, "sw0-p2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in.Live, in.New, in.Standing = c.live, c.new, c.standing
			w := diagnose.Why(t.Context(), in)
			var got []report.Code
			for _, f := range w.Causes {
				got = append(got, f.Code)
			}
			if !slices.Equal(got, c.codes) {
				t.Fatalf("causes %q, want %q", got, c.codes)
			}
			if len(got) == 0 {
				return
			}
			f := w.Causes[0]
			if f.Severity != c.severity || !strings.Contains(f.Text, c.text) {
				t.Errorf("%s: %s", f.Severity, f.Text)
			}
			if f.Code == report.CodePortNotBound || f.Code == report.CodeReplyDropped {
				return
			}
			if len(f.Mend) != 1 || !strings.HasPrefix(f.Mend[0], flush) || !strings.HasSuffix(f.Mend[0], "ct_nw_proto=6,ct_tp_src=1000,ct_tp_dst=80' # on hv1") {
				t.Errorf("mend %q", f.Mend)
			}
			if f.Where["zone"] != "5" || f.Where["chassis"] != "hv1" || w.AsNew == nil || !strings.Contains(w.AsNew.Text, "which expires in 86 s") {
				t.Errorf("where %v, as new %+v", f.Where, w.AsNew)
			}
		})
	}
}

// TestPinnedAmongOthers checks that a connection pinned to one of several backends has no cause;
// the answer says where a new one may go.
func TestPinnedAmongOthers(t *testing.T) {
	in := over(t, ovntest.New(t, ovntest.Topology))
	e := &report.Entry{Original: tuple("10.0.0.3", 1000, "30.0.0.10", 80), Reply: tuple("20.0.0.4", 80, "10.0.0.3", 1000), Timeout: 9}
	in.Live, in.New = through(established(), e, "blue_web-2"), through(established(), nil, "sw1-p1")
	p := in.New.Packets[0]
	same := *in.Live.Packets[0].Branches[0]
	p.Branches = append(p.Branches, &same)
	w := diagnose.Why(t.Context(), in)
	if len(w.Causes) != 0 || w.AsNew == nil || !strings.Contains(w.AsNew.Text, "20.0.0.3:80 at sw1-p1 on hv2, or 20.0.0.4:80 at blue_web-2 on hv2") {
		t.Errorf("causes %+v, as new %+v", w.Causes, w.AsNew)
	}
}

// TestBlocked checks that an invalid packet of a connection with OVN's mark is told from others.
func TestBlocked(t *testing.T) {
	e := &report.Entry{Original: tuple("10.0.0.3", 1000, "20.0.0.3", 80), Reply: tuple("20.0.0.3", 80, "10.0.0.3", 1000), Mark: "0x1", Label: "0x0"}
	r := func() *report.Report {
		return through(brokenAt("SYN", &report.Branch{Verdict: engine.Dropped, Header: header(), Reason: &report.Reason{Code: report.CodeInvalidState, Text: "invalid"}}), e, "")
	}
	if f := diagnose.Why(t.Context(), diagnose.Input{Live: r()}).Causes[0]; f.Code != report.CodeBlockedMark || len(f.Mend) != 1 {
		t.Errorf("%+v", f)
	}
	e.Mark = "0x2"
	if f := diagnose.Why(t.Context(), diagnose.Input{Live: r()}).Causes[0]; f.Code != report.CodeInvalidState {
		t.Errorf("%+v", f)
	}
	e.Label = "0x1"
	if f := diagnose.Why(t.Context(), diagnose.Input{Live: r()}).Causes[0]; f.Code != report.CodeBlockedMark {
		t.Errorf("%+v", f)
	}
}

// TestKnownElsewhere checks where an answer's entry is.
func TestKnownElsewhere(t *testing.T) {
	e := report.Entry{Original: tuple("10.0.0.3", 1000, "20.0.0.3", 80), Reply: tuple("20.0.0.3", 80, "10.0.0.3", 1000)}
	b := &report.Branch{Verdict: engine.Dropped, Header: header(), Reason: &report.Reason{Code: report.CodeAsymmetricReply, Chassis: "hv1", Text: "lost",
		Where: map[string]string{"zone": "3 on hv1"}, KnownIn: []report.Known{{Chassis: "hv2", Zone: 9, ZoneName: "lr0_snat", Entry: e}}}}
	f := diagnose.Why(t.Context(), diagnose.Input{Live: brokenAt("SYN-ACK", b)}).Causes[1]
	if f.Text != "it reaches hv1, where zone 3 on hv1 has no entry of its connection: that is in zone 9 (lr0_snat) on hv2" ||
		len(f.Mend) != 1 || !strings.HasPrefix(f.Mend[0], "ovs-appctl dpctl/flush-conntrack zone=9 ") {
		t.Errorf("%+v", f)
	}
}

// TestNotInArchive checks that what a table in an archive does not say is not taken for a fact: the
// time that an entry has left, and whether there is an entry.
func TestNotInArchive(t *testing.T) {
	in := over(t, ovntest.New(t, ovntest.Topology))
	lookup := func() string {
		w := diagnose.Why(t.Context(), in)
		i := slices.IndexFunc(w.Phases, func(p report.Phase) bool { return p.Phase == report.PhaseLookup })
		if i < 0 {
			t.Fatalf("no look-up: %+v", w.Phases)
		}
		if w.AsNew != nil && strings.Contains(w.AsNew.Text, "expires") {
			t.Error(w.AsNew.Text)
		}
		return w.Phases[i].Text
	}
	e := &report.Entry{Original: tuple("10.0.0.3", 1000, "30.0.0.10", 80), Reply: tuple("20.0.0.9", 80, "10.0.0.3", 1000), Mark: "0x2", Label: "0x0"}
	in.Live, in.New = through(established(), e, "old"), through(established(), nil, "sw1-p1")
	if text := lookup(); strings.Contains(text, "expires") {
		t.Error(text)
	}
	in.Live = through(established(), nil, "sw1-p1")
	ct := &in.Live.Packets[0].Hops[0].Segments[0].CT[0]
	ct.Certainty = report.CertaintyUndetermined
	for _, ct.State = range []string{"", "0"} { // without a table no state is set
		if text := lookup(); !strings.Contains(text, "unknown") || strings.Contains(text, "no entry") {
			t.Error(text)
		}
	}
}
