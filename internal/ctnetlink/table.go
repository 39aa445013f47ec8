package ctnetlink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
)

// Table is the conntrack table of one network namespace: a ctstate.Table, and
// its Expecter, EchoFinder and SourceBinder. Safe for concurrent use; look-ups
// share one socket and wait for each other.
type Table struct {
	// Limit is the maximum number of entries that a search may receive unfiltered; 0 is DefaultLimit.
	Limit uint64

	ns   nodens.NetNS
	file *os.File // keeps the namespace alive

	mu  sync.Mutex
	s   *sock
	enc encoder
	rec Record
	// each is decodeAnswer as a func value, made once.
	each func(message) error
	got  bool
}

// DefaultLimit is Table.Limit when that is 0.
const DefaultLimit = 65536

// Open opens the conntrack table of a namespace and checks that the process may read it.
func Open(ctx context.Context, ns nodens.NetNS) (*Table, error) {
	f, err := ns.Open()
	if err != nil {
		return nil, err
	}
	t, err := openFile(ctx, ns, f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return t, nil
}

func openFile(ctx context.Context, ns nodens.NetNS, f *os.File) (*Table, error) {
	// A socket belongs to the namespace of the thread that opens it. The current namespace is not
	// entered, because that would need CAP_SYS_ADMIN.
	var enter *os.File
	if !ns.IsCurrent() {
		there, err := nodens.IDOf(f)
		if err != nil {
			return nil, err
		}
		if here, err := nodens.Current().ID(); err != nil || here != there {
			enter = f
		}
	}
	s, err := dial(unix.NETLINK_NETFILTER, enter)
	if err != nil {
		return nil, fmt.Errorf("conntrack of %v: %w", ns, err)
	}
	t := &Table{ns: ns, file: f, s: s}
	t.each = t.decodeAnswer
	// A look-up without a tuple fails with EINVAL if the process has the permission.
	var e *Error
	if err := t.probe(ctx); errors.As(err, &e) && e.Errno != unix.EINVAL || err != nil && e == nil {
		s.close()
		return nil, fmt.Errorf("conntrack of %v: %w", ns, err)
	}
	return t, nil
}

func (t *Table) probe(ctx context.Context) error {
	t.enc.begin(msgCTGet, nlmRequest|nlmAck, t.s.nextSeq(), unix.AF_INET)
	return t.s.execute(ctx, "get", t.enc.finish(), nil)
}

// NetNS returns the table's namespace.
func (t *Table) NetNS() nodens.NetNS { return t.ns }

// NetNSID returns the identity of the table's namespace.
func (t *Table) NetNSID() (nodens.ID, error) { return nodens.IDOf(t.file) }

// Close closes the socket; a running request fails.
func (t *Table) Close() error {
	err := t.s.close()
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(err, t.file.Close())
}

// Lookup returns the confirmed entry of the zone that has the tuple as one of its directions: one
// request, which the kernel answers from its hash table. ctstate.ErrNotFound if there is none.
func (t *Table) Lookup(ctx context.Context, zone uint16, tuple ctstate.Tuple) (ctstate.Entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.get(ctx, zone, tuple); err != nil {
		return ctstate.Entry{}, lookupError(zone, tuple, err)
	}
	return t.rec.Entry, nil
}

// Read is Lookup with the attributes that ctstate.Entry has no field for.
func (t *Table) Read(ctx context.Context, zone uint16, tuple ctstate.Tuple) (Record, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.get(ctx, zone, tuple); err != nil {
		return Record{}, lookupError(zone, tuple, err)
	}
	return t.rec, nil
}

// lookupError adds zone and tuple to an error; ErrNotFound is an answer and stays unwrapped.
func lookupError(zone uint16, tuple ctstate.Tuple, err error) error {
	if err == ctstate.ErrNotFound {
		return err
	}
	return &ctstate.LookupError{Zone: zone, Tuple: tuple, Err: err}
}

// get reads the entry into t.rec.
func (t *Table) get(ctx context.Context, zone uint16, tuple ctstate.Tuple) error {
	if err := checkTuple(tuple); err != nil {
		return err
	}
	t.enc.begin(msgCTGet, nlmRequest|nlmAck, t.s.nextSeq(), family(tuple))
	t.enc.tuple(ctaTupleOrig, tuple)
	t.enc.zone(ctaZone, zone)
	t.got = false
	if err := t.s.execute(ctx, "get", t.enc.finish(), t.each); err != nil {
		if e, ok := err.(*Error); ok && e.Errno == unix.ENOENT {
			return ctstate.ErrNotFound
		}
		return err
	}
	if !t.got {
		return fault("answer", 0, "an acknowledgement and no entry")
	}
	if t.rec.Zone != zone {
		return fmt.Errorf("the kernel answered with an entry of zone %d", t.rec.Zone)
	}
	return nil
}

// zone appends the zone unless it is 0, the default: a kernel built without zones refuses the
// attribute.
func (e *encoder) zone(typ, zone uint16) {
	if zone != 0 {
		e.be16(typ, zone)
	}
}

func (t *Table) decodeAnswer(m message) error {
	if len(m.body) < nfgenHdr {
		return fault("answer", len(m.body), "shorter than nfgenmsg")
	}
	t.got = true
	return decodeRecord(m.body[nfgenHdr:], &t.rec)
}

var _ ctstate.Table = (*Table)(nil)
