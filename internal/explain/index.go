package explain

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// index holds UUIDs of tables, sorted, sixteen bytes a row. A table is read
// whole, or the part of it that belongs to a datapath: a server finds
// the hundred logical flows of one switch ten times faster than it prints the
// UUIDs of all twenty thousand.
type index struct {
	db     *ovsdb.DB
	tables map[string][]ovsdb.UUID
	whole  map[string]bool
	parts  map[part]bool
}

// part is the rows of a table that have a value, a UUID or a number, in a column; without a column,
// all rows.
type part struct {
	table, column string
	value         any
}

func newIndex(db *ovsdb.DB) *index {
	x := &index{db: db}
	x.forget()
	return x
}

func (x *index) forget() {
	x.tables, x.whole, x.parts = map[string][]ovsdb.UUID{}, map[string]bool{}, map[part]bool{}
}

// read reads all UUIDs of tables, in one transaction, unless it has them.
func (x *index) read(ctx context.Context, tables ...string) error {
	var parts []part
	for _, t := range tables {
		parts = append(parts, part{table: t})
	}
	return x.readParts(ctx, parts)
}

// readEach reads parts in one transaction, or one by one where the server refuses it: one table
// that may not be read must not hide the others.
func (x *index) readEach(ctx context.Context, parts []part) error {
	err := x.readParts(ctx, parts)
	if err == nil || ctx.Err() != nil {
		return err
	}
	var errs []error
	for _, p := range parts {
		errs = append(errs, x.readParts(ctx, []part{p}))
	}
	return errors.Join(errs...)
}

// readParts reads the UUIDs of parts of tables, in one transaction, unless it has them.
func (x *index) readParts(ctx context.Context, parts []part) error {
	want, qs := x.missing(parts)
	if len(qs) == 0 {
		return nil
	}
	ids := map[string][]ovsdb.UUID{}
	err := x.db.UUIDs(ctx, qs, func(q int, u ovsdb.UUID) { ids[want[q].table] = append(ids[want[q].table], u) })
	if err == nil {
		x.keep(want, ids)
	}
	return err
}

// missing returns those of the parts that were not read, and their queries.
func (x *index) missing(parts []part) (want []part, qs []ovsdb.Query) {
	for _, p := range parts {
		if x.whole[p.table] || x.parts[p] {
			continue
		}
		want, qs = append(want, p), append(qs, p.query())
	}
	return want, qs
}

// query returns the query for the part's rows.
func (p part) query(columns ...string) ovsdb.Query {
	q := ovsdb.From(p.table, columns...)
	if p.column == "" {
		return q
	}
	return q.Equal(p.column, p.value)
}

// keep adds parts that were read: the UUIDs by table.
func (x *index) keep(want []part, ids map[string][]ovsdb.UUID) {
	for _, p := range want {
		if x.parts[p] = true; p.column == "" {
			x.whole[p.table] = true
		}
	}
	for table, us := range ids {
		x.add(table, us)
	}
}

// add merges UUIDs into a table's.
func (x *index) add(table string, ids []ovsdb.UUID) {
	all := append(x.tables[table], ids...)
	slices.SortFunc(all, func(a, b ovsdb.UUID) int { return bytes.Compare(a[:], b[:]) })
	x.tables[table] = slices.Compact(all)
}

// find returns the rows of a table whose UUID begins with the cookie.
func (x *index) find(table string, cookie uint32) []ovsdb.UUID {
	ids := x.tables[table]
	first, _ := slices.BinarySearchFunc(ids, cookie, func(u ovsdb.UUID, c uint32) int { return cmp.Compare(ovn.Cookie(u), c) })
	last := first
	for last < len(ids) && ovn.Cookie(ids[last]) == cookie {
		last++
	}
	return ids[first:last]
}
