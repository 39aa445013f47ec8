// Package usage has the error type for wrong usage and bad input: what is wrong, where, and what to
// try.
package usage

import (
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// Error is wrong usage or bad input. Nothing was traced.
type Error struct {
	Msg  string // one line, without a full stop
	Hint string // what to try; may be empty
	Mark string // the input, and a second line that marks the place in it; may be empty
	Err  error  // the cause; may be nil
}

func (e *Error) Error() string { return e.Msg }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Failure classifies the error as wrong input.
func (e *Error) Failure() (failure.Kind, string) { return failure.Input, e.Hint }

// Errorf returns an *Error with a hint.
func Errorf(hint, format string, args ...any) error {
	return &Error{Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// Mark quotes an input and marks the place at a byte offset in it, as Error.Mark has it.
func Mark(text string, off int) string {
	off = min(max(off, 0), len(text))
	clean := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
	return clean + "\n" + strings.Repeat(" ", len([]rune(text[:off]))) + "^"
}
