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

// contested returns the rows of the claims that share a datapath with one of other actions. It takes
// each datapath once: groups may have thousands.
func contested(claims []claim, groups map[ovsdb.UUID][]ovsdb.UUID) []ovsdb.UUID {
	differs := func(c claim) bool { return c.actions != claims[0].actions }
	if !slices.ContainsFunc(claims, differs) {
		return nil
	}
	of := map[ovsdb.UUID][]claim{} // by datapath
	for _, c := range claims {
		if !c.datapath.IsZero() {
			of[c.datapath] = append(of[c.datapath], c)
		}
		for _, dp := range groups[c.group] {
			of[dp] = append(of[dp], c)
		}
	}
	var rows []ovsdb.UUID
	for _, here := range of {
		if slices.ContainsFunc(here, func(c claim) bool { return c.actions != here[0].actions }) {
			for _, c := range here {
				rows = append(rows, c.row)
			}
		}
	}
	slices.SortFunc(rows, byBytes)
	return slices.Compact(rows)
}
