package ovsdb

import (
	"fmt"
	"testing"
)

// Rows of one value are read together after several questions, and only if they are all that the
// question asks for.
func TestKeepBy(t *testing.T) {
	g := vswitch(t)
	ctl := vsctl(t, g)
	for i, typ := range []string{"x", "x", "y", "y"} {
		ctl("add-br", fmt.Sprintf("b%d", i), "--", "set", "bridge", fmt.Sprintf("b%d", i), "datapath_type="+typ)
	}
	all := From("Bridge", "name")
	ofX := all.Equal("datapath_type", "x")
	db, err := Dial(t.Context(), Options{Remotes: g.Sock("ovs"), Database: "Open_vSwitch"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ask := func(want string, queries ...Query) {
		t.Helper()
		wantRows(t.Context(), t, db, want, queries...)
	}
	// begin makes the DB keep a view, which is read behind enough questions for rows that are not
	// there.
	begin := func(q Query, column string, ask func(value string) Query) {
		t.Helper()
		db.Keep(1 << 20)
		db.KeepBy(q, column)
		for i := range db.kept.views[0].after() + 1 {
			if _, err := db.Select(t.Context(), ask(fmt.Sprintf("none%d", i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	named := func(v string) Query { return all.Equal("name", v) }
	typed := func(v string) Query { return all.Equal("datapath_type", v) }

	// The whole table: what is not in it is no row.
	begin(all, "datapath_type", typed)
	ctl("add-br", "b4", "--", "set", "bridge", "b4", "datapath_type=x")
	ask("[b0 b1][b2 b3][]", typed("x"), typed("y"), typed("z"))
	ask("[b0 b1 b2 b3 b4][b4]", all, typed("x").Equal("name", "b4")) // other questions are asked
	db.Forget()
	ask("[b0 b1 b4]", typed("x"))

	// Part of it, by a column whose values are unique: a row that is there is the only one, one
	// that is not may be in the other part.
	begin(ofX, "name", named)
	ctl("del-br", "b0")
	ask("[b0][b2][]", named("b0"), named("b2"), named("none"))
	ask("[b0][]", ofX.Equal("name", "b0"), ofX.Equal("name", "b2"))
	ask("[]", typed("y").Equal("name", "b0"))
	db.Forget()
	ask("[][b1]", named("b0"), named("b1"))

	// Part of it, by a column whose values are not: it is not enough.
	begin(named("b2"), "datapath_type", typed)
	ask("[b2 b3]", typed("y"))

	// Columns that were not read are asked for.
	begin(all, "name", named)
	rows, err := db.Select(t.Context(), From("Bridge", "name", "fail_mode").Equal("name", "b1"))
	if err != nil || len(rows[0]) != 1 || !rows[0][0].Has("fail_mode") {
		t.Errorf("%v, %v", rows, err)
	}
	// A column that is neither a string nor a reference is not a view's.
	begin(all, "stp_enable", func(string) Query { return all.Equal("stp_enable", false) })
	ask("[b1 b2 b3 b4]", all.Equal("stp_enable", false))
}
