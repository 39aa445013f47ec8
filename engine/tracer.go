package engine

import "context"

// Tracer runs ovs-vswitchd's trace commands and returns their text, whole. It must not add a packet
// to a command or use -generate: both execute the actions. It may choose the answers behind a ct()
// (--ct-next), because only the text before the first recirculation is read. A trace calls one
// method at a time.
type Tracer interface {
	// Trace runs "ofproto/trace BRIDGE FLOW", or "ofproto/trace FLOW" with an empty bridge for a
	// flow in the datapath's syntax. The error says that the daemon refused the flow, or could not
	// be reached.
	Trace(ctx context.Context, bridge, flow string) (string, error)
	// TracePacketOut runs "ofproto/trace-packet-out BRIDGE FLOW ACTIONS", with OpenFlow actions as
	// ovs-ofctl takes them.
	TracePacketOut(ctx context.Context, bridge, flow, actions string) (string, error)
}
