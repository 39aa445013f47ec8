package ctstate

import (
	"context"
	"errors"
	"net/netip"
	"slices"
)

// Overlay is a copy-on-write [Table] over another one: entries that a trace commits, changes or
// deletes are recorded here only. It implements every optional interface of a Table. The zero
// Overlay is empty. It is not safe for concurrent use.
type Overlay struct {
	Below Table        // nil: nothing below
	Now   func() int64 // returns seconds since 1970, by which entries age; nil: entries do not age

	mine *MemTable
	// gone contains, by original tuple, the entries of the table below that the overlay has
	// deleted, and those that it hides because it has changed them.
	gone map[zoneTuple]Entry
	used []Expectation // expectations below that a commit used up
	// left contains the reply directions that deleted entries have left taken (Result.Left). They
	// stay for some seconds only, so they are in no Snapshot.
	left map[tupleKey]bool
}

// NewOverlay returns an empty overlay over below.
func NewOverlay(below Table) *Overlay { return &Overlay{Below: below} }

func (o *Overlay) init() {
	if o.mine == nil {
		o.mine = NewMemTable()
		o.gone = make(map[zoneTuple]Entry)
	}
}

func (o *Overlay) now() int64 {
	if o.Now == nil {
		return 0
	}
	return o.Now()
}

// aged returns a record's entry as it is now; ok is false when it has expired.
func (o *Overlay) aged(r *record) (Entry, bool) {
	e := r.e
	if o.Now == nil || !e.HasTimeout || r.at == 0 {
		return e, true
	}
	passed := max(o.Now()-r.at, 0)
	if passed >= int64(e.Timeout) {
		return Entry{}, false
	}
	e.Timeout -= uint32(passed)
	return e, true
}

// Lookup implements Table: it asks the overlay first, then the table below, whose deleted entries
// it does not find.
func (o *Overlay) Lookup(ctx context.Context, zone uint16, t Tuple) (Entry, error) {
	if o.mine != nil {
		if r := o.mine.byTuple[keyOf(zone, &t)]; r != nil {
			if e, ok := o.aged(r); ok {
				return e, nil
			}
		}
	}
	if o.Below == nil {
		return Entry{}, ErrNotFound
	}
	e, err := o.Below.Lookup(ctx, zone, t)
	if err == nil && o.isGone(&e) {
		return Entry{}, ErrNotFound
	}
	return e, err
}

// isGone reports whether the overlay has deleted or replaced an entry of the table below.
func (o *Overlay) isGone(e *Entry) bool {
	g, ok := o.gone[zoneTuple{e.Zone, e.Orig}]
	// A later connection with the same tuples is a different one.
	return ok && (g.ID == 0 || e.ID == 0 || g.ID == e.ID)
}

// Apply records the entries that an action committed, updated and deleted. If the Result has
// Alternatives, it records the first.
func (o *Overlay) Apply(r Result) {
	o.init()
	if r.Deleted != nil {
		o.remove(r.Deleted)
	}
	if r.Left && r.Deleted != nil {
		if o.left == nil {
			o.left = map[tupleKey]bool{}
		}
		o.left[keyOf(r.Deleted.Zone, &r.Deleted.Reply)] = true
	}
	if r.Updated != nil {
		o.put(*r.Updated)
	}
	if r.Committed != nil {
		e := *r.Committed
		if e.Status&Expected != 0 {
			o.consume(e.Zone, e.Orig)
		}
		o.put(e)
	}
}

// Put records one entry, as a commit does.
func (o *Overlay) Put(e Entry) {
	o.init()
	o.put(e)
}

func (o *Overlay) put(e Entry) {
	if e.Source != FromOverlay && e.Source != FromNone {
		o.hide(&e) // the entry below is replaced by its changed copy
	}
	e.Source = FromOverlay
	e = e.clone()
	if e.Created == 0 && e.ID == 0 {
		e.Created = o.now()
	}
	o.mine.insert(e, o.now())
}

func (o *Overlay) remove(e *Entry) {
	o.mine.Delete(e.Zone, e.Orig)
	o.hide(e)
}

// hide keeps the entry below from being found; for an entry of the overlay's own there is none.
func (o *Overlay) hide(e *Entry) {
	if o.Below == nil || e.Source == FromOverlay {
		return
	}
	o.gone[zoneTuple{e.Zone, e.Orig}] = *e
}

// consume forgets an expectation that a commit has used up.
func (o *Overlay) consume(zone uint16, t Tuple) {
	o.mine.consume(zone, t)
	o.used = append(o.used, Expectation{Zone: zone, Tuple: t})
}

// Expect adds an expectation to the overlay.
func (o *Overlay) Expect(x Expectation) {
	o.init()
	o.mine.Expect(x)
}

// Expectation implements Expecter. An expectation that a commit has used up is not found again.
func (o *Overlay) Expectation(ctx context.Context, zone uint16, t Tuple) (Expectation, error) {
	if o.mine != nil {
		if x, err := o.mine.Expectation(ctx, zone, t); err == nil {
			return x, nil
		}
	}
	below, ok := o.Below.(Expecter)
	if !ok || slices.ContainsFunc(o.used, func(x Expectation) bool { return x.Zone == zone && x.Tuple == t }) {
		return Expectation{}, ErrNotFound
	}
	return below.Expectation(ctx, zone, t)
}

// BySource implements SourceBinder: the overlay's entries count as newer and come first.
func (o *Overlay) BySource(ctx context.Context, zone uint16, proto uint8, src netip.AddrPort) ([]Entry, error) {
	var out []Entry
	if o.mine != nil {
		for _, r := range slices.Backward(o.mine.bySource[zoneSource{zone, proto, src}]) {
			if e, ok := o.aged(r); ok {
				out = append(out, e)
			}
		}
	}
	below, ok := o.Below.(SourceBinder)
	if !ok {
		return out, nil
	}
	rest, err := below.BySource(ctx, zone, proto, src)
	return o.merge(out, rest, err)
}

// Echoes implements EchoFinder: the overlay's entries come first.
func (o *Overlay) Echoes(ctx context.Context, zone uint16, t Tuple) ([]Entry, error) {
	var out []Entry
	if o.mine != nil {
		for _, r := range o.mine.records() {
			if r.e.Zone != zone {
				continue
			}
			e, ok := o.aged(r)
			if _, match := echoID(&e, t); ok && match {
				out = append(out, e)
			}
		}
	}
	below, ok := o.Below.(EchoFinder)
	if !ok {
		return out, nil
	}
	rest, err := below.Echoes(ctx, zone, t)
	return o.merge(out, rest, err)
}

func (o *Overlay) merge(out, rest []Entry, err error) ([]Entry, error) {
	if err != nil && !errors.Is(err, ErrNotFound) {
		return out, err
	}
	for i := range rest {
		if !o.isGone(&rest[i]) {
			out = append(out, rest[i])
		}
	}
	return out, nil
}

// Added implements Counter.
func (o *Overlay) Added(zone uint16) int {
	return o.added(func(z uint16) bool { return z == zone })
}

// AddedTotal implements Counter.
func (o *Overlay) AddedTotal() int {
	return o.added(func(uint16) bool { return true })
}

func (o *Overlay) added(in func(zone uint16) bool) int {
	if o.mine == nil {
		return 0
	}
	n := 0
	for _, r := range o.mine.records() {
		if _, alive := o.aged(r); alive && in(r.e.Zone) {
			n++
		}
	}
	for k := range o.gone {
		if in(k.zone) {
			n--
		}
	}
	return n
}
