package ovsdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	libovsdb "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// batch is the queries of one transaction, as the server's schema allows them.
type batch struct {
	queries []Query
	of      []int // the number of each among all queries of the request
}

// asker runs one batch over a connection. again reports whether the batch may be repeated after a
// failure: not after part of the reply was passed on.
type asker func(ctx context.Context, c link, b batch) (again bool, err error)

// batches runs all queries, one batch after the other.
func (db *DB) batches(ctx context.Context, queries []Query, ask asker) error {
	first := 0
	for part := range slices.Chunk(queries, maxOps) {
		if err := db.retry(ctx, part, first, ask); err != nil {
			return err
		}
		first += len(part)
	}
	return nil
}

// retry runs queries in one transaction, the first of which has the number first, and repeats it
// once if the connection was lost. Its errors contain the remote and the request.
func (db *DB) retry(ctx context.Context, queries []Query, first int, ask asker) error {
	for attempt := 0; ; attempt++ {
		c, err := db.connected(ctx)
		if err != nil {
			return err
		}
		b := db.fit(queries, first)
		if len(b.queries) == 0 {
			return nil
		}
		qctx, cancel := withTimeout(ctx, db.opt.Timeout)
		again, err := ask(qctx, c, b)
		timedOut := qctx.Err() != nil
		cancel()
		if err == nil {
			return nil
		}
		if attempt == 0 && again && !timedOut && !c.alive() {
			continue
		}
		return &Error{Remote: db.Remote(), Database: db.opt.Database, Op: label(queries), Err: err}
	}
}

// fit returns the queries that the server's schema allows.
func (db *DB) fit(queries []Query, first int) (b batch) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for i, q := range queries {
		if q, ok := db.schema.fit(q); ok {
			b.queries, b.of = append(b.queries, q), append(b.of, first+i)
		}
	}
	return b
}

// label returns the names of the queries' tables, for an error.
func label(queries []Query) string {
	var names []string
	for _, q := range queries {
		if !slices.Contains(names, q.table) {
			names = append(names, q.table)
		}
	}
	return "select " + strings.Join(names, ", ")
}

// stream runs the queries and passes each row's text to yield, which it calls on another goroutine
// while it waits. The text is valid until yield returns.
func (db *DB) stream(ctx context.Context, queries []Query, yield func(query int, row []byte) error) error {
	return db.batches(ctx, queries, func(ctx context.Context, c link, b batch) (bool, error) {
		begun := false
		var bad error
		_, err := db.together(ctx, c, b, func(op int, row []byte) {
			begun = true
			if bad == nil && op < len(b.of) {
				bad = yield(b.of[op], row)
			}
		})
		if err == nil && bad != nil {
			err = fmt.Errorf("a malformed row: %w", bad)
		}
		return !begun, err
	})
}

// transact implements link.
func (c *conn) transact(ctx context.Context, database string, queries []Query, take sink) ([][]*Row, error) {
	r := transaction(database, queries, take)
	raw, err := c.call(ctx, r.method, r.params, r.take)
	if err != nil {
		return nil, err
	}
	return rowsOf(raw, len(queries))
}

// transaction returns the request that runs queries in one transaction.
func transaction(database string, queries []Query, take sink) request {
	ops := make([]libovsdb.Operation, len(queries))
	for i, q := range queries {
		ops[i] = q.operation()
	}
	return request{"transact", libovsdb.NewTransactArgs(database, ops...), take}
}

// rowsOf returns the rows of each of n selects out of the reply to their transaction.
func rowsOf(raw json.RawMessage, n int) ([][]*Row, error) {
	var results []*struct {
		Rows    []*Row `json:"rows"`
		Error   string `json:"error"`
		Details string `json:"details"`
	}
	if err := json.Unmarshal(raw, &results); err != nil {
		return nil, fmt.Errorf("transact: %w", err)
	}
	out := make([][]*Row, n)
	for i, r := range results {
		switch {
		case r == nil:
			return out, &opError{i, errors.New("transact: an operation was not run")}
		case r.Error != "":
			return out, &opError{i, fmt.Errorf("%s: %s", r.Error, r.Details)}
		case slices.Contains(r.Rows, nil):
			return nil, errors.New("transact: null instead of a row")
		case i < len(out):
			out[i] = r.Rows
		}
	}
	if len(results) < n {
		return out, &opError{len(results), fmt.Errorf("transact: %d answers to %d operations", len(results), n)}
	}
	return out, nil
}
