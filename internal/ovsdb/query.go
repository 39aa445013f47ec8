package ovsdb

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// maxOps bounds the operations of one transaction, so that one request does not block the server
// for long.
const maxOps = 500

// Select runs the queries in as few transactions as possible, and returns the rows of each. A query
// with a table or a condition's column that the server's schema lacks returns no rows: a release
// without a feature has no rows of it.
func (db *DB) Select(ctx context.Context, queries ...Query) ([][]*Row, error) {
	if db.kept != nil {
		return db.selectKept(ctx, queries)
	}
	if a := db.aheadOf(ctx); a != nil {
		return db.selectAhead(ctx, a, queries)
	}
	return db.ask(ctx, queries)
}

// ask is Select over the wire.
func (db *DB) ask(ctx context.Context, queries []Query) ([][]*Row, error) {
	out := make([][]*Row, len(queries))
	err := db.batches(ctx, queries, func(ctx context.Context, c link, b batch) (bool, error) {
		rows, err := db.together(ctx, c, b, nil)
		for i, r := range rows {
			out[b.of[i]] = r
		}
		return true, err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Each runs queries as Select does and passes each row with its query's number to yield as the
// reply arrives; it keeps no row. It stops at an error of yield and returns it. yield must not use
// the DB.
func (db *DB) Each(ctx context.Context, queries []Query, yield func(query int, r *Row) error) error {
	return db.stream(ctx, queries, func(q int, row []byte) error {
		var r Row
		if err := json.Unmarshal(row, &r); err != nil {
			return err
		}
		return yield(q, &r)
	})
}

// UUIDs is Each for the rows' UUIDs only; it ignores the queries' columns.
func (db *DB) UUIDs(ctx context.Context, queries []Query, yield func(query int, u UUID)) error {
	bare := make([]Query, len(queries))
	for i, q := range queries {
		bare[i] = q.bare()
	}
	return db.stream(ctx, bare, func(q int, row []byte) error {
		u, err := uuidOf(row)
		if err == nil {
			yield(q, u)
		}
		return err
	})
}

// uuidOf returns the UUID of a row without other columns.
func uuidOf(row []byte) (UUID, error) {
	// The text that ovsdb-server writes needs no JSON decoder.
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

// RowsByUUIDPrefix returns the rows of a table whose UUID begins with the hex digits, such as the
// eight of a stage-hint, or a whole UUID. OVSDB has no condition on part of a UUID: unless the UUID
// is complete, it reads the table's UUIDs first.
func (db *DB) RowsByUUIDPrefix(ctx context.Context, table, prefix string, columns ...string) ([]*Row, error) {
	var found []Query
	take := func(u UUID) { found = append(found, From(table, columns...).Row(u)) }
	if u, err := ParseUUID(prefix); err == nil {
		take(u)
	} else {
		prefix = strings.ToLower(prefix)
		err := db.UUIDs(ctx, []Query{From(table)}, func(_ int, u UUID) {
			if strings.HasPrefix(u.String(), prefix) {
				take(u)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	res, err := db.Select(ctx, found...)
	return slices.Concat(res...), err
}
