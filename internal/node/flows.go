package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// FlowReader is a Node that hands over flows of a bridge. It is separate from Node because older
// nodes cannot.
type FlowReader interface {
	// Flows hands over flows as Collector.Collect hands over files: each selection is one, or each
	// command that reads a whole bridge. A file that cannot be read ends with its error; the others
	// follow.
	Flows(ctx context.Context, req FlowsRequest, yield func([]Chunk) error) (*Collected, error)
}

// FlowsRequest selects flows of one bridge.
type FlowsRequest struct {
	Bridge string `json:"bridge"`
	// Of are selections, up to maxSelections; none: all flows of the bridge, and its groups, meters and
	// Geneve options.
	Of []FlowsOf `json:"of,omitempty"`
	// Limit is the maximum number of flows of a selection, or of the bridge; 0 is DefaultMaxFlows. The
	// node counts first, and of more it dumps none: the file is an error.
	Limit int64 `json:"limit,omitempty"`
}

// FlowsOf selects the flows of a table, or those of them that have a cookie.
type FlowsOf struct {
	Table  uint8   `json:"table"`
	Cookie *uint64 `json:"cookie,omitempty"`
}

// String returns the selection as ovs-ofctl takes it.
func (o FlowsOf) String() string {
	if o.Cookie == nil {
		return fmt.Sprintf("table=%d", o.Table)
	}
	return fmt.Sprintf("cookie=%#x/-1,table=%d", *o.Cookie, o.Table)
}

// DefaultMaxFlows is the maximum number of flows that a node dumps at once unless more are allowed:
// ovs-vswitchd's main thread writes some hundred thousand flows in a second.
const DefaultMaxFlows = 50_000

// maxSelections bounds the selections of a request. Each is two runs of ovs-ofctl.
const maxSelections = 64

// FlowsFile returns the name of the file with a selection's flows; without one, with all of a bridge.
func FlowsFile(bridge string, of ...FlowsOf) string {
	name := BridgeFile("dump-flows", bridge)
	for _, o := range of {
		name += " " + o.String()
	}
	return name
}

// BridgeFile names the output of a command of ovs-ofctl about a bridge.
func BridgeFile(command, bridge string) string {
	return "ovs-ofctl -O OpenFlow15 " + command + " " + bridge
}

// TooManyFlowsError says that flows were not dumped.
type TooManyFlowsError struct{ Count, Limit int64 }

func (e *TooManyFlowsError) Error() string {
	return fmt.Sprintf("it has %d flows, more than the %d that are read at once", e.Count, e.Limit)
}

// Flows hands over flows of a bridge, also of one that was rebuilt from an archive.
func (s *Service) Flows(ctx context.Context, req FlowsRequest, yield func([]Chunk) error) (*Collected, error) {
	if s.opt.NoDB {
		return nil, errNoDatabaseRead
	}
	if len(req.Of) > maxSelections {
		return nil, fmt.Errorf("%d selections of flows are more than %d", len(req.Of), maxSelections)
	}
	s.mu.Lock()
	info, err := s.readInfo(ctx)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	c := &collection{s: s, info: info, yield: yield}
	if !slices.Contains(c.bridges(), req.Bridge) {
		return nil, fmt.Errorf("there is no bridge %q", req.Bridge)
	}
	limit := req.Limit
	if limit <= 0 {
		limit = DefaultMaxFlows
	}
	for _, o := range req.Of {
		c.file(FlowsFile(req.Bridge, o), func(w *sink) error { return c.counted(ctx, w, limit, req.Bridge, o.String()) })
	}
	if len(req.Of) == 0 {
		c.file(FlowsFile(req.Bridge), func(w *sink) error { return c.counted(ctx, w, limit, req.Bridge) })
		c.refs(ctx, req.Bridge)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &c.out, c.bad
}

// counted writes flows if they are not too many.
func (c *collection) counted(ctx context.Context, w *sink, limit int64, br string, match ...string) error {
	n, err := c.count(ctx, br, match...)
	switch {
	case err != nil:
		return err
	case n > limit:
		return &TooManyFlowsError{n, limit}
	}
	return c.ofctl(ctx, w, "dump-flows", br, match...)
}

// count returns the number of a bridge's flows that have a match.
func (c *collection) count(ctx context.Context, br string, match ...string) (n int64, err error) {
	var out strings.Builder
	if err := c.ofctl(ctx, &out, "dump-aggregate", br, match...); err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(out.String(), "flow_count=")
	if !ok {
		return 0, fmt.Errorf("ovs-ofctl dump-aggregate says no flow_count: %.100q", out.String())
	}
	_, err = fmt.Sscan(rest, &n)
	return n, err
}

// Flows asks the node for flows.
func (r *Remote) Flows(ctx context.Context, req FlowsRequest, yield func([]Chunk) error) (*Collected, error) {
	return pull[Chunk, *Collected](ctx, r, "Flows", req, 0, yield)
}

var (
	_ FlowReader = (*Service)(nil)
	_ FlowReader = (*Remote)(nil)
)
