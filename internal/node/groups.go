package node

import (
	"context"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofgroup"
)

// groups is the run directory of an ovs-vswitchd, as engine.Groups.
type groups string

// groupTimeout bounds the question for one group: without an answer the engine asks ofproto/trace
// more often.
const groupTimeout = 2 * time.Second

// SelectGroup implements engine.Groups.
func (dir groups) SelectGroup(ctx context.Context, bridge string, group uint32) (out engine.SelectGroup, err error) {
	ctx, cancel := context.WithTimeout(ctx, groupTimeout)
	defer cancel()
	g, err := ofgroup.Read(ctx, string(dir), bridge, group)
	if err != nil {
		return out, err
	}
	out.Method = g.Method
	for _, b := range g.Buckets {
		out.Buckets = append(out.Buckets, engine.GroupBucket(b))
	}
	return out, nil
}
