package ovn

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// PortBinding is a Port_Binding row.
type PortBinding struct {
	UUID              ovsdb.UUID
	LogicalPort       string
	Type              string // "" for a VIF, else patch, router, localnet, chassisredirect, ...
	Datapath          ovsdb.UUID
	TunnelKey         int64
	Chassis           ovsdb.UUID // where it is bound; zero if it is not
	AdditionalChassis []ovsdb.UUID
	GatewayChassis    []ovsdb.UUID
	HAChassisGroup    ovsdb.UUID
	ParentPort        string // of a container's port
	Tag               int64  // VLAN of a container's port; 0 for none
	VirtualParent     string
	MAC               []string // each "MAC [IP[/LEN]...]", "unknown" or "router"
	PortSecurity      []string
	NATAddresses      []string
	Options           map[string]string
	ExternalIDs       map[string]string
}

// IsVIF reports whether the port is one for a workload.
func (p *PortBinding) IsVIF() bool {
	return p.Type == "" || p.Type == "virtual" || p.Type == "localport"
}

// Peer returns the logical port at the other end of a patch port (options:peer).
func (p *PortBinding) Peer() string { return p.Options["peer"] }

// Addrs returns the addresses of the mac column, without words such as "unknown".
func (p *PortBinding) Addrs() []Addr { return parseAddrs(p.MAC) }

// HasIP reports whether an IP address is one of the port's own.
func (p *PortBinding) HasIP(ip netip.Addr) bool {
	return slices.ContainsFunc(p.Addrs(), func(a Addr) bool { return a.has(ip) })
}

// HasUnknown reports whether the port receives packets for unknown MAC addresses.
func (p *PortBinding) HasUnknown() bool { return slices.Contains(p.MAC, "unknown") }

var portBindings = ovsdb.From("Port_Binding", "logical_port", "type", "datapath", "tunnel_key", "chassis", "additional_chassis",
	"gateway_chassis", "ha_chassis_group", "parent_port", "tag", "virtual_parent", "mac", "port_security", "nat_addresses",
	"options", "external_ids")

func portBinding(r *ovsdb.Row) *PortBinding {
	return &PortBinding{
		UUID: r.UUID(), LogicalPort: r.Str("logical_port"), Type: r.Str("type"), Datapath: r.Ref("datapath"),
		TunnelKey: r.Int("tunnel_key"), Chassis: r.Ref("chassis"), AdditionalChassis: r.Refs("additional_chassis"),
		GatewayChassis: r.Refs("gateway_chassis"), HAChassisGroup: r.Ref("ha_chassis_group"), ParentPort: r.Str("parent_port"),
		Tag: r.Int("tag"), VirtualParent: r.Str("virtual_parent"), MAC: r.Strs("mac"), PortSecurity: r.Strs("port_security"),
		NATAddresses: r.Strs("nat_addresses"), Options: r.Map("options"), ExternalIDs: r.Map("external_ids"),
	}
}

// ports selects the port bindings that match any of the alternatives.
func (s *SB) ports(ctx context.Context, alternatives ...ovsdb.Query) ([]*PortBinding, error) {
	if len(alternatives) == 0 {
		return nil, nil
	}
	res, err := s.Select(ctx, alternatives...)
	if err != nil {
		return nil, err
	}
	seen := map[ovsdb.UUID]bool{}
	var out []*PortBinding
	for _, rows := range res {
		for _, r := range rows {
			p := portBinding(r)
			if err := r.Err(); err != nil {
				return nil, s.Malformed("Port_Binding", err)
			}
			if !seen[p.UUID] {
				seen[p.UUID] = true
				out = append(out, p)
			}
		}
	}
	slices.SortFunc(out, func(a, b *PortBinding) int { return strings.Compare(a.LogicalPort, b.LogicalPort) })
	return out, s.settleDynamic(ctx, out)
}
