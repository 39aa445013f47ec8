package ovn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// Query is one select: a table, the columns wanted, and the conditions that
// all must hold.
type Query struct {
	Table   string
	Columns []string
	Where   []ovsdb.Condition
}

// Equal is the condition that a column has the value; a UUID may be given as it is.
func Equal(column string, value any) ovsdb.Condition {
	return ovsdb.NewCondition(column, ovsdb.ConditionEqual, notation(value))
}

// Includes is the condition that a set column holds the element.
func Includes(column string, value any) ovsdb.Condition {
	return ovsdb.NewCondition(column, ovsdb.ConditionIncludes, notation(value))
}

// IncludesKey is the condition that a map column holds the pair.
func IncludesKey(column, key, value string) ovsdb.Condition {
	return ovsdb.NewCondition(column, ovsdb.ConditionIncludes, ovsdb.OvsMap{GoMap: map[any]any{key: value}})
}

func notation(v any) any {
	if u, ok := v.(UUID); ok {
		return u.ovsdb()
	}
	return v
}

// maxOps bounds the operations of one transaction, so that the server is not
// held up by a single request.
const maxOps = 500

// Select asks all queries, batched in few transactions, and returns the rows
// of each. A table or a condition's column that the server's schema lacks
// gives no rows: a release without the feature has none of it.
func (db *DB) Select(ctx context.Context, queries ...Query) ([][]*Row, error) {
	out := make([][]*Row, len(queries))
	for start := 0; start < len(queries); start += maxOps {
		end := min(start+maxOps, len(queries))
		if err := db.selectBatch(ctx, queries[start:end], out[start:end]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (db *DB) selectBatch(ctx context.Context, queries []Query, out [][]*Row) error {
	return db.retry(ctx, label(queries), func(ctx context.Context, c *conn) error {
		var ops []ovsdb.Operation
		var at []int
		for i, q := range queries {
			if op, ok := db.operation(q); ok {
				ops, at = append(ops, op), append(at, i)
			}
		}
		if len(ops) == 0 {
			return nil
		}
		rows, err := transact(ctx, c, db.opt.Database, ops, nil)
		if err != nil {
			return err
		}
		for i, r := range rows {
			out[at[i]] = r
		}
		return nil
	})
}

// label names the tables of a batch for an error.
func label(queries []Query) string {
	seen := map[string]bool{}
	var names []string
	for _, q := range queries {
		if !seen[q.Table] {
			seen[q.Table] = true
			names = append(names, q.Table)
		}
	}
	return "select " + strings.Join(names, ", ")
}

// operation fits a query to the server's schema.
func (db *DB) operation(q Query) (ovsdb.Operation, bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if !db.schema.has(q.Table, "") {
		return ovsdb.Operation{}, false
	}
	for _, c := range q.Where {
		if !db.schema.has(q.Table, c.Column) {
			return ovsdb.Operation{}, false
		}
	}
	op := ovsdb.Operation{Op: ovsdb.OperationSelect, Table: q.Table, Where: q.Where, Columns: []string{"_uuid"}}
	for _, col := range q.Columns {
		if col != "_uuid" && db.schema.has(q.Table, col) {
			op.Columns = append(op.Columns, col)
		}
	}
	return op, true
}

// UUIDs hands every row's UUID of a table to yield, reading the answer as it
// arrives: no row is kept.
func (db *DB) UUIDs(ctx context.Context, table string, yield func(UUID), where ...ovsdb.Condition) error {
	return db.UUIDsOf(ctx, []Query{{Table: table, Where: where}}, func(_ int, u UUID) { yield(u) })
}

// UUIDsOf does the same for several queries in one transaction; their columns
// do not matter. yield is told which query a row answers.
func (db *DB) UUIDsOf(ctx context.Context, queries []Query, yield func(query int, u UUID)) error {
	bare := make([]Query, len(queries))
	for i, q := range queries {
		bare[i] = Query{Table: q.Table, Where: q.Where}
	}
	return db.stream(ctx, bare, func(q int, row []byte) error {
		u, err := uuidOf(row)
		if err == nil {
			yield(q, u)
		}
		return err
	})
}

// Each hands every row of the queries to yield, reading the answers as they arrive: no row is kept. It asks as Select does.
func (db *DB) Each(ctx context.Context, queries []Query, yield func(query int, r *Row) error) error {
	return db.stream(ctx, queries, func(q int, row []byte) error {
		var r Row
		if err := json.Unmarshal(row, &r); err != nil {
			return err
		}
		return yield(q, &r)
	})
}

// uuidOf reads a row of which only the UUID was asked for.
func uuidOf(row []byte) (UUID, error) {
	// As the server writes it; other JSON for the same takes its time.
	const before, after = `{"_uuid":["uuid","`, `"]}`
	if len(row) == len(before)+uuidLen+len(after) && string(row[:len(before)]) == before {
		if u, ok := parseUUID(row[len(before) : len(before)+uuidLen]); ok {
			return u, nil
		}
	}
	var r Row
	if err := json.Unmarshal(row, &r); err != nil {
		return UUID{}, err
	}
	u := r.UUID()
	if r.Err() == nil && u.IsZero() {
		return u, errors.New("a row without its UUID")
	}
	return u, r.Err()
}

// stream asks queries in few transactions and hands on each row's text.
func (db *DB) stream(ctx context.Context, queries []Query, yield func(query int, row []byte) error) error {
	for start := 0; start < len(queries); start += maxOps {
		end := min(start+maxOps, len(queries))
		if err := db.streamBatch(ctx, queries[start:end], func(q int, row []byte) error { return yield(start+q, row) }); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) streamBatch(ctx context.Context, queries []Query, yield func(int, []byte) error) error {
	started := false
	return db.retry(ctx, label(queries), func(ctx context.Context, c *conn) error {
		if started {
			// A second try would yield what the first one did again.
			return errors.New("connection lost while reading")
		}
		var ops []ovsdb.Operation
		var at []int
		for i, q := range queries {
			if op, ok := db.operation(q); ok {
				ops, at = append(ops, op), append(at, i)
			}
		}
		if len(ops) == 0 {
			return nil
		}
		var bad error
		_, err := transact(ctx, c, db.opt.Database, ops, func(op int, row []byte) {
			started = true
			if bad == nil && op < len(at) {
				bad = yield(at[op], row)
			}
		})
		if err == nil && bad != nil {
			err = fmt.Errorf("a malformed row: %w", bad)
		}
		return err
	})
}

// retry runs a question, once more when the connection had died: a select can
// be repeated. Errors are given the remote's and the question's name.
func (db *DB) retry(ctx context.Context, op string, ask func(context.Context, *conn) error) error {
	for attempt := 0; ; attempt++ {
		c, err := db.connected(ctx)
		if err != nil {
			return err
		}
		qctx, cancel := withTimeout(ctx, db.opt.Timeout)
		err = ask(qctx, c)
		timedOut := qctx.Err() != nil
		cancel()
		if err == nil {
			return nil
		}
		if attempt == 0 && !timedOut && !c.alive() {
			continue
		}
		return &Error{Remote: db.Remote(), Database: db.opt.Database, Op: op, Err: err}
	}
}

// transact runs operations and returns the rows of each.
func transact(ctx context.Context, c *conn, database string, ops []ovsdb.Operation, take sink) ([][]*Row, error) {
	raw, err := c.call(ctx, "transact", ovsdb.NewTransactArgs(database, ops...), take)
	if err != nil {
		return nil, err
	}
	var results []*struct {
		Rows    []*Row `json:"rows"`
		Error   string `json:"error"`
		Details string `json:"details"`
	}
	if err := json.Unmarshal(raw, &results); err != nil {
		return nil, fmt.Errorf("transact: %w", err)
	}
	out := make([][]*Row, len(ops))
	for i, r := range results {
		switch {
		case r == nil:
			return nil, errors.New("transact: an operation was not run")
		case r.Error != "":
			return nil, fmt.Errorf("%s: %s", r.Error, r.Details)
		case i < len(out):
			out[i] = r.Rows
		}
	}
	if len(results) < len(ops) {
		return nil, fmt.Errorf("transact: %d answers to %d operations", len(results), len(ops))
	}
	return out, nil
}

// uuidsByPrefix reads a table's UUIDs: OVSDB has no condition on part of one.
func (db *DB) uuidsByPrefix(ctx context.Context, table, prefix string) ([]UUID, error) {
	prefix = strings.ToLower(prefix)
	var out []UUID
	err := db.UUIDs(ctx, table, func(u UUID) {
		if strings.HasPrefix(u.String(), prefix) {
			out = append(out, u)
		}
	})
	return out, err
}

// RowsByUUIDPrefix reads the rows of a table whose UUID begins with the hex
// digits, such as a stage-hint's eight or a whole UUID.
func (db *DB) RowsByUUIDPrefix(ctx context.Context, table, prefix string, columns ...string) ([]*Row, error) {
	ids := []UUID{}
	if u, err := ParseUUID(prefix); err == nil {
		ids = append(ids, u)
	} else if ids, err = db.uuidsByPrefix(ctx, table, prefix); err != nil {
		return nil, err
	}
	var qs []Query
	for _, u := range ids {
		qs = append(qs, Query{Table: table, Columns: columns, Where: []ovsdb.Condition{Equal("_uuid", u)}})
	}
	res, err := db.Select(ctx, qs...)
	if err != nil {
		return nil, err
	}
	var out []*Row
	for _, rows := range res {
		out = append(out, rows...)
	}
	return out, nil
}
