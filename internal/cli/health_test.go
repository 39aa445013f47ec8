package cli

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// counted is a node that answers only for its counters.
type counted struct {
	node.Node
	answers []*node.Health
	err     error // after the answers
}

func (c *counted) Health(context.Context) (*node.Health, error) {
	if len(c.answers) == 0 {
		return nil, c.err
	}
	h := c.answers[0]
	c.answers = c.answers[1:]
	return h, nil
}

func TestHealthFindings(t *testing.T) {
	lost := func(n uint64) []node.DatapathStats {
		return []node.DatapathStats{{Name: "ovs-system", Hit: 100, Missed: 10, Lost: n, Masks: 3}}
	}
	type H = node.Health
	for _, c := range []struct {
		name          string
		before, after H
		ahead         time.Duration
		want          []string // severity code: part of the text
	}{
		{"well", H{Datapaths: lost(0), Conntrack: node.Conntrack{Count: 5, Max: 100}}, H{Datapaths: lost(0), Conntrack: node.Conntrack{Count: 6, Max: 100}}, 0, nil},
		{"lost long ago", H{Datapaths: lost(7)}, H{Datapaths: lost(7)}, 0, []string{"info upcalls-lost: dropped 7 packets"}},
		{"losing", H{Datapaths: lost(7)}, H{Datapaths: lost(9)}, 0, []string{"warning upcalls-lost: 2 of them while doctor looked"}},
		{"a datapath that is new", H{}, H{Datapaths: lost(1)}, 0, []string{"info upcalls-lost: "}},
		{"nearly full", H{}, H{Conntrack: node.Conntrack{Count: 90, Max: 100}}, 0, []string{"warning table-full: 90 of 100 connections"}},
		{"not yet", H{}, H{Conntrack: node.Conntrack{Count: 89, Max: 100}}, 0, nil},
		{"dropping", H{Conntrack: node.Conntrack{Drop: 1}}, H{Conntrack: node.Conntrack{Drop: 4}}, 0, []string{"warning table-full: dropped 3 packets"}},
		{"read only at first", H{Conntrack: node.Conntrack{Drop: 9}}, H{Unknown: []string{"conntrack statistics: no"}}, 0, []string{"info counters-unreadable: "}},
		{"read only later", H{Unknown: []string{"conntrack statistics: no"}}, H{Conntrack: node.Conntrack{Drop: 9}}, 0, []string{"info table-full: dropped 9 packets"}},
		{"begun anew", H{Conntrack: node.Conntrack{Drop: 9}}, H{Conntrack: node.Conntrack{Drop: 1}}, 0, []string{"info table-full: dropped 1 packets"}},
		{"removed early, once", H{Conntrack: node.Conntrack{EarlyDrop: 4}}, H{Conntrack: node.Conntrack{EarlyDrop: 4}}, 0, []string{"info table-full: removed 4 entries early"}},
		{"invalid packets", H{Conntrack: node.Conntrack{Invalid: 1}}, H{Conntrack: node.Conntrack{Invalid: 4}}, 0, []string{"info out-of-window: found 3 packets invalid"}},
		{"invalid packets before", H{Conntrack: node.Conntrack{Invalid: 4}}, H{Conntrack: node.Conntrack{Invalid: 4}}, 0, nil},
		{"liberal", H{}, H{Conntrack: node.Conntrack{Invalid: 4, TCPBeLiberal: true}}, 0, nil},
		{"ahead", H{}, H{}, time.Hour, []string{"warning clock-skew: differs by 1h0m0s"}},
		{"behind", H{}, H{}, -time.Hour, []string{"warning clock-skew: differs by -1h0m0s"}},
		{"nothing read", H{}, H{Unknown: []string{"conntrack statistics: no"}}, 0, []string{"info counters-unreadable: conntrack statistics: no"}},
	} {
		c.before.Time, c.after.Time = time.Now().Add(c.ahead), time.Now().Add(c.ahead)
		k, err := examineNode(t.Context(), &counted{answers: []*node.Health{&c.before, &c.after}}, 0, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if c.ahead != 0 {
			k.skew = k.skew.Round(time.Minute)
		}
		var f findings
		f.health(k, map[string]string{"chassis": "hv1"})
		if len(f) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, f, c.want)
			continue
		}
		for i, w := range c.want {
			head, part, _ := strings.Cut(w, ": ")
			if got := string(f[i].Severity) + " " + string(f[i].Code); got != head || !strings.Contains(f[i].Text, part) || f[i].Where["chassis"] != "hv1" {
				t.Errorf("%s: %s: %s, want %s", c.name, got, f[i].Text, w)
			}
		}
	}
}

