package ovsdb

import (
	"encoding/json"
	"maps"
	"slices"
)

// schema is the part of a <database-schema> (RFC 7047 section 3.2) that lists the columns. A
// column's type is decoded only on request.
type schema struct {
	Tables map[string]tableSchema `json:"tables"`
}

type tableSchema struct {
	Columns map[string]json.RawMessage `json:"columns"`
	Indexes [][]string                 `json:"indexes,omitempty"` // columns that together are unique
}

// has reports whether the column exists; for an empty column, whether the table exists. Every table
// has _uuid and _version (RFC 7047 section 3.2).
func (s schema) has(table, column string) bool {
	t, ok := s.Tables[table]
	if !ok || column == "" || column == "_uuid" || column == "_version" {
		return ok
	}
	_, ok = t.Columns[column]
	return ok
}

// fit returns the query without the columns that the schema lacks. It returns false if the schema
// lacks the table or a condition's column.
func (s schema) fit(q Query) (Query, bool) {
	if !s.has(q.table, "") {
		return Query{}, false
	}
	for _, c := range q.where {
		if !s.has(q.table, c.Column) {
			return Query{}, false
		}
	}
	q.columns = slices.DeleteFunc(slices.Clone(q.columns), func(c string) bool { return !s.has(q.table, c) })
	return q, true
}

// Has reports whether the server's schema has the column; for an empty column, whether it has the
// table.
func (db *DB) Has(table, column string) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.schema.has(table, column)
}

// Tables returns the tables of the server's schema, sorted.
func (db *DB) Tables() []string {
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Sorted(maps.Keys(db.schema.Tables))
}

// MaxInteger returns the highest value that the server's schema allows in an integer column. It
// returns false if the schema sets none or lacks the column. The server refuses a condition on a
// higher value as a constraint violation.
func (db *DB) MaxInteger(table, column string) (int64, bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	var c struct {
		Type struct {
			Key struct {
				Max *int64 `json:"maxInteger"`
			} `json:"key"`
		} `json:"type"`
	}
	if json.Unmarshal(db.schema.Tables[table].Columns[column], &c) != nil || c.Type.Key.Max == nil {
		return 0, false
	}
	return *c.Type.Key.Max, true
}
