package engine

import (
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// tableHits lists a section's table look-ups in execution order, each with its bridge and the
// action lines under it. Look-ups after a nested bridge (behind a patch port or a native tunnel)
// belong to the outer bridge again.
func tableHits(sec *oftrace.Section) []TableHit {
	var hits []TableHit
	var walk func(bridge string, nodes []*oftrace.Node, at int)
	walk = func(bridge string, nodes []*oftrace.Node, at int) {
		for _, n := range nodes {
			switch n.Kind {
			case oftrace.Bridge:
				walk(n.Bridge, n.Children, -1)
			case oftrace.Table:
				hits = append(hits, TableHit{
					Bridge: bridge, Table: n.Table.ID, Priority: n.Table.Priority,
					Cookie: n.Table.Cookie, Match: n.Table.Match, Miss: n.Table.Miss,
					Metadata: metadataOf(n.Table.Match),
				})
				walk(bridge, n.Children, len(hits)-1)
			case oftrace.ActionLine, oftrace.Bucket, oftrace.Detail, oftrace.Warn, oftrace.Error:
				if at >= 0 {
					hits[at].Actions = append(hits[at].Actions, lineText(n))
				}
				walk(bridge, n.Children, at)
			default:
				walk(bridge, n.Children, at)
			}
		}
	}
	walk(sec.Bridge, sec.Nodes, -1)
	return hits
}

func lineText(n *oftrace.Node) string {
	switch n.Kind {
	case oftrace.Detail:
		return "-> " + n.Text
	case oftrace.Warn:
		return ">> " + n.Text
	case oftrace.Error:
		return ">>>> " + n.Text + " <<<<"
	}
	return n.Text
}

// metadataOf returns N of metadata=N in a match, which is OVN's logical datapath; 0 without it.
func metadataOf(match string) uint64 {
	f, err := openflow.Parse(match)
	if err != nil {
		return 0
	}
	v, _ := f.Get("metadata")
	n, _ := strconv.ParseUint(v, 0, 64)
	return n
}

func walkNodes(nodes []*oftrace.Node, f func(*oftrace.Node)) {
	for _, n := range nodes {
		f(n)
		walkNodes(n.Children, f)
	}
}
