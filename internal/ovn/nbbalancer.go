package ovn

import (
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// NATRow is a NAT row.
type NATRow struct {
	UUID        ovsdb.UUID
	Type        string       // snat, dnat or dnat_and_snat
	External    netip.Addr   // invalid if the text is not an address
	Logical     netip.Prefix // an address has full length; invalid if the text is neither
	LogicalPort string
	ExternalMAC string // lower case
	PortRange   string // external_port_range: "LOW-HIGH", or empty
	Match       string
	Allowed     ovsdb.UUID // allowed_ext_ips: an Address_Set
	Exempted    ovsdb.UUID // exempted_ext_ips: an Address_Set
	GatewayPort ovsdb.UUID // the Logical_Router_Port that it is applied at
	Stateless   bool       // options:stateless: no conntrack entry
}

// BalancerRow is a Load_Balancer row.
type BalancerRow struct {
	UUID     ovsdb.UUID
	Name     string
	Protocol string            // tcp, udp, sctp; empty: tcp
	VIPs     map[string]string // VIP to the list of backends, both as text
	Options  map[string]string
	Checks   []ovsdb.UUID      // Load_Balancer_Health_Check
	Mappings map[string]string // ip_port_mappings: backend address to "PORT:SOURCE"
}

// BalancerGroupRow is a Load_Balancer_Group row.
type BalancerGroupRow struct {
	UUID      ovsdb.UUID
	Name      string
	Balancers []ovsdb.UUID
}

// HealthCheckRow is a Load_Balancer_Health_Check row.
type HealthCheckRow struct {
	UUID ovsdb.UUID
	VIP  string
}

var (
	natRows = ovsdb.From("NAT", "type", "external_ip", "logical_ip", "logical_port", "external_mac", "external_port_range", "match",
		"allowed_ext_ips", "exempted_ext_ips", "gateway_port", "options")
	balancerRows      = ovsdb.From("Load_Balancer", "name", "protocol", "vips", "options", "health_check", "ip_port_mappings")
	balancerGroupRows = ovsdb.From("Load_Balancer_Group", "name", "load_balancer")
	healthCheckRows   = ovsdb.From("Load_Balancer_Health_Check", "vip")
)

func natRow(r *ovsdb.Row) NATRow {
	n := NATRow{UUID: r.UUID(), Type: r.Str("type"), LogicalPort: r.Str("logical_port"), ExternalMAC: lowerMAC(r.Str("external_mac")),
		PortRange: r.Str("external_port_range"), Match: r.Str("match"), Allowed: r.Ref("allowed_ext_ips"),
		Exempted: r.Ref("exempted_ext_ips"), GatewayPort: r.Ref("gateway_port"), Stateless: r.Map("options")["stateless"] == "true"}
	if ext, ok := parsePrefix(r.Str("external_ip")); ok {
		n.External = ext.Addr().Unmap()
	}
	n.Logical, _ = parsePrefix(r.Str("logical_ip"))
	return n
}

func balancerRow(r *ovsdb.Row) BalancerRow {
	return BalancerRow{UUID: r.UUID(), Name: r.Str("name"), Protocol: r.Str("protocol"), VIPs: r.Map("vips"), Options: r.Map("options"),
		Checks: r.Refs("health_check"), Mappings: r.Map("ip_port_mappings")}
}

func balancerGroupRow(r *ovsdb.Row) BalancerGroupRow {
	return BalancerGroupRow{UUID: r.UUID(), Name: r.Str("name"), Balancers: r.Refs("load_balancer")}
}

func healthCheckRow(r *ovsdb.Row) HealthCheckRow {
	return HealthCheckRow{UUID: r.UUID(), VIP: r.Str("vip")}
}

func lowerMAC(text string) string {
	for _, a := range parseAddrs([]string{text}) {
		return a.MAC
	}
	return ""
}
