package rebuild

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// learnedLack is why it is not known what a table has learned.
const learnedLack = "not collected: which flows %s has learned in table %d"

// unlearnedTables adds, for each flow that a learn() action of a bridge may have put into a table,
// a flow in its place that ends a packet as unknown.
func (b *builder) unlearnedTables(ctx context.Context, br *bridge) error {
	all, err := b.sw.Learning(ctx, br.name)
	if err != nil {
		return err
	}
	var flows []string
	for i := range all {
		l := &all[i]
		flows = append(flows, l.StandIn(fmt.Sprintf(learnedLack, br.name, l.Table)))
	}
	return b.sw.AddFlows(ctx, br.name, flows)
}

// Learn is a learn() action of a flow.
type Learn struct {
	// Of is the match of the flow with the action, as dumped, From its table, and Cookie its cookie.
	Of     string
	From   uint8
	Cookie uint64
	// Table has the flows that the action makes.
	Table uint8
	// Text is the action.
	Text string

	items []string // of the action
}

// Learns returns the learn() actions of a dumped flow.
func Learns(line string) (out []Learn) {
	match, actions, ok := strings.Cut(strings.TrimSpace(line), " actions=")
	if !ok || !strings.Contains(actions, "learn(") {
		return nil
	}
	l := Learn{Of: match}
	for item := range strings.SplitSeq(match, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(item), "=")
		switch name {
		case "table":
			l.From = number(value)
		case "cookie":
			l.Cookie, _ = strconv.ParseUint(value, 0, 64)
		}
	}
	for {
		_, rest, ok := strings.Cut(actions, "learn(")
		if !ok {
			return out
		}
		items, after := splitItems(rest)
		l.items, l.Text = items, "learn("+strings.TrimSuffix(rest, after)
		l.Table = number(learnTable)
		for _, item := range items {
			if value, ok := strings.CutPrefix(item, "table="); ok {
				l.Table = number(value)
			}
		}
		out, actions = append(out, l), after
	}
}

// number returns the number of a table.
func number(s string) uint8 {
	n, _ := strconv.ParseUint(s, 10, 8)
	return uint8(n)
}

// StandIn returns a flow that matches all that the action may teach, and perhaps more: of a field
// that is copied from the packet, only what the flow with the action says is known. It ends a packet
// as unknown for a reason, and has the cookie of what the action teaches, with which it is deleted.
func (l *Learn) StandIn(reason string) string {
	return lesson(l.items, l.Of) + " actions=" + pinctrl.NotLearned(reason)
}

// splitItems splits a list at its commas, up to the parenthesis that ends it. after is what
// follows.
func splitItems(s string) (items []string, after string) {
	depth, begin := 0, 0
	for i := range len(s) {
		switch {
		case s[i] == '(':
			depth++
		case s[i] == ')' && depth > 0:
			depth--
		case s[i] == ')':
			return append(items, s[begin:i]), s[i+1:]
		case s[i] == ',' && depth == 0:
			items, begin = append(items, s[begin:i]), i+1
		}
	}
	return append(items, s[begin:]), ""
}

// The defaults of a learn() action (lib/learn.c: learn_parse__).
const (
	learnTable    = "1"
	learnPriority = "32768"
)

// copied are the fields that OVN's learn() actions copy: as they are printed, as a flow's match has
// them in a dump, and as they are given where the protocol is a number.
var copied = map[string]struct{ dumped, given string }{
	"OXM_OF_METADATA": {"metadata", "metadata"},
	"NXM_OF_IP_SRC":   {"nw_src", "nw_src"}, "NXM_OF_IP_DST": {"nw_dst", "nw_dst"},
	"NXM_NX_IPV6_SRC": {"ipv6_src", "ipv6_src"}, "NXM_NX_IPV6_DST": {"ipv6_dst", "ipv6_dst"},
	"NXM_OF_TCP_SRC": {"tp_src", "tcp_src"}, "NXM_OF_TCP_DST": {"tp_dst", "tcp_dst"},
	"NXM_OF_UDP_SRC": {"tp_src", "udp_src"}, "NXM_OF_UDP_DST": {"tp_dst", "udp_dst"},
	"OXM_OF_SCTP_SRC": {"tp_src", "sctp_src"}, "OXM_OF_SCTP_DST": {"tp_dst", "sctp_dst"},
}

// constants are the fields that OVN's learn() actions give a value.
var constants = map[string]bool{"eth_type": true, "nw_proto": true, "ip_src": true, "ip_dst": true, "ipv6_src": true, "ipv6_dst": true,
	"tcp_src": true, "tcp_dst": true, "udp_src": true, "udp_dst": true, "sctp_src": true, "sctp_dst": true}

// lesson returns the match of the flow that a learn() action makes, with its table, priority and
// cookie, as far as they are known. match is that of the flow with the action.
func lesson(items []string, match string) string {
	table, priority, cookie := learnTable, learnPriority, ""
	var fields []string
	for _, item := range items {
		name, value, set := strings.Cut(item, "=")
		to, whole := strings.CutSuffix(name, "[]")
		switch {
		case name == "table":
			table = value
		case name == "priority":
			priority = value
		case name == "cookie":
			cookie = "cookie=" + value
		case whole: // TO[] or TO[]=FROM[], of whole fields
			from := to
			if set {
				from, whole = strings.CutSuffix(value, "[]")
			}
			if v := matched(match, copied[from].dumped); whole && v != "" && copied[to].given != "" {
				fields = append(fields, copied[to].given+"="+v)
			}
		case constants[name]:
			fields = append(fields, item)
		}
	}
	// Just below the learned flow's, so that one which a traced packet would teach precedes it.
	n, _ := strconv.Atoi(priority)
	head := []string{"table=" + table, fmt.Sprintf("priority=%d", max(0, n-1))}
	if cookie != "" {
		head = append(head, cookie)
	}
	return strings.Join(append(head, fields...), ",")
}

// matched returns the value of a field in a match; empty if it has none.
func matched(match, field string) string {
	if field == "" {
		return ""
	}
	for item := range strings.SplitSeq(match, ",") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(item), field+"="); ok {
			return v
		}
	}
	return ""
}
