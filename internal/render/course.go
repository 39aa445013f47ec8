package render

import (
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// course prints the rows that determined a packet's way besides its destination address: a static
// route, a rerouting policy, a learned or configured MAC binding, a learned port, a load balancer's
// affinity. With -v every table is printed with its row instead.
func (w *walker) course(indent int, s *report.Segment) {
	for _, text := range courseOf(s) {
		w.line(indent, span{"by ", cyan}, plain(text))
	}
}

func courseOf(s *report.Segment) []string {
	var out []string
	for i := range s.Tables {
		if text := turn(&s.Tables[i]); text != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// turn returns the row of a table hit that determined the packet's way, empty for any other hit.
func turn(t *report.Table) string {
	switch row, _, _ := strings.Cut(t.Row, " "); row {
	case "MAC_Binding", "Static_MAC_Binding":
		if sets(t.Actions, "eth_dst", "dl_dst", "ETH_DST") {
			return t.Row
		}
	case "FDB":
		if sets(t.Actions, "reg15", "REG15") {
			return t.Row
		}
	}
	switch {
	case t.NB == nil:
		return ""
	case t.NB.Table == "Logical_Router_Policy" && strings.Contains(t.NB.Summary, "reroute"):
		return t.NB.Summary
	case t.NB.Table == "Logical_Router_Static_Route" && strings.Contains(t.Stage, "ip_routing") && !drop(t):
		return t.NB.Summary
	case affinity(t):
		return nbName(t.NB) + " affinity: the client keeps the backend" + backend(t.LogicalFlow.Actions) + " of its earlier connection"
	}
	return ""
}

// sets reports whether actions set a field, in one of its spellings. OVN also looks up a binding or
// an FDB row to decide whether it knows a sender: that only sets a bit of a register.
func sets(actions []string, spellings ...string) bool {
	return slices.ContainsFunc(actions, func(a string) bool {
		return slices.ContainsFunc(spellings, func(s string) bool { return strings.Contains(a, s) })
	})
}

// drop reports whether a logical flow discards the packet; the packet's reason names such a row
// already.
func drop(t *report.Table) bool {
	return t.LogicalFlow != nil && strings.HasPrefix(strings.TrimSpace(t.LogicalFlow.Actions), "drop;")
}

// backend returns the backend of a logical flow's ct_lb action, after a space; empty if there is
// none.
func backend(actions string) string {
	_, rest, found := strings.Cut(actions, "backends=")
	if !found {
		return ""
	}
	return " " + rest[:strings.IndexAny(rest+")", ");")]
}

// affinity reports whether a load balancer's flow was hit because its affinity table contained the
// client: northd sets a bit of reg9 from chk_lb_aff() and matches it in the load-balancing stages
// (northd.c: build_lb_affinity_lr_flows, build_lb_affinity_ls_flows).
func affinity(t *report.Table) bool {
	return t.NB.Table == "Load_Balancer" && t.LogicalFlow != nil &&
		(strings.HasSuffix(t.Stage, "_lb") || strings.HasSuffix(t.Stage, "_dnat")) &&
		strings.Contains(t.LogicalFlow.Match, "reg9[6] == 1")
}
