package node

import (
	"context"
	"errors"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// MaxFind bounds the zones of one FindRequest: each is one GET.
const MaxFind = 32

// Finder is a Node that looks single entries up. It is not part of Node: an older node does not
// know how.
type Finder interface {
	// Find looks for a connection in several zones of the integration bridge's datapath, each by
	// one GET.
	Find(ctx context.Context, req FindRequest) (*FindResult, error)
}

// FindRequest asks for the entry of which one direction is Tuple.
type FindRequest struct {
	Tuple ctstate.Tuple `json:"tuple"`
	Zones []uint16      `json:"zones"` // no more than MaxFind
}

// FindResult has the entries in the order of the zones asked for.
type FindResult struct {
	Entries []ctstate.Entry `json:"entries,omitempty"`
	// Unasked says why nothing was looked up; empty where it was.
	Unasked string `json:"unasked,omitempty"`
}

// errTooMany is a request for more zones than one may ask for.
var errTooMany = errors.New("more zones than one request may ask for")

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
