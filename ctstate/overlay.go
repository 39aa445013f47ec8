package ctstate

import (
	"context"
	"errors"
	"net/netip"
	"slices"
)

// Overlay is a copy-on-write table over a live one: entries committed, changed or deleted
// by a trace exist here only. Not safe for concurrent use.
type Overlay struct {
	Below Table        // nil: nothing below
	Now   func() int64 // unix seconds, for entries to age by; nil: entries do not age

	mine *MemTable
	// gone holds, by original tuple, the entries of the table below that the overlay deleted, and those that it
	// has changed and therefore hides.
	gone map[zoneTuple]Entry
	used []Expectation // expectations below that a commit used up
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

// aged gives a record's entry as it is now; ok is false when its time is over.
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

// Lookup answers from the overlay, then from the table below unless the overlay deleted the entry.
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
	// A later connection of the same tuples is another one.
	return ok && (g.ID == 0 || e.ID == 0 || g.ID == e.ID)
}

// Apply records what an action did: committed, updated and deleted entries.
func (o *Overlay) Apply(r Result) {
	o.init()
	if r.Deleted != nil {
		o.remove(r.Deleted)
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
	e.TCP, e.SCTP, e.Master = cloned(e.TCP), cloned(e.SCTP), cloned(e.Master)
	if e.Created == 0 && e.ID == 0 {
		e.Created = o.now()
	}
	o.mine.insert(e, o.now())
}

func cloned[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
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

// Expectation implements Expecter.
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

// BySource implements SourceBinder: the overlay's entries are the newer ones.
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

// Echoes implements EchoFinder.
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

// Delta tells how many entries more than the table below a zone has; zone -1 is all zones.
func (o *Overlay) Delta(zone int) int {
	if o.mine == nil {
		return 0
	}
	n := 0
	for _, r := range o.mine.records() {
		if _, alive := o.aged(r); alive && (zone < 0 || int(r.e.Zone) == zone) {
			n++
		}
	}
	for k := range o.gone {
		if zone < 0 || int(k.zone) == zone {
			n--
		}
	}
	return n
}

// Fork returns a copy that goes its own way over the same table below, for a branch of a trace.
func (o *Overlay) Fork() *Overlay {
	f := &Overlay{Below: o.Below, Now: o.Now, used: slices.Clone(o.used)}
	if o.mine == nil {
		return f
	}
	f.init()
	for _, r := range o.mine.records() {
		e := r.e
		e.TCP, e.SCTP, e.Master = cloned(e.TCP), cloned(e.SCTP), cloned(e.Master)
		f.mine.insert(e, r.at)
	}
	f.mine.expected = slices.Clone(o.mine.expected)
	for k, e := range o.gone {
		f.gone[k] = e
	}
	return f
}

// Snapshot copies what the overlay holds, to save it or to fork it for a branch.
func (o *Overlay) Snapshot() OverlayData {
	d := OverlayData{Entries: []OverlayEntry{}}
	if o.mine == nil {
		return d
	}
	for _, r := range o.mine.records() {
		if _, alive := o.aged(r); !alive {
			continue
		}
		e := r.e
		e.TCP, e.SCTP, e.Master = cloned(e.TCP), cloned(e.SCTP), cloned(e.Master)
		d.Entries = append(d.Entries, OverlayEntry{Entry: e, At: r.at})
	}
	for _, e := range o.gone {
		d.Deleted = append(d.Deleted, e)
	}
	slices.SortFunc(d.Deleted, func(a, b Entry) int {
		if a.Zone != b.Zone {
			return int(a.Zone) - int(b.Zone)
		}
		return slices.Compare([]byte(a.Orig.String()), []byte(b.Orig.String()))
	})
	return d
}

// Load replaces what the overlay holds.
func (o *Overlay) Load(d OverlayData) {
	o.mine, o.used = nil, nil
	o.init()
	for _, e := range d.Entries {
		e.Entry.Source = FromOverlay
		o.mine.insert(e.Entry, e.At)
	}
	for i := range d.Deleted {
		e := d.Deleted[i]
		o.gone[zoneTuple{e.Zone, e.Orig}] = e
	}
}

// OverlayData is an overlay's content, JSON-encodable with stable field names.
type OverlayData struct {
	Entries []OverlayEntry `json:"entries"`
	Deleted []Entry        `json:"deleted,omitempty"`
}

// OverlayEntry is an entry with the time (unix seconds) it was last refreshed.
type OverlayEntry struct {
	Entry
	At int64 `json:"at"`
}
