package gather

import (
	"context"
	"errors"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/audit"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// FactsOf returns what the reading of a chassis shows. While connections are unfinished, any
// chassis may have entries of them that were not read.
func (r *Result) FactsOf(c *Chassis) audit.Chassis {
	missing := c.Err != nil || c.Listed.Cut || c.Listed.Changed || c.Listed.Unreadable > 0 || c.Listed.Lacks != ""
	return audit.Chassis{Name: c.Name, Zones: c.Zones, Partial: missing || r.Unfinished > 0}
}

// SharedZones returns the owners of a node's zones that have several.
func SharedZones(ctx context.Context, sb *ovn.SB, info *node.Info) (map[uint16][]audit.SharedOwner, error) {
	out := map[uint16][]audit.SharedOwner{}
	for zone, keys := range info.SharedZones {
		for _, key := range keys {
			named, err := sb.NameZones(ctx, map[uint16]string{zone: key})
			if err != nil {
				return nil, err
			}
			out[zone] = append(out[zone], audit.SharedOwner{Key: key, Name: named[zone]})
		}
	}
	return out, nil
}

// Unread is what a chassis does not say of its tables, and why.
type Unread struct{ Chassis, Text string }

// FillTables asks the chassis, whose facts are in the same order, how full their tables are, and
// returns what it could not learn. Chassis that were not reached before, without zones, are not
// asked.
func FillTables(ctx context.Context, nodes Nodes, rows []*ovn.Chassis, facts []audit.Chassis) []Unread {
	unknown := make([][]string, len(rows)) // of each chassis
	some := make([]*Chassis, len(rows))
	each(some, func(i int, _ *Chassis) {
		if facts[i].Zones == nil {
			return
		}
		h, err := health(ctx, nodes, rows[i])
		if err != nil {
			unknown[i] = []string{err.Error()}
			return
		}
		unknown[i] = h.Unknown
		facts[i].Count, facts[i].Max, facts[i].Limits = h.Conntrack.Count, h.Conntrack.Max, h.Conntrack.Limits
		facts[i].Together = h.Conntrack.Together
	})
	var out []Unread
	for i, texts := range unknown {
		for _, text := range texts {
			out = append(out, Unread{rows[i].Name, text})
		}
	}
	return out
}

// health asks a chassis for its counters.
func health(ctx context.Context, nodes Nodes, row *ovn.Chassis) (*node.Health, error) {
	n, err := nodes.Node(ctx, row)
	if err != nil {
		return nil, err
	}
	e, ok := n.(node.Examiner)
	if !ok {
		return nil, fmt.Errorf("chassis %s: its node cannot be asked for counters: %w", row.Name, errors.ErrUnsupported)
	}
	return e.Health(ctx)
}
