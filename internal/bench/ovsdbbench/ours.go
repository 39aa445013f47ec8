package main

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// answering gives each row that answers a question to a function.
type answering func(q question, take func(flow)) error

// ours connects internal/ovsdb.
func ours(ctx context.Context, remote string) (answering, error) {
	db, err := ovsdb.Dial(ctx, ovsdb.Options{Remotes: remote, Database: "OVN_Southbound"})
	if err != nil {
		return nil, err
	}
	return func(q question, take func(flow)) error {
		defer db.Close()
		all := ovsdb.From("Logical_Flow", q.columns...)
		ask := []ovsdb.Query{all}
		switch {
		case q.datapath:
			res, err := db.Select(ctx, ovsdb.From("Datapath_Binding").Equal("tunnel_key", 1))
			if err != nil {
				return err
			}
			ask[0] = all.Equal("logical_datapath", res[0][0].UUID())
		case q.ids > 0:
			ask = ask[:0]
			res, err := db.Select(ctx, ovsdb.From("Logical_Flow").Equal("priority", 1), ovsdb.From("Logical_Flow").Equal("priority", 2))
			if err != nil {
				return err
			}
			for _, r := range append(res[0], res[1]...)[:q.ids] {
				ask = append(ask, all.Row(r.UUID()))
			}
		case len(q.columns) == 0:
			return db.UUIDs(ctx, ask, func(_ int, u ovsdb.UUID) { take(flow{id: u}) })
		}
		return db.Each(ctx, ask, func(_ int, r *ovsdb.Row) error {
			take(flow{id: r.UUID(), pipeline: r.Str("pipeline"), table: int(r.Int("table_id")), prio: int(r.Int("priority")),
				match: r.Str("match"), actions: r.Str("actions"), stage: r.Map("external_ids")["stage-name"]})
			return r.Err()
		})
	}, nil
}
