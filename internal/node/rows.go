package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// RowReader is a Node that reads its chassis' own OVN databases, which may be behind sockets of
// that machine. It is separate from Node because older nodes cannot.
type RowReader interface {
	// Database finds one of the two databases, and describes it. The Northbound database is that of
	// the same zone as the Southbound database.
	Database(ctx context.Context, name string) (*Database, error)
	// Rows reads rows, and hands them over in batches, which are valid until yield returns. It ends at
	// the first error of yield, and with an error beyond MaxRows or MaxRowBytes.
	Rows(ctx context.Context, req RowsRequest, yield func([]Row) error) (*RowsResult, error)
}

// Database describes a database of the node's chassis.
type Database struct {
	SystemID string          `json:"system_id"` // of the chassis
	Remote   string          `json:"remote"`    // where the node has found it
	Schema   json.RawMessage `json:"schema"`    // its tables that may be read (RFC 7047 section 3.2)
}

// RowsRequest asks for rows. A query can be nothing but a select.
type RowsRequest struct {
	Database string        `json:"database"` // OVN_Southbound or OVN_Northbound
	Queries  []ovsdb.Query `json:"queries"`  // at most maxQueries
}

// Row is one row of an answer.
type Row struct {
	Query int             `json:"query"` // number of its query in the request, from 0
	Row   json.RawMessage `json:"row"`   // as the database wrote it
}

// RowsResult says what was read.
type RowsResult struct {
	Count int `json:"count"`
}

// Bounds of an answer to a RowsRequest.
const (
	MaxRows     = 2_000_000
	MaxRowBytes = 512 << 20

	maxQueries = 500
	pageRows   = 512
	pageBytes  = 256 << 10 // of a batch, unless one row is longer
)

// check refuses what a trace does not need.
func (r *RowsRequest) check() error {
	if r.Database != ovn.Southbound && r.Database != ovn.Northbound {
		return fmt.Errorf("database %q is not read for others", r.Database)
	}
	if len(r.Queries) > maxQueries {
		return fmt.Errorf("%d queries in one request", len(r.Queries))
	}
	for _, q := range r.Queries {
		if !ovn.Readable(r.Database, q.Table()) {
			return fmt.Errorf("table %s of %s is not read for others", q.Table(), r.Database)
		}
	}
	return nil
}

// Database finds a database of this node's chassis.
func (s *Service) Database(ctx context.Context, name string) (*Database, error) {
	if err := s.live("read its chassis' databases"); err != nil {
		return nil, err
	}
	db, err := s.zone.database(ctx, s.opt, name)
	if err != nil {
		return nil, err
	}
	schema, err := db.SchemaOf(func(table string) bool { return ovn.Readable(name, table) })
	if err != nil {
		return nil, err
	}
	return &Database{SystemID: s.zone.systemID(), Remote: db.Remote(), Schema: schema}, nil
}

// Rows reads rows of a database of this node's chassis.
func (s *Service) Rows(ctx context.Context, req RowsRequest, yield func([]Row) error) (*RowsResult, error) {
	if err := s.live("read its chassis' databases"); err != nil {
		return nil, err
	}
	if err := req.check(); err != nil {
		return nil, err
	}
	db, err := s.zone.database(ctx, s.opt, req.Database)
	if err != nil {
		return nil, err
	}
	out := &RowsResult{}
	var batch []Row
	held, all := 0, 0 // bytes
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := yield(batch)
		batch, held = batch[:0], 0
		return err
	}
	err = db.Texts(ctx, req.Queries, func(query int, row []byte) error {
		out.Count++
		held, all = held+len(row), all+len(row)
		if out.Count > MaxRows || all > MaxRowBytes {
			return errTooManyRows
		}
		batch = append(batch, Row{Query: query, Row: append(json.RawMessage(nil), row...)})
		if len(batch) < pageRows && held < pageBytes {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return out, err
}

// errTooManyRows is an answer beyond MaxRows or MaxRowBytes.
var errTooManyRows = errors.New("the answer has too many rows to be read for another machine")

// Database asks the node for a database of its chassis.
func (r *Remote) Database(ctx context.Context, name string) (*Database, error) {
	return remoteCall[*Database](ctx, r, "Database", name)
}

// Rows asks the node for rows of a database of its chassis.
func (r *Remote) Rows(ctx context.Context, req RowsRequest, yield func([]Row) error) (*RowsResult, error) {
	return pull[Row, *RowsResult](ctx, r, "Rows", req, cmp.Or(r.maxItems, MaxRows), yield)
}

// rows is a database of a node's chassis, as an ovsdb.Source.
type rows struct {
	of     RowReader
	name   string
	schema json.RawMessage
	limit  int // bytes of an answer: the node may not keep to its bounds
}

func (r *rows) Schema(context.Context) (json.RawMessage, error) { return r.schema, nil }

func (r *rows) Select(ctx context.Context, queries []ovsdb.Query, yield func(query int, row []byte)) error {
	all := 0
	_, err := r.of.Rows(ctx, RowsRequest{Database: r.name, Queries: queries}, func(batch []Row) error {
		for _, row := range batch {
			if all += len(row.Row); all > r.limit {
				return errTooManyRows
			}
			yield(row.Query, row.Row)
		}
		return nil
	})
	return err
}

// OpenDatabase opens a database of a node's chassis, read by the node, and returns the chassis'
// name too. The error is errors.ErrUnsupported where the node is too old to be asked.
func OpenDatabase(ctx context.Context, n Node, name string) (db *ovsdb.DB, chassis string, err error) {
	reader, ok := n.(RowReader)
	if !ok {
		return nil, "", fmt.Errorf("its node reads no database for others: %w", errors.ErrUnsupported)
	}
	found, err := reader.Database(ctx, name)
	if err != nil {
		return nil, "", err
	}
	db, err = ovsdb.Over(ctx, found.Remote+" on "+found.SystemID, name, &rows{reader, name, found.Schema, MaxRowBytes})
	return db, found.SystemID, err
}

var (
	_ RowReader = (*Service)(nil)
	_ RowReader = (*Remote)(nil)
)
