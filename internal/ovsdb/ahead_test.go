package ovsdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
)

// journal is a Source that keeps the tables of each request, and answers each query with one row
// that names its table. It refuses the table Refused.
type journal struct {
	requests [][]string
}

func (j *journal) Schema(context.Context) (json.RawMessage, error) {
	return json.RawMessage(`{"tables":{"A":{"columns":{"name":{}}},"B":{"columns":{"name":{}}},"C":{"columns":{"name":{}}}}}`), nil
}

func (j *journal) Select(_ context.Context, queries []Query, yield func(int, []byte)) error {
	var tables []string
	for i, q := range queries {
		tables = append(tables, q.table)
		yield(i, fmt.Appendf(nil, `{"_uuid":["uuid","00000000-0000-0000-0000-%012d"],"name":"%s"}`, len(j.requests), q.table))
	}
	j.requests = append(j.requests, tables)
	return nil
}

func (j *journal) check(t *testing.T, want ...string) {
	t.Helper()
	if got := fmt.Sprint(j.requests); got != fmt.Sprint(want) {
		t.Errorf("asked %s, want %v", got, want)
	}
	j.requests = nil
}

// TestWant: what is wanted goes with the next request, of rows or of a stream, and is used once.
func TestWant(t *testing.T) {
	j := &journal{}
	db, err := Over(t.Context(), "here", "X", j)
	if err != nil {
		t.Fatal(err)
	}
	a, b, c, none := From("A", "name"), From("B", "name"), From("C", "name"), From("None", "name")
	ask := func(ctx context.Context, want string, queries ...Query) {
		t.Helper()
		wantRows(ctx, t, db, want, queries...)
	}
	db.Want(t.Context(), b) // not a context in which answers are read ahead
	ask(t.Context(), "[A]", a)
	j.check(t, "[A]")

	ctx := WithAhead(t.Context())
	db.Want(ctx, b, none, b)
	db.Want(ctx, a) // asked at once, so not twice
	ask(ctx, "[A]", a)
	j.check(t, "[A B]")
	if !db.IsAhead(ctx, b) || db.IsAhead(ctx, a) || db.IsAhead(t.Context(), b) {
		t.Error("B alone is there, and in this context alone")
	}
	ask(ctx, "[B][]", b, none)
	if db.IsAhead(ctx, b) {
		t.Error("B was used")
	}
	j.check(t)
	ask(ctx, "[B]", b) // its answer has been used
	j.check(t, "[B]")

	db.Want(ctx, b)
	ask(WithAhead(t.Context()), "[C]", c) // another question
	j.check(t, "[C]")
	seen := ""
	if err := db.Each(ctx, []Query{a, c}, func(q int, r *Row) error {
		seen += fmt.Sprint(q, r.Str("name"), " ")
		return nil
	}); err != nil || seen != "0A 1C " {
		t.Errorf("%q, %v", seen, err)
	}
	j.check(t, "[A C B]")
	ask(ctx, "[B][A]", b, a)
	j.check(t, "[A]")
}

// refusing is a link that answers a transaction up to the first query of table B.
type refusing struct{ relayed }

func (r refusing) transact(ctx context.Context, database string, queries []Query, take sink) ([][]*Row, error) {
	out, err := r.relayed.transact(ctx, database, queries, take)
	for i, q := range queries {
		if q.table == "B" && err == nil {
			return out[:i], &opError{i, errors.New("no B")}
		}
	}
	return out, err
}

// TestWantRefused: a wanted query that the server refuses is no error of the request that it went
// with; who asks it gets the error.
func TestWantRefused(t *testing.T) {
	j := &journal{}
	db, err := Over(t.Context(), "here", "X", j)
	if err != nil {
		t.Fatal(err)
	}
	db.conn = refusing{relayed{j}}
	ctx := WithAhead(t.Context())
	a, b, c := From("A", "name"), From("B", "name"), From("C", "name")
	db.Want(ctx, b, c)
	rows, err := db.Select(ctx, a)
	if err != nil || len(rows) != 1 || named(rows[0]) != "A" {
		t.Errorf("%v, %v", rows, err)
	}
	if _, err := db.Select(ctx, b); err == nil {
		t.Error("the refused query is no error")
	}
	if rows, err := db.Select(ctx, c); err != nil || named(rows[0]) != "C" {
		t.Errorf("%v, %v", rows, err)
	}
	j.check(t, "[A B C]", "[B]", "[C]")
}
