// Package failure classifies errors by kind, and gives each a hint what to try.
package failure

import (
	"context"
	"errors"
	"io/fs"
	"strings"
)

// Kind is the kind of a failure, which determines the exit status.
type Kind uint8

// The kinds of failure.
const (
	// Input is a wrong request, and any error of an unknown kind.
	Input Kind = iota
	// Unreachable is something that could not be reached, or was not permitted.
	Unreachable
	// NotAsAsked is a determined answer, other than the request demanded.
	NotAsAsked
	// Undetermined is a trace that ended without a result: at a limit, or because tables kept
	// changing.
	Undetermined
)

// Error is an error at a boundary, with its kind. The hint says what to try; it is empty if there
// is no suggestion, or if the cause has a better one.
type Error interface {
	error
	Failure() (kind Kind, hint string)
}

// KindOf returns the kind of Classify. Without one it is Unreachable for a time limit, a cancelled
// request, and output that cannot be written; else Input.
func KindOf(err error) Kind {
	if kind, ok := Classify(err); ok {
		return kind
	}
	var pe *fs.PathError
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.As(err, &pe) {
		return Unreachable
	}
	return Input
}

// Classify returns the kind of the outermost Error in err's tree. Without one it is Unreachable for
// fs.ErrPermission and fs.ErrNotExist; ok is false for any other error.
func Classify(err error) (kind Kind, ok bool) {
	var e Error
	switch {
	case errors.As(err, &e):
		kind, _ = e.Failure()
		return kind, true
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return Unreachable, true
	}
	return Input, false
}

// HintOf returns the outermost hint in err's tree that is not empty. Without one it returns that of
// Common.
func HintOf(err error) string {
	if hint := outermost(err); hint != "" {
		return hint
	}
	return Common(err)
}

// outermost returns the first hint in an error's tree, in the order of errors.As.
func outermost(err error) string {
	if e, ok := err.(Error); ok {
		if _, hint := e.Failure(); hint != "" {
			return hint
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return outermost(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if hint := outermost(err); hint != "" {
				return hint
			}
		}
	}
	return ""
}

// Common returns the hint for causes common to all boundaries, a missing permission and a time
// limit; empty for any other.
func Common(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "run the node's side as root, or as the owner of Open vSwitch's sockets with CAP_NET_ADMIN: conntrack answers nobody else"
	case errors.Is(err, context.DeadlineExceeded):
		return "give it longer with --timeout"
	}
	return ""
}

// DidYouMean returns the hint with names that are similar to an unknown one; empty without names.
func DidYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	last := len(names) - 1
	text := names[last]
	if last > 0 {
		text = strings.Join(names[:last], ", ") + " or " + text
	}
	return "did you mean " + text + "?"
}

// Of returns err with a kind; its text is unchanged.
func Of(kind Kind, err error) error { return &kindError{kind, err} }

type kindError struct {
	kind Kind
	err  error
}

func (e *kindError) Error() string           { return e.err.Error() }
func (e *kindError) Unwrap() error           { return e.err }
func (e *kindError) Failure() (Kind, string) { return e.kind, "" }
