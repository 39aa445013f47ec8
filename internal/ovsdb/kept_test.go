package ovsdb

import (
	"errors"
	"fmt"
	"testing"
)

// TestKeep: a query is asked once, other queries of the request still are, and Forget ends it.
func TestKeep(t *testing.T) {
	g := vswitch(t)
	ctl := vsctl(t, g)
	ctl("add-br", "b0")
	db, err := Dial(t.Context(), Options{Remotes: g.Sock("ovs"), Database: "Open_vSwitch"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.Keep(1 << 20)
	all, absent := From("Bridge", "name"), From("No_Such_Table", "name")
	ask := func(want string, queries ...Query) {
		t.Helper()
		wantRows(t.Context(), t, db, want, queries...)
	}
	ask("[b0]", all)
	ctl("add-br", "b1")
	ask("[b0][b1][][]", all, all.Equal("name", "b1"), all.Equal("name", "b2"), absent)
	ctl("add-br", "b2")
	ask("[][b0][b1]", all.Equal("name", "b2"), all, all.Equal("name", "b1"))
	db.Forget()
	ask("[b0 b1 b2][b2]", all, all.Equal("name", "b2"))

	// A malformed cell that one caller has read is no error of another's.
	rows, _ := db.Select(t.Context(), all)
	rows[0][0].Int("name")
	again, _ := db.Select(t.Context(), all)
	if rows[0][0].Err() == nil || again[0][0].Err() != nil {
		t.Errorf("errors %v, %v", rows[0][0].Err(), again[0][0].Err())
	}
}

// TestDerived: what is made of rows is made once where they are kept, and again after Forget or an
// error.
func TestDerived(t *testing.T) {
	made := 0
	derive := func() (int, error) {
		if made++; made == 1 {
			return 0, errors.New("no")
		}
		return made, nil
	}
	db := &DB{}
	db.Keep(1000)
	for i, want := range []int{0, 2, 2, 2} {
		if got, err := Derived(db, "x", derive); got != want || (err != nil) != (want == 0) {
			t.Errorf("%d: %d %v, want %d", i, got, err, want)
		}
	}
	if got, _ := Derived(db, "y", derive); got != 3 {
		t.Errorf("another name: %d", got)
	}
	db.Forget()
	if got, _ := Derived(db, "x", derive); got != 4 {
		t.Errorf("after Forget: %d", got)
	}
	if got, _ := Derived(&DB{}, "x", derive); got != 5 {
		t.Errorf("nothing is kept: %d", got)
	}
}

// TestKeepBound: what is kept stays below the limit.
func TestKeepBound(t *testing.T) {
	a := &answers{limit: 1000}
	a.drop()
	for i := range 50 {
		a.put(fmt.Sprint("key ", i), []*Row{{}})
		if a.size > a.limit || a.size == 0 {
			t.Fatalf("%d bytes", a.size)
		}
	}
	if _, ok := a.get("key 49"); !ok {
		t.Error("the newest answer is not kept")
	}
	if _, ok := a.get("key 0"); ok {
		t.Error("the oldest answer is kept")
	}
	a.put("large", make([]*Row, 0))
	size := a.size
	var many []*Row
	for range 20 {
		many = append(many, &Row{})
	}
	if a.put("larger", many); a.size != size {
		t.Error("an answer beyond the limit changes what is kept")
	}
}
