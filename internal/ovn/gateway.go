package ovn

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Gateway lists the chassis that may serve a port with an HA chassis group or gateway chassis, and
// the one that does.
type Gateway struct {
	Active     *Chassis // the chassis that claims the port; nil if none does
	Candidates []GatewayCandidate
}

// GatewayCandidate is one chassis of the group.
type GatewayCandidate struct {
	Name     string // empty if the chassis is not registered
	Chassis  ovsdb.UUID
	Priority int64
}

// GatewayOf returns the chassis for a chassisredirect, external, l3gateway or virtual port, highest
// priority first.
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
