package engine

import "context"

// Tracer runs ovs-vswitchd's trace commands and returns their text, whole. It must not add a packet
// to a command or run it with -generate: those execute the actions. A trace calls one method at a
// time.
type Tracer interface {
	// Trace runs "ofproto/trace BRIDGE FLOW", or "ofproto/trace FLOW" with an empty bridge for a
	// flow in the datapath's syntax. An error is what the daemon refused, or a daemon out of reach.
	Trace(ctx context.Context, bridge, flow string) (string, error)
	// TracePacketOut runs "ofproto/trace-packet-out BRIDGE FLOW ACTIONS", with OpenFlow actions as
	// ovs-ofctl takes them.
	TracePacketOut(ctx context.Context, bridge, flow, actions string) (string, error)
}
