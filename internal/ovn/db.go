package ovn

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// Database names, as list_dbs prints them.
const (
	Southbound  = "OVN_Southbound"
	Northbound  = "OVN_Northbound"
	OpenVSwitch = "Open_vSwitch"
)

// DefaultTimeout bounds the connection to each remote, and each question, for
// callers that set no Timeout.
const DefaultTimeout = 30 * time.Second

// Options tell how to reach a database.
type Options struct {
	// Remotes is a comma-separated list of unix:FILE, tcp:HOST:PORT and
	// ssl:HOST:PORT, tried in this order.
	Remotes string
	// Database is the database's name, such as Southbound.
	Database string
	// PrivateKey, Certificate and CACert are the files of -p, -c and -C; a
	// CACert of "none" accepts any server.
	PrivateKey, Certificate, CACert string
	// LeaderOnly passes over members of a cluster that do not lead it.
	LeaderOnly bool
	// Timeout bounds each connection attempt and each question; 0 means DefaultTimeout.
	Timeout time.Duration
}

// Error is a question to a database that failed.
type Error struct {
	Remote   string // the remotes tried, or the one connected to
	Database string
	Op       string // what was asked, such as "select Port_Binding"
	Err      error
}

// Error names the remote and the question.
func (e *Error) Error() string {
	return fmt.Sprintf("%s at %s: %s: %v", e.Database, e.Remote, e.Op, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrNotLeader is the cause when a cluster member was passed over for LeaderOnly.
var ErrNotLeader = errors.New("not the cluster's leader")

// ErrNotConnected is the cause when a cluster member has lost its cluster, so
// that what it holds may be old.
var ErrNotConnected = errors.New("not connected to its cluster")

// ErrNoDatabase is the cause when a server does not serve the database.
var ErrNoDatabase = errors.New("no such database on this server")

// DB is a connection to one database. It is safe for concurrent use, carries
// one question at a time, and connects again when the server went away between
// questions.
type DB struct {
	opt     Options
	remotes []remote
	tls     *tls.Config

	mu     sync.Mutex // guards what a reconnection replaces
	conn   *conn
	remote string
	schema schema
}

// schema is what is needed of <database-schema>: which columns there are.
type schema struct {
	Version string `json:"version"`
	Tables  map[string]struct {
		Columns map[string]json.RawMessage `json:"columns"`
	} `json:"tables"`
}

// Dial connects to the first remote that serves the database and reads its schema.
func Dial(ctx context.Context, opt Options) (*DB, error) {
	if opt.Timeout == 0 {
		opt.Timeout = DefaultTimeout
	}
	db := &DB{opt: opt}
	var err error
	if db.remotes, err = parseRemotes(opt.Remotes); err != nil {
		return nil, &Error{Remote: opt.Remotes, Database: opt.Database, Op: "connect", Err: err}
	}
	for _, r := range db.remotes {
		if r.tls {
			if db.tls, err = opt.tlsConfig(); err != nil {
				return nil, &Error{Remote: r.text, Database: opt.Database, Op: "connect", Err: err}
			}
			break
		}
	}
	if _, err := db.connected(ctx); err != nil {
		return nil, err
	}
	return db, nil
}

// Close ends the connection.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.conn != nil {
		db.conn.close()
		db.conn = nil
	}
	return nil
}

// Remote is the remote connected to.
func (db *DB) Remote() string { db.mu.Lock(); defer db.mu.Unlock(); return db.remote }

// Name is the database's name.
func (db *DB) Name() string { return db.opt.Database }

// SchemaVersion is the version the server's schema states.
func (db *DB) SchemaVersion() string { db.mu.Lock(); defer db.mu.Unlock(); return db.schema.Version }

// Has reports whether the server's schema has the column, or, for an empty
// column, the table.
func (db *DB) Has(table, column string) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.schema.has(table, column)
}

// MaxInteger is the highest value that the server's schema allows in an integer column; false where it sets none, or has no such column.
// A condition on a higher one is refused as a constraint violation.
func (db *DB) MaxInteger(table, column string) (int64, bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	var c struct {
		Type struct {
			Key struct {
				Max *int64 `json:"maxInteger"`
			} `json:"key"`
		} `json:"type"`
	}
	if json.Unmarshal(db.schema.Tables[table].Columns[column], &c) != nil || c.Type.Key.Max == nil {
		return 0, false
	}
	return *c.Type.Key.Max, true
}

