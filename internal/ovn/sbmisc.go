package ovn

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// MulticastGroup is a Multicast_Group row.
type MulticastGroup struct {
	UUID      ovsdb.UUID
	Datapath  ovsdb.UUID
	Name      string
	TunnelKey int64
	Ports     []ovsdb.UUID
}

// MulticastGroups lists a datapath's multicast groups.
func (s *SB) MulticastGroups(ctx context.Context, datapath ovsdb.UUID) ([]*MulticastGroup, error) {
	return s.multicast(ctx, multicastRows.Equal("datapath", datapath))
}

// MulticastByKey finds a datapath's multicast group by its tunnel key.
func (s *SB) MulticastByKey(ctx context.Context, datapath ovsdb.UUID, key int64) (*MulticastGroup, error) {
	found, err := s.multicast(ctx, multicastRows.Equal("datapath", datapath).Equal("tunnel_key", key))
	return single(found, err, "multicast group with tunnel key", itoa(key))
}

var multicastRows = ovsdb.From("Multicast_Group", "datapath", "name", "tunnel_key", "ports")

func (s *SB) multicast(ctx context.Context, q ovsdb.Query) ([]*MulticastGroup, error) {
	res, err := s.Select(ctx, q)
	if err != nil {
		return nil, err
	}
	var out []*MulticastGroup
	for _, r := range res[0] {
		g := &MulticastGroup{UUID: r.UUID(), Datapath: r.Ref("datapath"), Name: r.Str("name"), TunnelKey: r.Int("tunnel_key"), Ports: r.Refs("ports")}
		if err := r.Err(); err != nil {
			return nil, s.Malformed("Multicast_Group", err)
		}
		out = append(out, g)
	}
	return out, nil
}

// MACBinding is a MAC_Binding or Static_MAC_Binding row: a neighbour's
// address as a router port knows it.
type MACBinding struct {
	UUID            ovsdb.UUID
	Static          bool
	OverrideDynamic bool // of a static one: goes before a learned one
	LogicalPort     string
	IP, MAC         string
	Datapath        ovsdb.UUID
	Timestamp       int64 // ms since 1970 when learned; 0 where the release has none
}

// MACBindings lists what a router port knows of an address, static ones first.
func (s *SB) MACBindings(ctx context.Context, logicalPort string, ip netip.Addr) ([]*MACBinding, error) {
	known := func(table string) ovsdb.Query {
		return ovsdb.From(table, "logical_port", "ip", "mac", "datapath", "timestamp", "override_dynamic_mac").
			Equal("logical_port", logicalPort).Equal("ip", ip.Unmap().String())
	}
	res, err := s.Select(ctx, known("Static_MAC_Binding"), known("MAC_Binding"))
	if err != nil {
		return nil, err
	}
	var out []*MACBinding
	for i, rows := range res {
		for _, r := range rows {
			b := &MACBinding{UUID: r.UUID(), Static: i == 0, OverrideDynamic: r.Bool("override_dynamic_mac"), LogicalPort: r.Str("logical_port"),
				IP: r.Str("ip"), MAC: r.Str("mac"), Datapath: r.Ref("datapath"), Timestamp: r.Int("timestamp")}
			if err := r.Err(); err != nil {
				return nil, s.Malformed("MAC_Binding", err)
			}
			out = append(out, b)
		}
	}
	return out, nil
}

// FDBPort is the port key behind which a switch learned a MAC address (table FDB).
func (s *SB) FDBPort(ctx context.Context, datapathKey int64, mac string) (portKey int64, found bool, err error) {
	res, err := s.Select(ctx, ovsdb.From("FDB", "port_key").Equal("dp_key", datapathKey).Equal("mac", strings.ToLower(mac)))
	if err != nil || len(res[0]) == 0 {
		return 0, false, err
	}
	return res[0][0].Int("port_key"), true, res[0][0].Err()
}

// Gateway is who may serve a port bound through an HA chassis group or
// gateway chassis, and who does.
type Gateway struct {
	Active     *Chassis // who claims the port; nil when nobody does
	Candidates []GatewayCandidate
}

// GatewayCandidate is one chassis of the group.
type GatewayCandidate struct {
	Name     string // empty when the chassis is not registered
	Chassis  ovsdb.UUID
	Priority int64
}

// GatewayOf resolves who serves a chassisredirect, external, l3gateway or
// virtual port; highest priority first.
func (s *SB) GatewayOf(ctx context.Context, p *PortBinding) (*Gateway, error) {
	var qs []ovsdb.Query
	if !p.HAChassisGroup.IsZero() {
		res, err := s.Select(ctx, ovsdb.From("HA_Chassis_Group", "ha_chassis").Row(p.HAChassisGroup))
		if err != nil {
			return nil, err
		}
		for _, r := range res[0] {
			for _, u := range r.Refs("ha_chassis") {
				qs = append(qs, ovsdb.From("HA_Chassis", "chassis", "priority").Row(u))
			}
		}
	}
	for _, u := range p.GatewayChassis {
		qs = append(qs, ovsdb.From("Gateway_Chassis", "chassis", "priority").Row(u))
	}
	res, err := s.Select(ctx, qs...)
	if err != nil {
		return nil, err
	}
	g := &Gateway{}
	for _, rows := range res {
		for _, r := range rows {
			c := GatewayCandidate{Chassis: r.Ref("chassis"), Priority: r.Int("priority")}
			if !c.Chassis.IsZero() {
				ch, err := s.ChassisByUUID(ctx, c.Chassis)
				if err != nil {
					return nil, err
				}
				c.Name = ch.Name
			}
			g.Candidates = append(g.Candidates, c)
		}
	}
	slices.SortFunc(g.Candidates, func(a, b GatewayCandidate) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), strings.Compare(a.Name, b.Name))
	})
	if !p.Chassis.IsZero() {
		if g.Active, err = s.ChassisByUUID(ctx, p.Chassis); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// TemplateVars are the values of ^NAME on a chassis (Chassis_Template_Var).
func (s *SB) TemplateVars(ctx context.Context, chassis string) (map[string]string, error) {
	res, err := s.Select(ctx, ovsdb.From("Chassis_Template_Var", "variables").Equal("chassis", chassis))
	if err != nil || len(res[0]) == 0 {
		return map[string]string{}, err
	}
	return res[0][0].Map("variables"), res[0][0].Err()
}

// Freshness compares what northd last wrote with what a chassis has installed.
type Freshness struct {
	Wanted, Have int64 // SB_Global.nb_cfg, and the chassis'
}

// Stale reports that the chassis has not confirmed the newest configuration.
// nb_cfg counts ovn-nbctl --wait requests only, so that equal numbers do not
// prove freshness.
func (f Freshness) Stale() bool { return f.Have < f.Wanted }

// Freshness reads how far a chassis is behind.
func (s *SB) Freshness(ctx context.Context, chassis string) (Freshness, error) {
	c, err := s.ChassisByName(ctx, chassis)
	if err != nil {
		return Freshness{}, err
	}
	res, err := s.Select(ctx, ovsdb.From("SB_Global", "nb_cfg"))
	if err != nil || len(res[0]) == 0 {
		return Freshness{}, err
	}
	return Freshness{Wanted: res[0][0].Int("nb_cfg"), Have: c.NBCfg}, res[0][0].Err()
}
