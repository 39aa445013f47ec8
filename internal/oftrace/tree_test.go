package oftrace

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/corpus"
)

// find returns the capture of the dummy corpus with a rule's line.
func find(t *testing.T, part string) Trace {
	t.Helper()
	for _, c := range corpus.Load(t, "trace/dummy-*.txt") {
		if strings.Contains(c.Command, part) || strings.Contains(c.Text, part) {
			tr, err := Parse(c.Text)
			if err != nil {
				t.Fatal(err)
			}
			return tr
		}
	}
	t.Fatalf("no capture with %q", part)
	return Trace{}
}

// TestTables: a look-up under look-ups that are not the last of their rule.
func TestTables(t *testing.T) {
	tr := find(t, "set_field:0x3->metadata\n    resubmit(,44)")
	var got []string
	for _, r := range tr.Sections[0].Tables() {
		line := fmt.Sprintf("%s %d prio=%d miss=%v:", r.Bridge, r.Hit.ID, r.Hit.Priority, r.Hit.Miss)
		for _, a := range r.Actions {
			line += " " + a.Text
		}
		got = append(got, line)
	}
	want := []string{
		"br0 0 prio=100 miss=false: set_field:0x3->metadata resubmit(,44) resubmit(,99) output:2",
		"br0 44 prio=1 miss=false: resubmit(,45) resubmit(,46) resubmit(,47)",
		"br0 45 prio=1 miss=false: resubmit(,46) output:2",
		"br0 46 prio=1 miss=false: set_field:0x9->reg5 output:3",
		"br0 46 prio=1 miss=false: set_field:0x9->reg5 output:3",
		"br0 47 prio=1 miss=false: output:4",
		"br0 99 prio=0 miss=true: drop",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestResumedBridge: after a recirculation the heading names the command line's bridge.
func TestResumedBridge(t *testing.T) {
	tr := find(t, "udp_dst=5000")
	if len(tr.Sections) != 2 {
		t.Fatalf("%d sections", len(tr.Sections))
	}
	first, second := &tr.Sections[0], &tr.Sections[1]
	if f := first.Forks(); len(f) != 1 || f[0].Bridge != "br1" || f[0].Table != 1 {
		t.Errorf("forks %+v", f)
	}
	if second.Nodes[0].Bridge != "br0" || second.Bridge != "br1" || second.Parent != 0 {
		t.Errorf("heading %s, bridge %s, parent %d", second.Nodes[0].Bridge, second.Bridge, second.Parent)
	}
	if runs := second.Tables(); len(runs) != 1 || runs[0].Bridge != "br1" || runs[0].Hit.ID != 1 {
		t.Errorf("tables %+v", runs)
	}
	if runs := first.Tables(); len(runs) != 2 || runs[0].Bridge != "br0" || runs[1].Bridge != "br1" {
		t.Errorf("tables %+v", runs)
	}
}

func TestContextLost(t *testing.T) {
	s := &find(t, "recirc_id=0x9999").Sections[0]
	var errs []string
	s.Walk(func(n *Node) bool {
		if n.Kind == Error {
			errs = append(errs, n.Text)
		}
		return true
	})
	want := []string{"Recirculation context not found for ID 9999"}
	if s.Failed != ContextLost || cmp.Diff(want, errs) != "" {
		t.Errorf("failed %q, errors %q", s.Failed, errs)
	}
}

func TestTableLine(t *testing.T) {
	for line, want := range map[string]TableHit{
		" 0. tcp,in_port=1, priority 100":                                {ID: 0, Match: "tcp,in_port=1", Priority: 100},
		"30. priority 10":                                                {ID: 30, Priority: 10},
		`12. in_port="a, priority 7", priority 1, cookie 0xabc`:          {ID: 12, Match: `in_port="a, priority 7"`, Priority: 1, Cookie: 0xabc},
		" 7. No match.":                                                  {ID: 7, Miss: true},
		` 7. No match, and a "packet-in" is called for.`:                 {ID: 7, Miss: true, PacketIn: true},
		"--. Executing action set:":                                      {ID: -1},
		" 0. Packets are IP fragments and the fragment handling mode is": {FragDrop: true},
	} {
		n := classify(line)
		if d := cmp.Diff(want, n.Table); n.Kind != Table || n.Indent != 0 || d != "" {
			t.Errorf("%q: kind %d, indent %d: -want +got:\n%s", line, n.Kind, n.Indent, d)
		}
	}
	for _, line := range []string{"    1.5. x", "300. priority 1", "1. nothing", "-1. priority 1"} {
		if n := classify(line); n.Kind == Table {
			t.Errorf("%q is taken for a table", line)
		}
	}
}

// TestHostile: a text made to be slow is read in time, and nothing is lost.
func TestHostile(t *testing.T) {
	for name, line := range map[string]func(i int) string{
		"tail calls": func(int) string { return " 1. priority 1" },
		"deeper":     func(i int) string { return strings.Repeat(" ", 4*(i%2000)) + "1. priority 1" },
		"zigzag":     func(i int) string { return strings.Repeat(" ", 4*(i*7919%300)) + "10. priority 1" },
		"actions":    func(i int) string { return strings.Repeat(" ", 4*(i%2000)) + "drop" },
	} {
		var b strings.Builder
		b.WriteString("Flow: x\n\nbridge(\"b\")\n-----------\n")
		for i := range 20000 {
			b.WriteString(line(i) + "\n")
		}
		b.WriteString("\nFinal flow: unchanged\nMegaflow: x\nDatapath actions: drop\n")
		start := time.Now()
		tr, err := Parse(b.String())
		if took := time.Since(start); err != nil || took > 20*time.Second {
			t.Errorf("%s: %v in %v", name, err, took)
		}
		n := 0
		tr.Sections[0].Walk(func(*Node) bool { n++; return true })
		if n != 20001 {
			t.Errorf("%s: %d nodes", name, n)
		}
		t.Logf("%s: %v", name, time.Since(start))
	}
}
