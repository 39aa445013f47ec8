package connection

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Side says where on a connection's way a record's zone is, for records that have the same tuple.
type Side int

// The sides, in path order.
const (
	Client Side = iota - 1 // the zone of the port that has the packet's source address
	Middle
	Server // the zone of the port that has the packet's destination address
)

// SideOf says where the zone of a record is for a packet with the tuple, as it enters the zone.
type SideOf func(r *Record, t ctstate.Tuple) Side

// Join joins records into connections. Two records belong to the same connection if a packet of one
// has, before or after the entry's NAT, the same tuple as a packet of the other, in either
// direction. Each record is in exactly one connection, and the result does not depend on the order
// of the records. side may be nil: then records with the same tuple are ordered by chassis and
// zone.
func Join(records []Record, side SideOf) []Connection {
	sorted := slices.SortedFunc(slices.Values(records), compare)
	flows := func(n int) (before, after ctstate.Tuple) {
		e := &sorted[n].Entry
		return Flow(e.Orig), Flow(After(e))
	}
	out := []Connection{}
	for numbers := range groups(len(sorted), flows) {
		legs := make([]Record, 0, len(numbers))
		for _, n := range numbers {
			legs = append(legs, sorted[n])
		}
		out = append(out, Connection{Legs: path(legs, side)})
	}
	slices.SortFunc(out, Compare)
	return out
}

// Compare is the order of connections by their first tuple.
func Compare(a, b Connection) int {
	return cmp.Or(compareTuples(a.Orig(), b.Orig()), compare(a.Legs[0], b.Legs[0]))
}

// compare is the order of records that nothing else orders.
func compare(a, b Record) int {
	return cmp.Or(
		strings.Compare(a.Chassis, b.Chassis), cmp.Compare(a.Entry.Zone, b.Entry.Zone), compareTuples(a.Entry.Orig, b.Entry.Orig))
}

func compareTuples(a, b ctstate.Tuple) int {
	return cmp.Or(
		cmp.Compare(a.Proto, b.Proto), a.Src.Compare(b.Src), a.Dst.Compare(b.Dst),
		cmp.Compare(a.ICMPType, b.ICMPType), cmp.Compare(a.ICMPCode, b.ICMPCode), cmp.Compare(a.ICMPID, b.ICMPID))
}

// path puts the records of a connection in the order in which packets of the original direction
// pass them: first the flow that no entry translates to, then those that entries translate it to.
func path(legs []Record, side SideOf) []Record {
	if len(legs) == 1 {
		return legs
	}
	slices.SortStableFunc(legs, compare)
	depth := depths(legs)
	seen := map[ctstate.Tuple]bool{}
	for i := range legs {
		seen[legs[i].Entry.Orig] = true
	}
	// reversed reports whether the zone seems to have first seen a packet of the answer: another zone
	// has the opposite direction as its original one, and the lower port is usually the server's.
	reversed := func(t ctstate.Tuple) int {
		if inv, ok := t.Invert(); ok && seen[inv] && t.Dst.Port() > t.Src.Port() {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(legs, func(a, b Record) int {
		da, db := depth[a.Entry.Orig], depth[b.Entry.Orig]
		if c := cmp.Compare(da, db); c != 0 {
			return c
		}
		// Within a flow: the client's port, the entries that do not translate, the one that does,
		// and the server's port.
		sa, sb := Middle, Middle
		if side != nil {
			sa, sb = side(&a, a.Entry.Orig), side(&b, b.Entry.Orig)
		}
		return cmp.Or(cmp.Compare(reversed(a.Entry.Orig), reversed(b.Entry.Orig)), cmp.Compare(min(sa, Middle), min(sb, Middle)), cmp.Compare(translates(&a), translates(&b)), cmp.Compare(sa, sb))
	})
	return legs
}

// depths returns for each flow of a connection the largest number of translations before it. A
// packet that comes back to a flow that it has passed (a ring of translations) is not followed.
func depths(legs []Record) map[ctstate.Tuple]int {
	out := map[ctstate.Tuple]int{}
	for range legs { // as many steps as the longest way can have
		changed := false
		for i := range legs {
			e := &legs[i].Entry
			before, after := e.Orig, After(e)
			if d := out[before] + 1; before != after && d > out[after] && d <= len(legs) {
				out[after] = d
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	// A zone that first saw a packet of the reply has its tuples in the opposite order.
	for i := range legs {
		if inv, ok := legs[i].Entry.Orig.Invert(); ok && inv != legs[i].Entry.Orig {
			if d := out[inv]; d > out[legs[i].Entry.Orig] {
				out[legs[i].Entry.Orig] = d
			}
		}
	}
	return out
}

func translates(r *Record) int {
	if NATOf(&r.Entry) == "" {
		return 0
	}
	return 1
}

// NATOf says which addresses or ports the entry translates: "dnat", "snat", "dnat+snat", or
// nothing.
func NATOf(e *ctstate.Entry) string {
	t := After(e)
	dnat, snat := t.Dst != e.Orig.Dst, t.Src != e.Orig.Src || t.ICMPID != e.Orig.ICMPID
	switch {
	case dnat && snat:
		return "dnat+snat"
	case dnat:
		return "dnat"
	case snat:
		return "snat"
	}
	return ""
}
