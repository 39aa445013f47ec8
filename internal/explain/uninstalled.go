package explain

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/report"
)

// Bounds of the comparison of logical flows with what a chassis has.
const (
	manyPaths   = 40   // datapaths; where there are more, only the hits that decided are compared
	maxRivals   = 300  // flows of a stage that are read for a hit on the way
	maxDeciding = 3000 // and for one that decided
)

// lookup is a table hit that may have come about for want of a flow.
type lookup struct {
	hit      Hit
	named    Named
	flow     string // the packet that was looked up
	miss     bool
	datapath *ovn.Datapath
	stage    stage
}

// stage is a table of the logical pipelines.
type stage struct {
	pipeline string
	table    int
}

// uninstalled compares look-ups with the Southbound database. Two things are differences: a logical flow of a higher
// priority that surely matches the packet, and was not hit; and a hit on a flow that the database has no more. What a
// match asks beyond the packet (a chassis' residents, a template's value) counts for neither.
func (e *Explainer) uninstalled(ctx context.Context, chassis string, all []lookup) ([]report.Finding, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sb == nil {
		return nil, nil
	}
	var out []report.Finding
	var want []lookup
	small, err := e.small(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		fits, err := e.place(ctx, &l)
		switch {
		case err != nil:
			return out, err
		case !fits:
			continue
		case l.named.Gone:
			out = append(out, l.outlived(chassis))
		}
		if l.flow != "" && (l.decided() || small && l.weighty()) {
			want = append(want, l)
		}
	}
	rivals, err := e.rivals(ctx, want)
	if err != nil {
		return out, err
	}
	for i, l := range want {
		lf, err := e.surelyMatching(ctx, l, rivals[i])
		if err != nil {
			return out, err
		}
		if lf == nil {
			continue
		}
		named := []Named{{Flow: lf}}
		if err := e.nameNB(ctx, named); err != nil {
			return out, err
		}
		out = append(out, l.lacks(chassis, lf, named[0].NB))
	}
	return once(out), nil
}

// small tells whether a stage's flows can be asked for at every hit: the server goes through all logical flows for each question, and
// how many there are goes with the number of datapaths, a few hundred each.
func (e *Explainer) small(ctx context.Context) (bool, error) {
	rows, err := e.sb.Select(ctx, ovn.Query{Table: "Datapath_Binding"})
	if err != nil {
		return false, err
	}
	return len(rows[0]) <= manyPaths, nil
}

// place finds the datapath and stage of a look-up; false where it was in none.
func (e *Explainer) place(ctx context.Context, l *lookup) (bool, error) {
	f := readFacts(l.flow)
	key := l.hit.metadata()
	if key == 0 {
		key = f.number("metadata")
	}
	if key == 0 {
		return false, nil
	}
	var err error
	if l.datapath, err = e.datapathByKey(ctx, key); err != nil || l.datapath == nil {
		return false, err
	}
	if lf := l.named.Flow; lf != nil {
		l.stage = stage{lf.Pipeline, lf.TableID}
		base, ok := e.base(lf.Pipeline)
		return ok && l.hit.Table == base+lf.TableID && lf.Priority == l.hit.Priority, nil
	}
	if !l.miss && !l.named.Gone {
		return false, nil
	}
	last, ok := e.sb.MaxInteger("Logical_Flow", "table_id")
	if !ok {
		return false, nil
	}
	// Every stage has a flow of priority 0 for all packets.
	for _, pipeline := range []string{"egress", "ingress"} {
		base, ok := e.base(pipeline)
		if !ok || l.hit.Table < base || l.hit.Table > base+int(last) {
			continue
		}
		l.stage = stage{pipeline, l.hit.Table - base}
		ids, err := e.stageIDs(ctx, []stageQuery{{l.datapath.UUID, l.stage, -1, true}, {ovn.UUID{}, l.stage, -1, true}})
		if err != nil {
			return false, err
		}
		return len(ids[0])+len(ids[1]) > 0, nil
	}
	return false, nil
}

// decided reports that the packet may have ended at the look-up.
func (l lookup) decided() bool {
	return l.miss || l.named.Gone || l.named.Flow != nil && (drops(l.named.Flow.Actions) || rejects(l.named.Flow.Actions))
}

