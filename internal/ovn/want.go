package ovn

import (
	"context"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// What is going to be asked is named here, so that it goes with an earlier request
// (ovsdb.DB.Want). Each method names the queries of the method beside whose name it has Want.

// WantChassisByUUID is for ChassisByUUID.
func (s *SB) WantChassisByUUID(ctx context.Context, u ovsdb.UUID) {
	if !u.IsZero() {
		s.Want(ctx, chassisRows.Row(u))
	}
}

// WantFreshness is for Freshness.
func (s *SB) WantFreshness(ctx context.Context, chassis string) {
	s.Want(ctx, append(confirmedBy(chassis), globalRows)...)
}

// WantChassisByEncapIP is for ChassisByEncapIP: its first query.
func (s *SB) WantChassisByEncapIP(ctx context.Context, ip netip.Addr) {
	s.Want(ctx, encapRows.Equal("ip", ip.Unmap().String()))
}

// WantPeer is for ChassisByEncapIP where the chassis is likely to be this one: all that it asks
// after its first query.
func (s *SB) WantPeer(ctx context.Context, c *Chassis) {
	if len(c.encaps) == 1 { // of several, one would be used
		u := c.encaps[0]
		s.Want(ctx, chassisRows.Includes("encaps", u), encapRows.Row(u), privateRows.Equal("name", c.Name))
	}
}

// WantDatapathsByKey is for DatapathsByKey.
func (s *SB) WantDatapathsByKey(ctx context.Context, keys []int64) {
	for _, k := range keys {
		s.Want(ctx, datapathRows.Equal("tunnel_key", k))
	}
}

// WantDatapathGroupsOf is for DatapathGroupsOf.
func (s *SB) WantDatapathGroupsOf(ctx context.Context, datapath ovsdb.UUID) {
	s.Want(ctx, groupsWith(datapath))
}

// WantPortByKey is for PortByKey.
func (s *SB) WantPortByKey(ctx context.Context, datapath ovsdb.UUID, key int64) {
	s.Want(ctx, portByKey(datapath, key))
}

// HasPortByKey reports whether the answer to PortByKey has been read ahead.
func (s *SB) HasPortByKey(ctx context.Context, datapath ovsdb.UUID, key int64) bool {
	return s.IsAhead(ctx, portByKey(datapath, key))
}

// WantPortByName is for PortByName.
func (s *SB) WantPortByName(ctx context.Context, name string) {
	s.Want(ctx, portBindings.Equal("logical_port", name))
}

// WantNextHop is for NextHop from a port: its first queries, before an address is known.
func (s *SB) WantNextHop(ctx context.Context, p *PortBinding) {
	s.Want(ctx, datapathRows.Row(p.Datapath), addressRows.Equal("datapath", p.Datapath))
	s.Want(ctx, portsOfDatapath(p.Datapath, attachedTypes...)...)
}

// WantSetMembers is for SetMembers.
func (s *SB) WantSetMembers(ctx context.Context, dp *Datapath, names []string) {
	s.Want(ctx, setQueries(dp, names)...)
}

// Beginning is what a question asks of the Southbound database before it knows anything else.
type Beginning struct {
	Ports     []string // by name, as FindPorts will
	Addresses bool     // of all ports, as PortsByIP will
	Keys      bool     // of all datapaths, as DatapathKeys will
}

func (b Beginning) queries() []ovsdb.Query {
	var qs []ovsdb.Query
	for _, name := range b.Ports {
		qs = append(qs, portBindings.Equal("logical_port", name))
	}
	if b.Addresses {
		qs = append(qs, addressRows)
	}
	qs = append(qs, directoryRows...)
	if b.Keys {
		qs = append(qs, datapathKeys)
	}
	return qs
}

// First returns a context in which the Southbound database that is going to be connected to is
// asked this at once, and for its Directory. The context is for one question.
func First(ctx context.Context, b Beginning) context.Context {
	return ovsdb.WithFirst(ctx, Southbound, b.queries()...)
}

// WantBeginning is for what First asks, where the database is connected to already.
func (s *SB) WantBeginning(ctx context.Context, b Beginning) { s.Want(ctx, b.queries()...) }

// WantZoneNames is for NameZones.
func (s *SB) WantZoneNames(ctx context.Context, zones map[uint16]string) {
	for _, name := range zones {
		if u, _, ok := zoneDatapath(name); ok {
			s.Want(ctx, datapathRows.Equal("_uuid", u))
		}
	}
}

// datapathKeys are the tunnel keys of all datapaths: 75 bytes of an answer for each.
var datapathKeys = ovsdb.From("Datapath_Binding", "tunnel_key")

// DatapathKeys returns the datapaths of tunnel keys, with UUID and key alone, where
// Beginning.Keys was answered; else ok is false, and nothing is asked. The answer is used once.
func (s *SB) DatapathKeys(ctx context.Context) (byKey map[int64]*Datapath, ok bool) {
	if !s.IsAhead(ctx, datapathKeys) {
		return nil, false
	}
	res, err := s.Select(ctx, datapathKeys)
	if err != nil {
		return nil, false
	}
	byKey = make(map[int64]*Datapath, len(res[0]))
	for _, r := range res[0] {
		d := &Datapath{UUID: r.UUID(), TunnelKey: r.Int("tunnel_key")}
		if r.Err() == nil {
			byKey[d.TunnelKey] = d
		}
	}
	return byKey, true
}
