package ctstate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// ErrNotFound is what a Table answers when it holds no such entry: a fact, unlike any other error,
// which leaves the answer open.
var ErrNotFound = errors.New("no such conntrack entry")

// Table finds entries. What else a table can do it says by implementing [Expecter], [SourceBinder],
// [EchoFinder] or [Counter]; a tracker does without what a table lacks, and says so.
type Table interface {
	// Lookup returns the confirmed entry of the zone one of whose directions equals t
	// (nf_conntrack_find_get, conn_key_lookup), ErrNotFound, or why that cannot be known. The
	// entry is the caller's; what its pointers refer to must not change afterwards.
	Lookup(ctx context.Context, zone uint16, t Tuple) (Entry, error)
}

// Expectation is an expected connection (struct nf_conntrack_expect, Open vSwitch's struct
// alg_exp_node) that a new packet matched.
type Expectation struct {
	Zone      uint16
	Master    Entry     // the connection whose helper expects it
	Tuple     Tuple     // of the expected packet; a zero source address or port stands for any
	Helper    string    // of the expected connection itself; mostly none
	Permanent bool      // NF_CT_EXPECT_PERMANENT: a commit does not use it up
	NATDir    Direction // CTA_EXPECT_NAT_DIR
	NATTuple  *Tuple    // CTA_EXPECT_NAT_TUPLE (saved_addr, saved_proto); nil without NAT
}

// Expecter is a Table that also finds expectations.
type Expecter interface {
	// Expectation returns the expectation of the zone that a packet's tuple matches
	// (__nf_ct_expect_find, expectation_lookup), ErrNotFound, or why that cannot be known.
	Expectation(ctx context.Context, zone uint16, t Tuple) (Expectation, error)
}

// SourceBinder is a Table that also lists a zone's entries by their original source.
type SourceBinder interface {
	// BySource returns the entries with this protocol and original source, newest first: what
	// find_appropriate_src walks. For ICMP the port of src is the id. No entries may be an empty
	// list or ErrNotFound.
	BySource(ctx context.Context, zone uint16, proto uint8, src netip.AddrPort) ([]Entry, error)
}

// EchoFinder is a Table that also lists ICMP entries whose id is not given.
type EchoFinder interface {
	// Echoes returns the zone's entries of which t would be a packet with the right ICMP id. No
	// entries may be an empty list or ErrNotFound.
	Echoes(ctx context.Context, zone uint16, t Tuple) ([]Entry, error)
}

// Counter is a Table over a live one. It counts the entries that it holds beyond the live table's,
// whose own counts a tracker has as [Kernel.Count] or [UserLimits.Count]; limits are compared with
// the sum. A table that is no Counter adds none.
type Counter interface {
	// Added returns how many entries more than the live table the zone has; negative where
	// fewer.
	Added(zone uint16) int
	// AddedTotal is Added for all zones together.
	AddedTotal() int
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

// Error names the zone and the tuple before the cause.
func (e *LookupError) Error() string {
	return fmt.Sprintf("ct zone %d: %v: %v", e.Zone, e.Tuple, e.Err)
}

// Unwrap returns the cause.
func (e *LookupError) Unwrap() error { return e.Err }

// lookupError adds zone and tuple to an error that does not name them yet.
func lookupError(zone uint16, t Tuple, err error) error {
	var le *LookupError
	if errors.As(err, &le) {
		return err
	}
	return &LookupError{Zone: zone, Tuple: t, Err: err}
}
