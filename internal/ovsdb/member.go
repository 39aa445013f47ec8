package ovsdb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// databases selects a server's description of its databases (ovsdb-server(5), table
// _Server.Database).
var databases = From("Database", "name", "model", "connected", "leader")

// checkMember checks, by the reply to the question for databases, that the server serves the
// database, and that a cluster's member is connected
// to its cluster and, with LeaderOnly, leads it (ovsdb_cs_check_server_db of lib/ovsdb-cs.c). A
// server older than OVS 2.8 has no _Server database, and no clusters.
func (db *DB) checkMember(ctx context.Context, c *conn, reply message) error {
	raw, err := reply.outcome("transact")
	var rows [][]*Row
	if err == nil {
		rows, err = rowsOf(raw, 1)
	}
	if err != nil {
		return db.checkListed(ctx, c, err)
	}
	var names []string
	for _, row := range rows[0] {
		if names = append(names, row.Str("name")); row.Str("name") != db.opt.Database {
			continue
		}
		switch model := row.Str("model"); {
		case model == "standalone" || row.Err() != nil:
			return row.Err()
		case !row.Bool("connected"):
			return ErrNotConnected
		case model == "clustered" && db.opt.LeaderOnly && !row.Bool("leader"):
			return ErrNotLeader
		}
		return nil
	}
	return noDatabase(names)
}

// checkListed is checkMember for a server that refused to read _Server.
func (db *DB) checkListed(ctx context.Context, c *conn, refusal error) error {
	if ctx.Err() != nil || !c.alive() {
		return refusal
	}
	raw, err := c.call(ctx, "list_dbs", []any{}, nil)
	if err != nil {
		return err
	}
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		return fmt.Errorf("list_dbs: %w", err)
	}
	switch {
	case !slices.Contains(names, db.opt.Database):
		return noDatabase(names)
	case slices.Contains(names, "_Server"):
		return fmt.Errorf("select _Server: %w", refusal)
	}
	return nil
}

func noDatabase(names []string) error {
	slices.Sort(names)
	return fmt.Errorf("%w (it serves %s)", ErrNoDatabase, strings.Join(names, ", "))
}
