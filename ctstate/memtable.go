package ctstate

import (
	"context"
	"net/netip"
	"slices"
)

// MemTable is a [Table] in memory, indexed by zone and tuple of either direction, as the kernel's
// is. [NewMemTable] makes one. It is not safe for concurrent use.
type MemTable struct {
	byTuple  map[tupleKey]*record
	bySource map[zoneSource][]*record // newest last
	expected []Expectation
	serial   uint64
}

type zoneTuple struct {
	zone uint16
	t    Tuple
}

// tupleKey is a zone and tuple without pointers and padding, so that a map hashes and compares it
// as plain memory.
type tupleKey struct {
	src, dst               [16]byte
	sport, dport, id, zone uint16
	proto, typ, code, v6   uint8
}

func keyOf(zone uint16, t *Tuple) tupleKey {
	k := tupleKey{src: t.Src.Addr().As16(), dst: t.Dst.Addr().As16(), sport: t.Src.Port(), dport: t.Dst.Port(),
		id: t.ICMPID, zone: zone, proto: t.Proto, typ: t.ICMPType, code: t.ICMPCode}
	if t.Src.Addr().Is6() {
		k.v6 = 1
	}
	return k
}

type zoneSource struct {
	zone  uint16
	proto uint8
	src   netip.AddrPort
}

type record struct {
	e      Entry
	at     int64
	serial uint64
}

// NewMemTable returns a table of the given entries.
func NewMemTable(entries ...Entry) *MemTable {
	m := &MemTable{byTuple: make(map[tupleKey]*record), bySource: make(map[zoneSource][]*record)}
	for _, e := range entries {
		m.Insert(e)
	}
	return m
}

// Insert adds an entry, or replaces the one with the same zone and original tuple. Another entry
// that has one of its tuples is removed.
func (m *MemTable) Insert(e Entry) { m.insert(e, 0) }

func (m *MemTable) insert(e Entry, at int64) *record {
	old := m.byTuple[keyOf(e.Zone, &e.Orig)]
	if old != nil && old.e.Orig == e.Orig {
		if old.e.Reply != e.Reply {
			delete(m.byTuple, keyOf(e.Zone, &old.e.Reply))
			m.byTuple[keyOf(e.Zone, &e.Reply)] = old
		}
		old.e, old.at = e, at
		return old
	}
	// Whatever else holds one of the tuples has expired: a live entry would have been met before.
	for _, t := range [...]Tuple{e.Orig, e.Reply} {
		if stale := m.byTuple[keyOf(e.Zone, &t)]; stale != nil {
			m.Delete(stale.e.Zone, stale.e.Orig)
		}
	}
	m.serial++
	r := &record{e: e, at: at, serial: m.serial}
	m.byTuple[keyOf(e.Zone, &e.Orig)] = r
	m.byTuple[keyOf(e.Zone, &e.Reply)] = r
	k := zoneSource{e.Zone, e.Orig.Proto, sourceKey(e.Orig)}
	m.bySource[k] = append(m.bySource[k], r)
	return r
}

// Delete removes the zone's entry with this original tuple and reports whether there was one.
func (m *MemTable) Delete(zone uint16, orig Tuple) bool {
	r := m.byTuple[keyOf(zone, &orig)]
	if r == nil || r.e.Orig != orig {
		return false
	}
	delete(m.byTuple, keyOf(zone, &r.e.Orig))
	delete(m.byTuple, keyOf(zone, &r.e.Reply))
	k := zoneSource{zone, orig.Proto, sourceKey(orig)}
	m.bySource[k] = slices.DeleteFunc(m.bySource[k], func(x *record) bool { return x == r })
	if len(m.bySource[k]) == 0 {
		delete(m.bySource, k)
	}
	return true
}

// Expect adds an expectation.
func (m *MemTable) Expect(x Expectation) { m.expected = append(m.expected, x) }

// Len returns the number of entries.
func (m *MemTable) Len() int {
	n := 0
	for k, r := range m.byTuple {
		if k == keyOf(r.e.Zone, &r.e.Orig) {
			n++
		}
	}
	return n
}

// records returns every record, in the order of insertion.
func (m *MemTable) records() []*record {
	var out []*record
	for k, r := range m.byTuple {
		if k == keyOf(r.e.Zone, &r.e.Orig) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *record) int { return int(a.serial) - int(b.serial) })
	return out
}

// Entries returns a copy of every entry, in the order of insertion.
func (m *MemTable) Entries() []Entry {
	var out []Entry
	for _, r := range m.records() {
		out = append(out, r.e)
	}
	return out
}

// Lookup implements Table.
func (m *MemTable) Lookup(_ context.Context, zone uint16, t Tuple) (Entry, error) {
	if r := m.byTuple[keyOf(zone, &t)]; r != nil {
		return r.e, nil
	}
	return Entry{}, ErrNotFound
}

// BySource implements SourceBinder.
func (m *MemTable) BySource(_ context.Context, zone uint16, proto uint8, src netip.AddrPort) ([]Entry, error) {
	var out []Entry
	for _, r := range slices.Backward(m.bySource[zoneSource{zone, proto, src}]) {
		out = append(out, r.e)
	}
	return out, nil
}

// Echoes implements EchoFinder.
func (m *MemTable) Echoes(_ context.Context, zone uint16, t Tuple) ([]Entry, error) {
	var out []Entry
	for _, r := range m.records() {
		if r.e.Zone != zone {
			continue
		}
		if _, ok := echoID(&r.e, t); ok {
			out = append(out, r.e)
		}
	}
	return out, nil
}

// Expectation implements Expecter.
func (m *MemTable) Expectation(_ context.Context, zone uint16, t Tuple) (Expectation, error) {
	for _, x := range m.expected {
		if x.Zone == zone && x.matches(t) {
			return x, nil
		}
	}
	return Expectation{}, ErrNotFound
}

// matches reports whether t is expected, as nf_ct_tuple_mask_cmp does with a mask of zero where the
// expected tuple is zero.
func (x *Expectation) matches(t Tuple) bool {
	want := x.Tuple
	if !want.Src.Addr().IsValid() || want.Src.Addr().IsUnspecified() {
		want.Src = netip.AddrPortFrom(t.Src.Addr(), want.Src.Port())
	}
	if want.Src.Port() == 0 {
		want.Src = netip.AddrPortFrom(want.Src.Addr(), t.Src.Port())
	}
	return want == t
}

// consume removes an expectation that a commit used up.
func (m *MemTable) consume(zone uint16, t Tuple) {
	m.expected = slices.DeleteFunc(m.expected, func(x Expectation) bool {
		return x.Zone == zone && !x.Permanent && x.matches(t)
	})
}
