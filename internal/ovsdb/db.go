package ovsdb

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// DefaultTimeout is the timeout for an Options.Timeout of 0.
const DefaultTimeout = 30 * time.Second

// Options are the parameters of a connection to a database.
type Options struct {
	// Remotes is a comma-separated list of unix:FILE, tcp:HOST[:PORT] and ssl:HOST[:PORT], tried in
	// this order. The default port is 6640.
	Remotes string
	// Database is the database's name, as list_dbs prints it: "OVN_Southbound".
	Database string
	// PrivateKey, Certificate and CACert are PEM files for ssl: remotes, as ovs-vsctl's -p, -c and
	// -C. For the first two, "none" means no file; a CACert of "none" accepts any server.
	PrivateKey, Certificate, CACert string
	// LeaderOnly skips members of a cluster that are not its leader.
	LeaderOnly bool
	// Timeout bounds each connection attempt and each request. 0 means DefaultTimeout.
	Timeout time.Duration

	bounds bounds // of what a server sends; the zero value is defaultBounds
}

// DB is a connection to one database. It is safe for concurrent use, makes one request at a time,
// and connects again if the connection was lost between requests.
type DB struct {
	opt     Options
	remotes []remote
	tls     *tls.Config
	kept    *answers // nil: nothing is kept

	source Source // nil: remotes are connected to

	mu     sync.Mutex // guards what a reconnection replaces
	conn   link
	remote string
	schema schema
}

// Dial connects to the first remote that serves the database, and reads its schema. The error is an
// *Error whose cause may be ErrNoDatabase, ErrNotLeader or ErrNotConnected.
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
				return nil, &Error{Remote: r.text, Database: opt.Database, Op: "connect", Err: &tlsError{err}}
			}
			break
		}
	}
	if _, err := db.connected(ctx); err != nil {
		return nil, err
	}
	return db, nil
}

// Close closes the connection. It always returns nil.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.conn != nil {
		db.conn.close()
		db.conn = nil
	}
	return nil
}

// Remote returns the remote of the connection, such as "tcp:10.0.0.1:6642".
func (db *DB) Remote() string {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.remote
}

// Name returns the database's name.
func (db *DB) Name() string { return db.opt.Database }

// connected returns the live connection, or a new one.
func (db *DB) connected(ctx context.Context) (link, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.conn != nil && db.conn.alive() {
		return db.conn, nil
	}
	again := db.conn != nil
	if again {
		db.conn.close()
		db.conn = nil
	}
	if db.source != nil {
		c, s, err := db.describe(ctx)
		if err != nil {
			return nil, &Error{Remote: db.remote, Database: db.opt.Database, Op: "connect", Err: err}
		}
		db.conn, db.schema = c, s
		return c, nil
	}
	for end := time.Now().Add(min(electionWait, db.opt.Timeout)); ; {
		c, err := db.tryAll(ctx)
		if err == nil || !electing(err) || !again && len(db.remotes) < 2 || time.Now().After(end) {
			return c, err
		}
		select {
		case <-time.After(electionPoll):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// How long a cluster without a leader is asked again, and how often: after its leader was lost it
// elects another within a few times its election timer, which is one second at first
// (ovsdb/raft.c: ELECTION_BASE_MSEC).
const (
	electionWait = 15 * time.Second
	electionPoll = 200 * time.Millisecond
)

// electing reports whether members of a cluster answered, none of which leads it now.
func electing(err error) bool { return errors.Is(err, ErrNotLeader) || errors.Is(err, ErrNotConnected) }

// tryAll connects to the first remote that serves the database.
func (db *DB) tryAll(ctx context.Context) (link, error) {
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

// try connects to one remote and checks that it serves the database, in one round of questions.
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
	c := newConn(nc, db.opt.bounds)
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	// What the server is, what it knows, and the first questions, which do not wait for that: where
	// it is not the right one, or does not know a column, they are asked again.
	a, first := db.firstOf(ctx)
	asked := []request{transaction("_Server", []Query{databases}, nil), {method: "get_schema", params: []any{db.opt.Database}}}
	if len(first) > 0 {
		asked = append(asked, transaction(db.opt.Database, first, nil))
	}
	replies, err := c.calls(ctx, asked...)
	if err != nil {
		return nil, s, err
	}
	if err := db.checkMember(ctx, c, replies[0]); err != nil {
		return nil, s, err
	}
	raw, err := replies[1].outcome("get_schema")
	if err != nil {
		return nil, s, err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, s, fmt.Errorf("get_schema: %w", err)
	}
	if len(first) > 0 {
		a.begun(first, replies[2])
	}
	return c, s, nil
}
