package node

import (
	"context"
	"errors"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// AsNewTracer is a Node that can follow a packet as if its conntrack table had no entry. It is a
// request of its own, so that a node of an older version refuses it instead of answering with its
// live entries.
type AsNewTracer interface {
	// TraceAsNew is Node.Trace over an empty table: only the overlay's entries count.
	TraceAsNew(ctx context.Context, req TraceRequest) (*engine.Result, error)
}

// TraceAsNew follows one packet on this node as if no live entry existed.
func (s *Service) TraceAsNew(ctx context.Context, req TraceRequest) (*engine.Result, error) {
	return s.trace(ctx, req, true)
}

// TraceAsNew follows one packet on the node as if no live entry existed there.
func (r *Remote) TraceAsNew(ctx context.Context, req TraceRequest) (*engine.Result, error) {
	res, err := r.trace(ctx, "TraceAsNew", req)
	if errors.Is(err, errors.ErrUnsupported) {
		err = &Error{Node: r.Name, Op: "trace", Err: errors.New("its version of the tool cannot trace as if there were no live entries"),
			Hint: "install this version there"}
	}
	return res, err
}