// weighty reports a stage in which a flow that is not there makes a difference to where packets go.
func (l lookup) weighty() bool {
	s := l.named.Stage
	if strings.Contains(s, "_pre_") || strings.HasSuffix(s, "_hint") {
		return false
	}
	return slices.ContainsFunc([]string{"acl", "_lb", "nat", "policy", "routing", "l2_lkup", "resolve", "port_sec", "arp_rsp", "dhcp", "qos",
		"ip_input", "admission"}, func(part string) bool { return strings.Contains(s, part) })
}

// stageQuery asks for the flows of a stage above a priority; the zero datapath stands for what datapaths share.
type stageQuery struct {
	datapath ovn.UUID
	stage    stage
	above    int  // -1 for all
	lowest   bool // instead: those of priority 0
}

func (q stageQuery) query() ovn.Query {
	where := []ovsdb.Condition{ovn.Equal("pipeline", q.stage.pipeline), ovn.Equal("table_id", q.stage.table)}
	switch {
	case q.lowest:
		where = append(where, ovn.Equal("priority", 0))
	case q.above >= 0:
		where = append(where, ovsdb.NewCondition("priority", ovsdb.ConditionGreaterThan, q.above))
	}
	if q.datapath.IsZero() {
		where = append(where, ovn.Equal("logical_datapath", ovsdb.OvsSet{}))
	} else {
		where = append(where, ovn.Equal("logical_datapath", q.datapath))
	}
	return ovn.Query{Table: "Logical_Flow", Where: where}
}

// stageIDs gives the UUIDs that each query finds; no more is read of a row.
func (e *Explainer) stageIDs(ctx context.Context, qs []stageQuery) ([][]ovn.UUID, error) {
	out := make([][]ovn.UUID, len(qs))
	var asked []ovn.Query
	for _, q := range qs {
		asked = append(asked, q.query())
	}
	return out, e.sb.UUIDsOf(ctx, asked, func(q int, u ovn.UUID) { out[q] = append(out[q], u) })
}

// rivals reads for each look-up the flows of its stage that go before the one that was hit; none where there are too many.
func (e *Explainer) rivals(ctx context.Context, ls []lookup) ([][]*LogicalFlow, error) {
	at := map[stageQuery]int{}
	var qs []stageQuery
	index := func(q stageQuery) int {
		if _, ok := at[q]; !ok {
			at[q] = len(qs)
			qs = append(qs, q)
		}
		return at[q]
	}
	of := make([][2]int, len(ls))
	for i, l := range ls {
		above := l.hit.Priority
		if l.miss {
			above = -1
		}
		of[i] = [2]int{index(stageQuery{l.datapath.UUID, l.stage, above, false}), index(stageQuery{ovn.UUID{}, l.stage, above, false})}
	}
	if len(qs) == 0 {
		return nil, nil
	}
	ids, err := e.stageIDs(ctx, qs)
	if err != nil {
		return nil, err
	}
	mine := func(i int) []ovn.UUID {
		all := slices.Concat(ids[of[i][0]], ids[of[i][1]])
		if len(all) > maxDeciding || len(all) > maxRivals && !ls[i].decided() {
			return nil
		}
		return all
	}
	flows := map[ovn.UUID]*LogicalFlow{}
	var want []ovn.UUID
	for i := range ls {
		for _, u := range mine(i) {
			if _, known := flows[u]; !known {
				flows[u] = nil
				want = append(want, u)
			}
		}
	}
	read, err := e.selectFlows(ctx, want)
	if err != nil {
		return nil, err
	}
	for _, f := range read {
		flows[f.UUID] = f
	}
	out := make([][]*LogicalFlow, len(ls))
	for i := range ls {
		for _, u := range mine(i) {
			if flows[u] != nil {
				out[i] = append(out[i], flows[u])
			}
		}
	}
	return out, nil
}

// surelyMatching gives the flow that should have been hit: the first by priority of which every condition is known to hold.
func (e *Explainer) surelyMatching(ctx context.Context, l lookup, rivals []*LogicalFlow) (*LogicalFlow, error) {
	if len(rivals) == 0 {
		return nil, nil
	}
	f, err := e.factsOn(ctx, l.datapath, l.flow)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(rivals, func(a, b *LogicalFlow) int { return cmp.Compare(b.Priority, a.Priority) })
	for _, lf := range rivals {
		if f.holds(lf.Match) == no {
			continue
		}
		if err := e.readSets(ctx, &f, l.datapath, lf.Match); err != nil {
			return nil, err
		}
		if f.holds(lf.Match) != yes {
			continue
		}
		on, err := e.onlyOn(ctx, []*LogicalFlow{lf}, uint64(l.datapath.TunnelKey))
		if err != nil {
			return nil, err
		}
		if len(on) == 1 {
			return e.onDatapath(ctx, lf, uint64(l.datapath.TunnelKey))
		}
	}
	return nil, nil
}

