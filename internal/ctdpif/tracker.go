package ctdpif

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Policies reads from the Open_vSwitch database the timeouts in seconds of the datapath's zones, by
// the names of CT_Timeout_Policy.
type Policies func(ctx context.Context) (map[uint16]map[string]uint32, error)

// Tracker is the model of the userspace datapath with its current settings and counts, which the
// first ct() action reads once. It is not safe for concurrent use.
type Tracker struct {
	c        Caller
	dp       string
	base     *ctstate.Userspace
	policies Policies
	now      *ctstate.Userspace // base with the settings read; nil before
	set      Settings
	// under holds the counts of zones under the default limit.
	under map[uint16]ctstate.ZoneLimit
}

// NewTracker returns the tracker of the datapath dp, or of the only one if dp is empty. It uses
// base, with the settings that ovs-vswitchd reports.
func NewTracker(c Caller, dp string, base *ctstate.Userspace, policies Policies) *Tracker {
	return &Tracker{c: c, dp: dp, base: base, policies: policies}
}

// Reset makes the next action read the settings again.
func (t *Tracker) Reset() { t.now = nil }

// Clear runs ct_clear.
func (t *Tracker) Clear(c ctstate.Conn) ctstate.Conn { return t.base.Clear(c) }

// Rewritten returns the connection state of a packet after an action set its addresses or ports.
func (t *Tracker) Rewritten(c ctstate.Conn) ctstate.Conn { return t.base.Rewritten(c) }

// Do runs one ct() action.
func (t *Tracker) Do(ctx context.Context, tbl ctstate.Table, conn ctstate.Conn, p ctstate.Packet, a ctstate.Action) (ctstate.Result, error) {
	err := t.read(ctx)
	if err == nil && a.Commit {
		err = t.defaultLimit(ctx, a.Zone)
	}
	if err != nil {
		return ctstate.Result{Conn: conn, Packet: p, Certainty: ctstate.Undetermined}, &ctstate.LookupError{Zone: a.Zone, Tuple: p.Tuple, Err: err}
	}
	return t.now.Do(ctx, tbl, conn, p, a)
}

// defaultLimit reads the count of a zone that has only the default limit.
func (t *Tracker) defaultLimit(ctx context.Context, zone uint16) error {
	if _, own := t.now.Limits.Zones[zone]; own || t.set.Limits.Default == 0 {
		return nil
	}
	z, asked := t.under[zone]
	if !asked {
		var err error
		if z, err = ReadZoneLimit(ctx, t.c, t.dp, zone); err != nil {
			return err
		}
		t.under[zone] = z
	}
	t.now.Limits.Default = &z
	return nil
}

func (t *Tracker) read(ctx context.Context) (err error) {
	if t.now != nil {
		return nil
	}
	if t.set, err = ReadSettings(ctx, t.c, t.dp); err != nil {
		return err
	}
	now := *t.base
	now.NoSeqCheck, now.Fragments = !t.set.SeqCheck, t.set.Fragments
	now.Limits = ctstate.UserLimits{Count: t.set.Conns, Max: t.set.MaxConns, None: t.set.MaxConns == 0, Zones: t.set.Limits.Zones}
	named, err := t.policies(ctx)
	// Without the database, only what depends on the timeouts is unknown.
	now.TimeoutsUnknown = err != nil
	now.Policies = map[uint16]ctstate.UserTimeouts{}
	for zone, p := range named {
		now.Policies[zone] = ctstate.UserTimeoutsOf(p)
	}
	t.now, t.under = &now, map[uint16]ctstate.ZoneLimit{}
	return nil
}
