package connection

import (
	"iter"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctpack"
)

// Store holds records in some 70 bytes each, and joins them. The zero Store is empty. It is not
// safe for concurrent use. What a record's entry has that no table exports is not kept
// (ctpack.Pack).
type Store struct {
	pack   ctpack.Pack
	at     []uint32 // place of each record in pack
	where  []uint32 // its zone, by index in places
	places []place
	index  map[place]uint32
}

// place is a zone of a chassis.
type place struct {
	chassis, zoneName string
	zone              uint16
}

// Len returns the number of records.
func (s *Store) Len() int { return len(s.at) }

// Add appends a record. The error is that of the system, which has no memory.
func (s *Store) Add(r *Record) error {
	at, err := s.pack.Add(&r.Entry)
	if err != nil {
		return err
	}
	s.at, s.where = append(s.at, at), append(s.where, s.placeOf(r))
	return nil
}

// placeOf returns the index of a record's zone in places.
func (s *Store) placeOf(r *Record) uint32 {
	p := place{r.Chassis, r.ZoneName, r.Entry.Zone}
	n, ok := s.index[p]
	if !ok {
		if s.index == nil {
			s.index = map[place]uint32{}
		}
		n = uint32(len(s.places))
		s.index[p] = n
		s.places = append(s.places, p)
	}
	return n
}

// Record returns a record by its number: the first that was added is 0.
func (s *Store) Record(n int) Record {
	p := s.places[s.where[n]]
	return Record{Chassis: p.chassis, ZoneName: p.zoneName, Entry: s.pack.Entry(s.at[n], p.zone)}
}

// ZoneNames returns the names of the zones that have records.
func (s *Store) ZoneNames() (out []string) {
	for _, p := range s.places {
		if p.zoneName != "" && !slices.Contains(out, p.zoneName) {
			out = append(out, p.zoneName)
		}
	}
	return out
}

// Release frees the memory; the Store is then empty.
func (s *Store) Release() {
	s.pack.Release()
	*s = Store{}
}

// Join returns the same connections as Join of the records, one at a time, in the order of their
// first records. No more than one is held.
func (s *Store) Join(side SideOf) iter.Seq[Connection] {
	return func(yield func(Connection) bool) {
		for numbers := range groups(s.Len(), s.flows) {
			legs := make([]Record, 0, len(numbers))
			for _, n := range numbers {
				legs = append(legs, s.Record(int(n)))
			}
			if !yield(Connection{Legs: path(legs, side)}) {
				return
			}
		}
	}
}

// flows returns the flows of a record.
func (s *Store) flows(n int) (before, after ctstate.Tuple) {
	var e ctstate.Entry
	e.Orig, e.Reply = s.pack.Tuples(s.at[n])
	return Flow(e.Orig), Flow(After(&e))
}
