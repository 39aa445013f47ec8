package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

func itoa(n int) string { return strconv.Itoa(n) }

// nbTable is how the rows of a Northbound table are described.
type nbTable struct {
	columns  []string
	owners   []string // TABLE.COLUMN of the rows that refer to it
	describe func(r *ovsdb.Row) (name, summary string)
}

var nbTables = map[string]nbTable{
	"ACL": {[]string{"name", "direction", "priority", "match", "action", "tier", "label", "log", "severity", "meter", "options"},
		[]string{"Logical_Switch.acls", "Port_Group.acls"}, describeACL},
	"NAT": {[]string{"type", "external_ip", "external_mac", "external_port_range", "logical_ip", "logical_port", "match", "priority",
		"allowed_ext_ips", "exempted_ext_ips", "options"}, []string{"Logical_Router.nat"}, describeNAT},
	"Load_Balancer": {[]string{"name", "vips", "protocol", "options"}, nil, describeLB},
	"Logical_Router_Static_Route": {[]string{"ip_prefix", "nexthop", "output_port", "policy", "route_table", "bfd", "options"},
		[]string{"Logical_Router.static_routes"}, describeRoute},
	"Logical_Router_Policy": {[]string{"priority", "match", "action", "nexthop", "nexthops", "chain", "jump_chain", "options"},
		[]string{"Logical_Router.policies"}, describePolicy},
	"QoS": {[]string{"priority", "direction", "match", "action", "bandwidth"}, []string{"Logical_Switch.qos_rules"}, func(r *ovsdb.Row) (string, string) {
		s := fmt.Sprintf("%s %d %s:", r.Str("direction"), r.Int("priority"), r.Str("match"))
		return "", s + list(r.Map("action"), "=") + list(r.Map("bandwidth"), "=")
	}},
	"DHCP_Options": {[]string{"cidr", "options"}, nil, func(r *ovsdb.Row) (string, string) {
		return "", "DHCP options of " + r.Str("cidr") + ":" + list(r.Map("options"), "=")
	}},
	"Logical_Switch_Port": {[]string{"name", "type", "addresses", "port_security", "enabled", "options"}, []string{"Logical_Switch.ports"}, describeLSP},
	"Logical_Router_Port": {[]string{"name", "mac", "networks", "peer", "enabled"}, []string{"Logical_Router.ports"}, func(r *ovsdb.Row) (string, string) {
		s := "router port " + r.Str("name") + ": " + r.Str("mac") + " " + strings.Join(r.Strs("networks"), " ")
		if enabled := r.Bools("enabled"); len(enabled) > 0 && !enabled[0] {
			s += ", disabled"
		}
		return r.Str("name"), s
	}},
	"Forwarding_Group": {[]string{"name", "vip", "vmac", "liveness", "child_port"}, []string{"Logical_Switch.forwarding_groups"}, func(r *ovsdb.Row) (string, string) {
		return r.Str("name"), fmt.Sprintf("forwarding group %s (%s) to %s", r.Str("vip"), r.Str("vmac"), strings.Join(r.Strs("child_port"), ", "))
	}},
	"Static_MAC_Binding": {[]string{"logical_port", "ip", "mac"}, nil, func(r *ovsdb.Row) (string, string) {
		return "", fmt.Sprintf("static MAC binding: %s is %s at %s", r.Str("ip"), r.Str("mac"), r.Str("logical_port"))
	}},
	"DHCP_Relay":             {[]string{"name", "servers"}, nil, named("DHCP relay", "servers")},
	"Network_Function_Group": {[]string{"name", "mode"}, nil, named("network function group", "mode")},
	"Network_Function":       {[]string{"name"}, nil, named("network function", "")},
	"Mirror":                 {[]string{"name", "filter", "sink", "type"}, nil, named("mirror to", "sink")},
	"Mirror_Rule": {[]string{"match", "action", "priority"}, nil, func(r *ovsdb.Row) (string, string) {
		return "", fmt.Sprintf("mirror rule %d %s: %s", r.Int("priority"), r.Str("match"), r.Str("action"))
	}},
	"Logical_Switch": {[]string{"name"}, nil, named("switch", "")},
	"Logical_Router": {[]string{"name"}, nil, named("router", "")},
	"Port_Group":     {[]string{"name"}, nil, named("port group", "")},
	"Copp":           {[]string{"name"}, nil, named("control plane protection", "")},
	"Meter":          {[]string{"name", "unit"}, nil, named("meter", "unit")},
	"BFD": {[]string{"logical_port", "dst_ip", "status"}, nil, func(r *ovsdb.Row) (string, string) {
		return r.Str("logical_port"), "BFD session with " + r.Str("dst_ip")
	}},
	"DNS":                        {[]string{"records"}, nil, func(r *ovsdb.Row) (string, string) { return "", itoa(len(r.Map("records"))) + " DNS records" }},
	"Load_Balancer_Health_Check": {[]string{"vip"}, nil, func(r *ovsdb.Row) (string, string) { return r.Str("vip"), "health check of " + r.Str("vip") }},
}

// named describes a table whose rows are described by their name alone.
func named(kind, column string) func(r *ovsdb.Row) (string, string) {
	return func(r *ovsdb.Row) (string, string) {
		s := kind + " " + r.Str("name")
		if column != "" && r.Str(column) != "" {
			s += " " + r.Str(column)
		}
		return r.Str("name"), s
	}
}

func list(m map[string]string, sep string) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(" " + k + sep + m[k])
	}
	return b.String()
}

