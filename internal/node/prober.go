package node

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// prober is engine.Prober over ovs-vswitchd's control socket.
type prober struct{ ctl *unixctl.Client }

func (p prober) Trace(ctx context.Context, bridge, flow string) (string, error) {
	if bridge == "" {
		return p.ctl.Call(ctx, "ofproto/trace", flow)
	}
	return p.ctl.Call(ctx, "ofproto/trace", bridge, flow)
}

func (p prober) TracePacketOut(ctx context.Context, bridge, flow, actions string) (string, error) {
	return p.ctl.Call(ctx, "ofproto/trace-packet-out", bridge, flow, actions)
}
