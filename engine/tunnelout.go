package engine

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

// tunnelOutput is an output to a tunnel port as a trace prints it. Open vSwitch encapsulates by
// itself on the userspace datapath: it looks up a route and a MAC address, and passes the outer
// packet to the bridge of the route (ofproto/ofproto-dpif-xlate.c: compose_output_action__,
// native_tunnel_output).
type tunnelOutput struct {
	bridge string
	port   uint32        // OpenFlow port number; 0 if the action does not contain it
	set    netip.Addr    // destination that the flow has set, for a port with remote_ip=flow
	native bool          // the port encapsulates by itself
	report *oftrace.Node // the trace's line about its end; nil if a header was added
	from   string        // source in the header, "MAC ADDRESS" as printed
	last   int           // the last look-up on its way; -1 for none
}

// The trace's lines about an output to a tunnel port.
const (
	nativeText  = "output to native tunnel"
	fromText    = "tunneling from "
	noRouteText = "native tunnel routing failed"
	missText    = "neighbor cache miss for "
)

// tunnelOutputs lists a section's outputs to tunnel ports in execution order, without those to
// tunnels of the kernel.
func tunnelOutputs(sec *oftrace.Section) []*tunnelOutput {
	var (
		out  []*tunnelOutput
		hits = -1
		set  netip.Addr
		walk func(bridge string, nodes []*oftrace.Node)
	)
	walk = func(bridge string, nodes []*oftrace.Node) {
		var now *tunnelOutput
		port := uint32(0)
		for _, n := range nodes {
			in := bridge
			switch n.Kind {
			case oftrace.Bridge:
				in = n.Bridge
			case oftrace.Table:
				hits++
			case oftrace.ActionLine:
				now, port = nil, outputPort(n.Text)
				if a, ok := setDestination(n.Text); ok {
					set = a
				}
			case oftrace.Detail, oftrace.Warn:
				fmt.Sscanf(n.Text, "output port is %d", &port)
				if n.Text == nativeText || now == nil && endsTunnel(n.Text) {
					now = &tunnelOutput{bridge: bridge, port: port, set: set, last: hits}
					out = append(out, now)
				}
				now.read(n)
			}
			walk(in, n.Children)
			if n.Kind == oftrace.Bridge && now != nil {
				now.last = hits
			}
		}
	}
	walk(sec.Bridge, sec.Nodes)
	return out
}

// read sets the fields of an output to a tunnel from a line of the trace.
func (o *tunnelOutput) read(n *oftrace.Node) {
	switch {
	case o == nil:
	case n.Text == nativeText:
		o.native = true
	case strings.HasPrefix(n.Text, fromText):
		o.from, _, _ = strings.Cut(strings.TrimPrefix(n.Text, fromText), " to ")
	case endsTunnel(n.Text):
		o.report = n
	}
}

// endsTunnel reports whether a line says that no header was added to the packet.
func endsTunnel(s string) bool {
	switch s {
	case noRouteText, "tunnel output device lacks Ethernet address", "native tunnel header build failed",
		"Tunneling decided against output", "Not tunneling to our own address":
		return true
	}
	return strings.HasPrefix(s, missText)
}

// outputPort returns the number of the port to which an action outputs the packet, 0 if it contains
// none.
func outputPort(action string) (n uint32) {
	for _, form := range []string{"output:", "output(port=", "enqueue:"} {
		rest, ok := strings.CutPrefix(action, form)
		if !ok {
			continue
		}
		end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 {
			end = len(rest)
		}
		v, _ := strconv.ParseUint(rest[:end], 10, 32)
		return uint32(v)
	}
	return 0
}

// setDestination reads an action that sets a tunnel's destination.
func setDestination(action string) (netip.Addr, bool) {
	value, field, _ := strings.Cut(strings.TrimPrefix(action, "set_field:"), "->")
	if field != "tun_dst" && field != "tun_ipv6_dst" {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(value)
	return a, err == nil
}

// lostOutput is an output to a tunnel that sends nothing, and why.
type lostOutput struct {
	kind LeafKind
	why  string
	hit  int // the look-up that decided
}

// lostOutputs returns the outputs to tunnels without an action in a section: those without a
// header, and those whose outer packet the underlay's bridge drops.
func lostOutputs(sec *oftrace.Section, actions odp.Actions, cause func(*tunnelOutput) (LeafKind, string)) []lostOutput {
	var pushed []odp.TnlPush
	odp.Walk(actions, func(a odp.Action) bool {
		if p, ok := a.(odp.TnlPush); ok {
			pushed = append(pushed, p)
		}
		return true
	})
	var lost, dropped []lostOutput
	for _, o := range tunnelOutputs(sec) {
		switch {
		case o.report != nil:
			kind, why := cause(o)
			lost = append(lost, lostOutput{kind, why, o.last})
		case !o.native:
		case len(pushed) > 0 && o.from == pushed[0].Header.EthSrc+" "+pushed[0].Header.Src.String():
			pushed = pushed[1:]
		default:
			dropped = append(dropped, lostOutput{LeafDrop, "", o.last})
		}
	}
	if len(pushed) > 0 {
		return lost // it is unknown which header belongs to which output
	}
	return slices.Concat(lost, dropped)
}
