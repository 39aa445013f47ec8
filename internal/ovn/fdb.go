package ovn

import (
	"context"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// FDBPort returns the key of the port on which a switch has learned a MAC address (table FDB).
func (s *SB) FDBPort(ctx context.Context, datapathKey int64, mac string) (portKey int64, found bool, err error) {
	res, err := s.Select(ctx, ovsdb.From("FDB", "port_key").Equal("dp_key", datapathKey).Equal("mac", strings.ToLower(mac)))
	if err != nil || len(res[0]) == 0 {
		return 0, false, err
	}
	return res[0][0].Int("port_key"), true, res[0][0].Err()
}
