package replica

import (
	"context"
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// unlearned is why a packet's end is unknown where it comes to a table with learned flows.
const unlearned = "which flows %s has learned in table %d of %s is not known: %s"

// learned puts the flows that the chassis has learned into the copy's tables: those that learn()
// actions of the copy's flows name. They keep their cookies, by which ovs-vswitchd deletes them when the
// change removes what has taught them (delete_learned), and lose their timeouts: none ends before the
// next packet.
//
// That the chassis has the same tables and fields is shown by the flows with the actions: for each
// pair of tables it must have one of them, with the same action.
func (t *taking) learned(ctx context.Context) error {
	bridge := t.c.bridge
	all, err := t.c.sw.Learning(ctx, bridge)
	if err != nil || len(all) == 0 {
		return err
	}
	taught, samples := sorted(all)
	req := node.FlowsRequest{Bridge: bridge}
	for table := range taught {
		req.Of = append(req.Of, node.FlowsOf{Table: table})
	}
	for _, l := range samples {
		req.Of = append(req.Of, teacher(l))
	}
	files, asked := t.ask(ctx, req)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var flows []string
	for table, learns := range taught {
		own, err := t.c.sw.HasFlows(ctx, bridge, table)
		if err != nil {
			return err
		}
		why := ""
		switch {
		case asked != nil:
			why = asked.Error()
		case own:
			why = "OVN has flows of its own there"
		default:
			var list []string
			list, why = readLearned(files, bridge, table, samples)
			flows = append(flows, list...)
		}
		if why == "" {
			continue
		}
		why = fmt.Sprintf(unlearned, t.c.name, table, bridge, why)
		t.notes = append(t.notes, why)
		for i := range learns {
			flows = append(flows, learns[i].StandIn(why))
		}
	}
	return t.c.sw.AddFlows(ctx, bridge, flows)
}

// teacher selects the flow with a learn() action.
func teacher(l *rebuild.Learn) node.FlowsOf { return node.FlowsOf{Table: l.From, Cookie: &l.Cookie} }

// sorted returns learn() actions by the table that they teach, and one of each pair of tables.
func sorted(all []rebuild.Learn) (taught map[uint8][]rebuild.Learn, samples []*rebuild.Learn) {
	taught = map[uint8][]rebuild.Learn{}
	for i := range all {
		l := &all[i]
		taught[l.Table] = append(taught[l.Table], *l)
		if !slices.ContainsFunc(samples, func(s *rebuild.Learn) bool { return s.From == l.From && s.Table == l.Table }) {
			samples = append(samples, l)
		}
	}
	return taught, samples
}

// readLearned returns the flows of a table that a chassis has learned, or why they are not known.
func readLearned(files map[string]*rebuild.Part, bridge string, table uint8, samples []*rebuild.Learn) (flows []string, why string) {
	read := func(of node.FlowsOf) (list []string, why string) {
		p := part(files, node.FlowsFile(bridge, of))
		if why := p.Lacks(); why != "" {
			return nil, why
		}
		list, unknown, err := rebuild.Flows(p)
		if err != nil {
			unknown = err.Error()
		}
		return list, unknown
	}
	if flows, why = read(node.FlowsOf{Table: table}); why != "" {
		return nil, why
	}
	for _, s := range samples {
		if s.Table != table {
			continue
		}
		there, why := read(teacher(s))
		if why != "" {
			return nil, why
		}
		if !slices.ContainsFunc(there, func(line string) bool {
			return slices.ContainsFunc(rebuild.Learns(line), func(l rebuild.Learn) bool { return l.Text == s.Text })
		}) {
			return nil, fmt.Sprintf("it has no flow with cookie %#x in table %d that learns as the copy's does: its OVN is of another release, or has not caught up", s.Cookie, s.From)
		}
	}
	return flows, ""
}
