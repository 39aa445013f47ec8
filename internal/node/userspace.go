package node

import (
	"context"
	"errors"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// userspaceModel is conntrack as ovs-vswitchd's own datapath dp, TYPE@NAME, has it: without a type
// dpctl looks in the kernel.
func (s *Service) userspaceModel(dp string) (ctstate.Table, ctstate.Tracker) {
	u := ctstate.NewUserspace()
	// A version that cannot be read leaves the newest release's rules.
	u.Release, _ = ctstate.ParseRelease(s.info.OVSVersion)
	typ, _, _ := strings.Cut(dp, "@")
	policies := func(ctx context.Context) (map[uint16]map[string]uint32, error) { return s.timeoutPolicies(ctx, typ) }
	return ctdpif.New(ctdpif.Socket{Path: s.ctl.Path}, dp), ctdpif.NewTracker(s.ctl, dp, u, policies)
}

var errNoDB = errors.New("the database is not asked")

// timeoutPolicies reads the timeouts that the node's database gives to zones.
func (s *Service) timeoutPolicies(ctx context.Context, datapathType string) (map[uint16]map[string]uint32, error) {
	if s.opt.NoDB {
		return nil, errNoDB
	}
	db, err := ovn.DialOVS(ctx, ovsdb.Options{Remotes: s.opt.DB})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return db.TimeoutPolicies(ctx, datapathType)
}
