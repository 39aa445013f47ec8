package engine

import (
	"cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// nextHopOf is the next hop that a section's buckets lead to: what the table that a bucket hands
// the packet to (northd's *_ecmp stages) puts into the registers that a router has it in (northd.c:
// REG_NEXT_HOP_IPV4, REG_NEXT_HOP_IPV6). One hash may decide several groups, such as a route's and
// after it a policy's: the last that sets the next hop counts. It is empty for buckets that are
// about something else.
func nextHopOf(sec oftrace.Section, start ofreplay.Start) string {
	lookups := ofreplay.Follow(sec, start).Lookups
	var tables []*oftrace.Node
	var behind []int // of each bucket, the table that it hands the packet to
	sec.Walk(func(n *oftrace.Node) bool {
		switch n.Kind {
		case oftrace.Bucket:
			behind = append(behind, len(tables))
		case oftrace.Table:
			tables = append(tables, n)
		}
		return true
	})
	hop := ""
	for _, i := range behind {
		if i+1 >= len(tables) {
			break
		}
		before, ok := lookups[tables[i]]
		after, still := lookups[tables[i+1]]
		if !ok || !still {
			// What this bucket set is not known, nor then which hop counts.
			hop = ""
			continue
		}
		hop = cmp.Or(nextHopSet(before, after), hop)
	}
	return hop
}

// nextHopSet is the next hop that a table has put into the registers, between its look-up and the
// next; empty where it has not.
func nextHopSet(before, after openflow.Flow) string {
	was, now := ofreplay.RegistersOf(before), ofreplay.RegistersOf(after)
	switch {
	case was.IP6(0) != now.IP6(0) && after.Find("ipv6_src") >= 0:
		return now.IP6(0).String()
	case was.Reg[0] != now.Reg[0] && after.Find("nw_src") >= 0:
		return now.IP4(0).String()
	}
	return ""
}
