// Package nbrow describes rows of the Northbound database that an inventory has, as reports name
// them.
package nbrow

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// VIP returns the row of a VIP's load balancer, with this VIP.
func VIP(v *inventory.VIP) *report.NB {
	b := v.Balancer
	vip := v.Text
	if v.Addr.Port() != 0 {
		vip += "/" + packet.ProtoName(b.Protocol)
	}
	return &report.NB{Table: "Load_Balancer", UUID: b.UUID.String(), Name: b.Name, Summary: vip + " => " + Backends(v)}
}

// Backends lists the backends of a VIP, with what health checks say.
func Backends(v *inventory.VIP) string {
	if len(v.Backends) == 0 {
		return "none"
	}
	var out []string
	for _, b := range v.Backends {
		s := b.Addr.String()
		if b.Addr.Port() == 0 {
			s = b.Addr.Addr().String()
		}
		if b.Status != "" {
			s += " (" + b.Status + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// NAT returns the row of a NAT rule; nil for no rule.
func NAT(n *inventory.NAT) *report.NB {
	if n == nil {
		return nil
	}
	return &report.NB{Table: "NAT", UUID: n.UUID.String(), Summary: NATText(n) + " (on router " + n.Router.Name + ")"}
}

// NATText returns a rule on one line: "snat 10.0.0.0/24 => 172.16.0.1".
func NATText(n *inventory.NAT) string {
	ext, in := n.External.String(), inventory.PrefixText(n.Logical)
	if n.PortRange != "" {
		ext += ":" + n.PortRange
	}
	var s string
	switch n.Type {
	case "snat":
		s = "snat " + in + " => " + ext
	case "dnat":
		s = "dnat " + ext + " => " + in
	default:
		s = n.Type + " " + ext + " <=> " + in
	}
	if n.LogicalPort != "" {
		s += ", distributed at " + n.LogicalPort
	}
	if n.Match != "" {
		s += ", if " + n.Match
	}
	return s
}

// Router returns the row of a router.
func Router(r *inventory.Router) *report.NB {
	return &report.NB{Table: "Logical_Router", UUID: r.UUID.String(), Name: r.Name, Summary: "router " + r.Name}
}
