package ovn

import (
	"context"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// PortNames returns the names of logical ports, of switches and routers, whose name is spec, or
// whose UUID in the Northbound database begins with spec.
func (n *NB) PortNames(ctx context.Context, spec string) ([]string, error) {
	var out []string
	for _, table := range []string{"Logical_Switch_Port", "Logical_Router_Port"} {
		res, err := n.Select(ctx, ovsdb.From(table, "name").Equal("name", spec))
		if err != nil {
			return nil, err
		}
		rows := res[0]
		if len(rows) == 0 && isUUIDPrefix(spec) {
			if rows, err = n.RowsByUUIDPrefix(ctx, table, spec, "name"); err != nil {
				return nil, err
			}
		}
		for _, r := range rows {
			out = append(out, r.Str("name"))
		}
	}
	return out, nil
}

// DynamicAddresses returns, by name, the addresses that northd has assigned to the named ports, or
// without names to all ports.
func (n *NB) DynamicAddresses(ctx context.Context, names ...string) (map[string]string, error) {
	lsps := ovsdb.From("Logical_Switch_Port", "name", "dynamic_addresses")
	var qs []ovsdb.Query
	for _, name := range names {
		qs = append(qs, lsps.Equal("name", name))
	}
	if len(names) == 0 {
		qs = []ovsdb.Query{lsps.NotEmpty("dynamic_addresses")}
	}
	res, err := n.Select(ctx, qs...)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, rows := range res {
		for _, r := range rows {
			if a := r.Str("dynamic_addresses"); a != "" {
				out[r.Str("name")] = a
			}
		}
	}
	return out, nil
}

// PortGroup returns the names of the ports of a port group; false if there is no such group.
func (n *NB) PortGroup(ctx context.Context, name string) ([]string, bool, error) {
	res, err := n.Select(ctx, ovsdb.From("Port_Group", "ports").Equal("name", name))
	if err != nil || len(res[0]) == 0 {
		return nil, false, err
	}
	var ports []ovsdb.Query
	for _, u := range res[0][0].Refs("ports") {
		ports = append(ports, ovsdb.From("Logical_Switch_Port", "name").Row(u))
	}
	if res, err = n.Select(ctx, ports...); err != nil {
		return nil, false, err
	}
	var names []string
	for _, rows := range res {
		for _, r := range rows {
			names = append(names, r.Str("name"))
		}
	}
	slices.Sort(names)
	return names, true, nil
}
