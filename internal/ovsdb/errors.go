package ovsdb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// Error is the error of a request to a database.
type Error struct {
	Remote   string // remote of the connection; while connecting, those tried, separated by commas
	Database string
	Op       string // the request, such as "select Port_Binding"
	Err      error
}

// Error returns the database, the remote, the request and the cause.
func (e *Error) Error() string {
	return fmt.Sprintf("%s at %s: %s: %v", e.Database, e.Remote, e.Op, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Failure implements failure's interface: the database cannot be reached, and the hint says how to
// name it.
func (e *Error) Failure() (failure.Kind, string) {
	if failure.HintOf(e.Err) != "" { // the cause's own hint says more
		return failure.Unreachable, ""
	}
	switch e.Database {
	case "OVN_Southbound":
		return failure.Unreachable, "--sb tcp:HOST:6642, or OVN_SB_DB, names the Southbound database"
	case "OVN_Northbound":
		return failure.Unreachable, "--nb tcp:HOST:6641, or OVN_NB_DB, names the Northbound database"
	}
	return failure.Unreachable, "is the node's ovsdb-server running?"
}

// Malformed returns the *Error of a row of a table that could not be decoded.
func (db *DB) Malformed(table string, err error) error {
	return &Error{Remote: db.Remote(), Database: db.Name(), Op: "select " + table, Err: err}
}

// ErrNotLeader is the cause when Options.LeaderOnly skipped a cluster member.
var ErrNotLeader = errors.New("not the cluster's leader")

// ErrNotConnected is the cause when a cluster member has lost its cluster, so that its rows may be
// out of date.
var ErrNotConnected = errors.New("not connected to its cluster")

// ErrNoDatabase is the cause when a server does not serve the database.
var ErrNoDatabase = errors.New("no such database on this server")

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

// oneLine returns a single error unchanged, and several as one error whose text is one line.
func oneLine(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return joined(errs)
}

// withTimeout is context.WithTimeout with a cause that distinguishes a slow server from a caller
// who gave up.
func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, timeoutError{d})
}

// timeoutError is a server that did not answer within Options.Timeout.
type timeoutError struct{ after time.Duration }

func (e timeoutError) Error() string        { return fmt.Sprintf("no answer in time (%v)", e.after) }
func (e timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }
func (e timeoutError) Timeout() bool        { return true }

// clip shortens JSON to what an error can quote on one line.
func clip(b []byte) string {
	const most = 60
	if len(b) > most {
		return string(b[:most]) + "..."
	}
	return string(b)
}
