package diagnose_test

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// TestRecirculations checks at which depth a datapath drops a packet: what counts is how many
// recirculations are one within the other, not how many there are.
func TestRecirculations(t *testing.T) {
	chain := func(n int, datapath string, release ...string) *report.Report {
		r := established()
		r.Versions.Chassis = map[string]report.Chassis{"hv1": {Datapath: datapath, OVS: strings.Join(release, "")}}
		h := &report.Hop{Chassis: "hv1"}
		for i := range n + 1 {
			s := &report.Segment{ID: i}
			if i > 0 {
				parent := i - 1
				s.Parent = &parent
			}
			h.Segments = append(h.Segments, s)
		}
		r.Packets[0].Hops = []*report.Hop{h}
		return r
	}
	wide := chain(9, "netdev")
	for _, s := range wide.Packets[0].Hops[0].Segments[1:] {
		*s.Parent = 0
	}
	for _, c := range []struct {
		name string
		live *report.Report
		want string
	}{
		{"userspace, at the limit", chain(8, "netdev"), ""},
		{"userspace, beyond", chain(9, "netdev"), "error recirc-limit"},
		{"userspace of 3.1, at the limit", chain(6, "netdev", "3.1.0"), ""},
		{"userspace of 3.1, beyond", chain(7, "netdev", "3.1.0"), "error recirc-limit"},
		{"userspace of 3.5, within", chain(7, "netdev", "3.5.0"), ""},
		{"many, none within another", wide, ""},
		{"kernel, at the limit", chain(29, "system"), ""},
		{"kernel, beyond", chain(30, "system"), "error recirc-limit"},
	} {
		w := diagnose.Why(t.Context(), diagnose.Input{Live: c.live})
		if got := codes(w); got != c.want || (c.want == "") != *w.Reaches {
			t.Errorf("%s: %q, reaches %t; want %q", c.name, got, *w.Reaches, c.want)
		}
	}
}

// TestMetered checks that a QoS rule with a rate is named, and one that only marks is not.
func TestMetered(t *testing.T) {
	for actions, want := range map[string]string{"set_meter(1000, 100); next;": "info meter-drop", "ip.dscp = 3; next;": ""} {
		r := established()
		r.Packets[0].Branches[0].Segments = [][2]int{{0, 0}}
		r.Packets[0].Hops = []*report.Hop{{Chassis: "hv1", Segments: []*report.Segment{{Tables: []report.Table{
			{NB: &report.NB{Table: "QoS", UUID: "u"}, LogicalFlow: &report.LogicalFlow{Datapath: "sw0", Actions: actions}}}}}}}
		w := diagnose.Why(t.Context(), diagnose.Input{Live: r})
		if got := codes(w); got != want || !*w.Answered {
			t.Errorf("%s: %q, want %q", actions, got, want)
		}
	}
}
