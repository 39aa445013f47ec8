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

// WantPortByName is for PortByName.
func (s *SB) WantPortByName(ctx context.Context, name string) {
	s.Want(ctx, portBindings.Equal("logical_port", name))
}

// WantPortsByIP is for PortsByIP: its first query, which is the same for all addresses.
func (s *SB) WantPortsByIP(ctx context.Context) { s.Want(ctx, addressRows) }

// WantNextHop is for NextHop from a port: its first queries, before an address is known.
func (s *SB) WantNextHop(ctx context.Context, p *PortBinding) {
	s.Want(ctx, datapathRows.Row(p.Datapath), addressRows.Equal("datapath", p.Datapath))
	s.Want(ctx, portsOfDatapath(p.Datapath, attachedTypes...)...)
}

// WantSetMembers is for SetMembers.
func (s *SB) WantSetMembers(ctx context.Context, dp *Datapath, names []string) {
	s.Want(ctx, setQueries(dp, names)...)
}
