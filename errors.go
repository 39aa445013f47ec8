package ovncttrace

import (
	"errors"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/fault"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// Kind tells errors apart.
type Kind int

// The kinds of error. A packet whose end is not known is no error: its verdict is unknown.
const (
	Other        = Kind(fault.Other)        // none of the following
	BadInput     = Kind(fault.BadInput)     // the options or the question are wrong; nothing was traced
	Unreachable  = Kind(fault.Unreachable)  // a database or a node was not reached, not permitted, or too slow
	Undetermined = Kind(fault.Undetermined) // a limit was met, or the tables kept changing under the trace
)

// String returns the kind in words.
func (k Kind) String() string { return fault.Kind(k).String() }

// Error is what Open, Trace and Session return.
type Error struct {
	Kind Kind
	Hint string // what to try, in the command line's terms; may be empty
	Mark string // the input, and a second line that marks the place in it; may be empty
	Err  error  // the cause
}

// Error returns the cause in one line, as the command prints it.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause, which may be context.DeadlineExceeded or an os error.
func (e *Error) Unwrap() error { return e.Err }

// public makes an *Error of what went wrong; nil stays nil.
func public(err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Kind: Kind(fault.KindOf(err)), Hint: fault.HintOf(err), Err: err}
	var bad *usage.Error
	if errors.As(err, &bad) {
		e.Mark = bad.Mark
	}
	return e
}
