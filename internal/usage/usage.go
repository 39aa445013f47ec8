// Package usage has the error type for wrong usage and bad input: what is wrong, where, and what to
// try.
package usage

import (
	"errors"
	"fmt"
	"io/fs"
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

// Failure classifies the error as wrong input. A file of the user's that may not be opened has a
// hint of its own: the common one for a missing permission is about nodes.
func (e *Error) Failure() (failure.Kind, string) {
	var file *fs.PathError
	if e.Hint == "" && errors.As(e.Err, &file) && errors.Is(file, fs.ErrPermission) {
		return failure.Input, "it is opened as the user who runs this command"
	}
	return failure.Input, e.Hint
}

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
