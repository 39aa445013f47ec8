package ovsdb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// bridges dials a server with bridges b0 to b5.
func bridges(t *testing.T) *DB {
	t.Helper()
	g := vswitch(t)
	args := []string{"--db=" + g.Sock("ovs"), "--no-wait"}
	for i := range 6 {
		args = append(args, "--", "add-br", fmt.Sprintf("b%d", i))
	}
	args = append(args, "--", "set", "bridge", "b1", "external-ids:k=v", "external-ids:l=w", "fail-mode=secure", "stp_enable=true", "flood_vlans=4,7")
	if _, err := g.Run(t.Context(), "", "ovs-vsctl", args...); err != nil {
		t.Fatal(err)
	}
	db, err := Dial(t.Context(), Options{Remotes: g.Sock("ovs"), Database: "Open_vSwitch"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestConditions(t *testing.T) {
	db := bridges(t)
	names := From("Bridge", "name", "no_such_column")
	rows, err := db.Select(t.Context(), names.Equal("name", "b1"))
	if err != nil || len(rows[0]) != 1 {
		t.Fatalf("%d rows, %v", len(rows[0]), err)
	}
	b1 := rows[0][0].UUID()
	secure := names.Equal("fail_mode", "secure")
	// Three conditions leave room for a fourth in the slice that Go makes for them.
	three := secure.Equal("stp_enable", true).NotEmpty("flood_vlans")
	three0, three1 := three.Equal("name", "b0"), three.Equal("name", "b1")
	for _, c := range []struct {
		q    Query
		want string
	}{
		{names, "b0 b1 b2 b3 b4 b5"},
		{names.Row(b1), "b1"},
		{names.Row(UUID{}), ""},
		{secure, "b1"},
		{secure.Equal("name", "b0"), ""},
		{secure, "b1"},
		{three0, ""},
		{three1, "b1"},
		{names.Equal("stp_enable", true), "b1"},
		{names.Empty("fail_mode"), "b0 b2 b3 b4 b5"},
		{names.NotEmpty("fail_mode"), "b1"},
		{names.Includes("flood_vlans", 7), "b1"},
		{names.Includes("flood_vlans", 8), ""},
		{names.IncludesPair("external_ids", "l", "w"), "b1"},
		{names.IncludesPair("external_ids", "k", "w"), ""},
		{names.Equal("no_such_column", 1), ""},
		{From("No_Such_Table", "name"), ""},
	} {
		rows, err := db.Select(t.Context(), c.q)
		if got := named(rows[0]); err != nil || got != c.want {
			t.Errorf("%+v: %s, %v; want %s", c.q, got, err, c.want)
		}
	}
	for _, prefix := range []string{b1.String(), b1.String()[:8], strings.ToUpper(b1.String()[:20])} {
		if rows, err := db.RowsByUUIDPrefix(t.Context(), "Bridge", prefix, "name"); err != nil || named(rows) != "b1" {
			t.Errorf("%s: %s, %v", prefix, named(rows), err)
		}
	}
}

// wantRows compares the names of the rows that queries select with want, each answer in brackets.
func wantRows(ctx context.Context, t *testing.T, db *DB, want string, queries ...Query) {
	t.Helper()
	rows, err := db.Select(ctx, queries...)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, r := range rows {
		got += "[" + named(r) + "]"
	}
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// vsctl returns a function that runs ovs-vsctl on the group's database.
func vsctl(t *testing.T, g *ovsdbtest.Group) func(args ...string) {
	return func(args ...string) {
		t.Helper()
		if _, err := g.Run(t.Context(), "", "ovs-vsctl", append([]string{"--db=" + g.Sock("ovs"), "--no-wait"}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
}

func named(rows []*Row) string {
	var out []string
	for _, r := range rows {
		out = append(out, r.Str("name"))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// TestBatches checks that answers keep to their queries when these need several transactions, some
// of them without a question that the schema allows.
func TestBatches(t *testing.T) {
	db := bridges(t)
	var qs []Query
	for i := range 2*maxOps + 3 {
		switch {
		case i < maxOps, i%7 == 0:
			qs = append(qs, From("No_Such_Table"))
		default:
			qs = append(qs, From("Bridge", "name").Equal("name", fmt.Sprintf("b%d", i%7)))
		}
	}
	got := make([]int, len(qs))
	rows, err := db.Select(t.Context(), qs...)
	if err == nil {
		err = db.Each(t.Context(), qs, func(q int, r *Row) error {
			if want := fmt.Sprintf("b%d", q%7); r.Str("name") != want || named(rows[q]) != want {
				t.Errorf("query %d: %s by Each, %s by Select; want %s", q, r.Str("name"), named(rows[q]), want)
			}
			got[q]++
			return r.Err()
		})
	}
	if err == nil {
		err = db.UUIDs(t.Context(), qs, func(q int, u UUID) {
			if u != rows[q][0].UUID() {
				t.Errorf("query %d: %s", q, u)
			}
			got[q]++
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	for q, n := range got {
		want := 2
		if q < maxOps || q%7 == 0 || q%7 == 6 { // there is no b6
			want = 0
		}
		if n != want || len(rows[q]) != want/2 {
			t.Errorf("query %d: %d rows by Each and UUIDs, %d by Select", q, n, len(rows[q]))
		}
	}
}

func TestParseUUID(t *testing.T) {
	const id = "0a1b2c3d-0000-1111-2222-33334444555f"
	for _, good := range []string{id, strings.ToUpper(id)} {
		if u, err := ParseUUID(good); err != nil || u.String() != id {
			t.Errorf("%s: %s, %v", good, u, err)
		}
	}
	for _, bad := range []string{"", id[1:], "{" + id + "}", "urn:uuid:" + id, strings.ReplaceAll(id, "-", ""), id[:35] + "g",
		strings.Replace(id, "-", "0", 1), id[:35] + "-"} {
		if u, err := ParseUUID(bad); err == nil || !u.IsZero() {
			t.Errorf("%q: %s, %v", bad, u, err)
		}
	}
}

func BenchmarkParseUUID(b *testing.B) {
	row := []byte(`{"_uuid":["uuid","0a1b2c3d-0000-1111-2222-33334444555f"]}`)
	for b.Loop() {
		if u, err := uuidOf(row); err != nil || u.IsZero() {
			b.Fatal(err)
		}
	}
}
