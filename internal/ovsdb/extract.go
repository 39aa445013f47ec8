package ovsdb

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
)

// Selection says what of a database Extract takes. The zero Selection takes all of it.
type Selection struct {
	// Table reports whether rows of a table are taken; nil: of every table.
	Table func(table string) bool
	// Column reports whether a column is taken; nil: every column. Ephemeral columns, which no file
	// has, are asked for only where Live reports so.
	Column func(table, column string) bool
	// Pair returns the value with which a pair of a map of strings is taken, and whether it is; nil:
	// every pair as it is.
	Pair func(table, column, key, value string) (string, bool)
	// Live reports whether an ephemeral column is read, for Row only; nil: none is.
	Live func(table, column string) bool
	// Row is shown each row with its ephemeral columns; nil: nobody is.
	Row func(table string, r *Row) error

	maps, live map[[2]string]bool // columns with maps of strings, and ephemeral ones
}

// whole reports whether every cell of the rows is taken as it is.
func (sel *Selection) whole() bool { return sel.Pair == nil && sel.Row == nil && sel.Live == nil }

// Extract writes a part of the database as a standalone file of ovsdb-server: its schema, then the
// selected rows as they were at one moment, each under its own UUID. A column that refers to a
// table that is not taken is left out; it has its default value in the file. The schema over a
// Source has only the tables that the Source shows. Rows pass through memory one at a time; body is
// where they wait until their length is known. It returns the number of rows.
func (db *DB) Extract(ctx context.Context, sel Selection, w io.Writer, body io.ReadWriteSeeker) (rows int, err error) {
	fail := func(err error) (int, error) {
		return 0, &Error{Remote: db.Remote(), Database: db.opt.Database, Op: "get_schema", Err: err}
	}
	l, err := db.connected(ctx)
	if err != nil {
		return 0, err
	}
	var raw []byte
	if c, ok := l.(*conn); ok {
		raw, err = c.call(ctx, "get_schema", []any{db.opt.Database}, nil)
	} else if raw, err = db.source.Schema(ctx); err == nil {
		raw, err = completed(db.opt.Database, raw)
	}
	if err != nil {
		return fail(err)
	}
	queries, err := sel.queries(raw)
	if err != nil {
		return fail(err)
	}
	return db.snapshotOf(ctx, raw, queries, sel, w, body)
}

// columnType is the part of a column's schema that decides whether it can be taken.
type columnType struct {
	Ephemeral bool            `json:"ephemeral"`
	Type      json.RawMessage `json:"type"`
}

// refers returns the tables that a column refers to, and whether it is a map of strings.
func (c *columnType) refers() (tables []string, strings bool) {
	var t struct {
		Key, Value json.RawMessage
	}
	if json.Unmarshal(c.Type, &t) != nil {
		return nil, false // an atomic type by its name
	}
	atom := func(raw json.RawMessage) string {
		var name string
		if json.Unmarshal(raw, &name) == nil {
			return name
		}
		var base struct{ Type, RefTable string }
		if json.Unmarshal(raw, &base) == nil && base.RefTable != "" {
			tables = append(tables, base.RefTable)
		}
		return base.Type
	}
	key := atom(t.Key)
	return tables, t.Value != nil && atom(t.Value) == "string" && key == "string"
}

// queries returns a query of every selected table of a schema, with the selected columns, and notes
// their types.
func (sel *Selection) queries(schema []byte) ([]Query, error) {
	var s struct {
		Tables map[string]struct {
			Columns map[string]*columnType `json:"columns"`
		} `json:"tables"`
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, err
	}
	sel.maps, sel.live = map[[2]string]bool{}, map[[2]string]bool{}
	taken := func(table string) bool {
		_, ok := s.Tables[table]
		return ok && (sel.Table == nil || sel.Table(table))
	}
	var out []Query
	for table, t := range s.Tables {
		if !taken(table) {
			continue
		}
		q := Query{table: table}
		for name, c := range t.Columns {
			at := [2]string{table, name}
			refers, pairs := c.refers()
			switch {
			case c.Ephemeral:
				if sel.live[at] = sel.Live != nil && sel.Live(table, name); !sel.live[at] {
					continue
				}
			case sel.Column != nil && !sel.Column(table, name):
				continue
			case slices.ContainsFunc(refers, func(t string) bool { return !taken(t) }):
				continue
			}
			sel.maps[at] = pairs
			q.columns = append(q.columns, name)
		}
		slices.Sort(q.columns)
		out = append(out, q)
	}
	slices.SortFunc(out, func(a, b Query) int { return bytes.Compare([]byte(a.table), []byte(b.table)) })
	return out, nil
}

// apply leaves in a row what the selection takes of it.
func (sel *Selection) apply(table string, id UUID, cells map[string]json.RawMessage) error {
	if sel.Pair != nil {
		for column, raw := range cells {
			if !sel.maps[[2]string{table, column}] {
				continue
			}
			kept, err := sel.pairs(table, column, raw)
			if err != nil {
				return err
			}
			cells[column] = kept
		}
	}
	if sel.Row != nil {
		cells["_uuid"] = json.RawMessage(`["uuid","` + id.String() + `"]`)
		if err := sel.Row(table, &Row{cells: cells}); err != nil {
			return err
		}
		delete(cells, "_uuid")
	}
	for column := range cells {
		if sel.live[[2]string{table, column}] {
			delete(cells, column)
		}
	}
	return nil
}

// pairs returns the taken pairs of a map of strings.
func (sel *Selection) pairs(table, column string, raw json.RawMessage) (json.RawMessage, error) {
	r := Row{cells: map[string]json.RawMessage{column: raw}}
	all := r.Map(column)
	if err := r.Err(); err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(all))
	for k := range all {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	list := [][2]string{}
	for _, k := range keys {
		if v, ok := sel.Pair(table, column, k, all[k]); ok {
			list = append(list, [2]string{k, v})
		}
	}
	return json.Marshal([]any{"map", list})
}

// completed makes the schema that a Source shows into one that ovsdb-server reads: with a name,
// with tables whose rows stay without a reference, and without columns that refer to other tables.
func completed(database string, raw []byte) ([]byte, error) {
	var s struct {
		Name    string                    `json:"name"`
		Version string                    `json:"version"`
		Tables  map[string]map[string]any `json:"tables"`
	}
	var types schema
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &types); err != nil {
		return nil, err
	}
	s.Name, s.Version = database, "0.0.0"
	for table, t := range s.Tables {
		t["isRoot"] = true
		columns, _ := t["columns"].(map[string]any)
		for name, def := range types.Tables[table].Columns {
			var c columnType
			if err := json.Unmarshal(def, &c); err != nil {
				return nil, err
			}
			refers, _ := c.refers()
			if slices.ContainsFunc(refers, func(t string) bool { return s.Tables[t] == nil }) {
				delete(columns, name)
			}
		}
	}
	return json.Marshal(s)
}
