package ovsdb

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	libovsdb "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// How often the rows of one value are asked for before all rows of a view are read: for each
// question the server goes through the table, and a view of a whole table is many rows to send and
// to read.
const (
	viewAfter  = 8
	tableAfter = 128
)

// view is the rows of a query, by the values of some of its columns: one question in the place of
// many for the rows of one value.
type view struct {
	of Query
	by []string

	mu    sync.Mutex
	asked int                          // questions that it could have answered
	rows  map[string]map[string][]*Row // by column, and by the value as key writes it; nil: not read
}

// KeepBy makes a DB that keeps answers (Keep) read all rows of a query at once, after it was asked
// several times for the rows of one value: by the query with one more condition, Equal of one of
// the columns, or by that condition alone where the schema makes the column's values unique. The
// columns must be strings or references. What is read is kept until Forget, and its size is not
// counted.
func (db *DB) KeepBy(q Query, columns ...string) {
	for _, c := range columns {
		if !slices.Contains(q.columns, c) {
			q.columns = append(slices.Clip(q.columns), c)
		}
	}
	if db.kept == nil {
		return
	}
	db.kept.views = append(db.kept.views, &view{of: q, by: columns})
}

// viewed answers a query from a view. It returns false if none can answer it, or is worth reading.
func (db *DB) viewed(ctx context.Context, q Query) ([]*Row, bool) {
	for _, v := range db.kept.views {
		column, value, whole := v.covers(q)
		if column == "" || !whole && !db.unique(q.table, column) {
			continue
		}
		if rows, ok := db.readView(ctx, v)[column][value]; ok || whole && v.read() {
			return own(rows), true
		}
	}
	return nil, false
}

// covers returns the column and the value by which a view can answer a query; whole says that the
// view has every row that the query asks for. Else it has the row only if the value is unique.
func (v *view) covers(q Query) (column, value string, whole bool) {
	if q.table != v.of.table || len(q.where) == 0 || slices.ContainsFunc(q.columns, func(c string) bool { return !slices.Contains(v.of.columns, c) }) {
		return "", "", false
	}
	for i, w := range q.where {
		if w.Function != libovsdb.ConditionEqual || !slices.Contains(v.by, w.Column) {
			continue
		}
		value, ok := valueKey(w.Value)
		if !ok {
			continue
		}
		rest := slices.Delete(slices.Clone(q.where), i, i+1)
		if (Query{where: rest}).key() == (Query{where: v.of.where}).key() {
			return w.Column, value, true
		}
		if len(rest) == 0 {
			return w.Column, value, false
		}
	}
	return "", "", false
}

// valueKey names the value of a condition, as cellKey does; false for other types than strings and
// references.
func valueKey(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return "string " + v, true
	case libovsdb.UUID:
		return "uuid " + v.GoUUID, true
	}
	return "", false
}

// cellKey names the value of a row's cell; false for other types than strings and references.
func cellKey(cell json.RawMessage) (string, bool) {
	var text string
	if json.Unmarshal(cell, &text) == nil {
		return "string " + text, true
	}
	var pair [2]string
	if json.Unmarshal(cell, &pair) == nil && pair[0] == "uuid" {
		return "uuid " + pair[1], true
	}
	return "", false
}

// after returns the number of questions that are asked one by one.
func (v *view) after() int {
	if len(v.of.where) == 0 {
		return tableAfter
	}
	return viewAfter
}

func (v *view) read() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.rows != nil
}

// readView returns a view's rows, which it reads when they have been asked for several times; nil
// before, and if they cannot be read: single questions then say why.
func (db *DB) readView(ctx context.Context, v *view) map[string]map[string][]*Row {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.asked++; v.rows != nil || v.asked <= v.after() {
		return v.rows
	}
	v.asked = 0
	res, err := db.ask(ctx, []Query{v.of})
	if err != nil {
		return nil
	}
	made := map[string]map[string][]*Row{}
	for _, c := range v.by {
		made[c] = map[string][]*Row{}
		for _, r := range res[0] {
			value, ok := cellKey(r.cells[c])
			if !ok {
				return nil // a column of another type, or that the schema lacks
			}
			made[c][value] = append(made[c][value], r)
		}
	}
	v.rows = made
	return made
}

// drop forgets what was read.
func (v *view) drop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked, v.rows = 0, nil
}

// unique reports whether the schema lets a column have each value in one row only.
func (db *DB) unique(table, column string) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.ContainsFunc(db.schema.Tables[table].Indexes, func(columns []string) bool { return len(columns) == 1 && columns[0] == column })
}
