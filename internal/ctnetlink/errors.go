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

// ErrPermission reports that the process lacks CAP_NET_ADMIN in the namespace: the kernel then
// refuses every conntrack request, look-ups included.
var ErrPermission = errors.New("no permission to read the conntrack table (needs CAP_NET_ADMIN in the network namespace's user namespace)")

// Error reports a request that the kernel refused, with the kernel's message if it sent one.
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

// Unwrap returns the errno, and for EPERM also ErrPermission.
func (e *Error) Unwrap() []error {
	if e.Errno == unix.EPERM {
		return []error{e.Errno, ErrPermission}
	}
	return []error{e.Errno}
}

// TooManyError reports a search that was refused because the kernel would return more than Limit
// entries.
type TooManyError struct {
	Count, Limit uint64
	Why          string
}

func (e *TooManyError) Error() string {
	return fmt.Sprintf("the conntrack table holds %d entries, but at most %d are read, and the kernel does not filter them: %s",
		e.Count, e.Limit, e.Why)
}
