package ovn

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// LogicalFlow is a Logical_Flow row.
type LogicalFlow struct {
	UUID            ovsdb.UUID
	Datapath, Group ovsdb.UUID // of the one datapath, or of the group of datapaths, that it is for
	Pipeline        string     // ingress or egress
	TableID         int
	Priority        int
	Match, Actions  string
	Stage           string // such as ls_out_acl
	Hint            string // first eight hex digits of the Northbound row's UUID, in lower case; or empty
	Source          string // northd's file and line
	Desc            string // why the flow exists (flow_desc, since 25.03)
	Meter           string // controller_meter
}

var logicalFlows = ovsdb.From("Logical_Flow", "logical_datapath", "logical_dp_group", "pipeline", "table_id", "priority",
	"match", "actions", "external_ids", "controller_meter", "flow_desc")

// LogicalFlows returns the logical flows of these rows. Rows that no longer exist are absent.
func (s *SB) LogicalFlows(ctx context.Context, rows []ovsdb.UUID) ([]LogicalFlow, error) {
	var qs []ovsdb.Query
	for _, u := range rows {
		qs = append(qs, logicalFlows.Row(u))
	}
	res, err := s.Select(ctx, qs...)
	if err != nil {
		return nil, err
	}
	var out []LogicalFlow
	for _, r := range slices.Concat(res...) {
		f, err := s.logicalFlow(r)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// logicalFlow returns the flow of a row of logicalFlows.
func (s *SB) logicalFlow(r *ovsdb.Row) (LogicalFlow, error) {
	ids := r.Map("external_ids")
	f := LogicalFlow{UUID: r.UUID(), Datapath: r.Ref("logical_datapath"), Group: r.Ref("logical_dp_group"),
		Pipeline: r.Str("pipeline"), TableID: int(r.Int("table_id")), Priority: int(r.Int("priority")),
		Match: r.Str("match"), Actions: r.Str("actions"), Stage: ids["stage-name"], Hint: strings.ToLower(ids["stage-hint"]),
		Source: ids["source"], Desc: r.Str("flow_desc"), Meter: r.Str("controller_meter")}
	if err := r.Err(); err != nil {
		return f, s.Malformed("Logical_Flow", fmt.Errorf("%s: %w", f.UUID, err))
	}
	return f, nil
}

var flowOutlines = ovsdb.From("Logical_Flow", "pipeline", "table_id", "priority", "match", "logical_dp_group")

// FlowOutline is the part of a Logical_Flow row that says to which packets it applies.
type FlowOutline struct {
	UUID     ovsdb.UUID
	Group    ovsdb.UUID // of the datapaths that share it; zero for one datapath's own
	Pipeline string
	TableID  int
	Priority int
	Match    string
}

// FlowOutlines passes the outlines of each datapath's own logical flows to yield, with the
// datapath's number in the list. A zero UUID in the list selects the flows of all datapath groups.
// The server scans all its logical flows for each datapath of the list. In the same transaction it
// asks others, and passes their rows to also with the query's number. yield and also must not use
// the database.
func (s *SB) FlowOutlines(ctx context.Context, datapaths []ovsdb.UUID, yield func(datapath int, f FlowOutline),
	others []ovsdb.Query, also func(query int, r *ovsdb.Row)) error {
	qs := ofDatapaths(flowOutlines, datapaths)
	own := len(qs)
	return s.Each(ctx, append(qs, others...), func(q int, r *ovsdb.Row) error {
		if q >= own {
			also(q-own, r)
			return r.Err()
		}
		yield(q, FlowOutline{UUID: r.UUID(), Group: r.Ref("logical_dp_group"), Pipeline: r.Str("pipeline"),
			TableID: int(r.Int("table_id")), Priority: int(r.Int("priority")), Match: r.Str("match")})
		return r.Err()
	})
}

// LastTableID returns the highest table_id that the schema allows a logical flow. It returns false
// if the schema sets none.
func (s *SB) LastTableID() (int, bool) {
	last, ok := s.MaxInteger("Logical_Flow", "table_id")
	return int(last), ok
}

// HasDatapathGroups reports whether this release shares logical flows among datapaths (since
// 20.12).
func (s *SB) HasDatapathGroups() bool { return s.Has("Logical_Flow", "logical_dp_group") }

// DatapathGroup returns the datapaths of a group, none if the group no longer exists.
func (s *SB) DatapathGroup(ctx context.Context, group ovsdb.UUID) ([]ovsdb.UUID, error) {
	res, err := s.Select(ctx, ovsdb.From("Logical_DP_Group", "datapaths").Row(group))
	if err != nil || len(res[0]) == 0 {
		return nil, err
	}
	return res[0][0].Refs("datapaths"), res[0][0].Err()
}

// DatapathGroupsOf returns the groups that contain a datapath.
func (s *SB) DatapathGroupsOf(ctx context.Context, datapath ovsdb.UUID) ([]ovsdb.UUID, error) {
	res, err := s.Select(ctx, groupsWith(datapath))
	if err != nil {
		return nil, err
	}
	var out []ovsdb.UUID
	for _, r := range res[0] {
		out = append(out, r.UUID())
	}
	return out, nil
}

func groupsWith(datapath ovsdb.UUID) ovsdb.Query {
	return ovsdb.From("Logical_DP_Group").Includes("datapaths", datapath)
}
