package ovn

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Freshness compares the configuration that northd last wrote with the one that a chassis has
// installed.
type Freshness struct {
	Wanted, Have int64 // SB_Global.nb_cfg, and the chassis'
	// Unconfirmed is set where ovn-controllers do not write what they have installed into the
	// database (UnconfirmedOption): Have says nothing.
	Unconfirmed bool
}

// UnconfirmedOption is the option of NB_Global, copied to SB_Global, which is "false" where
// ovn-controllers write what they have installed to their own bridge only (since 25.09).
const UnconfirmedOption = "enable_chassis_nb_cfg_update"

// Stale reports whether the chassis has not confirmed the newest configuration. nb_cfg counts only
// the requests of ovn-nbctl --wait, so that equal numbers do not prove that the chassis is up to
// date.
func (f Freshness) Stale() bool { return !f.Unconfirmed && f.Have < f.Wanted }

// FreshnessOfAll returns the numbers of all chassis, by name.
func (s *SB) FreshnessOfAll(ctx context.Context) (map[string]Freshness, error) {
	all, err := s.AllChassis(ctx)
	if err != nil {
		return nil, err
	}
	wanted, err := s.Wanted(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Freshness, len(all))
	for _, c := range all {
		out[c.Name] = wanted.Of(c.NBCfg)
	}
	return out, nil
}

// Of returns the numbers for a chassis that has installed a configuration.
func (f Freshness) Of(have int64) Freshness {
	f.Have = have
	return f
}

// Wanted returns what all chassis are compared with, and so all but Have; without SB_Global's row no
// configuration is wanted.
func (s *SB) Wanted(ctx context.Context) (Freshness, error) {
	res, err := s.Select(ctx, globalRows)
	if err != nil || len(res[0]) == 0 {
		return Freshness{}, err
	}
	r := res[0][0]
	f := Freshness{Wanted: r.Int("nb_cfg"), Unconfirmed: r.Map("options")[UnconfirmedOption] == "false"}
	return f, r.Err()
}

// Freshness returns the numbers for a chassis, by its name or hostname.
func (s *SB) Freshness(ctx context.Context, chassis string) (Freshness, error) {
	s.Want(ctx, globalRows)
	have, err := s.ConfirmedCfg(ctx, chassis)
	if err != nil {
		return Freshness{}, err
	}
	wanted, err := s.Wanted(ctx)
	return wanted.Of(have), err
}

// ConfirmedCfg returns the configuration that a chassis has installed, by its name or hostname.
func (s *SB) ConfirmedCfg(ctx context.Context, chassis string) (int64, error) {
	res, err := s.Select(ctx, confirmedBy(chassis)...)
	if err != nil {
		return 0, err
	}
	var r *ovsdb.Row
	switch {
	case len(res[0]) != 1: // a hostname, or none
		c, err := s.ChassisByName(ctx, chassis)
		if err != nil {
			return 0, err
		}
		return c.NBCfg, nil
	case len(res[1]) > 0:
		r = res[1][0]
	default:
		r = res[0][0]
	}
	have := r.Int("nb_cfg")
	return have, r.Err()
}

// confirmedBy returns the queries for what a chassis has installed.
func confirmedBy(chassis string) []ovsdb.Query {
	return []ovsdb.Query{ovsdb.From("Chassis", "name", "nb_cfg").Equal("name", chassis), privateRows.Equal("name", chassis)}
}
