// Package failure says what kind of failure an error is, and what to try against it.
package failure

import (
	"context"
	"errors"
	"io/fs"
	"strings"
)

// Kind is what a failure means for whoever asked.
type Kind uint8

// The kinds of failure.
const (
	// Input is a question that is wrong, and any error of which nothing else is known.
	Input Kind = iota
	// Unreachable is something that could not be reached, or was not permitted.
	Unreachable
	// Undetermined is a trace that was given up: a limit, or tables that kept changing.
	Undetermined
)

// Error is an error at a boundary that knows its kind. The hint says what to try against it, and is
// empty if there is nothing to say, or if its cause says more.
type Error interface {
	error
	Failure() (kind Kind, hint string)
}

// KindOf returns the kind of Classify. Without one it is Unreachable for a time limit, a question
// that was given up, and output that cannot be written; else Input.
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
// what is not permitted or does not exist; ok is false for all else.
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

// HintOf returns the outermost hint in err's tree that is not empty. Without one it is that of
// Common.
func HintOf(err error) string {
	if hint := outermost(err); hint != "" {
		return hint
	}
	return Common(err)
}

// outermost walks an error's tree in the order of errors.As.
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

// Common returns the hint against the causes that boundaries have in common, a missing permission
// and a time limit; empty for any other.
func Common(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "run the node's side as root, or with CAP_NET_ADMIN: conntrack answers nobody else"
	case errors.Is(err, context.DeadlineExceeded):
		return "give it longer with --timeout"
	}
	return ""
}

// DidYouMean is the hint of names that come close to one that does not exist; empty without any.
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

// Of gives an error a kind; its text stays.
func Of(kind Kind, err error) error { return &kindError{kind, err} }

type kindError struct {
	kind Kind
	err  error
}

func (e *kindError) Error() string           { return e.err.Error() }
func (e *kindError) Unwrap() error           { return e.err }
func (e *kindError) Failure() (Kind, string) { return e.kind, "" }
