package ctstate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// ErrNotFound is what a Table answers when it holds no such entry: a fact,
// unlike any other error, which leaves the answer open.
var ErrNotFound = errors.New("no such conntrack entry")

// Table finds entries. Lookup answers the confirmed entry of the zone one of whose
// directions equals t, ErrNotFound, or why it cannot be known.
type Table interface {
	Lookup(ctx context.Context, zone uint16, t Tuple) (Entry, error)
}

// Expectation is an expected connection (nf_conntrack_expect) that a new packet matched.
type Expectation struct {
	Zone      uint16
	Master    Entry
	Tuple     Tuple
	Helper    string
	Permanent bool
	NATDir    uint8 // CTA_EXPECT_NAT_DIR
	NATTuple  *Tuple
}

// Expecter is a Table that also finds expectations by the concrete tuple of a packet.
type Expecter interface {
	Expectation(ctx context.Context, zone uint16, t Tuple) (Expectation, error)
}

// SourceBinder is a Table that can list the entries of a zone with the same protocol and
// original source address and port (what find_appropriate_src walks), newest first.
type SourceBinder interface {
	BySource(ctx context.Context, zone uint16, proto uint8, src netip.AddrPort) ([]Entry, error)
}

// EchoFinder is a Table that can list echo entries of a zone by addresses, when a
// flow gives no ICMP id.
type EchoFinder interface {
	Echoes(ctx context.Context, zone uint16, t Tuple) ([]Entry, error)
}

// TableFunc makes a function a Table.
type TableFunc func(ctx context.Context, zone uint16, t Tuple) (Entry, error)

// Lookup calls f.
func (f TableFunc) Lookup(ctx context.Context, zone uint16, t Tuple) (Entry, error) {
	return f(ctx, zone, t)
}

// LookupError is a look-up that could not be answered.
type LookupError struct {
	Zone  uint16
	Tuple Tuple
	Err   error
}

func (e *LookupError) Error() string {
	return fmt.Sprintf("ct zone %d: %v: %v", e.Zone, e.Tuple, e.Err)
}

// Unwrap gives the cause.
func (e *LookupError) Unwrap() error { return e.Err }

// lookupError names zone and tuple in an error that does not yet.
func lookupError(zone uint16, t Tuple, err error) error {
	var le *LookupError
	if errors.As(err, &le) {
		return err
	}
	return &LookupError{Zone: zone, Tuple: t, Err: err}
}
