package audit

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// backends lists the backends of a VIP, with what health checks say.
func backends(v *inventory.VIP) string {
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

func vipRow(v *inventory.VIP) *report.NB {
	b := v.Balancer
	return &report.NB{Table: "Load_Balancer", UUID: b.UUID.String(), Name: b.Name, Summary: v.Text + " => " + backends(v)}
}

// natText returns a rule on one line: "snat 10.0.0.0/24 => 172.16.0.1".
func natText(n *inventory.NAT) string {
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

// natRow returns the rule's row; nil for no rule.
func natRow(n *inventory.NAT) *report.NB {
	if n == nil {
		return nil
	}
	return &report.NB{Table: "NAT", UUID: n.UUID.String(), Summary: natText(n) + " (on router " + n.Router.Name + ")"}
}

func routerRow(r *inventory.Router) *report.NB {
	return &report.NB{Table: "Logical_Router", UUID: r.UUID.String(), Name: r.Name, Summary: "router " + r.Name}
}
