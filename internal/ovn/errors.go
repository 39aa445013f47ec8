package ovn

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// NotFoundError is the error of a name that no row has.
type NotFoundError struct {
	What    string   // what was looked for, such as "logical port"
	Name    string   // the name as given
	Nearest []string // similar names, if they were looked up
}

// Error returns what was looked for, and the similar names.
func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("no %s %q", e.What, e.Name)
	if len(e.Nearest) > 0 {
		s += " (nearest: " + strings.Join(e.Nearest, ", ") + ")"
	}
	return s
}

// Failure is of the input.
func (e *NotFoundError) Failure() (failure.Kind, string) {
	return failure.Input, failure.DidYouMean(e.Nearest)
}

// IsNotFound reports whether an error is that of a name that no row has.
func IsNotFound(err error) bool {
	var e *NotFoundError
	return errors.As(err, &e)
}

// AmbiguousError is the error of a name that several rows have.
type AmbiguousError struct {
	What       string // as in NotFoundError
	Name       string
	Candidates []string
}

// Error returns what was looked for and all rows that were found.
func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%q is not one %s: %s", e.Name, e.What, strings.Join(e.Candidates, ", "))
}

// Failure is of the input.
func (e *AmbiguousError) Failure() (failure.Kind, string) { return failure.Input, "name one of them" }
