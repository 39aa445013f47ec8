package node

import (
	"context"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// prober is engine.Prober over ovs-vswitchd's control socket.
type prober struct {
	ctl *unixctl.Client
	// ended: every reply ends with a newline, as before OVS 3.4 (lib/unixctl.c: unixctl_command_reply__);
	// since then ovs-appctl adds it (utilities/ovs-appctl.c).
	ended bool
}

func (p prober) Trace(ctx context.Context, bridge, flow string) (string, error) {
	if bridge == "" {
		return p.whole(p.ctl.Call(ctx, "ofproto/trace", flow))
	}
	return p.whole(p.ctl.Call(ctx, "ofproto/trace", bridge, flow))
}

func (p prober) TracePacketOut(ctx context.Context, bridge, flow, actions string) (string, error) {
	return p.whole(p.ctl.Call(ctx, "ofproto/trace-packet-out", bridge, flow, actions))
}

// whole leaves out a last line that should end and does not: half a list of actions can read like a whole one.
func (p prober) whole(text string, err error) (string, error) {
	if !p.ended {
		return text, err
	}
	return text[:strings.LastIndexByte(text, '\n')+1], err
}

// repliesEnd tells whether replies of that release of Open vSwitch end with a newline; an unknown one's should.
func repliesEnd(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, err := strconv.Atoi(major)
	y, err2 := strconv.Atoi(minor)
	return err != nil || err2 != nil || x < 3 || x == 3 && y < 4
}