func TestExamineOldNode(t *testing.T) {
	for name, n := range map[string]node.Node{"without the method": struct{ node.Node }{}, "refusing it": &counted{err: errors.ErrUnsupported}} {
		if c, err := examineNode(t.Context(), n, 0, func() {}); c != nil || err != nil {
			t.Errorf("%s: %v, %v; want nothing and no error", name, c, err)
		}
	}
	for name, n := range map[string]*counted{"at once": {err: context.Canceled}, "at the second reading": {answers: []*node.Health{{}}, err: context.Canceled}} {
		if c, err := examineNode(t.Context(), n, 0, func() {}); c != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: an error of the node is lost: %v, %v", name, c, err)
		}
	}
}

func TestDoctorStatus(t *testing.T) {
	f := func(sev report.Severity, code report.Code) report.Finding {
		return report.Finding{Severity: sev, Code: code}
	}
	for _, c := range []struct {
		found []report.Finding
		want  int
	}{
		{nil, 0},
		{[]report.Finding{f("info", "chassis")}, 0},
		{[]report.Finding{f("info", "chassis"), f("warning", "stale-controller")}, 1},
		{[]report.Finding{f("warning", "stale-controller"), f("error", "chassis-unreachable")}, 3},
		{[]report.Finding{f("warning", "northbound-unreachable")}, 3},
	} {
		if got := findingsStatus(c.found); got != c.want {
			t.Errorf("%v: %d, want %d", c.found, got, c.want)
		}
	}
}

// The line of a chassis has the settings that decide which packets are invalid, where they were
// read.
func TestSummary(t *testing.T) {
	h := &node.Health{Datapaths: []node.DatapathStats{{Name: "ovs-system"}}, Conntrack: node.Conntrack{Count: 1, Max: 2, TCPLoose: true}}
	const settings = "; nf_conntrack_tcp_be_liberal off, nf_conntrack_tcp_loose on"
	if got := (&checkup{after: h}).summary(); !strings.HasSuffix(got, "1 of 2 connections"+settings) {
		t.Error(got)
	}
	h.Unknown = []string{"conntrack settings: no"}
	if got := (&checkup{after: h}).summary(); strings.Contains(got, settings) {
		t.Error(got)
	}
}

// Zones that the bridge and ovn-controller number differently are a warning if both readings show
// them; that they could not be compared is said in the chassis' line.
func TestZonesDiffer(t *testing.T) {
	five, seven := uint16(5), uint16(7)
	moved := node.ZoneDifference{Name: "p1", Bridge: &five, Controller: &seven}
	fresh := node.ZoneDifference{Name: "p2", Controller: &five}
	for _, c := range []struct {
		before, after []node.ZoneDifference
		want          string
	}{
		{nil, nil, ""},
		{[]node.ZoneDifference{fresh}, nil, ""},
		{nil, []node.ZoneDifference{fresh}, ""},
		{[]node.ZoneDifference{moved, fresh}, []node.ZoneDifference{moved}, "p1 is 5 on the bridge and 7 to ovn-controller"},
		{[]node.ZoneDifference{fresh}, []node.ZoneDifference{fresh}, "p2 is unknown on the bridge and 5 to ovn-controller"},
	} {
		var f findings
		f.health(&checkup{before: &node.Health{Zones: c.before}, after: &node.Health{Zones: c.after}}, nil)
		if len(f) != min(1, len(c.want)) || len(f) > 0 && (f[0].Code != report.CodeZonesDiffer || f[0].Severity != report.SeverityWarning || !strings.HasSuffix(f[0].Text, ": "+c.want)) {
			t.Errorf("%+v, want %q", f, c.want)
		}
	}
	unknown := &checkup{before: &node.Health{}, after: &node.Health{ZonesUnknown: "no ovn-controller"}}
	if text := unknown.summary(); text != "; its zones were not compared with ovn-controller's: no ovn-controller" {
		t.Error(text)
	}
}
