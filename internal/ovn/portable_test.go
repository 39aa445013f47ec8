package ovn

import (
	"slices"
	"testing"
)

// Secrets do not leave, whatever column they are in; what a trace needs does.
func TestPortablePair(t *testing.T) {
	for _, c := range []struct {
		table, column, key string
		want               string // empty: it stays
	}{
		{"Open_vSwitch", "external_ids", "system-id", "v"},
		{"Open_vSwitch", "external_ids", "ovn-bridge-mappings", "v"},
		{"Open_vSwitch", "external_ids", "ovn-api-token", ""},
		{"Open_vSwitch", "external_ids", "site-note", ""},
		{"Open_vSwitch", "other_config", "private_key", ""},
		{"Bridge", "external_ids", "ct-zone-sw0-p1", "v"},
		{"Bridge", "other_config", "rabbit-password", ""},
		{"Interface", "options", "remote_ip", "v"},
		{"Interface", "options", "psk", "***"},
		{"Interface", "options", "remote_cert", ""},
		{"Interface", "external_ids", "iface-id", "v"},
		{"Interface", "external_ids", "owner", ""},
		{"Logical_Flow", "external_ids", "stage-hint", "v"},
		{"Logical_Switch_Port", "external_ids", "neutron:port_name", "v"},
		{"Logical_Switch_Port", "external_ids", "neutron:admin_password", ""},
		{"Logical_Switch_Port", "external_ids", "comment", ""},
		{"Logical_Switch_Port", "options", "requested-chassis", "v"},
		{"NB_Global", "options", "ic-auth-token", ""},
		{"Load_Balancer", "vips", "30.0.0.10:80", "v"},
	} {
		got, ok := portablePair(c.table, c.column, c.key, "v")
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s.%s:%s: %q, %v; want %q", c.table, c.column, c.key, got, ok, c.want)
		}
	}
}

// Tables and columns of certificates, managers, controllers and permissions are not taken.
func TestPortableTables(t *testing.T) {
	for _, db := range []string{Southbound, Northbound, OpenVSwitch} {
		sel := Portable(db)
		for _, table := range []string{"SSL", "Connection", "RBAC_Role", "RBAC_Permission", "Manager", "Controller", "IPFIX", "sFlow", "NetFlow", "AutoAttach"} {
			if sel.Table(table) {
				t.Errorf("%s: table %s is taken", db, table)
			}
		}
	}
	sel := Portable(OpenVSwitch)
	for _, at := range [][2]string{{"Open_vSwitch", "ssl"}, {"Open_vSwitch", "manager_options"}, {"Bridge", "controller"}, {"Interface", "lldp"}} {
		if sel.Column(at[0], at[1]) {
			t.Errorf("column %s of %s is taken", at[1], at[0])
		}
	}
	if !sel.Table("Bridge") || !sel.Column("Bridge", "ports") || !slices.Contains(liveColumns, "Interface.mac_in_use") {
		t.Error("a bridge's ports are not taken")
	}
}
