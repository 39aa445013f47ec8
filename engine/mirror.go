package engine

import (
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

// mirrored names the mirror whose copy an output to a port is. Open vSwitch adds a mirror's output without a line in the trace
// (ofproto/ofproto-dpif-xlate.c: mirror_packet), and keeps NORMAL away from a mirror's output port: an output there that no
// action asks for is a copy. Where an action asks for the port too, which of the outputs is the copy does not matter.
func (s *segment) mirrored(p Port) string {
	if len(p.Mirrors) == 0 {
		return ""
	}
	names := strings.Join(p.Mirrors, ", ")
	if s.asksFor(p) {
		s.note("%s is the output port of mirror %s too: one of the copies there may be the mirror's", p.Name, names)
		return ""
	}
	return names
}

// asksFor tells whether an OpenFlow action of the segment puts the packet out of a port.
func (s *segment) asksFor(p Port) bool {
	found, bridge := false, ""
	number := strconv.FormatUint(uint64(p.OFPort), 10)
	walkNodes(s.section.Nodes, func(n *oftrace.Node) {
		switch n.Kind {
		case oftrace.Bridge:
			bridge = n.Bridge
		case oftrace.ActionLine:
			found = found || bridge == p.Bridge && outputs(n.Text, number)
		case oftrace.Detail:
			found = found || bridge == p.Bridge && n.Text == "output port is "+number
		}
	})
	return found
}

// outputs tells whether an action as ofproto/trace prints it names a port, or all ports.
func outputs(action, port string) bool {
	rest, ok := strings.CutPrefix(action, "output:")
	switch {
	case ok:
		return rest == port
	case strings.HasPrefix(action, "output(port="):
		return strings.HasPrefix(action, "output(port="+port+",")
	case strings.HasPrefix(action, "enqueue:"):
		return strings.HasPrefix(action, "enqueue:"+port+":")
	}
	return action == "FLOOD" || action == "ALL" || strings.HasPrefix(action, "bundle(")
}

// lportMirrors notes where OVN itself copies the packet to a logical port (mirror type lport; lib/actions.c: encode_MIRROR): the
// copy goes through the tables like the packet, and its end is not told from the packet's own.
func (s *segment) lportMirrors() {
	for _, h := range s.pub.Tables {
		for _, a := range h.Actions {
			if rest, ok := strings.CutPrefix(a, "clone(set_field:ANY->in_port,set_field:"); ok && strings.Contains(rest, "->reg15,resubmit(,") {
				s.assume("table %d (cookie 0x%x) copies the packet to a mirror's logical port: where the copy ends is among the branches, and counts for the verdict", h.Table, h.Cookie)
			}
		}
	}
}
