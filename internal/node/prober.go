package node

import (
	"context"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// prober is engine.Prober over ovs-vswitchd's control socket.
type prober struct{ ctl *unixctl.Client }

func (p prober) Trace(ctx context.Context, bridge, flow string) (string, error) {
	if bridge == "" {
		return whole(p.ctl.Call(ctx, "ofproto/trace", flow))
	}
	return whole(p.ctl.Call(ctx, "ofproto/trace", bridge, flow))
}

func (p prober) TracePacketOut(ctx context.Context, bridge, flow, actions string) (string, error) {
	return whole(p.ctl.Call(ctx, "ofproto/trace-packet-out", bridge, flow, actions))
}

// whole leaves out a last line that does not end: every reply ends with a newline (lib/unixctl.c: unixctl_command_reply__), and half
// a list of actions can read like a whole one.
func whole(text string, err error) (string, error) {
	return text[:strings.LastIndexByte(text, '\n')+1], err
}
