package explain

import (
	"context"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// stage is a table of the logical pipelines.
type stage struct {
	pipeline string
	table    int
}

// brief is the part of a logical flow that is kept for all flows of a datapath: enough to decide
// which to read whole.
type brief struct {
	id       ovsdb.UUID
	group    ovsdb.UUID // of the datapaths that share it; zero for one datapath's own
	priority int
	match    string
}

// shared stands in for a datapath: the flows that datapath groups share.
var shared ovsdb.UUID

// readStages reads the briefs of the datapaths' flows and of shared ones, unless it has them. The
// server scans all its logical flows for each datapath of a query, so one query reads all stages.
func (e *Explainer) readStages(ctx context.Context, datapaths ...ovsdb.UUID) error {
	return e.readStagesAnd(ctx, datapaths, nil, nil)
}

// readStagesAnd is readStages with other queries in the same transaction; also gets their rows. The
// others are not asked if the briefs of all datapaths are there.
func (e *Explainer) readStagesAnd(ctx context.Context, datapaths []ovsdb.UUID, others []ovsdb.Query, also func(query int, r *ovsdb.Row)) error {
	want := e.unread(datapaths)
	if len(want) == 0 {
		return nil
	}
	read := newBriefs(want)
	err := e.sb.FlowOutlines(ctx, want, func(dp int, f ovn.FlowOutline) {
		read.add(dp, stage{f.Pipeline, f.TableID}, brief{id: f.UUID, group: f.Group, priority: f.Priority, match: f.Match})
	}, others, also)
	if err != nil {
		return err
	}
	e.keepBriefs(read, len(want))
	return nil
}

// unread returns those of the datapaths whose briefs are not there, then shared where those are
// not.
func (e *Explainer) unread(datapaths []ovsdb.UUID) []ovsdb.UUID {
	var want []ovsdb.UUID
	if e.sb.HasDatapathGroups() {
		datapaths = append(slices.Clone(datapaths), shared)
	}
	for _, dp := range datapaths {
		if e.stages[dp] == nil && !slices.Contains(want, dp) {
			want = append(want, dp)
		}
	}
	return want
}

// briefs are the briefs of datapaths while they are being read.
type briefs struct {
	of        []ovsdb.UUID
	stages    []map[stage][]brief // of each
	pipelines map[string]string   // one string for all rows
}

func newBriefs(of []ovsdb.UUID) *briefs {
	r := &briefs{of: of, stages: make([]map[stage][]brief, len(of)), pipelines: map[string]string{}}
	for i := range r.stages {
		r.stages[i] = map[stage][]brief{}
	}
	return r
}

// add adds the brief of a flow of datapath number dp.
func (r *briefs) add(dp int, at stage, b brief) {
	if known, ok := r.pipelines[at.pipeline]; ok {
		at.pipeline = known
	}
	r.pipelines[at.pipeline] = at.pipeline
	r.stages[dp][at] = append(r.stages[dp][at], b)
}

// keepBriefs keeps the briefs of the first n datapaths, which are complete.
func (e *Explainer) keepBriefs(r *briefs, n int) {
	var all []ovsdb.UUID
	for i, dp := range r.of[:n] {
		e.stages[dp] = r.stages[i]
		for _, in := range r.stages[i] {
			all = append(all, ids(in)...)
		}
	}
	e.sbIndex.add("Logical_Flow", all)
}

// stageFlows lists the flows of a datapath's stage.
func (e *Explainer) stageFlows(ctx context.Context, datapath ovsdb.UUID, at stage) ([]brief, error) {
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
func (e *Explainer) groupsOf(ctx context.Context, datapath ovsdb.UUID) (map[ovsdb.UUID]bool, error) {
	if on := e.groupsWith[datapath]; on != nil {
		return on, nil
	}
	groups, err := e.sb.DatapathGroupsOf(ctx, datapath)
	if err != nil {
		return nil, err
	}
	on := map[ovsdb.UUID]bool{}
	for _, g := range groups {
		on[g] = true
	}
	e.groupsWith[datapath] = on
	return on, nil
}

func ids(in []brief) []ovsdb.UUID {
	out := make([]ovsdb.UUID, len(in))
	for i, b := range in {
		out[i] = b.id
	}
	return out
}

// loadFlows reads the logical flows of UUIDs, unless it has them. A row that was deleted meanwhile
// stays unread.
func (e *Explainer) loadFlows(ctx context.Context, ids []ovsdb.UUID) error {
	seen := map[ovsdb.UUID]bool{}
	var want []ovsdb.UUID
	for _, u := range ids {
		if e.flows[u] != nil || seen[u] {
			continue
		}
		if f := e.whole[u]; f != nil {
			e.flows[u] = f
			continue
		}
		seen[u] = true
		want = append(want, u)
	}
	found, err := e.selectFlows(ctx, want)
	for _, f := range found {
		e.flows[f.UUID] = f
	}
	return err
}

// flow reads one logical flow, unless it has it; nil for a row that was deleted.
func (e *Explainer) flow(ctx context.Context, id ovsdb.UUID) (*LogicalFlow, error) {
	err := e.loadFlows(ctx, []ovsdb.UUID{id})
	return e.flows[id], err
}
