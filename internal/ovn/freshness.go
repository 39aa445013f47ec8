package ovn

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Freshness compares the configuration that northd last wrote with the one that a chassis has
// installed.
type Freshness struct {
	Wanted, Have int64 // SB_Global.nb_cfg, and the chassis'
}

// Stale reports whether the chassis has not confirmed the newest configuration. nb_cfg counts only
// the requests of ovn-nbctl --wait, so that equal numbers do not prove that the chassis is up to
// date.
func (f Freshness) Stale() bool { return f.Have < f.Wanted }

// Freshness returns the numbers for a chassis.
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
