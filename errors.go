package ovncttrace

import (
	"errors"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// Kind classifies errors.
type Kind uint8

// The kinds of error. A packet whose end is unknown is no error: its verdict is unknown.
const (
	// BadInput is for wrong options or a wrong question, and for any error without another kind.
	// Nothing was traced.
	BadInput = Kind(failure.Input)
	// Unreachable is for a database or a node that was not reached, refused access, or was too
	// slow.
	Unreachable = Kind(failure.Unreachable)
	// NotAsAsked is for a packet without the live entry that the question demands.
	NotAsAsked = Kind(failure.NotAsAsked)
	// Undetermined is for a trace that was given up: a limit was reached, or the tables kept
	// changing.
	Undetermined = Kind(failure.Undetermined)
)

var kindNames = map[Kind]string{BadInput: "bad input", Unreachable: "unreachable", NotAsAsked: "not as asked", Undetermined: "undetermined"}

// String returns the kind in words.
func (k Kind) String() string { return kindNames[k] }

// Error is the error of Open, Trace and Session.
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

// public returns err as an *Error; nil stays nil.
func public(err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Kind: Kind(failure.KindOf(err)), Hint: failure.HintOf(err), Err: err}
	var bad *usage.Error
	if errors.As(err, &bad) {
		e.Mark = bad.Mark
	}
	return e
}
