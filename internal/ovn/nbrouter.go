package ovn

import (
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// RouterRow is a Logical_Router row.
type RouterRow struct {
	UUID      ovsdb.UUID
	Name      string
	Options   map[string]string
	Ports     []ovsdb.UUID
	NATs      []ovsdb.UUID
	Balancers []ovsdb.UUID
	Groups    []ovsdb.UUID // Load_Balancer_Group
	Routes    []ovsdb.UUID
	Policies  []ovsdb.UUID
}

// RouterPortRow is a Logical_Router_Port row.
type RouterPortRow struct {
	UUID     ovsdb.UUID
	Name     string
	MAC      string         // lower case
	Networks []netip.Prefix // addresses with their networks' lengths
	Gateways []ovsdb.UUID   // Gateway_Chassis
	HAGroup  ovsdb.UUID     // HA_Chassis_Group
	Options  map[string]string
	Peer     string // a port of another router; empty for one that a switch port is attached to
}

// RouteRow is a Logical_Router_Static_Route row.
type RouteRow struct {
	UUID       ovsdb.UUID
	Prefix     netip.Prefix // invalid if the text is not an address or network
	NextHop    string       // an address, "discard", or empty: the output port's network
	OutputPort string
	Policy     string // "dst-ip" (also if empty) or "src-ip"
	Table      string // route_table
}

// PolicyRow is a Logical_Router_Policy row.
type PolicyRow struct {
	UUID     ovsdb.UUID
	Priority int64
	Match    string
	Action   string
	NextHops []string
}

// GatewayRow is a Gateway_Chassis or HA_Chassis row.
type GatewayRow struct {
	UUID     ovsdb.UUID
	Chassis  string // chassis_name
	Priority int64
}

// HAGroupRow is an HA_Chassis_Group row.
type HAGroupRow struct {
	UUID    ovsdb.UUID
	Members []ovsdb.UUID // HA_Chassis
}

var (
	routerRows = ovsdb.From("Logical_Router", "name", "options", "ports", "nat", "load_balancer", "load_balancer_group",
		"static_routes", "policies")
	routerPortRows = ovsdb.From("Logical_Router_Port", "name", "mac", "networks", "gateway_chassis", "ha_chassis_group", "options", "peer")
	routeRows      = ovsdb.From("Logical_Router_Static_Route", "ip_prefix", "nexthop", "output_port", "policy", "route_table")
	policyRows     = ovsdb.From("Logical_Router_Policy", "priority", "match", "action", "nexthop", "nexthops")
	gatewayRows    = ovsdb.From("Gateway_Chassis", "chassis_name", "priority")
	haChassisRows  = ovsdb.From("HA_Chassis", "chassis_name", "priority")
	haGroupRows    = ovsdb.From("HA_Chassis_Group", "ha_chassis")
)

func routerRow(r *ovsdb.Row) RouterRow {
	return RouterRow{UUID: r.UUID(), Name: r.Str("name"), Options: r.Map("options"), Ports: r.Refs("ports"),
		NATs: r.Refs("nat"), Balancers: r.Refs("load_balancer"), Groups: r.Refs("load_balancer_group"),
		Routes: r.Refs("static_routes"), Policies: r.Refs("policies")}
}

func routerPortRow(r *ovsdb.Row) RouterPortRow {
	p := RouterPortRow{UUID: r.UUID(), Name: r.Str("name"), Gateways: r.Refs("gateway_chassis"), HAGroup: r.Ref("ha_chassis_group"),
		Options: r.Map("options"), Peer: r.Str("peer")}
	for _, a := range parseAddrs([]string{r.Str("mac")}) {
		p.MAC = a.MAC
	}
	for _, text := range r.Strs("networks") {
		if n, ok := parsePrefix(text); ok {
			p.Networks = append(p.Networks, n)
		}
	}
	return p
}

func routeRow(r *ovsdb.Row) RouteRow {
	out := RouteRow{UUID: r.UUID(), NextHop: r.Str("nexthop"), OutputPort: r.Str("output_port"), Policy: r.Str("policy"), Table: r.Str("route_table")}
	out.Prefix, _ = parsePrefix(r.Str("ip_prefix"))
	return out
}

func policyRow(r *ovsdb.Row) PolicyRow {
	hops := r.Strs("nexthops")
	if one := r.Str("nexthop"); len(hops) == 0 && one != "" {
		hops = []string{one}
	}
	return PolicyRow{UUID: r.UUID(), Priority: r.Int("priority"), Match: r.Str("match"), Action: r.Str("action"), NextHops: hops}
}

func gatewayRow(r *ovsdb.Row) GatewayRow {
	return GatewayRow{UUID: r.UUID(), Chassis: r.Str("chassis_name"), Priority: r.Int("priority")}
}

func haGroupRow(r *ovsdb.Row) HAGroupRow {
	return HAGroupRow{UUID: r.UUID(), Members: r.Refs("ha_chassis")}
}
