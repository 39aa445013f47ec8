package node

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// userspaceModel is conntrack as ovs-vswitchd's own datapath dp, TYPE@NAME, has it: without a type dpctl looks in the kernel.
func (s *Service) userspaceModel(ctx context.Context, dp string) (ctstate.Table, ctstate.Tracker, error) {
	u := ctstate.NewUserspace()
	// A version that cannot be read leaves the newest release's rules.
	u.Release, _ = ctstate.ParseRelease(s.info.OVSVersion)
	return ctdpif.New(ctdpif.Socket{Path: s.ctl.Path}, dp), &userTracker{s: s, dp: dp, base: u}, nil
}

// userTracker is the userspace datapath's model with the settings and counts of the moment, read once a packet, and not before a ct()
// asks for them.
type userTracker struct {
	s    *Service
	dp   string
	base *ctstate.Userspace
	now  *ctstate.Userspace // base with what was read; nil before
	set  ctdpif.Settings
	// shares are the counts of zones under the default limit.
	shares map[uint16]ctstate.ZoneLimit
}

// forget lets the next packet read the settings anew.
func (t *userTracker) forget() { t.now = nil }

// Clear is ct_clear.
func (t *userTracker) Clear(c ctstate.Conn) ctstate.Conn { return t.base.Clear(c) }

// Rewritten is a packet whose addresses or ports were set.
func (t *userTracker) Rewritten(c ctstate.Conn) ctstate.Conn { return t.base.Rewritten(c) }

// Do runs one ct() action.
func (t *userTracker) Do(ctx context.Context, tbl ctstate.Table, conn ctstate.Conn, p ctstate.Packet, a ctstate.Action) (ctstate.Result, error) {
	fail := func(err error) (ctstate.Result, error) {
		return ctstate.Result{Conn: conn, Packet: p, Certainty: ctstate.Undetermined}, &ctstate.LookupError{Zone: a.Zone, Tuple: p.Tuple, Err: err}
	}
	if t.now == nil {
		if err := t.read(ctx); err != nil {
			return fail(err)
		}
	}
	if _, own := t.now.Limits.Zones[a.Zone]; a.Commit && !own && t.set.Limits.Default > 0 {
		z, asked := t.shares[a.Zone]
		if !asked {
			var err error
			if z, err = ctdpif.ReadZoneLimit(ctx, t.s.ctl, t.dp, a.Zone); err != nil {
				return fail(err)
			}
			t.shares[a.Zone] = z
		}
		t.now.Limits.Default = &z
	}
	return t.now.Do(ctx, tbl, conn, p, a)
}

func (t *userTracker) read(ctx context.Context) (err error) {
	if t.set, err = ctdpif.ReadSettings(ctx, t.s.ctl, t.dp); err != nil {
		return err
	}
	now := *t.base
	now.NoSeqCheck, now.Fragments = !t.set.SeqCheck, t.set.Fragments
	now.Limits = ctstate.UserLimits{Count: t.set.Conns, Max: t.set.MaxConns, None: t.set.MaxConns == 0, Zones: maps.Clone(t.set.Limits.Zones)}
	typ, _, _ := strings.Cut(t.dp, "@")
	policies, err := t.s.timeoutPolicies(ctx, typ)
	// Without the database everything else still holds: what the timeouts would tell is then unknown.
	now.TimeoutsUnknown = err != nil
	now.Policies = map[uint16]ctstate.UserTimeouts{}
	for zone, named := range policies {
		now.Policies[zone] = ctstate.UserTimeoutsOf(named)
	}
	t.now, t.shares = &now, map[uint16]ctstate.ZoneLimit{}
	return nil
}

var errNoDB = errors.New("the database is not asked")

// timeoutPolicies reads the timeouts that the node's database gives to zones.
func (s *Service) timeoutPolicies(ctx context.Context, datapathType string) (map[uint16]map[string]uint32, error) {
	if s.opt.NoDB {
		return nil, errNoDB
	}
	db, err := ovn.DialOVS(ctx, ovn.Options{Remotes: s.opt.DB})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return db.TimeoutPolicies(ctx, datapathType)
}
