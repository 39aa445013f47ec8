package whatif

import (
	"context"
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/gather"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
)

// read reads the nodes and their entries.
func (t *task) read(ctx context.Context) error {
	t.Say("reading the live connections")
	res, err := gather.Read(ctx, gather.OneZone(t.live.SB), t.live.Nodes, t.Chassis, gather.Request{Limit: t.Limit, MaxDump: t.MaxDump})
	if err != nil {
		return err
	}
	defer res.Release()
	for _, c := range res.Chassis {
		if c.Err != nil {
			return c.Err
		}
		t.lacks[c.Name] = missing(&c.Listed)
		t.out.Chassis = append(t.out.Chassis, c.Name)
	}
	t.out.Warnings = append(t.out.Warnings, publish.Listed(res).Warnings...)
	for _, row := range t.Chassis {
		n, err := t.live.Nodes.Node(ctx, row)
		if err != nil {
			return err
		}
		if t.infos[row.Name], err = n.Info(ctx); err != nil { // with its ports, which a copy has too
			return err
		}
		if e, ok := n.(node.Examiner); ok && t.infos[row.Name].Datapath == "system" {
			if t.health[row.Name], err = e.Health(ctx); err != nil {
				t.warn("the conntrack settings of %s are taken to be the usual ones: %v", row.Name, err)
			}
		}
	}
	t.out.Versions = publish.New(t.infos).Versions
	for c := range res.Connections() {
		for _, leg := range c.Legs {
			t.entries[leg.Chassis] = append(t.entries[leg.Chassis], leg.Entry)
		}
		switch {
		case t.NoConnections:
		case closing(&c):
			t.out.Counts.Closing++
		default:
			c.Legs = slices.Clone(c.Legs)
			t.conns = append(t.conns, &live{conn: c})
		}
	}
	slices.SortFunc(t.conns, func(a, b *live) int { return connection.Compare(a.conn, b.conn) })
	return nil
}

// missing returns why entries are missing in a list; empty if none is known to be.
func missing(l *node.ListResult) string {
	switch {
	case l.Cut:
		return "it has more entries than --limit allows"
	case l.Unreadable > 0:
		return fmt.Sprintf("%d of its entries could not be read", l.Unreadable)
	}
	return l.Lacks
}
