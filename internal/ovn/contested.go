package ovn

import (
	"bytes"
	"context"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Contested are logical flows with the same match and priority in one table of a datapath, and
// different actions. ovn-controller installs one of them (controller/ofctrl.c:
// link_installed_to_desired): which one depends on the order in which it has met them.
type Contested struct {
	Rows  []ovsdb.UUID // sorted
	Match string
}

// place is where logical flows contest each other.
type place struct {
	pipeline        string
	table, priority int64
	match           string
}

// claim is a logical flow at a place.
type claim struct {
	row, datapath, group ovsdb.UUID
	actions              string
}

// Contests returns the contested logical flows of the whole database.
func (s *SB) Contests(ctx context.Context) ([]Contested, error) {
	all := map[place][]claim{}
	groups := map[ovsdb.UUID][]ovsdb.UUID{}
	qs := []ovsdb.Query{ovsdb.From("Logical_Flow", "logical_datapath", "logical_dp_group", "pipeline", "table_id", "priority", "match", "actions")}
	if s.HasDatapathGroups() {
		qs = append(qs, ovsdb.From("Logical_DP_Group", "datapaths"))
	}
	err := s.Each(ctx, qs, func(q int, r *ovsdb.Row) error {
		if q == 1 {
			groups[r.UUID()] = r.Refs("datapaths")
			return r.Err()
		}
		at := place{r.Str("pipeline"), r.Int("table_id"), r.Int("priority"), r.Str("match")}
		all[at] = append(all[at], claim{r.UUID(), r.Ref("logical_datapath"), r.Ref("logical_dp_group"), r.Str("actions")})
		return r.Err()
	})
	if err != nil {
		return nil, err
	}
	var out []Contested
	for at, claims := range all {
		if rows := contested(claims, groups); rows != nil {
			out = append(out, Contested{Rows: rows, Match: at.match})
		}
	}
	slices.SortFunc(out, func(a, b Contested) int { return byBytes(a.Rows[0], b.Rows[0]) })
	return out, nil
}

func byBytes(a, b ovsdb.UUID) int { return bytes.Compare(a[:], b[:]) }

// contested returns the rows of the claims that share a datapath with one of other actions.
func contested(claims []claim, groups map[ovsdb.UUID][]ovsdb.UUID) []ovsdb.UUID {
	var rows []ovsdb.UUID
	for i, a := range claims {
		for _, b := range claims[i+1:] {
			if a.actions != b.actions && a.shares(b, groups) {
				rows = append(rows, a.row, b.row)
			}
		}
	}
	slices.SortFunc(rows, byBytes)
	return slices.Compact(rows)
}

// shares reports whether two claims are for the same datapath.
func (c claim) shares(o claim, groups map[ovsdb.UUID][]ovsdb.UUID) bool {
	mine := append(slices.Clone(groups[c.group]), c.datapath)
	return slices.ContainsFunc(append(slices.Clone(groups[o.group]), o.datapath), func(dp ovsdb.UUID) bool {
		return !dp.IsZero() && slices.Contains(mine, dp)
	})
}
