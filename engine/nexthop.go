package engine

import (
	"cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// nextHopOf returns the next hop of a section's buckets: the value that the table after a bucket
// (northd's *_ecmp stages) writes to a router's next-hop registers (northd.c: REG_NEXT_HOP_IPV4,
// REG_NEXT_HOP_IPV6). One hash may decide several groups, such as a route's and then a policy's:
// the last one that sets the next hop counts. The result is empty for other buckets.
func nextHopOf(sec oftrace.Section, start ofreplay.Start) string {
	lookups := ofreplay.Follow(sec, start).Lookups
	var tables []*oftrace.Node
	var behind []int // for each bucket, the table to which it resubmits the packet
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
			// It is unknown what this bucket set, and so which hop counts.
			hop = ""
			continue
		}
		hop = cmp.Or(nextHopSet(before, after), hop)
	}
	return hop
}

// nextHopSet returns the next hop that a table has written to the registers between its look-up and
// the next one; empty if it wrote none.
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
