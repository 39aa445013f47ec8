package ovsdb

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha1" // the format's check sum, no protection
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
)

// Snapshot writes the database as a standalone file of ovsdb-server: the server's schema, then all
// rows as they were at one moment, each under its own UUID, so that every reference holds. The rows
// are read by one transaction of selects and pass through memory one at a time; body is where they
// wait until their length is known. Ephemeral columns, which no file has, are left out. It returns
// the number of rows. Over a Source the error is errors.ErrUnsupported.
func (db *DB) Snapshot(ctx context.Context, w io.Writer, body io.ReadWriteSeeker) (rows int, err error) {
	l, err := db.connected(ctx)
	if err != nil {
		return 0, err
	}
	if _, ok := l.(*conn); !ok { // a Source shows only the tables that a trace needs
		return 0, &Error{Remote: db.Remote(), Database: db.opt.Database, Op: "get_schema",
			Err: fmt.Errorf("not all tables can be read by the chassis' node: %w", errors.ErrUnsupported)}
	}
	return db.Extract(ctx, Selection{}, w, body)
}

// snapshotOf reads the rows of queries and writes them below a schema.
func (db *DB) snapshotOf(ctx context.Context, raw []byte, queries []Query, sel Selection, w io.Writer, body io.ReadWriteSeeker) (rows int, err error) {
	if len(queries) > maxOps {
		return 0, &Error{Remote: db.Remote(), Database: db.opt.Database, Op: "select", Err: errors.New("too many tables for one transaction")}
	}
	out := bufio.NewWriterSize(body, 1<<16)
	s := &snapshot{sum: sha1.New(), table: -1, body: out, queries: queries, sel: sel}
	if err := db.stream(ctx, queries, s.row); err != nil {
		return s.rows, err
	}
	s.write([]byte(s.closing()))
	if err := cmp.Or(s.err, out.Flush()); err != nil {
		return s.rows, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return s.rows, err
	}
	schema := append(slices.Clone(raw), '\n')
	if err := record(w, len(schema), sha1.Sum(schema), bytes.NewReader(schema)); err != nil {
		return s.rows, err
	}
	return s.rows, record(w, s.size, [sha1.Size]byte(s.sum.Sum(nil)), body)
}

// record writes one record of a database's log (ovsdb/log.c: ovsdb_log_compose_record).
func record(w io.Writer, size int, sum [sha1.Size]byte, body io.Reader) error {
	if _, err := fmt.Fprintf(w, "OVSDB JSON %d %x\n", size, sum); err != nil {
		return err
	}
	_, err := io.Copy(w, body)
	return err
}

// snapshot is the transaction that makes all rows, being written (ovsdb/file.c:
// ovsdb_file_txn_add_row).
type snapshot struct {
	body    io.Writer
	sum     hash.Hash
	size    int
	queries []Query
	sel     Selection
	table   int // number of the query whose rows were written last; -1 before the first
	rows    int
	err     error
}

func (s *snapshot) write(b []byte) {
	if s.err != nil {
		return
	}
	s.sum.Write(b)
	n, err := s.body.Write(b)
	s.size += n
	s.err = err
}

// row adds a row of a query's table; rows of a table follow each other.
func (s *snapshot) row(query int, row []byte) error {
	id, text, err := s.taken(query, row)
	if err != nil {
		return err
	}
	before := ","
	if query != s.table {
		name, err := json.Marshal(s.queries[query].table)
		if err != nil {
			return err
		}
		switch {
		case s.table < 0:
			before = "{" + string(name) + ":{"
		default:
			before = "}," + string(name) + ":{"
		}
		s.table = query
	}
	s.write([]byte(before + `"` + id.String() + `":`))
	s.write(text)
	s.rows++
	return s.err
}

// taken returns the UUID of a row of a query's table, and what is taken of its other cells.
func (s *snapshot) taken(query int, row []byte) (UUID, []byte, error) {
	if s.sel.whole() {
		if id, text, ok := cutUUID(row); ok {
			return id, text, nil
		}
	}
	var cells map[string]json.RawMessage
	if err := json.Unmarshal(row, &cells); err != nil {
		return UUID{}, nil, err
	}
	r := Row{cells: cells}
	id := r.UUID()
	if r.Err() != nil || id.IsZero() {
		return id, nil, errors.New("a row without its UUID")
	}
	delete(cells, "_uuid")
	if err := s.sel.apply(s.queries[query].table, id, cells); err != nil {
		return id, nil, err
	}
	text, err := json.Marshal(cells)
	return id, text, err
}

// cutUUID cuts the UUID out of a row as ovsdb-server writes it. A row has no objects in it, and a
// quote in a text is escaped, so that this text can be nothing else.
func cutUUID(row []byte) (UUID, []byte, bool) {
	const before, after = `"_uuid":["uuid","`, `"]`
	at := bytes.Index(row, []byte(before))
	end := at + len(before) + uuidLen + len(after)
	if at < 1 || end >= len(row) || string(row[end-len(after):end]) != after || !json.Valid(row) {
		return UUID{}, nil, false
	}
	id, ok := parseUUID(row[at+len(before) : at+len(before)+uuidLen])
	if row[end] == ',' {
		end++
	} else if row[at-1] == ',' {
		at--
	}
	return id, append(row[:at:at], row[end:]...), ok && !id.IsZero()
}

// closing ends the transaction.
func (s *snapshot) closing() string {
	if s.table < 0 {
		return "{}\n"
	}
	return "}}\n"
}
