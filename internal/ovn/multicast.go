package ovn

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// MulticastGroup is a Multicast_Group row.
type MulticastGroup struct {
	Name  string
	Ports []ovsdb.UUID
}

// MulticastByKey returns a datapath's multicast group by its tunnel key.
func (s *SB) MulticastByKey(ctx context.Context, datapath ovsdb.UUID, key int64) (*MulticastGroup, error) {
	res, err := s.Select(ctx, ovsdb.From("Multicast_Group", "name", "ports").Equal("datapath", datapath).Equal("tunnel_key", key))
	if err != nil {
		return nil, err
	}
	var found []*MulticastGroup
	for _, r := range res[0] {
		found = append(found, &MulticastGroup{Name: r.Str("name"), Ports: r.Refs("ports")})
		if err := r.Err(); err != nil {
			return nil, s.Malformed("Multicast_Group", err)
		}
	}
	return single(found, nil, "multicast group with tunnel key", itoa(key))
}
