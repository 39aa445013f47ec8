package ovsdb

import (
	"context"
	"encoding/json"
	"errors"
)

// link carries the requests of a DB: a connection to a server, or a Source.
type link interface {
	// transact runs queries in one transaction and returns the rows of each; with a sink, the rows
	// go there instead.
	transact(ctx context.Context, database string, queries []Query, take sink) ([][]*Row, error)
	// alive reports whether the link can carry a request.
	alive() bool
	close()
}

// Source answers the requests of a DB in the place of a server: it asks one that cannot be reached
// from here, such as the database of another machine behind a socket there.
type Source interface {
	// Schema returns the schema of the database, or the part of it that may be read.
	Schema(ctx context.Context) (json.RawMessage, error)
	// Select runs the queries in one transaction, and passes each row to yield, as JSON, with the
	// number of its query. The text must be valid until yield returns.
	Select(ctx context.Context, queries []Query, yield func(query int, row []byte)) error
}

// Over returns a database that is read by a source. remote says in words where it is, for errors.
// The error is an *Error.
func Over(ctx context.Context, remote, database string, src Source) (*DB, error) {
	db := &DB{opt: Options{Database: database, Timeout: DefaultTimeout}, remote: remote, source: src}
	if _, err := db.connected(ctx); err != nil {
		return nil, err
	}
	return db, nil
}

// relayed is the link of a Source. It is never dead: its errors are those of single requests.
type relayed struct{ src Source }

func (r relayed) alive() bool { return true }

func (r relayed) close() {}

func (r relayed) transact(ctx context.Context, _ string, queries []Query, take sink) ([][]*Row, error) {
	out := make([][]*Row, len(queries))
	var bad error
	err := r.src.Select(ctx, queries, func(query int, row []byte) {
		switch {
		case bad != nil:
		case query < 0 || query >= len(queries):
			bad = errors.New("a row of no query")
		case take != nil:
			take(query, row)
		default:
			var one Row
			if bad = json.Unmarshal(row, &one); bad == nil {
				out[query] = append(out[query], &one)
			}
		}
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// describe returns a link over the DB's source, and the schema.
func (db *DB) describe(ctx context.Context) (link, schema, error) {
	ctx, cancel := withTimeout(ctx, db.opt.Timeout)
	defer cancel()
	var s schema
	raw, err := db.source.Schema(ctx)
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	return relayed{db.source}, s, err
}

// SchemaOf returns the server's schema without the tables that readable refuses, as Source.Schema
// does.
func (db *DB) SchemaOf(readable func(table string) bool) (json.RawMessage, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	part := schema{Tables: map[string]tableSchema{}}
	for name, t := range db.schema.Tables {
		if readable(name) {
			part.Tables[name] = t
		}
	}
	return json.Marshal(part)
}

// Texts runs queries as Select does, and passes each row to yield as JSON, with its query's number,
// as the reply arrives. It stops at an error of yield and returns it. The text is valid until yield
// returns; yield must not use the DB.
func (db *DB) Texts(ctx context.Context, queries []Query, yield func(query int, row []byte) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	return db.stream(ctx, queries, func(query int, row []byte) error {
		err := yield(query, row)
		if err != nil {
			stop(&stoppedError{err}) // what is left of the reply is not read
		}
		return err
	})
}

// stoppedError is the cause of a context that Texts has ended: the request failed by the caller's
// will alone.
type stoppedError struct{ err error }

func (e *stoppedError) Error() string { return e.err.Error() }

func (e *stoppedError) Unwrap() error { return e.err }