func (s schema) has(table, column string) bool {
	t, ok := s.Tables[table]
	if !ok || column == "" || column == "_uuid" {
		return ok
	}
	_, ok = t.Columns[column]
	return ok
}

// connected returns a live connection, making one when there is none.
func (db *DB) connected(ctx context.Context) (*conn, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.conn != nil && db.conn.alive() {
		return db.conn, nil
	}
	if db.conn != nil {
		db.conn.close()
		db.conn = nil
	}
	var names []string
	var errs []error
	for _, r := range db.remotes {
		c, s, err := db.try(ctx, r)
		if err == nil {
			db.conn, db.schema, db.remote = c, s, r.text
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, &Error{Remote: r.text, Database: db.opt.Database, Op: "connect", Err: err}
		}
		names = append(names, r.text)
		if len(db.remotes) > 1 {
			err = fmt.Errorf("%s: %w", r.text, err)
		}
		errs = append(errs, err)
	}
	return nil, &Error{Remote: strings.Join(names, ","), Database: db.opt.Database, Op: "connect", Err: oneLine(errs)}
}

// joined is errors.Join on one line.
type joined []error

func (j joined) Error() string {
	text := make([]string, len(j))
	for i, err := range j {
		text[i] = err.Error()
	}
	return strings.Join(text, "; ")
}

func (j joined) Unwrap() []error { return j }

func oneLine(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return joined(errs)
}

// try connects to one remote and checks that it serves the database.
func (db *DB) try(ctx context.Context, r remote) (_ *conn, s schema, err error) {
	ctx, cancel := withTimeout(ctx, db.opt.Timeout)
	defer cancel()
	nc, err := r.dial(ctx, db.tls)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, s, err
	}
	c := newConn(nc)
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if err := db.checkMember(ctx, c); err != nil {
		return nil, s, err
	}
	raw, err := c.call(ctx, "get_schema", []any{db.opt.Database}, nil)
	if err != nil {
		return nil, s, err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, s, fmt.Errorf("get_schema: %w", err)
	}
	return c, s, nil
}

// checkMember makes sure that the server serves the database, and as what. It reads
// the _Server database, as ovsdb_cs_check_server_db does; a server older than
// that (OVS 2.8) is no cluster's.
func (db *DB) checkMember(ctx context.Context, c *conn) error {
	rows, err := transact(ctx, c, "_Server", []ovsdb.Operation{{
		Op: ovsdb.OperationSelect, Table: "Database", Columns: []string{"name", "model", "connected", "leader"},
	}}, nil)
	if err != nil {
		return db.checkListed(ctx, c, err)
	}
	var names []string
	for _, row := range rows[0] {
		if names = append(names, row.Str("name")); row.Str("name") != db.opt.Database {
			continue
		}
		switch model := row.Str("model"); {
		case model == "standalone" || row.Err() != nil:
			return row.Err()
		case !row.Bool("connected"):
			return ErrNotConnected
		case model == "clustered" && db.opt.LeaderOnly && !row.Bool("leader"):
			return ErrNotLeader
		}
		return nil
	}
	return noDatabase(names)
}

// checkListed is checkMember for a server that refused to tell: refusal is why.
func (db *DB) checkListed(ctx context.Context, c *conn, refusal error) error {
	if ctx.Err() != nil || !c.alive() {
		return refusal
	}
	raw, err := c.call(ctx, "list_dbs", []any{}, nil)
	if err != nil {
		return err
	}
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		return fmt.Errorf("list_dbs: %w", err)
	}
	switch {
	case !slices.Contains(names, db.opt.Database):
		return noDatabase(names)
	case slices.Contains(names, "_Server"):
		return fmt.Errorf("select _Server: %w", refusal)
	}
	return nil
}

func noDatabase(names []string) error {
	slices.Sort(names)
	return fmt.Errorf("%w (it serves %s)", ErrNoDatabase, strings.Join(names, ", "))
}

var errTimeout = errors.New("no answer in time")

// withTimeout names the cause, so that a slow server is told from a caller who gave up.
func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, timeoutError{d})
}

// timeoutError is a server that did not answer within Options.Timeout.
type timeoutError struct{ after time.Duration }

func (e timeoutError) Error() string        { return fmt.Sprintf("%v (%v)", errTimeout, e.after) }
func (e timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }
func (e timeoutError) Timeout() bool        { return true }
