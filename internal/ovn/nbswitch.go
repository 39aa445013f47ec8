package ovn

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// SwitchRow is a Logical_Switch row.
type SwitchRow struct {
	UUID      ovsdb.UUID
	Name      string
	Ports     []ovsdb.UUID
	Balancers []ovsdb.UUID
	Groups    []ovsdb.UUID // Load_Balancer_Group
}

// SwitchPortRow is a Logical_Switch_Port row.
type SwitchPortRow struct {
	UUID       ovsdb.UUID
	Name       string
	Type       string // as in the database; empty for a VIF
	Addrs      []Addr // dynamic addresses included
	Unknown    bool   // the port also takes packets for unknown MAC addresses
	RouterPort string // options:router-port of a port of type router
	Enabled    bool
	Workload   string // "pod NAMESPACE/NAME" or "server ID", if external_ids say so
	VirtualIP  string // options:virtual-ip of a virtual port
	Localnet   string // options:network_name
}

var (
	switchRows     = ovsdb.From("Logical_Switch", "name", "ports", "load_balancer", "load_balancer_group")
	switchPortRows = ovsdb.From("Logical_Switch_Port", "name", "type", "addresses", "dynamic_addresses", "options", "enabled", "external_ids")
)

func switchRow(r *ovsdb.Row) SwitchRow {
	return SwitchRow{UUID: r.UUID(), Name: r.Str("name"), Ports: r.Refs("ports"),
		Balancers: r.Refs("load_balancer"), Groups: r.Refs("load_balancer_group")}
}

func switchPortRow(r *ovsdb.Row) SwitchPortRow {
	entries, options := r.Strs("addresses"), r.Map("options")
	if given := r.Str("dynamic_addresses"); given != "" && isDynamic(entries) {
		entries = settled(entries, given)
	}
	return SwitchPortRow{UUID: r.UUID(), Name: r.Str("name"), Type: r.Str("type"), Addrs: parseAddrs(entries),
		Unknown: slices.Contains(entries, "unknown"), RouterPort: options["router-port"], Enabled: enabled(r),
		Workload: workload(r.Str("name"), r.Map("external_ids")), VirtualIP: options["virtual-ip"], Localnet: options["network_name"]}
}

// enabled reports whether the optional column enabled is not false.
func enabled(r *ovsdb.Row) bool {
	e := r.Bools("enabled")
	return len(e) == 0 || e[0]
}

// workload names the pod or server behind a port of that name, by the external_ids that
// ovn-kubernetes, Kube-OVN and Neutron set.
func workload(port string, ids map[string]string) string {
	if pod, namespace := ids["pod"], ids["namespace"]; pod != "" && pod != "true" {
		return "pod " + pod
	} else if n := len(namespace); pod == "true" && len(port) > n+1 && port[:n] == namespace && port[n] == '_' {
		return "pod " + namespace + "/" + port[n+1:]
	}
	if id := ids["neutron:device_id"]; id != "" {
		return "server " + id
	}
	return ""
}
