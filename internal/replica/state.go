package replica

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// stateless are the tables of the Southbound database of which a trace depends on nothing: what
// they say reaches a chassis as flows, or it explains them, or it is about daemons.
var stateless = []string{
	"Logical_Flow", "Logical_DP_Group", "Port_Group", "Address_Set", "DNS", "DHCP_Options", "DHCPv6_Options", "Meter", "Meter_Band",
	"SB_Global", "Chassis_Private", "Connection", "SSL", "RBAC_Role", "RBAC_Permission", "Controller_Event",
}

// State returns as text, for comparison, what a trace in the copy depends on but for flows and
// conntrack entries: rows of the Southbound database, and the ports of the copied Open vSwitches.
func (r *Replica) State(ctx context.Context) (string, error) {
	var text strings.Builder
	// Of a configuration's number and of the time nothing depends.
	queries := []ovsdb.Query{ovsdb.From("SB_Global", "options", "ipsec")}
	tables := slices.DeleteFunc(r.sb.Tables(), func(table string) bool { return slices.Contains(stateless, table) })
	for _, table := range tables {
		queries = append(queries, ovsdb.From(table, "_version"))
	}
	rows, err := r.sb.Select(ctx, queries...)
	if err != nil {
		return "", err
	}
	for _, row := range rows[0] {
		fmt.Fprintln(&text, row.Map("options"), row.Bool("ipsec"))
	}
	for i, table := range tables {
		list(&text, table, rows[i+1], func(row *ovsdb.Row) string { return fmt.Sprint(row.Ref("_version")) })
	}
	for _, name := range slices.Sorted(maps.Keys(r.chassis)) {
		fmt.Fprintln(&text, name)
		if err := r.chassis[name].state(ctx, &text); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}

// state writes the ports of a copied Open vSwitch.
func (c *chassis) state(ctx context.Context, text *strings.Builder) error {
	res, err := c.ovs.Select(ctx, ovsdb.From("Bridge", "name", "ports", "mirrors", "other_config"),
		ovsdb.From("Port", "name", "interfaces", "tag", "trunks", "vlan_mode", "bond_mode"), ovsdb.From("Interface", "name", "type", "options", "ofport"))
	if err != nil {
		return err
	}
	list(text, "Bridge", res[0], func(row *ovsdb.Row) string {
		return fmt.Sprint(row.Str("name"), row.Refs("ports"), row.Refs("mirrors"), row.Map("other_config"))
	})
	list(text, "Port", res[1], func(row *ovsdb.Row) string {
		return fmt.Sprint(row.Str("name"), row.Refs("interfaces"), row.Ints("tag"), row.Ints("trunks"), row.Str("vlan_mode"), row.Str("bond_mode"))
	})
	list(text, "Interface", res[2], func(row *ovsdb.Row) string {
		return fmt.Sprint(row.Str("name"), row.Str("type"), row.Map("options"), row.Ints("ofport"))
	})
	return nil
}

// list writes rows in an order that does not depend on the server.
func list(text *strings.Builder, table string, rows []*ovsdb.Row, of func(*ovsdb.Row) string) {
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = fmt.Sprint(table, " ", row.UUID(), " ", of(row), "\n")
	}
	slices.Sort(lines)
	for _, line := range lines {
		text.WriteString(line)
	}
}
