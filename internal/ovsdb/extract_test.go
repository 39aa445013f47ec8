package ovsdb

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A part of a database is a database: what was not selected is not in the file, and what refers to
// it is left out.
func TestExtract(t *testing.T) {
	db := bridges(t) // b1 has the pairs k=v and l=w
	seen := 0
	sel := Selection{
		Table:  func(table string) bool { return table != "Port" },
		Column: func(table, column string) bool { return table+"."+column != "Bridge.fail_mode" },
		Live:   func(table, column string) bool { return table+"."+column == "Interface.mac_in_use" },
		Pair:   func(_, _, key, value string) (string, bool) { return value + "-kept", key != "l" },
		Row: func(table string, r *Row) error {
			if table == "Interface" && r.Has("mac_in_use") && !r.UUID().IsZero() {
				seen++
			}
			return r.Err()
		},
	}
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "part.db"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.Create(filepath.Join(dir, "body"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Extract(t.Context(), sel, file, body); err != nil || file.Close() != nil {
		t.Fatal(err)
	}
	if seen != 6 {
		t.Errorf("%d interfaces were shown with their MAC addresses", seen)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	_, rows, _ := strings.Cut(string(text), "\nOVSDB")
	if strings.Contains(rows, `"w`) || !strings.Contains(rows, "v-kept") || strings.Contains(rows, "fail_mode") || strings.Contains(rows, `"ports"`) || strings.Contains(rows, "mac_in_use") {
		t.Errorf("the rows are %s", rows)
	}
	g := vswitch(t)
	if _, err := g.Serve(t.Context(), "part", file.Name()); err != nil {
		t.Fatal(err)
	}
	of, err := Dial(t.Context(), Options{Remotes: g.Sock("part"), Database: "Open_vSwitch"})
	if err != nil {
		t.Fatal(err)
	}
	defer of.Close()
	if all := allRows(t, of, From("Bridge", "name", "external_ids")); strings.Count(all, "\n") != 5 || !strings.Contains(all, `["k","v-kept"]`) {
		t.Errorf("bridges: %s", all)
	}
	if ports := allRows(t, of, From("Port", "name")); ports != "" {
		t.Errorf("ports: %s", ports)
	}
}

// The schema that a node shows becomes one that ovsdb-server reads.
func TestCompleted(t *testing.T) {
	out, err := completed("OVN_Southbound", []byte(`{"tables":{"A":{"columns":{"name":{"type":"string"},"b":{"type":{"key":{"type":"uuid","refTable":"B"}}},"c":{"type":{"key":{"type":"uuid","refTable":"Connection"}}}}},"B":{"columns":{"n":{"type":{"key":{"type":"integer","maxInteger":4294967295}}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{`"name":"OVN_Southbound"`: true, `"isRoot":true`: true, "Connection": false, `"refTable":"B"`: true, "4294967295": true} {
		if strings.Contains(string(out), text) != want {
			t.Errorf("%s: %v in %s", text, !want, out)
		}
	}
}
