package pinctrl

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// NextHop is the next hop that a section's bucket leads to: what the table it hands the packet to (northd's *_ecmp stages)
// puts into the registers that a router has it in (northd.c: REG_NEXT_HOP_IPV4, REG_NEXT_HOP_IPV6). It is empty for a bucket
// that is about something else.
func NextHop(sec oftrace.Section, start *openflow.Flow) string {
	_, lookups, err := Follow(sec, start)
	if err != nil {
		return ""
	}
	var tables []*oftrace.Node
	seen := false
	sec.Walk(func(n *oftrace.Node) bool {
		seen = seen || n.Kind == oftrace.Bucket
		if seen && n.Kind == oftrace.Table {
			tables = append(tables, n)
		}
		return true
	})
	if len(tables) < 2 {
		return ""
	}
	before, ok := lookups[tables[0]]
	after, still := lookups[tables[1]]
	was, now := registersOf(before), registersOf(after)
	switch {
	case !ok || !still:
		return ""
	case was.xxreg0() != now.xxreg0() && after.Find("ipv6_src") >= 0:
		return now.xxreg0().String()
	case was.reg[0] != now.reg[0] && after.Find("nw_src") >= 0:
		return now.ip4(0).String()
	}
	return ""
}

// firstBucket finds the bucket that a group's execution is printed with.
func firstBucket(nodes []*oftrace.Node) *oftrace.Node {
	for _, n := range nodes {
		if n.Kind == oftrace.Bucket {
			return n
		}
		if b := firstBucket(n.Children); b != nil {
			return b
		}
	}
	return nil
}
