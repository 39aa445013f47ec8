package ofreplay

import (
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// actionIndex returns the index after the first n action lines and the lines that belong to them;
// with n < 0 it returns the number of action lines.
func actionIndex(nodes []*oftrace.Node, n int) int {
	seen := 0
	for i, x := range nodes {
		if x.Kind != oftrace.ActionLine {
			continue
		}
		if seen == n {
			return i
		}
		seen++
	}
	if n < 0 {
		return seen
	}
	return len(nodes)
}

// firstBucket returns the first bucket that was executed for a group.
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

// inside returns the text between prefix and the closing parenthesis at the end.
func inside(text, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(text, prefix)
	rest, end := strings.CutSuffix(rest, ")")
	return rest, ok && end
}

// lines returns the number of lines in which an action list in a clone or ct is printed: each
// action is one, and a ct is followed by its own nested actions, or by drop if there are none.
func lines(list string) int {
	n := 0
	for _, a := range openflow.SplitActions(list) {
		n++
		if inner, ok := inside(a, "clone("); ok {
			n += lines(inner)
		}
		if inner, ok := inside(a, "ct("); ok {
			n += ctLines(inner)
		}
	}
	return n
}

func ctLines(inner string) int {
	n := 0
	for _, item := range openflow.SplitActions(inner) {
		if item == "nat" || strings.HasPrefix(item, "nat(") {
			n++
		}
		if exec, ok := inside(item, "exec("); ok {
			n += len(openflow.SplitActions(exec))
		}
	}
	return max(n, 1)
}
