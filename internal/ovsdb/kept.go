package ovsdb

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	libovsdb "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// answers are rows that a database has answered, by their query. An answer without rows is kept
// too.
type answers struct {
	mu    sync.Mutex
	limit int // bytes of cells
	size  int
	rows  map[string][]*Row
	// derived is what was made of rows, by name; its size is not counted.
	derived map[string]any
	views   []*view // of KeepBy, which is called before the first question
}

// rowCost is the size in bytes at which a kept answer and each of its rows are counted, besides
// their text.
const rowCost = 100

// Keep makes the DB keep what Select answers: the same query is then asked once, and its rows are
// as they were then. limit bounds the rows' text in bytes; beyond it, everything kept is dropped
// and read again. Each and UUIDs keep nothing.
func (db *DB) Keep(limit int) {
	db.kept = &answers{limit: limit}
	db.kept.drop()
}

// Forget drops what was kept.
func (db *DB) Forget() {
	if db.kept == nil {
		return
	}
	for _, v := range db.kept.views {
		v.drop()
	}
	db.kept.mu.Lock()
	defer db.kept.mu.Unlock()
	db.kept.drop()
}

// Derived returns what derive makes of rows. Where rows are kept, that is kept with them under a
// name, and must not be changed.
func Derived[T any](db *DB, name string, derive func() (T, error)) (T, error) {
	if db.kept == nil {
		return derive()
	}
	db.kept.mu.Lock()
	had, ok := db.kept.derived[name].(T)
	db.kept.mu.Unlock()
	if ok {
		return had, nil
	}
	made, err := derive()
	if err == nil {
		db.kept.mu.Lock()
		defer db.kept.mu.Unlock()
		db.kept.derived[name] = made
	}
	return made, err
}

func (a *answers) drop() { a.rows, a.size, a.derived = map[string][]*Row{}, 0, map[string]any{} }

// own returns copies of kept rows, because reading a malformed cell changes a row.
func own(kept []*Row) []*Row {
	rows := make([]Row, len(kept))
	out := make([]*Row, len(kept))
	for i, r := range kept {
		rows[i].cells = r.cells
		out[i] = &rows[i]
	}
	return out
}

// key names a query.
func (q Query) key() string {
	b := make([]byte, 0, 256)
	b = append(b, q.table...)
	if q.anonymous {
		b = append(b, " -"...)
	}
	for _, c := range q.columns {
		b = append(append(b, ' '), c...)
	}
	for _, w := range q.where {
		b = append(append(append(append(b, '\n'), w.Column...), w.Function...), ' ')
		switch v := w.Value.(type) {
		case string:
			b = strconv.AppendQuote(b, v)
		case libovsdb.UUID:
			b = append(append(b, "uuid "...), v.GoUUID...)
		default:
			b = fmt.Appendf(b, "%#v", v) // with its type: the number 1 is not the text
		}
	}
	return string(b)
}

// get returns the rows of a query that was answered before. Each caller gets rows of its own.
func (a *answers) get(key string) ([]*Row, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	kept, ok := a.rows[key]
	if !ok {
		return nil, false
	}
	return own(kept), true
}

// put keeps an answer, for get to copy.
func (a *answers) put(key string, rows []*Row) {
	size := len(key) + rowCost
	copies := make([]*Row, len(rows))
	for i, r := range rows {
		copies[i] = &Row{cells: r.cells}
		size += rowCost
		for name, cell := range r.cells {
			size += len(name) + len(cell)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if size > a.limit {
		return
	}
	if a.size+size > a.limit {
		a.drop()
	}
	if _, had := a.rows[key]; !had {
		a.rows[key] = copies
		a.size += size
	}
}

// selectKept is Select, which asks only for what is not kept.
func (db *DB) selectKept(ctx context.Context, queries []Query) ([][]*Row, error) {
	out := make([][]*Row, len(queries))
	keys := make([]string, len(queries))
	var open []Query
	var at []int
	for i, q := range queries {
		keys[i] = q.key()
		rows, known := db.kept.get(keys[i])
		if known {
			out[i] = rows
			continue
		}
		if rows, known := db.viewed(ctx, q); known {
			out[i] = rows
			continue
		}
		open, at = append(open, q), append(at, i)
	}
	if len(open) == 0 {
		return out, nil
	}
	read, err := db.ask(ctx, open)
	if err != nil {
		return nil, err
	}
	for n, rows := range read {
		out[at[n]] = rows
		db.kept.put(keys[at[n]], rows)
	}
	return out, nil
}
