package render

import (
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/report"
)

// course prints the rows that sent a packet another way than its destination address alone: a
// rerouting policy, a learned or configured MAC binding, a load balancer's affinity. With -v every
// table is printed with its row instead.
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

// turn is the row of a table hit that changed the packet's course, empty for any other hit.
func turn(t *report.Table) string {
	switch row, _, _ := strings.Cut(t.Row, " "); row {
	case "MAC_Binding", "Static_MAC_Binding":
		return t.Row
	}
	switch {
	case t.NB == nil:
		return ""
	case t.NB.Table == "Logical_Router_Policy" && strings.Contains(t.NB.Summary, "reroute"):
		return t.NB.Summary
	case affinity(t):
		return nbName(t.NB) + " affinity: the client keeps the backend of its earlier connection"
	}
	return ""
}

// affinity reports whether a load balancer's flow was hit because its affinity table had the client:
// northd sets a bit of reg9 from chk_lb_aff() and matches it in the stages that balance
// (northd.c: build_lb_affinity_lr_flows, build_lb_affinity_ls_flows).
func affinity(t *report.Table) bool {
	return t.NB.Table == "Load_Balancer" && t.LogicalFlow != nil &&
		(strings.HasSuffix(t.Stage, "_lb") || strings.HasSuffix(t.Stage, "_dnat")) &&
		strings.Contains(t.LogicalFlow.Match, "reg9[6] == 1")
}
