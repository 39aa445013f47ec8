package explain

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// index holds the UUIDs of tables, sorted, sixteen bytes a row.
type index struct {
	db     *ovn.DB
	tables map[string][]ovn.UUID
}

func newIndex(db *ovn.DB) *index { return &index{db: db, tables: map[string][]ovn.UUID{}} }

func (x *index) has(table string) bool { _, ok := x.tables[table]; return ok }

func (x *index) forget() { clear(x.tables) }

// read reads a table's UUIDs unless it has them.
func (x *index) read(ctx context.Context, table string) error {
	if x.has(table) {
		return nil
	}
	ids := []ovn.UUID{}
	if err := x.db.UUIDs(ctx, table, func(u ovn.UUID) { ids = append(ids, u) }); err != nil {
		return err
	}
	slices.SortFunc(ids, func(a, b ovn.UUID) int { return bytes.Compare(a[:], b[:]) })
	x.tables[table] = slices.Clip(ids)
	return nil
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
