package question

import (
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
)

// NoBindingError is a logical port of the Northbound database without a row in the Southbound
// database.
type NoBindingError struct {
	Port string
	Err  error // an *ovn.NotFoundError
}

func (e *NoBindingError) Error() string {
	return fmt.Sprintf("logical port %q is in the Northbound database and has no Port_Binding in the Southbound database", e.Port)
}

// Unwrap returns Err.
func (e *NoBindingError) Unwrap() error { return e.Err }

// Failure classifies the error as wrong input: the port cannot be traced yet.
func (e *NoBindingError) Failure() (failure.Kind, string) {
	return failure.Input, "is ovn-northd running? check with ovn-nbctl --wait=sb sync"
}
