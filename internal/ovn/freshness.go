package ovn

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Freshness compares what northd last wrote with what a chassis has installed.
type Freshness struct {
	Wanted, Have int64 // SB_Global.nb_cfg, and the chassis'
}

// Stale reports whether the chassis has not confirmed the newest configuration.
// nb_cfg counts the requests of ovn-nbctl --wait alone: equal numbers prove nothing.
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
