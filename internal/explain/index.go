package explain

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// index holds UUIDs of tables, sorted, sixteen bytes a row. A table is read
// whole, or the part of it that belongs to a datapath: a server finds
// the hundred logical flows of one switch ten times faster than it prints the
// UUIDs of all twenty thousand.
type index struct {
	db     *ovn.DB
	tables map[string][]ovn.UUID
	whole  map[string]bool
	parts  map[part]bool
}

// part is the rows of a table that meet a condition on one column.
type part struct{ table, column, value string }

func newIndex(db *ovn.DB) *index {
	x := &index{db: db}
	x.forget()
	return x
}

func (x *index) forget() {
	x.tables, x.whole, x.parts = map[string][]ovn.UUID{}, map[string]bool{}, map[part]bool{}
}

// read reads all UUIDs of a table unless it has them.
func (x *index) read(ctx context.Context, table string) error {
	if x.whole[table] {
		return nil
	}
	ids := []ovn.UUID{}
	if err := x.db.UUIDs(ctx, table, func(u ovn.UUID) { ids = append(ids, u) }); err != nil {
		return err
	}
	x.tables[table], x.whole[table] = nil, true
	x.add(table, ids)
	return nil
}

// readPart reads the UUIDs of the rows that a condition picks; value names it.
func (x *index) readPart(ctx context.Context, table, column, value string, cond ovsdb.Condition) error {
	p := part{table, column, value}
	if x.whole[table] || x.parts[p] {
		return nil
	}
	var ids []ovn.UUID
	if err := x.db.UUIDs(ctx, table, func(u ovn.UUID) { ids = append(ids, u) }, cond); err != nil {
		return err
	}
	x.parts[p] = true
	x.add(table, ids)
	return nil
}

// add merges UUIDs into a table's.
func (x *index) add(table string, ids []ovn.UUID) {
	all := append(x.tables[table], ids...)
	slices.SortFunc(all, func(a, b ovn.UUID) int { return bytes.Compare(a[:], b[:]) })
	x.tables[table] = slices.Compact(all)
}

// find gives the rows of a table whose UUID begins with the cookie.
func (x *index) find(table string, cookie uint32) []ovn.UUID {
	ids := x.tables[table]
	first, _ := slices.BinarySearchFunc(ids, cookie, func(u ovn.UUID, c uint32) int { return cmp.Compare(u.Cookie(), c) })
	last := first
	for last < len(ids) && ids[last].Cookie() == cookie {
		last++
	}
	return ids[first:last]
}
