package replica

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// stateless are the tables of the Southbound database that State does not read. On those but the
// first no trace depends: what they say reaches a chassis as flows, or it explains them, or it is
// about daemons.
var stateless = []string{
	"Port_Binding", // Settle has read the versions of its rows
	"Logical_Flow", "Logical_DP_Group", "Port_Group", "Address_Set", "DNS", "DHCP_Options", "DHCPv6_Options", "Meter", "Meter_Band",
	"SB_Global", "Chassis_Private", "Connection", "SSL", "RBAC_Role", "RBAC_Permission", "Controller_Event",
}

// State returns a digest of what a trace in the copy depends on, but for flows and conntrack
// entries: rows of the databases, and the ports of the copied Open vSwitches. It is to be called when
// the daemons have settled.
func (r *Replica) State(ctx context.Context) (string, error) {
	var text strings.Builder
	// Of SB_Global only what decides: nb_cfg and its time change with every configuration.
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
	text.WriteString(r.settled.versions)
	for i, table := range tables {
		list(&text, table, rows[i+1], version)
	}
	// By a rule's external MAC address the chassis is found that takes a packet of a provider network.
	rules, err := r.nb.Select(ctx, ovsdb.From("NAT", "_version"))
	if err != nil {
		return "", err
	}
	list(&text, "NAT", rules[0], version)
	for _, name := range slices.Sorted(maps.Keys(r.chassis)) {
		fmt.Fprintln(&text, name)
		if err := r.chassis[name].state(ctx, &text); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%x", sha256.Sum256([]byte(text.String()))), nil
}

// version changes with every change of a row.
func version(row *ovsdb.Row) string { return row.Ref("_version").String() }

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