// factsOn reads a flow as a packet on a datapath, with its logical ports' names.
func (e *Explainer) factsOn(ctx context.Context, dp *ovn.Datapath, flow string) (facts, error) {
	f := readFacts(flow)
	var err error
	if f.inport, err = e.portName(ctx, dp.UUID, f.number("reg14")); err != nil {
		return f, err
	}
	f.outport, err = e.portName(ctx, dp.UUID, f.number("reg15"))
	return f, err
}

// readSets reads the address sets and port groups that a match names. The Southbound database has a port group's
// members datapath by datapath (northd.c: get_sb_port_group_name).
func (e *Explainer) readSets(ctx context.Context, f *facts, dp *ovn.Datapath, match string) error {
	var names []string
	var qs []ovn.Query
	for _, w := range words(match) {
		if _, known := f.sets[w]; known || len(w) < 2 || slices.Contains(names, w) {
			continue
		}
		switch w[0] {
		case '$':
			qs = append(qs, ovn.Query{Table: "Address_Set", Columns: []string{"addresses"}, Where: []ovsdb.Condition{ovn.Equal("name", w[1:])}})
		case '@':
			name := strconv.FormatInt(dp.TunnelKey, 10) + "_" + w[1:]
			qs = append(qs, ovn.Query{Table: "Port_Group", Columns: []string{"ports"}, Where: []ovsdb.Condition{ovn.Equal("name", name)}})
		default:
			continue
		}
		names = append(names, w)
	}
	if len(qs) == 0 {
		return nil
	}
	res, err := e.sb.Select(ctx, qs...)
	if err != nil {
		return err
	}
	if f.sets == nil {
		f.sets = map[string][]string{}
	}
	for i, name := range names {
		f.sets[name] = nil
		for _, r := range res[i] {
			if name[0] == '$' {
				f.sets[name] = append(f.sets[name], r.Strs("addresses")...)
				continue
			}
			for _, p := range r.Strs("ports") {
				f.sets[name] = append(f.sets[name], `"`+p+`"`)
			}
		}
	}
	return nil
}

// where says which look-up a finding is about.
func (l lookup) where(chassis string) map[string]string {
	return map[string]string{"chassis": chassis, "table": itoa(l.hit.Table), "datapath": l.datapath.Name}
}

// lacks is the finding that a logical flow is not installed.
func (l lookup) lacks(chassis string, lf *LogicalFlow, nb *NBRow) report.Finding {
	what := fmt.Sprintf("logical flow %s of %s, priority %d (%s)", lf.Stage, lf.Datapath, lf.Priority, lf.Match)
	if nb != nil {
		what += ", made for " + nb.Table + " " + nb.title() + ","
	}
	instead := "no flow at all did"
	if !l.miss {
		instead = fmt.Sprintf("one of priority %d did", l.hit.Priority)
	}
	where := l.where(chassis)
	where["stage"], where["logical_flow"] = lf.Stage, lf.UUID.String()
	return report.Finding{
		Severity: report.SeverityWarning, Code: "flow-not-installed", Where: where, NB: nb.report(),
		Text: fmt.Sprintf("%s: %s should have taken the packet in table %d and is not in its tables: %s", chassis, what, l.hit.Table, instead),
		Hint: "ovs-ofctl dump-flows br-int cookie=0x" + fmt.Sprintf("%08x", lf.UUID.Cookie()) + "/-1; is ovn-controller running and connected?",
	}
}

// outlived is the finding that a flow is installed which the Southbound database has no more.
func (l lookup) outlived(chassis string) report.Finding {
	return report.Finding{
		Severity: report.SeverityWarning, Code: "flow-outlived", Where: l.where(chassis),
		Text: fmt.Sprintf("%s: table %d took the packet on %s by a flow (cookie 0x%x, priority %d) whose logical flow the Southbound database has no more",
			chassis, l.hit.Table, l.datapath.Name, l.hit.Cookie, l.hit.Priority),
		Hint: "is ovn-controller running and connected?",
	}
}

// once keeps the first of findings that read alike.
func once(fs []report.Finding) []report.Finding {
	seen := map[string]bool{}
	return slices.DeleteFunc(fs, func(f report.Finding) bool {
		was := seen[f.Text]
		seen[f.Text] = true
		return was
	})
}