func describeACL(r *ovsdb.Row) (name, summary string) {
	s := fmt.Sprintf("%s %d %s: %s", r.Str("direction"), r.Int("priority"), r.Str("action"), r.Str("match"))
	if t := r.Int("tier"); t != 0 {
		s += fmt.Sprintf(", tier %d", t)
	}
	if l := r.Int("label"); l != 0 {
		s += fmt.Sprintf(", label %d", l)
	}
	if r.Bool("log") {
		s += ", logged"
	}
	if m := r.Str("meter"); m != "" {
		s += ", meter " + m
	}
	return r.Str("name"), s
}

func describeNAT(r *ovsdb.Row) (name, summary string) {
	kind, ext, in := r.Str("type"), r.Str("external_ip"), r.Str("logical_ip")
	if p := r.Str("external_port_range"); p != "" {
		ext += ":" + p
	}
	var s string
	switch kind {
	case "snat":
		s = "snat " + in + " => " + ext
	case "dnat":
		s = "dnat " + ext + " => " + in
	default:
		s = kind + " " + ext + " <=> " + in
	}
	if p := r.Str("logical_port"); p != "" {
		s += ", distributed at " + p + " (" + r.Str("external_mac") + ")"
	}
	if m := r.Str("match"); m != "" {
		s += fmt.Sprintf(", if %s (priority %d)", m, r.Int("priority"))
	}
	if !r.Ref("allowed_ext_ips").IsZero() {
		s += ", only for an allowed address set"
	}
	if !r.Ref("exempted_ext_ips").IsZero() {
		s += ", not for an exempted address set"
	}
	if r.Map("options")["stateless"] == "true" {
		s += ", stateless"
	}
	return "", s
}

// describeLB puts one VIP on each line; lbSummary picks the one that a flow is about.
func describeLB(r *ovsdb.Row) (name, summary string) {
	proto := r.Str("protocol")
	var lines []string
	for vip, backends := range r.Map("vips") {
		line := vip
		if _, hasPort := splitVIP(vip); hasPort != "" {
			line += "/" + cmpOr(proto, "tcp")
		}
		if backends == "" {
			backends = "no backends"
		}
		lines = append(lines, line+" => "+backends)
	}
	slices.Sort(lines)
	return r.Str("name"), strings.Join(lines, "\n")
}

func cmpOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// splitVIP cuts IP:PORT, [IP6]:PORT, and names of templates (^NAME:PORT).
func splitVIP(vip string) (addr, port string) {
	if strings.HasPrefix(vip, "[") {
		addr, port, _ = strings.Cut(vip[1:], "]")
		return addr, strings.TrimPrefix(port, ":")
	}
	if strings.Count(vip, ":") == 1 {
		addr, port, _ = strings.Cut(vip, ":")
		return addr, port
	}
	return vip, ""
}

// lbSummary keeps the VIP whose address and port occur in the flow's match or actions, as ip4.dst
// and tcp.dst or in the registers that hold them.
func lbSummary(lines string, f *LogicalFlow) string {
	vips := strings.Split(lines, "\n")
	if len(vips) == 1 {
		return lines
	}
	in := map[string]bool{}
	for _, w := range words(f.Match + " " + strings.NewReplacer(";", " ", "=", " ").Replace(f.Actions)) {
		in[w] = true
	}
	// A VIP with a port is preferred to one without.
	var exact, address []string
	for _, line := range vips {
		vip, _, _ := strings.Cut(line, " => ")
		vip, _, _ = strings.Cut(vip, "/")
		addr, port := splitVIP(vip)
		switch {
		case !in[addr]:
		case port != "" && in[port]:
			exact = append(exact, line)
		default:
			address = append(address, line)
		}
	}
	switch {
	case len(exact) > 0:
		return strings.Join(first(exact, 3), "; ")
	case len(address) > 0:
		return strings.Join(first(address, 3), "; ")
	}
	return itoa(len(vips)) + " VIPs: " + strings.Join(first(vips, 3), "; ")
}

func describeRoute(r *ovsdb.Row) (name, summary string) {
	s := "route " + r.Str("ip_prefix") + " via " + r.Str("nexthop")
	if p := r.Str("output_port"); p != "" {
		s += " port " + p
	}
	if r.Str("policy") == "src-ip" {
		s += ", by source"
	}
	if t := r.Str("route_table"); t != "" {
		s += ", table " + t
	}
	if r.Map("options")["ecmp_symmetric_reply"] == "true" {
		s += ", symmetric reply"
	}
	if !r.Ref("bfd").IsZero() {
		s += ", watched by BFD"
	}
	return "", s
}

func describePolicy(r *ovsdb.Row) (name, summary string) {
	s := fmt.Sprintf("policy %d %s: %s", r.Int("priority"), r.Str("match"), r.Str("action"))
	hops := r.Strs("nexthops")
	if len(hops) == 0 {
		hops = r.Strs("nexthop")
	}
	if len(hops) > 0 {
		s += " to " + strings.Join(hops, ", ")
	}
	if c := r.Str("jump_chain"); c != "" {
		s += " to chain " + c
	}
	return r.Str("chain"), s
}

func describeLSP(r *ovsdb.Row) (name, summary string) {
	s := "port " + r.Str("name")
	if t := r.Str("type"); t != "" {
		s += " (" + t + ")"
	}
	if a := r.Strs("addresses"); len(a) > 0 {
		s += ": " + strings.Join(first(a, 4), ", ")
	}
	if p := r.Strs("port_security"); len(p) > 0 {
		s += "; port security: " + strings.Join(first(p, 4), ", ")
	}
	if enabled := r.Bools("enabled"); len(enabled) > 0 && !enabled[0] {
		s += "; disabled"
	}
	return r.Str("name"), s
}
