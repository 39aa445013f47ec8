package explain

import (
	"context"
	"slices"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// stage is a table of the logical pipelines.
type stage struct {
	pipeline string
	table    int
}

// brief is what is kept of every logical flow of a datapath: enough to know which to read whole.
type brief struct {
	id       ovn.UUID
	group    ovn.UUID // of the datapaths that share it; zero for one datapath's own
	priority int
	match    string
}

// shared stands in for a datapath: the flows that datapath groups share.
var shared ovn.UUID

// readStages reads the briefs of the datapaths' flows and of those that are shared, unless it has them. The server goes
// through all its logical flows for each datapath asked about, so one question tells about all stages.
func (e *Explainer) readStages(ctx context.Context, datapaths ...ovn.UUID) error {
	var want []ovn.UUID
	var qs []ovn.Query
	if e.sb.Has("Logical_Flow", "logical_dp_group") {
		datapaths = append([]ovn.UUID{shared}, datapaths...)
	}
	for _, dp := range datapaths {
		if e.stages[dp] != nil || slices.Contains(want, dp) {
			continue
		}
		var value any = dp
		if dp == shared {
			value = ovsdb.OvsSet{}
		}
		want = append(want, dp)
		qs = append(qs, ovn.Query{Table: "Logical_Flow", Columns: []string{"pipeline", "table_id", "priority", "match", "logical_dp_group"},
			Where: []ovsdb.Condition{ovn.Equal("logical_datapath", value)}})
	}
	if len(qs) == 0 {
		return nil
	}
	read := make([]map[stage][]brief, len(qs))
	for i := range read {
		read[i] = map[stage][]brief{}
	}
	var ids []ovn.UUID
	pipelines := map[string]string{} // one string for all rows
	err := e.sb.Each(ctx, qs, func(q int, r *ovn.Row) error {
		b := brief{id: r.UUID(), group: r.Ref("logical_dp_group"), priority: int(r.Int("priority")), match: r.Str("match")}
		at := stage{r.Str("pipeline"), int(r.Int("table_id"))}
		if known, ok := pipelines[at.pipeline]; ok {
			at.pipeline = known
		}
		pipelines[at.pipeline] = at.pipeline
		read[q][at] = append(read[q][at], b)
		ids = append(ids, b.id)
		return r.Err()
	})
	if err != nil {
		return err
	}
	for i, dp := range want {
		e.stages[dp] = read[i]
	}
	e.sbIndex.add("Logical_Flow", ids)
	return nil
}

// stageFlows lists the flows of a datapath's stage.
func (e *Explainer) stageFlows(ctx context.Context, datapath ovn.UUID, at stage) ([]brief, error) {
	if err := e.readStages(ctx, datapath); err != nil {
		return nil, err
	}
	out := slices.Clone(e.stages[datapath][at])
	if len(e.stages[shared][at]) == 0 {
		return out, nil
	}
	on, err := e.groupsOf(ctx, datapath)
	if err != nil {
		return nil, err
	}
	for _, b := range e.stages[shared][at] {
		if on[b.group] {
			out = append(out, b)
		}
	}
	return out, nil
}

// groupsOf are the datapath groups that a datapath is in.
func (e *Explainer) groupsOf(ctx context.Context, datapath ovn.UUID) (map[ovn.UUID]bool, error) {
	if on := e.groupsWith[datapath]; on != nil {
		return on, nil
	}
	res, err := e.sb.Select(ctx, ovn.Query{Table: "Logical_DP_Group", Where: []ovsdb.Condition{ovn.Includes("datapaths", datapath)}})
	if err != nil {
		return nil, err
	}
	on := map[ovn.UUID]bool{}
	for _, r := range res[0] {
		on[r.UUID()] = true
	}
	e.groupsWith[datapath] = on
	return on, nil
}

func ids(in []brief) []ovn.UUID {
	out := make([]ovn.UUID, len(in))
	for i, b := range in {
		out[i] = b.id
	}
	return out
}

// loadFlows reads the logical flows of UUIDs, unless it has them. A row that has gone meanwhile stays unread.
func (e *Explainer) loadFlows(ctx context.Context, ids []ovn.UUID) error {
	seen := map[ovn.UUID]bool{}
	var want []ovn.UUID
	for _, u := range ids {
		if e.flows[u] == nil && !seen[u] {
			seen[u] = true
			want = append(want, u)
		}
	}
	found, err := e.selectFlows(ctx, want)
	for _, f := range found {
		e.flows[f.UUID] = f
	}
	return err
}

// flow reads one logical flow, unless it has it; nil for a row that has gone.
func (e *Explainer) flow(ctx context.Context, id ovn.UUID) (*LogicalFlow, error) {
	err := e.loadFlows(ctx, []ovn.UUID{id})
	return e.flows[id], err
}
