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
