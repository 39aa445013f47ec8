package vswitchd

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// Caller runs a command of ovs-vswitchd and returns its text, as ovs-appctl does.
type Caller interface {
	Call(ctx context.Context, command string, args ...string) (string, error)
}

// Over returns a tracer whose commands c runs, for a daemon that Dial does not reach: in a
// container, or on another machine. version is the daemon's, such as "3.1.0". Up to 3.3 every reply
// ends with a newline, and a last line without one was cut short. An empty version is unknown; it
// is treated like 3.3.
func Over(c Caller, version string) engine.Tracer {
	return tracer{c, repliesEnd(version)}
}

type tracer struct {
	ctl   Caller
	ended bool // every reply ends with a newline
}

// With these ofproto/trace goes on behind a ct() with an answer that most pipelines drop at once.
// The engine reads no section behind a ct(), but the daemon translates and prints them all: with
// its own guess, a new connection, they were most of its work.
const ctNext, invalid = "--ct-next", "trk,inv"

func (t tracer) Trace(ctx context.Context, bridge, flow string) (string, error) {
	if bridge == "" {
		return t.call(ctx, "ofproto/trace", flow, ctNext, invalid)
	}
	return t.call(ctx, "ofproto/trace", bridge, flow, ctNext, invalid)
}

func (t tracer) TracePacketOut(ctx context.Context, bridge, flow, actions string) (string, error) {
	return t.call(ctx, "ofproto/trace-packet-out", bridge, flow, ctNext, invalid, actions) // the actions are the last argument
}

func (t tracer) call(ctx context.Context, command string, args ...string) (string, error) {
	text, err := t.ctl.Call(ctx, command, args...)
	return whole(text, t.ended), err
}
