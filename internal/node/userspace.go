package node

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// userspaceModel returns the conntrack table and the model of the userspace datapath dp, TYPE@NAME:
// without a type dpctl reads the kernel's.
func (s *Service) userspaceModel(dp string) (ctstate.Table, ctstate.Tracker) {
	u := ctstate.NewUserspace()
	// If the version cannot be read, the rules of the newest release apply.
	u.Release, _ = ctstate.ParseRelease(s.info.OVSVersion)
	typ, _, _ := strings.Cut(dp, "@")
	policies := func(ctx context.Context) (map[uint16]map[string]uint32, error) { return s.timeoutPolicies(ctx, typ) }
	return ctdpif.New(ctdpif.Socket{Path: s.ctl.Path}, dp), ctdpif.NewTracker(s.ctl, dp, u, policies)
}

// recircs returns MAX_RECIRC_DEPTH of lib/dpif-netdev.c: 8 since Open vSwitch 3.3, and for a
// version that cannot be read.
func recircs(version string) int {
	if v, err := ctstate.ParseRelease(version); err == nil && (v.Major < 3 || v.Major == 3 && v.Minor < 3) {
		return 6
	}
	return 8
}

var errNoDB = errors.New("the database is not read")

// timeoutPolicies reads the timeouts of zones in seconds from the node's database.
func (s *Service) timeoutPolicies(ctx context.Context, datapathType string) (map[uint16]map[string]uint32, error) {
	if s.opt.NoDB {
		return nil, errNoDB
	}
	db, err := s.policies.connected(ctx, s.opt.DB)
	if err != nil {
		return nil, err
	}
	return db.TimeoutPolicies(ctx, datapathType)
}

// policyDB is the connection by which timeouts are read for every trace: opening it again, and
// reading the schema, took longer than the question.
type policyDB struct {
	mu sync.Mutex
	db *ovn.OVS
}

// connected returns the connection, which connects again by itself where it was lost.
func (p *policyDB) connected(ctx context.Context, remotes string) (*ovn.OVS, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.db != nil {
		return p.db, nil
	}
	var err error
	p.db, err = ovn.DialOVS(ctx, ovsdb.Options{Remotes: remotes})
	return p.db, err
}

func (p *policyDB) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.db == nil {
		return nil
	}
	db := p.db
	p.db = nil
	return db.Close()
}
