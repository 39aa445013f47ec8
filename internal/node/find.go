package node

import (
	"context"
	"errors"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
)

// MaxFind is the maximum number of zones in one FindRequest; each zone is one GET.
const MaxFind = 32

// Finder is a Node that can look up single entries. It is separate from Node because older nodes
// cannot.
type Finder interface {
	// Find looks for a connection in several zones of the integration bridge's datapath: in the
	// kernel by one GET each, in the userspace datapath only where the last trace has dumped the
	// zone.
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
	// Unasked is the reason why zones were not searched; empty if all were.
	Unasked string `json:"unasked,omitempty"`
	// UnaskedZones are the zones that were not searched.
	UnaskedZones []uint16 `json:"unasked_zones,omitempty"`
}

// errTooMany reports a request for more than MaxFind zones.
var errTooMany = errors.New("too many zones in one request")

// onlyDumps is the reason for FindResult.Unasked on a userspace datapath.
const onlyDumps = "the userspace datapath has no look-up of a single entry, and the trace has not dumped the zone"

// Find looks a connection up in the datapath's table. The userspace datapath can only dump whole
// zones, which is not done for this: zones that the last trace has dumped are searched.
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
	if s.opt.Replica != nil {
		return s.findReplica(ctx, info, req)
	}
	if info.Datapath != "system" {
		return s.findKept(ctx, info, req)
	}
	t, err := s.kernelTable(ctx)
	if err != nil {
		return nil, err
	}
	return find(ctx, t, req)
}

// findKept looks a connection up in what the last trace has read from the userspace datapath.
func (s *Service) findKept(ctx context.Context, info *Info, req FindRequest) (*FindResult, error) {
	var table *ctdpif.Table
	if e := s.engine[info.backerOf(info.Bridge)]; e != nil {
		table, _ = e.Table.(*ctdpif.Table)
	}
	var kept, unasked []uint16
	for _, zone := range req.Zones {
		if table != nil && table.Kept(zone) {
			kept = append(kept, zone)
		} else {
			unasked = append(unasked, zone)
		}
	}
	out, err := find(ctx, table, FindRequest{Tuple: req.Tuple, Zones: kept})
	if err == nil && len(unasked) > 0 {
		out.Unasked, out.UnaskedZones = onlyDumps, unasked
	}
	return out, err
}

// findReplica looks a connection up in what was kept of the machine's table.
func (s *Service) findReplica(ctx context.Context, info *Info, req FindRequest) (*FindResult, error) {
	e, err := s.engineFor(ctx, info, info.Bridge)
	if err != nil {
		return nil, err
	}
	out := &FindResult{}
	for _, zone := range req.Zones {
		part, err := find(ctx, e.Table, FindRequest{Tuple: req.Tuple, Zones: []uint16{zone}})
		var lacks *NotCollectedError
		switch {
		case errors.As(err, &lacks):
			out.Unasked, out.UnaskedZones = lacks.Error(), append(out.UnaskedZones, zone)
		case err != nil:
			return nil, err
		default:
			out.Entries = append(out.Entries, part.Entries...)
		}
	}
	return out, nil
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
