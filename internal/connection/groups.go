package connection

import (
	"hash/maphash"
	"iter"
	"math/bits"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Flow is one tuple for both directions of a packet.
func Flow(t ctstate.Tuple) ctstate.Tuple {
	if inv, ok := t.Invert(); ok && compareTuples(inv, t) < 0 {
		return inv
	}
	return t
}

// groups returns the numbers of the records that belong together, ascending, in the order of the
// first ones. flows returns the flow of a record's packets before its NAT, and behind it. It needs
// 24 bytes a record: a million records are common.
func groups(n int, flows func(record int) (before, after ctstate.Tuple)) iter.Seq[[]uint32] {
	return func(yield func([]uint32) bool) {
		root := roots(n, flows)
		// A counting sort by root.
		first := make([]uint32, n+1)
		for _, r := range root {
			first[r+1]++
		}
		for i := range root {
			first[i+1] += first[i]
		}
		order, next := make([]uint32, n), slices.Clone(first)
		for i, r := range root {
			order[next[r]] = uint32(i)
			next[r]++
		}
		for r := range root {
			if first[r] < first[r+1] && !yield(order[first[r]:first[r+1]]) {
				return
			}
		}
	}
}

// roots returns for each record the number of the first record that it belongs to.
func roots(n int, flows func(int) (before, after ctstate.Tuple)) []uint32 {
	j := joiner{flows: flows, seed: maphash.MakeSeed(), parent: make([]uint32, n)}
	j.slots = make([]uint32, 2*n*4/3+1) // at least one stays empty, where a search ends
	for i := range j.parent {
		j.parent[i] = uint32(i)
		before, after := flows(i)
		j.meet(uint32(i), before)
		if after != before {
			j.meet(uint32(i), after)
		}
	}
	for i := range j.parent {
		j.parent[i] = j.find(uint32(i))
	}
	return j.parent
}

// joiner joins records by a hash table of flows. It holds one record for each flow: the flow itself
// is read from the record again.
type joiner struct {
	flows  func(int) (before, after ctstate.Tuple)
	seed   maphash.Seed
	slots  []uint32 // 1 + number of a record
	parent []uint32 // union-find; the smaller number is the root
}

// meet joins a record with the one that has the same flow.
func (j *joiner) meet(n uint32, flow ctstate.Tuple) {
	hi, _ := bits.Mul64(maphash.Comparable(j.seed, flow), uint64(len(j.slots)))
	for i := int(hi); ; {
		v := j.slots[i]
		if v == 0 {
			j.slots[i] = n + 1
			return
		}
		if before, after := j.flows(int(v - 1)); before == flow || after == flow {
			j.union(n, v-1)
			return
		}
		if i++; i == len(j.slots) {
			i = 0
		}
	}
}

func (j *joiner) find(n uint32) uint32 {
	for j.parent[n] != n {
		j.parent[n] = j.parent[j.parent[n]]
		n = j.parent[n]
	}
	return n
}

func (j *joiner) union(a, b uint32) {
	a, b = j.find(a), j.find(b)
	j.parent[max(a, b)] = min(a, b)
}
