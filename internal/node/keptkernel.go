package node

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/netip"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctlist"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
)

// keptKernel is the kernel's table as dpctl/dump-conntrack -m has printed it. A zone is read at its
// first look-up. It is safe for concurrent use.
type keptKernel struct {
	of     string
	kept   *Kept
	listed *ctlist.List // nil without
	lacks  string       // why dump may lack entries

	mu    sync.Mutex
	zones map[uint16]*keptZone
}

// keptZone is a zone's entries.
type keptZone struct {
	*ctstate.MemTable
	helpers    bool // whether a connection has a helper, by the dump
	expected   []ctnetlink.Expected
	unreadable int // lines that may be of this zone
}

var (
	// errKeptExpectations reports expectations that may be there.
	errKeptExpectations = errors.New("the zone has connections with helpers, and what they expect was not collected")
	errKeptLine         = errors.New("the kept table has lines that cannot be read, which may be of this zone")
)

func (k *keptKernel) zone(ctx context.Context, id uint16) (*keptZone, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if z := k.zones[id]; z != nil {
		return z, nil
	}
	z := &keptZone{MemTable: ctstate.NewMemTable()}
	for e, err := range k.all(ctx, &id) {
		switch {
		case ctdpif.IsUnreadable(err):
			z.unreadable++
		case err != nil:
			return nil, err
		default:
			z.helpers = z.helpers || e.Helper != ""
			z.Insert(e)
		}
	}
	if k.kept.Expected != nil {
		for _, x := range readLines[ctnetlink.Expected](k.kept.Expected, &id) {
			if x.err != nil {
				return nil, x.err
			}
			z.expected = append(z.expected, x.is)
		}
	}
	k.zones[id] = z
	return z, nil
}

// all reads the entries of one zone, or of every zone if id is nil. It yields errors as ctdpif.Scan
// does.
func (k *keptKernel) all(ctx context.Context, id *uint16) iter.Seq2[ctstate.Entry, error] {
	return k.kept.all(ctx, true, id)
}

// Lookup implements ctstate.Table.
func (k *keptKernel) Lookup(ctx context.Context, zone uint16, t ctstate.Tuple) (ctstate.Entry, error) {
	z, err := k.zone(ctx, zone)
	if err != nil {
		return ctstate.Entry{}, &ctstate.LookupError{Zone: zone, Tuple: t, Err: err}
	}
	e, err := z.MemTable.Lookup(ctx, zone, t)
	if k.listed == nil {
		return e, z.miss(zone, t, err)
	}
	also, listed := k.listed.Find(zone, t)
	switch {
	case err == nil && listed && also.Orig == e.Orig:
		enrich(&e, &also)
	case errors.Is(err, ctstate.ErrNotFound) && listed:
		return e, &ctstate.LookupError{Zone: zone, Tuple: t, Err: &NotCollectedError{k.of,
			"conntrack -L lists it, which shows no labels, and dpctl/dump-conntrack does not: " + cmp.Or(k.lacks, "they were taken at different times")}}
	}
	return e, z.miss(zone, t, err)
}

// enrich adds what only conntrack -L shows: the timeout and the kernel's own state.
func enrich(e *ctstate.Entry, also *ctlist.Entry) {
	e.Timeout, e.HasTimeout = also.Timeout, also.HasTimeout
	if e.Helper == "" {
		e.Helper = also.Helper
	}
	if e.TCP == nil {
		return
	}
	var state ctstate.TCPState
	if state.UnmarshalText([]byte(also.State)) == nil {
		tcp := *e.TCP
		tcp.State = state
		e.TCP = &tcp
	}
}

// miss makes a miss unknown where a line could not be read.
func (z *keptZone) miss(zone uint16, t ctstate.Tuple, err error) error {
	if errors.Is(err, ctstate.ErrNotFound) && z.unreadable > 0 {
		return &ctstate.LookupError{Zone: zone, Tuple: t, Err: errKeptLine}
	}
	return err
}

// BySource implements ctstate.SourceBinder.
func (k *keptKernel) BySource(ctx context.Context, zone uint16, proto uint8, src netip.AddrPort) ([]ctstate.Entry, error) {
	z, err := k.zone(ctx, zone)
	if err != nil {
		return nil, err
	}
	list, err := z.MemTable.BySource(ctx, zone, proto, src)
	if err == nil && z.unreadable > 0 {
		err = errKeptLine
	}
	return list, err
}

// Echoes implements ctstate.EchoFinder.
func (k *keptKernel) Echoes(ctx context.Context, zone uint16, t ctstate.Tuple) ([]ctstate.Entry, error) {
	z, err := k.zone(ctx, zone)
	if err != nil {
		return nil, err
	}
	list, err := z.MemTable.Echoes(ctx, zone, t)
	if len(list) == 0 && err == nil && z.unreadable > 0 {
		err = &ctstate.LookupError{Zone: zone, Tuple: t, Err: errKeptLine}
	}
	return list, err
}

// Expectation implements ctstate.Expecter.
func (k *keptKernel) Expectation(ctx context.Context, zone uint16, t ctstate.Tuple) (ctstate.Expectation, error) {
	z, err := k.zone(ctx, zone)
	switch {
	case err != nil:
	case k.kept.Expected != nil:
		for i := range z.expected {
			if x := &z.expected[i]; x.Matches(t) {
				return z.expects(ctx, zone, x)
			}
		}
		return ctstate.Expectation{}, z.miss(zone, t, ctstate.ErrNotFound)
	case z.helpers || k.listed.Helpers(zone):
		err = errKeptExpectations
	default:
		return ctstate.Expectation{}, z.miss(zone, t, ctstate.ErrNotFound)
	}
	return ctstate.Expectation{}, &ctstate.LookupError{Zone: zone, Tuple: t, Err: err}
}

// expects returns a kept expectation with its master, which has an entry: what is expected ends
// with it.
func (z *keptZone) expects(ctx context.Context, zone uint16, kept *ctnetlink.Expected) (ctstate.Expectation, error) {
	master, err := z.MemTable.Lookup(ctx, zone, kept.Master)
	if err != nil {
		return ctstate.Expectation{}, z.miss(zone, kept.Master, err)
	}
	x := kept.In(zone)
	x.Master = master
	return x, nil
}

// lackingKernel is lacking with the look-up by source: another entry with the source may be
// missing.
type lackingKernel struct{ lacking }

// BySource implements ctstate.SourceBinder.
func (l lackingKernel) BySource(ctx context.Context, zone uint16, proto uint8, src netip.AddrPort) ([]ctstate.Entry, error) {
	list, err := l.table.(ctstate.SourceBinder).BySource(ctx, zone, proto, src)
	if err == nil {
		err = &NotCollectedError{l.of, l.why}
	}
	return list, err
}
