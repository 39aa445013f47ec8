package ctnetlink

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

var (
	errNoAddress   = errors.New("tuple without addresses")
	errMixedFamily = errors.New("tuple of mixed address families")
	errClosed      = errors.New("conntrack socket is closed")
)

// ErrPermission is what the kernel answers to every conntrack request, look-ups
// included, of a process without CAP_NET_ADMIN over the namespace.
var ErrPermission = errors.New("no permission to read the conntrack table (needs CAP_NET_ADMIN in the network namespace's user namespace)")

// Error is a request that the kernel refused, with its own words where it gave any.
type Error struct {
	Op    string
	Errno unix.Errno
	Msg   string // NLMSGERR_ATTR_MSG
}

func (e *Error) Error() string {
	if e.Msg != "" {
		return fmt.Sprintf("ctnetlink %s: %v (%s)", e.Op, e.Errno, e.Msg)
	}
	return fmt.Sprintf("ctnetlink %s: %v", e.Op, e.Errno)
}

// Unwrap gives the errno; EPERM is an ErrPermission too.
func (e *Error) Unwrap() []error {
	if e.Errno == unix.EPERM {
		return []error{e.Errno, ErrPermission}
	}
	return []error{e.Errno}
}

// TooManyError is a search refused because the table is large and the kernel
// would hand over all of it.
type TooManyError struct {
	Count, Limit uint64
	Why          string
}

func (e *TooManyError) Error() string {
	return fmt.Sprintf("the conntrack table holds %d entries, more than the %d to be read at most, and the kernel does not filter them: %s",
		e.Count, e.Limit, e.Why)
}
