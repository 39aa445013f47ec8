package main

import (
	"context"
	"fmt"
	"strconv"

	lib "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// datapaths is how many switches share the logical flows.
const datapaths = 100

// fill writes rows logical flows into an empty Southbound database.
func fill(ctx context.Context, remote string, rows int) error {
	c, err := dial(ctx, remote)
	if err != nil {
		return err
	}
	defer c.Close()
	for dp := range datapaths {
		name := "sw" + strconv.Itoa(dp)
		ops := []lib.Operation{{Op: lib.OperationInsert, Table: "Datapath_Binding", UUIDName: "dp",
			Row: lib.Row{"tunnel_key": dp + 1, "external_ids": pairs("name", name)}}}
		for i := range rows / datapaths {
			ops = append(ops, lib.Operation{Op: lib.OperationInsert, Table: "Logical_Flow", Row: lib.Row{
				"logical_datapath": lib.UUID{GoUUID: "dp"}, "pipeline": []string{"ingress", "egress"}[i%2], "table_id": i % 30, "priority": i,
				"match":        fmt.Sprintf(`outport == "%s-p%d" && ip4 && ip4.src == {10.0.%d.%d, 10.1.0.0/16} && tcp.dst == 80`, name, i, dp, i%250),
				"actions":      fmt.Sprintf("reg0[%d] = 1; next;", i%32),
				"external_ids": pairs("source", "northd.c:"+strconv.Itoa(i), "stage-name", "ls_in_acl_eval", "stage-hint", fmt.Sprintf("%08x", i)),
			}})
		}
		if _, err := transact(ctx, c, ops...); err != nil {
			return err
		}
	}
	return nil
}

// pairs is a map of strings.
func pairs(keysAndValues ...string) lib.OvsMap {
	m := map[any]any{}
	for i := 0; i < len(keysAndValues); i += 2 {
		m[keysAndValues[i]] = keysAndValues[i+1]
	}
	return lib.OvsMap{GoMap: m}
}
