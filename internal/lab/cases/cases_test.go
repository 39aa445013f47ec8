package cases

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// TestCases checks that every case has a unique name and a feature, that its packets can be built,
// and that its clean-up undoes its set-up.
func TestCases(t *testing.T) {
	for _, datapath := range []string{lab.System, lab.Userspace} {
		t.Run("datapath "+datapath, func(t *testing.T) { checkCases(t, All(lab.BaseOn(datapath))) })
	}
	var names [2][]string
	for i, datapath := range []string{lab.System, lab.Userspace} {
		for _, c := range All(lab.BaseOn(datapath)) {
			names[i] = append(names[i], c.Name)
		}
	}
	if !slices.Equal(names[0], names[1]) {
		t.Error("the datapaths do not have the same cases")
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(userspaceDiffers)), slices.Collect(maps.Keys(userspaceCannot))) {
		if !slices.Contains(names[0], name) {
			t.Errorf("something is said of case %q, which does not exist", name)
		}
	}
}

func checkCases(t *testing.T, all []probe.Case) {
	names := map[string]bool{}
	for _, c := range all {
		if c.Name == "" || c.Feature == "" || names[c.Name] {
			t.Errorf("case %q (%q): no name, no feature, or a name used twice", c.Name, c.Feature)
		}
		names[c.Name] = true
		if len(c.Setup) > 0 && len(c.Cleanup) == 0 {
			t.Errorf("%s: nothing undoes its set-up", c.Name)
		}
		packets := 0
		for _, s := range c.Steps {
			if s.Packet == nil {
				continue
			}
			packets++
			if _, err := s.Packet.Bytes(); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		if packets == 0 {
			t.Errorf("%s sends nothing", c.Name)
		}
		for _, s := range append(c.Setup, c.Cleanup...) {
			if _, err := lab.SplitWords(s); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
	}
	for name, steps := range explanations {
		if !names[name] {
			t.Errorf("case %q, whose report must name something, does not exist", name)
		}
		for _, c := range all {
			if c.Name == name && len(steps) > len(c.Steps) {
				t.Errorf("%s has fewer steps than explanations", name)
			}
		}
	}
	if len(all) < 80 {
		t.Errorf("only %d cases", len(all))
	}
	rows := map[string]int{}
	for _, f := range Features {
		if _, twice := rows[f]; twice {
			t.Errorf("feature %q has two rows", f)
		}
		rows[f] = 0
	}
	for _, c := range all {
		if _, ok := rows[c.Feature]; !ok {
			t.Errorf("%s: feature %q has no row", c.Name, c.Feature)
		}
		rows[c.Feature]++
	}
	for f, n := range rows {
		if n == 0 {
			t.Errorf("feature %q has no case", f)
		}
	}
}

// TestRandom checks that random cases can be sent, and are the same for the same seed.
func TestRandom(t *testing.T) {
	topo := lab.Base()
	for seed := range uint64(20) {
		drawn, again := Random(topo, seed, 50), Random(topo, seed, 50)
		if !reflect.DeepEqual(drawn, again) {
			t.Fatalf("seed %d: not the same cases again", seed)
		}
		if len(drawn) != 50 || reflect.DeepEqual(drawn, Random(topo, seed+1, 50)) {
			t.Errorf("seed %d: %d cases, or those of another seed", seed, len(drawn))
		}
		for _, c := range drawn {
			sent := 0
			for i, s := range c.Steps {
				if s.Packet == nil {
					continue
				}
				sent++
				if _, err := s.Packet.Bytes(); err != nil {
					t.Errorf("%s, step %d: %v", c.Name, i+1, err)
				}
			}
			if sent == 0 {
				t.Errorf("%s sends nothing", c.Name)
			}
		}
	}
}

// TestBondCleanup checks that a case of a bond removes its switch before hv1 has its own cable
// again. While both connect hv1, frames can come back to it.
func TestBondCleanup(t *testing.T) {
	found := 0
	for _, c := range All(lab.BaseOn(lab.Userspace)) {
		if !slices.ContainsFunc(c.Setup, func(s string) bool { return strings.Contains(s, "add-br br-leaf") }) {
			continue
		}
		found++
		leaf := slices.IndexFunc(c.Cleanup, func(s string) bool { return strings.Contains(s, "del-br br-leaf") })
		cable := slices.IndexFunc(c.Cleanup, func(s string) bool { return strings.Contains(s, "add-port") })
		if leaf < 0 || cable < leaf {
			t.Errorf("%s: hv1's cable is back while the switch of the bond is there: %q", c.Name, c.Cleanup)
		}
	}
	if found == 0 {
		t.Error("no case has a bond")
	}
}

// TestKubeCases checks the cases of one zone a node: their names, packets and clean-up, and that
// each hop of each prediction must be explained.
func TestKubeCases(t *testing.T) {
	topo := lab.Kube(lab.Userspace)
	if zones := len(topo.Zones) + 1; zones != 3 || topo.Zones[0].On == "" {
		t.Fatalf("%d zones", zones)
	}
	for _, z := range []lab.Zone{topo.Zone(""), topo.Zones[0], topo.Zones[1]} {
		if z.Reach() != nil || !strings.HasPrefix(z.SB(), "unix:") {
			t.Errorf("the tool reaches %s by %q", z.SB(), z.Reach())
		}
	}
	names := map[string]bool{}
	for _, c := range All(topo) {
		if c.Name == "" || names[c.Name] || len(c.Setup) > 0 && len(c.Cleanup) == 0 {
			t.Errorf("case %q: no name, a name used twice, or no clean-up", c.Name)
		}
		names[c.Name] = true
		for _, s := range c.Steps {
			if s.Packet != nil {
				if _, err := s.Packet.Bytes(); err != nil {
					t.Errorf("%s: %v", c.Name, err)
				}
			}
			if !c.Session && !s.Explanation.EveryHop {
				t.Errorf("%s: its hops need not be explained", c.Name)
			}
		}
	}
	if len(names) < 20 {
		t.Errorf("only %d cases", len(names))
	}
}
