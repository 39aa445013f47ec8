package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/model"
	lib "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// dial connects libovsdb's client with a model of no tables: it reads the schema, and monitors
// nothing.
func dial(ctx context.Context, remote string) (client.Client, error) {
	none, err := model.NewClientDBModel("OVN_Southbound", map[string]model.Model{})
	if err != nil {
		return nil, err
	}
	c, err := client.NewOVSDBClient(none, client.WithEndpoint(remote))
	if err != nil {
		return nil, err
	}
	return c, c.Connect(ctx)
}

// libovsdb connects libovsdb's client.
func libovsdb(ctx context.Context, remote string) (answering, error) {
	c, err := dial(ctx, remote)
	if err != nil {
		return nil, err
	}
	return func(q question, take func(flow)) error {
		defer c.Close()
		all := selects(append([]string{"_uuid"}, q.columns...))
		ask := []lib.Operation{all}
		switch {
		case q.datapath:
			ids, err := uuids(ctx, c, lib.Operation{Op: lib.OperationSelect, Table: "Datapath_Binding", Columns: []string{"_uuid"},
				Where: []lib.Condition{lib.NewCondition("tunnel_key", lib.ConditionEqual, 1)}})
			if err != nil {
				return err
			}
			ask[0].Where = []lib.Condition{lib.NewCondition("logical_datapath", lib.ConditionEqual, ids[0])}
		case q.ids > 0:
			ask = ask[:0]
			var found []lib.Operation
			for priority := 1; priority <= 2; priority++ {
				op := selects([]string{"_uuid"})
				op.Where = []lib.Condition{lib.NewCondition("priority", lib.ConditionEqual, priority)}
				found = append(found, op)
			}
			ids, err := uuids(ctx, c, found...)
			if err != nil {
				return err
			}
			for _, u := range ids[:q.ids] {
				op := all
				op.Where = []lib.Condition{lib.NewCondition("_uuid", lib.ConditionEqual, u)}
				ask = append(ask, op)
			}
		}
		res, err := transact(ctx, c, ask...)
		if err != nil {
			return err
		}
		for _, r := range res {
			for _, row := range r.Rows {
				f, err := read(row)
				if err != nil {
					return err
				}
				take(f)
			}
		}
		return nil
	}, nil
}

func selects(columns []string) lib.Operation {
	return lib.Operation{Op: lib.OperationSelect, Table: "Logical_Flow", Columns: columns}
}

func transact(ctx context.Context, c client.Client, ops ...lib.Operation) ([]lib.OperationResult, error) {
	res, err := c.Transact(ctx, ops...)
	if err != nil {
		return nil, err
	}
	_, err = lib.CheckOperationResults(res, ops)
	return res, err
}

func uuids(ctx context.Context, c client.Client, ops ...lib.Operation) ([]lib.UUID, error) {
	res, err := transact(ctx, c, ops...)
	if err != nil {
		return nil, err
	}
	var out []lib.UUID
	for _, r := range res {
		for _, row := range r.Rows {
			u, ok := row["_uuid"].(lib.UUID)
			if !ok {
				return nil, fmt.Errorf("_uuid is %v", row["_uuid"])
			}
			out = append(out, u)
		}
	}
	return out, nil
}

// read is the same work as ours does: a row as a caller wants it, with its cells' types checked.
func read(row lib.Row) (f flow, err error) {
	id, ok := row["_uuid"].(lib.UUID)
	if !ok {
		return f, errors.New("no _uuid")
	}
	if _, err := hex.Decode(f.id[:], []byte(strings.ReplaceAll(id.GoUUID, "-", ""))); err != nil {
		return f, err
	}
	for column, to := range map[string]*string{"pipeline": &f.pipeline, "match": &f.match, "actions": &f.actions} {
		if v, there := row[column]; there {
			if *to, ok = v.(string); !ok {
				return f, fmt.Errorf("%s is %v", column, v)
			}
		}
	}
	for column, to := range map[string]*int{"table_id": &f.table, "priority": &f.prio} {
		if v, there := row[column]; there {
			n, ok := v.(float64)
			if !ok {
				return f, fmt.Errorf("%s is %v", column, v)
			}
			*to = int(n)
		}
	}
	if v, there := row["external_ids"]; there {
		m, ok := v.(lib.OvsMap)
		if !ok {
			return f, fmt.Errorf("external_ids is %v", v)
		}
		f.stage, _ = m.GoMap["stage-name"].(string)
	}
	return f, nil
}
