package ovsdb

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
)

// aheadKey is the context key of a scope.
type aheadKey struct{}

// scope is what has been asked ahead in a context, by database.
type scope struct {
	mu    sync.Mutex
	of    map[*DB]*ahead
	first map[string][]Query // of WithFirst, until a database of this name has answered
}

// ahead is what a database is to be asked with the next request, and what it has answered to that.
type ahead struct {
	mu     sync.Mutex
	wanted []Query
	rows   map[string][]*Row // by Query.key
	asked  map[string]bool   // keys of wanted, and of those that are on their way
}

// WithAhead returns a context in which Want works. What is read ahead belongs to the context: a
// later question, with another one, does not get it. A context of WithFirst is one already.
func WithAhead(ctx context.Context) context.Context {
	if s, ok := ctx.Value(aheadKey{}).(*scope); ok && s.begins() {
		return ctx
	}
	return context.WithValue(ctx, aheadKey{}, &scope{of: map[*DB]*ahead{}})
}

// WithFirst is WithAhead for a context in which databases are going to be connected to, for one
// question. The queries are asked of the first that is called name, together with what it is, and
// so before its schema is known; they are as those of Want.
func WithFirst(ctx context.Context, name string, queries ...Query) context.Context {
	return context.WithValue(ctx, aheadKey{}, &scope{of: map[*DB]*ahead{}, first: map[string][]Query{name: queries}})
}

// begins reports whether the scope is of WithFirst and was not used for a question yet; it is
// from now on.
func (s *scope) begins() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.first != nil
	s.first = nil
	return was
}

// firstOf returns what is asked of a database while it is being connected to.
func (db *DB) firstOf(ctx context.Context) (*ahead, []Query) {
	a := db.aheadOf(ctx)
	if a == nil {
		return nil, nil
	}
	s := ctx.Value(aheadKey{}).(*scope)
	s.mu.Lock()
	defer s.mu.Unlock()
	return a, s.first[db.opt.Database]
}

// begun keeps the reply to the first questions. Those of one that cannot be read, such as the
// refusal of a column that the server lacks, are asked again together.
func (a *ahead) begun(queries []Query, reply message) {
	raw, err := reply.outcome("transact")
	var rows [][]*Row
	if err == nil {
		rows, err = rowsOf(raw, len(queries))
	}
	if err != nil {
		a.want(queries)
		return
	}
	for i := range rows {
		rows[i] = append([]*Row{}, rows[i]...) // not nil: an answer without rows is one
	}
	a.mu.Lock()
	for _, q := range queries {
		a.asked[q.key()] = true
	}
	a.mu.Unlock()
	a.answer(queries, rows)
}

// aheadOf returns the database's part of the context; nil for a context without one, and for a
// database that keeps all answers.
func (db *DB) aheadOf(ctx context.Context) *ahead {
	s, ok := ctx.Value(aheadKey{}).(*scope)
	if !ok || db.kept != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.of[db]
	if a == nil {
		a = &ahead{rows: map[string][]*Row{}, asked: map[string]bool{}}
		s.of[db] = a
	}
	return a
}

// Want names queries that Select is going to be given. They are asked with the database's next
// request, in its transaction, and each answer is used once: a query that is given to Select again
// is asked again. It does nothing in a context without WithAhead, where an answer is not read
// ahead because it is not used, or where it is kept anyway.
func (db *DB) Want(ctx context.Context, queries ...Query) {
	if a := db.aheadOf(ctx); a != nil {
		a.want(queries)
	}
}

// want adds to the queries that go with the next request.
func (a *ahead) want(queries []Query) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, q := range queries {
		if key := q.key(); !a.asked[key] {
			a.asked[key] = true
			a.wanted = append(a.wanted, q)
		}
	}
}

// ReadsAhead reports whether Want does anything in this context.
func (db *DB) ReadsAhead(ctx context.Context) bool { return db.aheadOf(ctx) != nil }

