package ovn

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// MulticastGroup is a Multicast_Group row.
type MulticastGroup struct {
	UUID      UUID
	Datapath  UUID
	Name      string
	TunnelKey int64
	Ports     []UUID
}

// MulticastGroups lists a datapath's multicast groups.
func (s *SB) MulticastGroups(ctx context.Context, datapath UUID) ([]*MulticastGroup, error) {
	return s.multicast(ctx, Equal("datapath", datapath))
}

// MulticastByKey finds a datapath's multicast group by its tunnel key.
func (s *SB) MulticastByKey(ctx context.Context, datapath UUID, key int64) (*MulticastGroup, error) {
	found, err := s.multicast(ctx, Equal("datapath", datapath), Equal("tunnel_key", key))
	return single(found, err, "multicast group with tunnel key", itoa(key))
}

func (s *SB) multicast(ctx context.Context, cond ...ovsdb.Condition) ([]*MulticastGroup, error) {
	res, err := s.Select(ctx, Query{Table: "Multicast_Group", Columns: []string{"datapath", "name", "tunnel_key", "ports"}, Where: cond})
	if err != nil {
		return nil, err
	}
	var out []*MulticastGroup
	for _, r := range res[0] {
		g := &MulticastGroup{UUID: r.UUID(), Datapath: r.Ref("datapath"), Name: r.Str("name"), TunnelKey: r.Int("tunnel_key"), Ports: r.Refs("ports")}
		if err := r.Err(); err != nil {
			return nil, s.bad("Multicast_Group", err)
		}
		out = append(out, g)
	}
	return out, nil
}

// MACBinding is a MAC_Binding or Static_MAC_Binding row: a neighbour's
// address as a router port knows it.
type MACBinding struct {
	UUID            UUID
	Static          bool
	OverrideDynamic bool // of a static one: goes before a learned one
	LogicalPort     string
	IP, MAC         string
	Datapath        UUID
	Timestamp       int64 // ms since 1970 when learned; 0 where the release has none
}

// MACBindings lists what a router port knows of an address, static ones first.
func (s *SB) MACBindings(ctx context.Context, logicalPort string, ip netip.Addr) ([]*MACBinding, error) {
	cond := where(Equal("logical_port", logicalPort), Equal("ip", ip.Unmap().String()))
	cols := []string{"logical_port", "ip", "mac", "datapath", "timestamp", "override_dynamic_mac"}
	res, err := s.Select(ctx, Query{Table: "Static_MAC_Binding", Columns: cols, Where: cond}, Query{Table: "MAC_Binding", Columns: cols, Where: cond})
	if err != nil {
		return nil, err
	}
	var out []*MACBinding
	for i, rows := range res {
		for _, r := range rows {
			b := &MACBinding{UUID: r.UUID(), Static: i == 0, OverrideDynamic: r.Bool("override_dynamic_mac"), LogicalPort: r.Str("logical_port"),
				IP: r.Str("ip"), MAC: r.Str("mac"), Datapath: r.Ref("datapath"), Timestamp: r.Int("timestamp")}
			if err := r.Err(); err != nil {
				return nil, s.bad("MAC_Binding", err)
			}
			out = append(out, b)
		}
	}
	return out, nil
}

// FDBPort is the port key behind which a switch learned a MAC address (table FDB).
func (s *SB) FDBPort(ctx context.Context, datapathKey int64, mac string) (portKey int64, found bool, err error) {
	res, err := s.Select(ctx, Query{Table: "FDB", Columns: []string{"port_key"}, Where: where(Equal("dp_key", datapathKey), Equal("mac", strings.ToLower(mac)))})
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
	Chassis  UUID
	Priority int64
}

// GatewayOf resolves who serves a chassisredirect, external, l3gateway or
// virtual port; highest priority first.
func (s *SB) GatewayOf(ctx context.Context, p *PortBinding) (*Gateway, error) {
	var qs []Query
	if !p.HAChassisGroup.IsZero() {
		res, err := s.Select(ctx, Query{Table: "HA_Chassis_Group", Columns: []string{"ha_chassis"}, Where: where(Equal("_uuid", p.HAChassisGroup))})
		if err != nil {
			return nil, err
		}
		for _, r := range res[0] {
			for _, u := range r.Refs("ha_chassis") {
				qs = append(qs, Query{Table: "HA_Chassis", Columns: []string{"chassis", "priority"}, Where: where(Equal("_uuid", u))})
			}
		}
	}
	for _, u := range p.GatewayChassis {
		qs = append(qs, Query{Table: "Gateway_Chassis", Columns: []string{"chassis", "priority"}, Where: where(Equal("_uuid", u))})
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

// AddressSet reads the addresses of $name.
func (s *SB) AddressSet(ctx context.Context, name string) ([]string, error) {
	return s.set(ctx, "Address_Set", "addresses", "address set", name)
}

// PortGroup reads the names of the ports of @name. A Northbound group's name is the part
// that follows the datapath's key and an underscore in the Southbound database.
func (s *SB) PortGroup(ctx context.Context, name string) ([]string, error) {
	ports, err := s.set(ctx, "Port_Group", "ports", "port group", name)
	if err == nil || !isNotFound(err) {
		return ports, err
	}
	// northd keeps one Port_Group for each datapath: KEY_NAME (get_sb_port_group_name). Names are read, and the
	// ports of those that fit.
	res, nerr := s.Select(ctx, Query{Table: "Port_Group", Columns: []string{"name"}})
	if nerr != nil {
		return nil, nerr
	}
	var fit []Query
	for _, r := range res[0] {
		key, rest, ok := strings.Cut(r.Str("name"), "_")
		if ok && rest == name && strings.Trim(key, "0123456789") == "" {
			fit = append(fit, Query{Table: "Port_Group", Columns: []string{"ports"}, Where: where(Equal("_uuid", r.UUID()))})
		}
	}
	if len(fit) == 0 {
		return nil, err
	}
	if res, nerr = s.Select(ctx, fit...); nerr != nil {
		return nil, nerr
	}
	ports = nil
	for _, rows := range res {
		for _, r := range rows {
			ports = append(ports, r.Strs("ports")...)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports), nil
}

func (s *SB) set(ctx context.Context, table, column, what, name string) ([]string, error) {
	res, err := s.Select(ctx, Query{Table: table, Columns: []string{column}, Where: where(Equal("name", name))})
	if err != nil {
		return nil, err
	}
	if len(res[0]) == 0 {
		return nil, &NotFoundError{What: what, Name: name}
	}
	return res[0][0].Strs(column), res[0][0].Err()
}

func isNotFound(err error) bool {
	var e *NotFoundError
	return errors.As(err, &e)
}

// TemplateVars are the values of ^NAME on a chassis (Chassis_Template_Var).
func (s *SB) TemplateVars(ctx context.Context, chassis string) (map[string]string, error) {
	res, err := s.Select(ctx, Query{Table: "Chassis_Template_Var", Columns: []string{"variables"}, Where: where(Equal("chassis", chassis))})
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
	res, err := s.Select(ctx, Query{Table: "SB_Global", Columns: []string{"nb_cfg"}})
	if err != nil || len(res[0]) == 0 {
		return Freshness{}, err
	}
	return Freshness{Wanted: res[0][0].Int("nb_cfg"), Have: c.NBCfg}, res[0][0].Err()
}
