package ovn

import (
	"slices"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Logical flows contest each other if they share a datapath, by themselves or through a group, and
// have different actions.
func TestContested(t *testing.T) {
	id := func(n byte) ovsdb.UUID { return ovsdb.UUID{n} }
	groups := map[ovsdb.UUID][]ovsdb.UUID{id(100): {id(1), id(2)}, id(101): {id(2), id(3)}, id(102): {id(4)}}
	for _, c := range []struct {
		name   string
		claims []claim
		want   []ovsdb.UUID
	}{
		{"one", []claim{{id(9), id(1), id(0), "next;"}}, nil},
		{"two datapaths", []claim{{id(9), id(1), id(0), "next;"}, {id(8), id(2), id(0), "drop;"}}, nil},
		{"the same actions", []claim{{id(9), id(1), id(0), "next;"}, {id(8), id(1), id(0), "next;"}}, nil},
		{"one datapath", []claim{{id(9), id(1), id(0), "next;"}, {id(8), id(1), id(0), "drop;"}}, []ovsdb.UUID{id(8), id(9)}},
		{"two of three", []claim{{id(9), id(1), id(0), "next;"}, {id(8), id(1), id(0), "drop;"}, {id(7), id(1), id(0), "next;"}, {id(6), id(2), id(0), "output;"}}, []ovsdb.UUID{id(7), id(8), id(9)}},
		{"in a group", []claim{{id(9), id(1), id(0), "next;"}, {id(8), id(0), id(100), "drop;"}}, []ovsdb.UUID{id(8), id(9)}},
		{"two groups", []claim{{id(9), id(0), id(101), "next;"}, {id(8), id(0), id(100), "drop;"}, {id(7), id(0), id(102), "output;"}}, []ovsdb.UUID{id(8), id(9)}},
	} {
		if got := contested(c.claims, groups); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