// IsAhead reports whether the answer to a query has been read ahead and was not used yet.
func (db *DB) IsAhead(ctx context.Context, q Query) bool {
	a := db.aheadOf(ctx)
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.rows[q.key()]
	return ok
}

// take returns the answers to queries that were read ahead, and the numbers of the others. An open
// query is no longer wanted.
func (a *ahead) take(queries []Query) (out [][]*Row, open []int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out = make([][]*Row, len(queries))
	gone := map[string]bool{}
	for i, q := range queries {
		key := q.key()
		rows, ok := a.rows[key]
		if ok {
			out[i] = rows
		} else {
			open = append(open, i)
		}
		gone[key] = true
		delete(a.rows, key)
	}
	left := a.wanted[:0]
	for _, q := range a.wanted {
		if !gone[q.key()] {
			left = append(left, q)
		}
	}
	a.wanted = left
	for key := range gone {
		delete(a.asked, key)
	}
	return out, open
}

// next returns up to n wanted queries, which are then on their way.
func (a *ahead) next(n int) []Query {
	if a == nil || n <= 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	n = min(n, len(a.wanted))
	out := a.wanted[:n:n]
	a.wanted = a.wanted[n:]
	return out
}

// answer keeps the rows of queries; nil rows are of queries that were not answered.
func (a *ahead) answer(queries []Query, rows [][]*Row) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, q := range queries {
		if i < len(rows) && rows[i] != nil {
			a.rows[q.key()] = rows[i]
		} else {
			delete(a.asked, q.key())
		}
	}
}

// selectAhead is Select where answers may have been read ahead.
func (db *DB) selectAhead(ctx context.Context, a *ahead, queries []Query) ([][]*Row, error) {
	out, open := a.take(queries)
	if len(open) == 0 {
		return out, nil
	}
	rest := make([]Query, len(open))
	for n, i := range open {
		rest[n] = queries[i]
	}
	read, err := db.ask(ctx, rest)
	if err != nil {
		return nil, err
	}
	for n, i := range open {
		out[i] = read[n]
	}
	return out, nil
}

// opError is the error of one operation of a transaction, before which all others were answered.
type opError struct {
	op  int
	err error
}

func (e *opError) Error() string { return e.err.Error() }

func (e *opError) Unwrap() error { return e.err }

// together runs a batch and, in the same transaction behind it, the queries that are wanted. Only
// the batch's own answers count: an error of a wanted query is left for the one who asks it again.
func (db *DB) together(ctx context.Context, c link, b batch, take sink) ([][]*Row, error) {
	a := db.aheadOf(ctx)
	wanted := a.next(maxOps - len(b.queries))
	more := db.fit(wanted, 0)
	if len(more.queries) == 0 {
		a.answer(wanted, nil)
		return c.transact(ctx, db.opt.Database, b.queries, take)
	}
	own := len(b.queries)
	extra := make([][]*Row, len(more.queries))
	split := take
	if take != nil {
		split = func(op int, row []byte) {
			if op < own {
				take(op, row)
				return
			}
			var r Row
			if i := op - own; i < len(extra) && json.Unmarshal(row, &r) == nil {
				extra[i] = append(extra[i], &r)
			}
		}
	}
	all := append(b.queries[:own:own], more.queries...)
	rows, err := c.transact(ctx, db.opt.Database, all, split)
	answered := len(more.queries)
	var bad *opError
	if errors.As(err, &bad) && bad.op >= own {
		answered, err = bad.op-own, nil
	}
	if err != nil {
		a.answer(wanted, nil)
		if stopped := (*stoppedError)(nil); errors.As(context.Cause(ctx), &stopped) {
			a.want(wanted)
		}
		return nil, err
	}
	if take == nil {
		copy(extra, rows[min(own, len(rows)):])
		rows = rows[:min(own, len(rows))]
	}
	known := make([][]*Row, len(wanted))
	for i, at := range more.of {
		if i < answered {
			known[at] = append([]*Row{}, extra[i]...) // not nil: an answer without rows is one
		}
	}
	a.answer(wanted, known)
	return rows, nil
}
