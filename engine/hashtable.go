package engine

import (
	"context"
	"math/bits"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

// Groups reads the OpenFlow groups of a node. What it answers saves questions: the Engine then asks
// ofproto/trace for each bucket once, and not for each value of the hash.
type Groups interface {
	// SelectGroup returns a select group of a bridge, with all its buckets in their order.
	SelectGroup(ctx context.Context, bridge string, group uint32) (SelectGroup, error)
}

// SelectGroup is an OpenFlow group that selects one of its buckets for a packet.
type SelectGroup struct {
	Method  string // selection_method, such as "dp_hash"; empty if the switch chooses it
	Buckets []GroupBucket
}

// GroupBucket is a bucket of a select group.
type GroupBucket struct {
	ID     uint32
	Weight uint16
}

// The bounds of Open vSwitch's tables from hash to bucket (ofproto/ofproto-dpif.c:
// MIN_SELECT_GROUP_HASH_VALUES, MAX_SELECT_GROUP_HASH_VALUES; group_set_selection_method for a
// group without a method).
const (
	minHashValues    = 16
	maxHashValues    = 256
	maxDefaultValues = 64
)

// hashTable returns the bucket of each value of dp_hash, by Webster's method, as Open vSwitch
// computes it once for a group (ofproto/ofproto-dpif.c: group_setup_dp_hash_table); nil for a group
// that dp_hash does not decide. A bucket that is not alive has its values too.
func (g SelectGroup) hashTable() []uint32 {
	limit := maxHashValues
	switch g.Method {
	case "dp_hash":
	case "":
		limit = maxDefaultValues
	default:
		return nil
	}
	type seat struct {
		id            uint32
		weight, value float64
		divisor       float64
	}
	var seats []seat
	total, least := 0, 0
	for _, b := range g.Buckets {
		if b.Weight == 0 {
			continue
		}
		w := int(b.Weight)
		seats = append(seats, seat{b.ID, float64(w), float64(w), 1})
		if total += w; least == 0 || w < least {
			least = w
		}
	}
	if len(seats) == 0 {
		return nil
	}
	slots := (total + least - 1) / least
	size := max(minHashValues, 1<<bits.Len(uint(slots-1)))
	if size > limit {
		return nil
	}
	table := make([]uint32, size)
	for i := range table {
		winner := &seats[0]
		for j := range seats {
			if seats[j].value > winner.value {
				winner = &seats[j]
			}
		}
		winner.divisor += 2
		winner.value = winner.weight / winner.divisor
		table[i] = winner.id
	}
	return table
}

// groupOf returns the only group of a section, and the bucket that the packet's hash has there;
// false if the section has none, or several, of one or the other.
func groupOf(sec *oftrace.Section) (bridge string, group, bucket uint32, ok bool) {
	groups, buckets := 0, 0
	var walk func(at string, nodes []*oftrace.Node)
	walk = func(at string, nodes []*oftrace.Node) {
		for _, n := range nodes {
			in := at
			switch n.Kind {
			case oftrace.Bridge:
				in = n.Bridge
			case oftrace.Bucket:
				bucket = uint32(n.Bucket)
				buckets++
			case oftrace.ActionLine:
				if id, is := groupAction(n.Text); is {
					bridge, group = at, id
					groups++
				}
			}
			walk(in, n.Children)
		}
	}
	walk(sec.Bridge, sec.Nodes)
	return bridge, group, bucket, groups == 1 && buckets == 1
}
