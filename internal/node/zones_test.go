package node

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// zoneLists are captured answers to ct-zone-list.
func zoneLists(t testing.TB) (out []string) {
	for _, file := range testenv.Corpus(t, filepath.Join("testdata", "zones", "*.txt")) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(b), "\n")
		out = append(out, text)
	}
	return out
}

// offsetOf returns where a text is at fault.
func offsetOf(t *testing.T, err error) int {
	t.Helper()
	var se *syntax.Error
	if !errors.As(err, &se) {
		t.Fatal(err)
	}
	return se.Off
}

// zoneList prints zones as ovn-controller does, sorted.
func zoneList(zones map[string]uint16) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(zones)) {
		fmt.Fprintf(&b, "%s %d\n", name, zones[name])
	}
	return b.String()
}

func TestZoneList(t *testing.T) {
	for _, text := range zoneLists(t) {
		zones, err := parseZoneList(text)
		lines := strings.SplitAfter(text, "\n")
		slices.Sort(lines)
		if got := zoneList(zones); err != nil || got != strings.Join(lines, "") || len(zones) < 10 {
			t.Errorf("%v, printed as\n%s", err, got)
		}
	}
	for text, want := range map[string]string{
		"":                       "",
		"a port 7\n":             "a port 7\n",
		"p1 7":                   "p1 7\n",
		"p1 65536\n":             "!0",
		"p1 7\n8\n":              "!5",
		"p1 7\n\n":               "!5",
		"p1 seven\n":             "!0",
		"\"ct-zone-list\" is no": "!0",
	} {
		zones, err := parseZoneList(text)
		got := zoneList(zones)
		if err != nil {
			got = fmt.Sprintf("!%d", offsetOf(t, err))
		}
		if got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzZoneList(f *testing.F) {
	for _, text := range zoneLists(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		zones, err := parseZoneList(text)
		if err != nil {
			if zones != nil {
				t.Fatal("an error with zones")
			}
			return
		}
		if again, err := parseZoneList(zoneList(zones)); err != nil || !maps.Equal(again, zones) {
			t.Fatalf("%v read back as %v, %v", zones, again, err)
		}
	})
}

func TestZoneDifferences(t *testing.T) {
	bridge := map[string]uint16{"p1": 5, "p2": 6, "p3": 7}
	controller := map[string]uint16{"p1": 5, "p2": 8, "p4": 9}
	var got []string
	for _, d := range zoneDifferences(bridge, controller) {
		text := d.Name
		for _, z := range []*uint16{d.Bridge, d.Controller} {
			if z == nil {
				text += " -"
			} else {
				text += fmt.Sprintf(" %d", *z)
			}
		}
		got = append(got, text)
	}
	if text := strings.Join(got, ", "); text != "p2 6 8, p3 7 -, p4 - 9" {
		t.Error(text)
	}
	if d := zoneDifferences(bridge, maps.Clone(bridge)); d != nil {
		t.Errorf("the same zones differ: %+v", d)
	}
}
