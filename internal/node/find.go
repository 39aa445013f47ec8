package node

import (
	"context"
	"errors"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// MaxFind is the maximum number of zones in one FindRequest; each zone is one GET.
const MaxFind = 32

// Finder is a Node that can look up single entries. It is separate from Node because older nodes
// cannot.
type Finder interface {
	// Find looks for a connection in several zones of the integration bridge's datapath, each by
	// one GET.
	Find(ctx context.Context, req FindRequest) (*FindResult, error)
}

// FindRequest asks for the entry of which one direction is Tuple.
type FindRequest struct {
	Tuple ctstate.Tuple `json:"tuple"`
	Zones []uint16      `json:"zones"` // at most MaxFind
}

// FindResult has the entries in the order of the requested zones.
type FindResult struct {
	Entries []ctstate.Entry `json:"entries,omitempty"`
	// Unasked is the reason why nothing was looked up; empty if the zones were looked up.
	Unasked string `json:"unasked,omitempty"`
}

// errTooMany reports a request for more than MaxFind zones.
var errTooMany = errors.New("too many zones in one request")

// Find looks a connection up in the kernel's table. The userspace datapath can only dump whole
// zones, which is not done for this.
func (s *Service) Find(ctx context.Context, req FindRequest) (*FindResult, error) {
	if len(req.Zones) > MaxFind {
		return nil, errTooMany
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.readInfo(ctx)
	if err != nil {
		return nil, err
	}
	if info.Datapath != "system" {
		return &FindResult{Unasked: "the userspace datapath has no look-up of a single entry"}, nil
	}
	t, err := s.kernelTable(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, t, req)
}

func find(ctx context.Context, t ctstate.Table, req FindRequest) (*FindResult, error) {
	out := &FindResult{}
	for _, zone := range req.Zones {
		e, err := t.Lookup(ctx, zone, req.Tuple)
		switch {
		case err == nil:
			out.Entries = append(out.Entries, e)
		case !errors.Is(err, ctstate.ErrNotFound):
			return nil, err
		}
	}
	return out, nil
}

// Find looks a connection up on the node.
func (r *Remote) Find(ctx context.Context, req FindRequest) (*FindResult, error) {
	return remoteCall[*FindResult](ctx, r, "Find", req)
}
