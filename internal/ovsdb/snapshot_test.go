package ovsdb

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A file written of a live database is a database of its own: ovsdb-server reads it, and every row
// has its UUID, its cells and its references.
func TestSnapshot(t *testing.T) {
	db := bridges(t)
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "copy.db"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.Create(filepath.Join(dir, "body"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.Snapshot(t.Context(), file, body)
	if err != nil || file.Close() != nil {
		t.Fatal(err)
	}
	if rows != 6*3+1 { // a bridge has a port with an interface; and the root
		t.Errorf("%d rows", rows)
	}
	g := vswitch(t)
	if _, err := g.Serve(t.Context(), "copy", file.Name()); err != nil {
		t.Fatal(err)
	}
	of, err := Dial(t.Context(), Options{Remotes: g.Sock("copy"), Database: "Open_vSwitch"})
	if err != nil {
		t.Fatal(err)
	}
	defer of.Close()
	for _, q := range []Query{
		From("Open_vSwitch", "bridges", "next_cfg"), From("Bridge", "name", "ports", "external_ids", "fail_mode", "flood_vlans", "datapath_id"),
		From("Port", "name", "interfaces", "tag"), From("Interface", "name", "type", "ofport_request"),
	} {
		want, got := allRows(t, db, q), allRows(t, of, q)
		if want != got || want == "" {
			t.Errorf("%s: copied\n%s\nwant\n%s", q.Table(), got, want)
		}
	}
}

// allRows returns a query's rows as text, in the order of their UUIDs.
func allRows(t *testing.T, db *DB, q Query) string {
	t.Helper()
	res, err := db.Select(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range res[0] {
		text, err := json.Marshal(r.cells)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// A row that is cut as text is the row without its UUID, as the decoder reads it.
func FuzzCutUUID(f *testing.F) {
	const id = `"_uuid":["uuid","0a1b2c3d-0000-1111-2222-333344445555"]`
	for _, row := range []string{`{` + id + `}`, `{` + id + `,"name":"x"}`, `{"name":"x",` + id + `}`, `{"a":"x",` + id + `,"b":["map",[["_uuid","y"]]]}`,
		`{"a":"\"_uuid\":[\"uuid\",\"",` + id + `}`, `{"a":"` + id + `}`, `{"name":"x"}`, id} {
		f.Add(row)
	}
	f.Fuzz(func(t *testing.T, row string) {
		id, text, ok := cutUUID([]byte(row))
		if !ok || strings.Count(row, "{") > 1 || strings.Count(row, `"_uuid":`) > 1 {
			return // ovsdb-server writes neither objects in a row nor a cell twice
		}
		var whole, rest map[string]json.RawMessage
		if err := json.Unmarshal([]byte(row), &whole); err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		if err := json.Unmarshal(text, &rest); err != nil {
			t.Fatalf("%s: %s: %v", row, text, err)
		}
		if got := (&Row{cells: whole}).UUID(); got != id {
			t.Errorf("%s: UUID %s, want %s", row, id, got)
		}
		delete(whole, "_uuid")
		want, _ := json.Marshal(whole)
		got, _ := json.Marshal(rest)
		if string(got) != string(want) {
			t.Errorf("%s: %s, want %s", row, got, want)
		}
	})
}

// What ovsdb-server writes is cut as text.
func TestCutUUID(t *testing.T) {
	const id = `"_uuid":["uuid","0a1b2c3d-0000-1111-2222-333344445555"]`
	for row, want := range map[string]string{`{` + id + `}`: `{}`, `{` + id + `,"n":1}`: `{"n":1}`, `{"n":1,` + id + `}`: `{"n":1}`, `{"a":1,` + id + `,"b":2}`: `{"a":1,"b":2}`} {
		if _, got, ok := cutUUID([]byte(row)); !ok || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", row, got, ok, want)
		}
	}
	for _, row := range []string{`{"n":1}`, `{` + id, `{"_uuid":["uuid","0a1b2c3d"],"n":1}`, `{"n":x,` + id + `}`} {
		if _, got, ok := cutUUID([]byte(row)); ok {
			t.Errorf("%s is cut to %s", row, got)
		}
	}
}
