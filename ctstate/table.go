package ctstate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// ErrNotFound is the error of a Table that contains no such entry. It is a definite answer; any
// other error leaves the answer unknown.
var ErrNotFound = errors.New("no such conntrack entry")

// Table finds entries. A table may also implement [Expecter], [SourceBinder], [EchoFinder] and
// [Counter]. If it does not, trackers answer as for an empty table: no expectation, no entry with
// the same source, no entry with another ICMP id, no added entries. The certainty is then at least
// Predicted after a search by source, and at least Assumed for an ICMP id that is not given.
type Table interface {
	// Lookup returns the zone's confirmed entry with a direction equal to t (nf_conntrack_find_get,
	// conn_key_lookup). The error is ErrNotFound if there is none; any other error says why the
	// answer is unknown. The caller owns the entry; what its pointers refer to must not change
	// afterwards.
	Lookup(ctx context.Context, zone uint16, t Tuple) (Entry, error)
}

// Expectation is an expected connection (struct nf_conntrack_expect, Open vSwitch's struct
// alg_exp_node) that a new packet matched.
type Expectation struct {
	Zone      uint16
	Master    Entry     // the connection whose helper expects it
	Tuple     Tuple     // of the expected packet; a zero source address or port matches any
	Helper    string    // of the expected connection itself; mostly none
	Permanent bool      // NF_CT_EXPECT_PERMANENT: a commit does not use it up
	NATDir    Direction // CTA_EXPECT_NAT_DIR
	NATTuple  *Tuple    // CTA_EXPECT_NAT_TUPLE (saved_addr, saved_proto); nil without NAT
}

// Expecter is a Table that also finds expectations.
type Expecter interface {
	// Expectation returns the zone's expectation that matches a packet's tuple
	// (__nf_ct_expect_find, expectation_lookup). The errors are those of Table.Lookup.
	Expectation(ctx context.Context, zone uint16, t Tuple) (Expectation, error)
}

// SourceBinder is a Table that also lists a zone's entries by their original source.
type SourceBinder interface {
	// BySource returns the zone's entries with this protocol and original source, newest first:
	// those that find_appropriate_src walks. For ICMP the port of src is the id. Without entries it
	// returns an empty list or ErrNotFound.
	BySource(ctx context.Context, zone uint16, proto uint8, src netip.AddrPort) ([]Entry, error)
}

// EchoFinder is a Table that also lists ICMP entries whose id is not given.
type EchoFinder interface {
	// Echoes returns the zone's entries that t would belong to if it had their ICMP id. Without
	// entries it returns an empty list or ErrNotFound.
	Echoes(ctx context.Context, zone uint16, t Tuple) ([]Entry, error)
}

// Counter is a Table over a live one that counts the entries it adds to it. The live table's own
// counts are [Kernel.Count] and [UserLimits.Count]; trackers compare limits with the sum. A table
// that is not a Counter adds none.
type Counter interface {
	// Added returns how many more entries than the live table the zone has; negative for fewer.
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

// LookupError is the error of a look-up that the table could not answer.
type LookupError struct {
	Zone  uint16
	Tuple Tuple
	Err   error
}

// Error returns the zone and the tuple, then the cause.
func (e *LookupError) Error() string {
	return fmt.Sprintf("ct zone %d: %v: %v", e.Zone, e.Tuple, e.Err)
}

// Unwrap returns the cause.
func (e *LookupError) Unwrap() error { return e.Err }

// lookupError adds zone and tuple to an error, unless it wraps a *LookupError.
func lookupError(zone uint16, t Tuple, err error) error {
	var le *LookupError
	if errors.As(err, &le) {
		return err
	}
	return &LookupError{Zone: zone, Tuple: t, Err: err}
}
