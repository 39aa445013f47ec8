package ovn

import (
	"regexp"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// What leaves a deployment in a bundle is named here: tables, columns, and the keys of columns that
// hold whatever somebody puts there. Anything else stays.

// localColumns are the columns of Open vSwitch's database that a chassis is rebuilt from. Tables of
// certificates, managers and controllers are not among them.
var localColumns = map[string][]string{
	"Open_vSwitch": {"bridges", "cur_cfg", "next_cfg", "datapaths", "datapath_types", "iface_types", "db_version", "ovs_version",
		"system_type", "system_version", "external_ids", "other_config"},
	"Bridge": {"name", "datapath_type", "datapath_id", "datapath_version", "ports", "mirrors", "fail_mode", "protocols", "flood_vlans",
		"mcast_snooping_enable", "stp_enable", "rstp_enable", "external_ids", "other_config"},
	"Port": {"name", "interfaces", "tag", "trunks", "cvlans", "vlan_mode", "bond_mode", "bond_active_slave", "bond_fake_iface",
		"bond_updelay", "bond_downdelay", "lacp", "mac", "protected", "fake_bridge", "external_ids", "other_config"},
	"Interface": {"name", "type", "ofport", "ofport_request", "options", "bfd", "bfd_status", "mac", "mac_in_use", "mtu_request", "external_ids"},
	"Mirror":    {"name", "select_all", "select_src_port", "select_dst_port", "select_vlan", "output_port", "output_vlan", "snaplen"},
	"Datapath":  {"datapath_version", "ct_zones", "ct_zone_default_limit", "capabilities"},
	"CT_Zone":   {"timeout_policy", "limit"}, "CT_Timeout_Policy": {"timeouts"},
}

// liveColumns are those of localColumns that no database's file has.
var liveColumns = []string{"Interface.bfd_status", "Interface.mac_in_use"}

// portableKeys are the keys that are taken of columns that hold any keys: a name, or with * at its
// end what names begin with. Columns with maps that are not here are OVN's or Open vSwitch's own
// settings, of which all keys are taken.
var portableKeys = map[string][]string{
	"Open_vSwitch.external_ids": {"system-id", "hostname", "rundir", "ovn-*"},
	"Open_vSwitch.other_config": {"vlan-limit", "hw-offload", "tc-policy", "dpdk-init", "userspace-tso-enable", "bundle-idle-timeout", "max-idle", "flow-limit"},
	"Bridge.external_ids":       {"bridge-id", "ct-zone-*", "ovn-*"},
	"Bridge.other_config":       {"hwaddr", "forward-bpdu", "mac-*", "mcast-snooping-*", "disable-in-band", "datapath-id", "flow-eviction-threshold"},
	"Port.external_ids":         {"ovn-*"},
	"Port.other_config":         {"priority-tags", "qinq-ethtype", "lb-output*", "bond-*", "lacp-*"},
	"Interface.external_ids":    {"iface-id", "iface-id-ver", "iface-status", "attached-mac", "vm-id", "vm-uuid", "sandbox", "ip_addresses", "ovn-*", "encap-ip"},
	"Interface.options": {"remote_ip", "local_ip", "key", "in_key", "out_key", "dst_port", "csum", "peer", "tos", "ttl", "df_default", "packet_type",
		"egress_pkt_mark", "exts", "erspan_*", "seq", "pmd-rxq-affinity", "n_rxq", "psk"},
	"Interface.bfd": {"enable", "min_*", "mult", "forwarding_if_rx", "decay_min_rx", "cpath_down", "check_tnl_key", "bfd_*"},

	"Chassis.external_ids": {"ovn-*", "is-*", "iface-types", "datapath-type", "port-up-notif"}, "Chassis_Private.external_ids": {"ovn-*"},
	"external_ids": {"stage-name", "stage-hint", "source", "name", "name2", "logical-switch", "logical-router", "interconn-ts", "lb_id", "pod", "namespace",
		"node", "ovn-*", "k8s.ovn.org/*", "neutron:*", "direction", "gress-index", "ip-family", "default-deny-policy-type", "port-name", "vif-plugging"},
}

// secretKey recognises the names of keys that must not leave, whatever column they are in.
var secretKey = regexp.MustCompile(`(?i)passw|passphrase|secret|psk|token|credential|private|cert|api[-_.]?key|auth[-_.]?key|bearer`)

// hidden stands in for a secret of which only the presence counts: that of a tunnel's key.
const hidden = "***"

// Portable returns what is taken of a database: OVN_Southbound, OVN_Northbound or Open_vSwitch.
func Portable(database string) ovsdb.Selection {
	if database != OpenVSwitch {
		return ovsdb.Selection{Table: func(table string) bool { return Readable(database, table) }, Pair: portablePair}
	}
	return ovsdb.Selection{
		Table:  func(table string) bool { return localColumns[table] != nil },
		Column: func(table, column string) bool { return slices.Contains(localColumns[table], column) },
		Live:   func(table, column string) bool { return slices.Contains(liveColumns, table+"."+column) },
		Pair:   portablePair,
	}
}

// portablePair returns the value with which a pair leaves, and whether it does.
func portablePair(table, column, key, value string) (string, bool) {
	if table == "Interface" && column == "options" && key == "psk" {
		return hidden, true
	}
	if secretKey.MatchString(key) {
		return "", false
	}
	keys, listed := portableKeys[table+"."+column]
	if !listed {
		if keys, listed = portableKeys[column]; !listed {
			return value, true
		}
	}
	return value, slices.ContainsFunc(keys, func(k string) bool {
		begin, open := strings.CutSuffix(k, "*")
		return k == key || open && strings.HasPrefix(key, begin)
	})
}
