package ofreplay

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/corpus"
)

// TestPlacesCorpus executes the actions of every captured trace: each "FIELD is now VALUE" and each
// register that a table matched must agree, and so must the registers of the final flow, and those
// of each section that a ct action queued.
func TestPlacesCorpus(t *testing.T) {
	details, finals, children := 0, 0, 0
	for _, c := range corpus.Load(t, "trace/*.txt") {
		tr, err := oftrace.Parse(c.Text)
		if err != nil {
			continue // the parser's own tests say which
		}
		details += strings.Count(c.Text, " is now ")
		for i, sec := range tr.Sections {
			w := newWalker(sec, Start{})
			w.list(sec.Nodes, true)
			for _, x := range w.wrong {
				t.Errorf("%s section %d: %s", c.Command, i, x)
			}
			if w.m.lost != "" && !dummyRules(c.File) && !strings.Contains(w.m.lost, "resumed with") {
				t.Errorf("%s section %d: lost: %s", c.File, i, w.m.lost)
			}
			if w.m.lost != "" || sec.Failed != "" {
				continue
			}
			f, err := openflow.Parse(sec.FinalFlow)
			if err != nil {
				t.Fatal(err)
			}
			finals++
			if d := cmp.Diff(RegistersOf(f).Fields(), w.m.regs.Fields()); d != "" {
				t.Errorf("%s (%s) section %d: registers of the final flow (-trace +ours):\n%s", c.File, c.Command, i, d)
			}
			for _, child := range tr.Sections {
				if child.Recirc != nil && child.Parent == i {
					children++
					cf, _ := openflow.Parse(child.Flow)
					if !slices.ContainsFunc(w.Places, func(p Place) bool { return RegistersOf(p.Flow) == RegistersOf(cf) }) {
						t.Errorf("%s section %d: no ct place has the registers of its child %s", c.File, i, child.Flow)
					}
				}
			}
		}
	}
	t.Logf("%d details, %d final flows, %d queued sections", details, finals, children)
	if details == 0 || finals < 20 || children == 0 {
		t.Error("too little compared")
	}
}

// dummyRules reports whether a capture is of flows written to show every action, and not of OVN's.
func dummyRules(file string) bool {
	return strings.Contains(file, "rules") || strings.Contains(file, "dummy")
}

// TestLookupsCorpus compares the packet of each look-up, in every captured trace, with the match
// that was hit.
func TestLookupsCorpus(t *testing.T) {
	compared := map[string]int{}
	for _, c := range corpus.Load(t, "trace/*.txt") {
		tr, err := oftrace.Parse(c.Text)
		if err != nil || dummyRules(c.File) {
			continue
		}
		for i, sec := range tr.Sections {
			w := newWalker(sec, Start{})
			if w.m.lost != "" && !strings.Contains(w.m.lost, "resumed with") {
				t.Errorf("%s section %d: %v", c.File, i, w.m.lost)
				continue
			}
			w.list(sec.Nodes, true)
			sec.Walk(func(n *oftrace.Node) bool {
				asked, ok := w.Lookups[n]
				if n.Kind != oftrace.Table || !ok {
					return true
				}
				match, err := openflow.Parse(n.Table.Match)
				if err != nil {
					return true
				}
				for _, name := range []string{"metadata", "dl_src", "dl_dst", "nw_src", "nw_dst", "ipv6_src", "ipv6_dst", "nw_ttl", "tp_dst", "arp_op", "arp_tpa", "icmp_type", "ct_mark"} {
					want, ok := match.Field(name)
					have, told := asked.Get(name)
					if !ok || want.Mask != "" || !told {
						continue
					}
					compared[name]++
					if a, _ := asked.Uint(name); have != want.Value && fmt.Sprint(a) != want.Value && fmt.Sprintf("%#x", a) != want.Value {
						t.Errorf("%s section %d: table %d matched %s, asked about %s", c.File, i, n.Table.ID, n.Table.Match, asked)
					}
				}
				return true
			})
		}
	}
	for _, name := range []string{"metadata", "dl_dst", "nw_dst", "nw_ttl"} {
		if compared[name] == 0 {
			t.Errorf("no table matched %s: %v", name, compared)
		}
	}
}
