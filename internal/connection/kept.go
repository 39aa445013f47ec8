package connection

import (
	"hash/maphash"
	"iter"
	"math"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctpack"
)

// Kept holds records that come, change and go: one for each original tuple in a zone of a chassis.
// It finds them by that and by their flows, in some 130 bytes each. Numbers of records that are
// gone are given again. The zero Kept is empty. It is not safe for concurrent use. Of a record it
// keeps what Store does.
type Kept struct {
	store  Store
	free   []uint32 // numbers without a record
	dead   int      // records in store.pack that were replaced or removed
	seed   maphash.Seed
	places chains // of a record's number
	flows  chains // of twice a record's number, and 1 more for its flow behind the NAT
}

// none is the place in the pack of a number without a record.
const none = math.MaxUint32

// slack is how many dead records are always tolerated.
const slack = 1024

// Len returns the number of records.
func (k *Kept) Len() int { return len(k.store.at) - len(k.free) }

// Size returns about how many bytes are held.
func (k *Kept) Size() int {
	const number, slot = 4, 16 // of a slice; of a map, with the share that is empty
	return k.store.pack.Bytes() + number*(len(k.store.at)+len(k.store.where)+len(k.free)+len(k.places.next)+len(k.flows.next)) +
		slot*(len(k.places.first)+len(k.flows.first))
}

// Record returns the record of a number.
func (k *Kept) Record(n uint32) Record { return k.store.Record(int(n)) }

// All iterates over the numbers of all records. Records may be removed meanwhile.
func (k *Kept) All() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for n, at := range k.store.at {
			if at != none && !yield(uint32(n)) {
				return
			}
		}
	}
}

// Find returns the number of the record with an original tuple in a zone of a chassis.
func (k *Kept) Find(chassis string, zone uint16, orig ctstate.Tuple) (n uint32, ok bool) {
	for n := range k.places.all(k.placeHash(chassis, zone, orig)) {
		p := k.store.places[k.store.where[n]]
		if p.chassis != chassis || p.zone != zone {
			continue
		}
		if o, _ := k.store.pack.Tuples(k.store.at[n]); o == orig {
			return n, true
		}
	}
	return 0, false
}

// Of iterates over the numbers of the records that have packets of a flow, before their NAT or
// behind it. None may be put or removed meanwhile.
func (k *Kept) Of(flow ctstate.Tuple) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for at := range k.flows.all(k.flowHash(flow)) {
			n := at / 2
			before, after := k.store.flows(int(n))
			// Only one of the two where both are the same.
			if (at%2 == 0 && before == flow || at%2 == 1 && after == flow) && !yield(n) {
				return
			}
		}
	}
}

// Put adds a record, or replaces the one with its original tuple, and returns its number. The error
// is that of the system, which has no memory.
func (k *Kept) Put(r *Record) (n uint32, err error) {
	if k.dead > slack+k.Len() {
		if err := k.compact(); err != nil {
			return 0, err
		}
	}
	at, err := k.store.pack.Add(&r.Entry)
	if err != nil {
		return 0, err
	}
	n, known := k.Find(r.Chassis, r.Entry.Zone, r.Entry.Orig)
	switch {
	case known:
		k.unlinkFlows(n)
		k.dead++
	case len(k.free) > 0:
		last := len(k.free) - 1
		n, k.free = k.free[last], k.free[:last]
	default:
		n = uint32(len(k.store.at))
		k.store.at, k.store.where = append(k.store.at, none), append(k.store.where, 0)
	}
	k.store.at[n], k.store.where[n] = at, k.store.placeOf(r)
	if !known {
		k.places.add(k.placeHash(r.Chassis, r.Entry.Zone, r.Entry.Orig), n)
	}
	before, after := k.store.flows(int(n))
	k.flows.add(k.flowHash(before), 2*n)
	if after != before {
		k.flows.add(k.flowHash(after), 2*n+1)
	}
	return n, nil
}

// Remove removes the record of a number.
func (k *Kept) Remove(n uint32) {
	p := k.store.places[k.store.where[n]]
	orig, _ := k.store.pack.Tuples(k.store.at[n])
	k.places.remove(k.placeHash(p.chassis, p.zone, orig), n)
	k.unlinkFlows(n)
	k.store.at[n] = none
	k.free = append(k.free, n)
	k.dead++
}

func (k *Kept) unlinkFlows(n uint32) {
	before, after := k.store.flows(int(n))
	k.flows.remove(k.flowHash(before), 2*n)
	if after != before {
		k.flows.remove(k.flowHash(after), 2*n+1)
	}
}

// compact writes the pack anew without the dead records.
func (k *Kept) compact() error {
	var fresh ctpack.Pack
	moved := make([]uint32, len(k.store.at))
	for n := range k.All() {
		e := k.store.pack.Entry(k.store.at[n], 0)
		var err error
		if moved[n], err = fresh.Add(&e); err != nil {
			fresh.Release()
			return err
		}
	}
	for _, n := range k.free {
		moved[n] = none
	}
	k.store.pack.Release()
	k.store.pack, k.store.at, k.dead = fresh, moved, 0
	return nil
}

// Release frees the memory; the Kept is then empty.
func (k *Kept) Release() {
	k.store.Release()
	*k = Kept{}
}

func (k *Kept) placeHash(chassis string, zone uint16, orig ctstate.Tuple) uint64 {
	return maphash.Comparable(k.secret(), struct {
		chassis string
		zone    uint16
		orig    ctstate.Tuple
	}{chassis, zone, orig})
}

func (k *Kept) flowHash(flow ctstate.Tuple) uint64 { return maphash.Comparable(k.secret(), flow) }

// secret returns the seed of all hashes.
func (k *Kept) secret() maphash.Seed {
	if k.seed == (maphash.Seed{}) {
		k.seed = maphash.MakeSeed()
	}
	return k.seed
}

// chains are lists of numbers by a hash.
type chains struct {
	first map[uint64]uint32 // 1 more than the first number of a list
	next  []uint32          // 1 more than the number that follows one; 0 at the end
}

func (c *chains) all(hash uint64) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for at := c.first[hash]; at != 0 && yield(at-1); at = c.next[at-1] {
		}
	}
}

func (c *chains) add(hash uint64, n uint32) {
	for int(n) >= len(c.next) {
		c.next = append(c.next, 0)
	}
	if c.first == nil {
		c.first = map[uint64]uint32{}
	}
	c.next[n] = c.first[hash]
	c.first[hash] = n + 1
}

func (c *chains) remove(hash uint64, n uint32) {
	if c.first[hash] == n+1 {
		if c.first[hash] = c.next[n]; c.next[n] == 0 {
			delete(c.first, hash)
		}
		return
	}
	for at := range c.all(hash) {
		if c.next[at] == n+1 {
			c.next[at] = c.next[n]
			return
		}
	}
}
