package lab

import (
	"slices"
	"testing"
)

func TestSplitWords(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"lsp-add sw0 p", []string{"lsp-add", "sw0", "p"}},
		{"acl-add sw 'a == \"b\" && c' drop", []string{"acl-add", "sw", `a == "b" && c`, "drop"}},
		{`lb-add lb 1.1.1.1:80 "" tcp`, []string{"lb-add", "lb", "1.1.1.1:80", "", "tcp"}},
		{"  a\tb\n", []string{"a", "b"}},
		{`x='"a"'y`, []string{`x="a"y`}},
	} {
		got, err := SplitWords(c.in)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("SplitWords(%q) = %q, %v; want %q", c.in, got, err, c.want)
		}
	}
	if _, err := SplitWords("a 'b"); err == nil {
		t.Error("an unclosed quote was taken")
	}
}

// TestBaseTopology checks that names are short enough for interfaces, that every port is on an
// existing chassis, and that no address occurs twice.
func TestBaseTopology(t *testing.T) {
	topo := Base()
	chassis := map[string]bool{}
	for _, c := range topo.Chassis {
		chassis[c.Name] = true
		for n := range c.Mappings {
			if l := PhysLeg(c.Name, n); len(l) > 15 {
				t.Errorf("interface name %q is too long", l)
			}
		}
	}
	seen := map[string]string{}
	claim := func(what, by string) {
		if other, ok := seen[what]; ok {
			t.Errorf("%s belongs to %s and %s", what, other, by)
		}
		seen[what] = by
	}
	for _, v := range topo.VIFs {
		if !chassis[v.Chassis] {
			t.Errorf("%s is on %q", v.Port, v.Chassis)
		}
		if len(v.Port) > 15 {
			t.Errorf("interface name %q is too long", v.Port)
		}
		claim(v.MAC, v.Port)
		for _, ip := range v.IPs {
			claim(ip, v.Port)
		}
		if v.Parent != "" {
			if _, err := topo.VIF(v.Parent); err != nil {
				t.Error(err)
			}
		}
	}
	for _, h := range topo.Hosts {
		claim(h.MAC, h.Name)
		for _, ip := range h.IPs {
			claim(ip, h.Name)
		}
	}
	for _, s := range topo.Setup {
		if _, err := SplitWords(s); err != nil {
			t.Error(err)
		}
	}
}
