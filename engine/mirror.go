package engine

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

// mirrored returns the name of the mirror whose copy an output to a port is; empty for no copy.
// Open vSwitch adds a mirror's output without a line in the trace (ofproto/ofproto-dpif-xlate.c:
// mirror_packet), and NORMAL never uses a mirror's output port: an output there that no action
// requests is a copy. If actions request the port too, see copyBefore.
func (s *segment) mirrored(p Port) string {
	if len(p.Mirrors) == 0 || s.asksFor(p) > 0 {
		return ""
	}
	return strings.Join(p.Mirrors, ", ")
}

// copyBefore marks an output as a mirror's copy if a segment has sent the packet out of a port more
// often than its actions request: it marks the earliest, because the ingress copy is made first.
func (s *segment) copyBefore(leaves []Leaf, p Port) []Leaf {
	if len(p.Mirrors) == 0 {
		return leaves
	}
	asked := s.asksFor(p)
	if asked == 0 {
		return leaves
	}
	names := strings.Join(p.Mirrors, ", ")
	s.note("%s is the output port of mirror %s too: which outputs there are its copies is inferred from their number, the earlier ones first", p.Name, names)
	var own []int
	for i, l := range leaves {
		if l.Kind == LeafOutput && l.Segment == s.pub.ID && l.Mirror == "" && l.Port.Name == p.Name {
			own = append(own, i)
		}
	}
	if len(own) > asked {
		leaves = slices.Clone(leaves) // another world may share them
		leaves[own[0]].Mirror = names
	}
	return leaves
}

// asksFor returns the number of the segment's OpenFlow actions that send the packet out of a port.
func (s *segment) asksFor(p Port) int {
	found := 0
	number := strconv.FormatUint(uint64(p.OFPort), 10)
	s.section.InBridges(func(bridge string, n *oftrace.Node) {
		switch n.Kind {
		case oftrace.ActionLine:
			if bridge == p.Bridge && outputs(n.Text, number) {
				found++
			}
		case oftrace.Detail:
			if bridge == p.Bridge && n.Text == "output port is "+number {
				found++
			}
		}
	})
	return found
}

// outputs reports whether an action, as ofproto/trace prints it, outputs to a port or to all ports.
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

// lportMirrors adds a note if OVN itself copies the packet to a logical port (mirror type lport;
// lib/actions.c: encode_MIRROR): the copy goes through the tables like the packet, and its end
// cannot be distinguished from the packet's own.
func (s *segment) lportMirrors() {
	for _, h := range s.pub.Tables {
		for _, a := range h.Actions {
			if rest, ok := strings.CutPrefix(a, "clone(set_field:ANY->in_port,set_field:"); ok && strings.Contains(rest, "->reg15,resubmit(,") {
				s.assume("table %d (cookie 0x%x) copies the packet to a mirror's logical port: where the copy ends is among the branches, and counts for the verdict", h.Table, h.Cookie)
			}
		}
	}
}
