package explain

import (
	"context"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Way is the visits of a packet, by chassis.
type Way map[string][]Visit

// aheadNames bounds how many address sets, port groups and ports are read ahead of a comparison.
const aheadNames = 100

// place is a look-up on a datapath that a packet made on a chassis.
type place struct {
	chassis string
	hit     engine.TableHit
}

// Prepare reads in few requests what Names and Differences are going to ask for the visits of
// several chassis: the datapaths' flows and rows, whole where that is not too much (readWhole),
// else their briefs, then the flows of the cookies; with the latter goes what their stages' matches
// name. It decides nothing, and what it could not read is asked again. Where nothing is read ahead
// (ovsdb.DB.Want) it does nothing. The ports are those by which the packet is known to enter or
// leave: their port groups are read too.
func (e *Explainer) Prepare(ctx context.Context, way Way, ports []string) {
	if e.sb == nil || !e.sb.ReadsAhead(ctx) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var places []place
	var hits []engine.TableHit
	for chassis, visits := range way {
		n := &Names{seen: map[At]*seen{}}
		for i, v := range visits {
			n.follow(v, i)
		}
		for _, s := range n.order {
			places, hits = append(places, place{chassis, s.hit}), append(hits, s.hit)
		}
	}
	if len(e.unexplained(hits)) == 0 {
		return
	}
	local, err := e.expected(ctx, hits)
	if err != nil {
		return
	}
	keys := e.wantOf(ctx, local, places)
	ports = ports[:min(len(ports), aheadNames)]
	for _, p := range ports {
		e.sb.WantGroupsWith(ctx, p)
	}
	ids, parts := partsOf(local)
	described, err := e.readWhole(ctx, hits, ids, parts)
	if err != nil && !e.readBriefs(ctx, ids, parts) {
		return
	}
	if _, err := e.localDatapaths(ctx, hits); err != nil { // those of expected
		return
	}
	for _, d := range described {
		_ = e.keepRow(d.table, d.row, e.byUUID) // a malformed row is read, and reported, again
	}
	e.keepPorts(ctx, keys)
	e.keepGroups(ctx, ports)
	e.sb.Want(ctx, e.otherQueries(hits)...)
	e.wantNamed(ctx, places)
	_ = e.loadFlows(ctx, e.flowsOf(hits))
}

// expected returns the datapaths of the hits. Where the keys of all are there already, it asks
// nothing: the datapaths then have no names, and their rows are wanted.
func (e *Explainer) expected(ctx context.Context, hits []engine.TableHit) ([]*ovn.Datapath, error) {
	byKey, ok := e.sb.DatapathKeys(ctx)
	if !ok {
		return e.localDatapaths(ctx, hits)
	}
	e.deployed = len(byKey)
	var out []*ovn.Datapath
	var want []int64
	seen := map[uint64]bool{0: true}
	for _, h := range hits {
		if seen[h.Metadata] {
			continue
		}
		seen[h.Metadata] = true
		d, known := e.datapaths[h.Metadata]
		if !known {
			want = append(want, int64(h.Metadata))
			d = byKey[int64(h.Metadata)]
		}
		if d != nil {
			out = append(out, d)
		}
	}
	e.sb.WantDatapathsByKey(ctx, want)
	return out, nil
}

// readBriefs reads the briefs of the datapaths' flows, and the UUIDs of the parts' rows, in one
// request.
func (e *Explainer) readBriefs(ctx context.Context, ids []ovsdb.UUID, parts []part) bool {
	if len(e.unread(ids)) == 0 {
		return true
	}
	want, qs := e.sbIndex.missing(parts)
	rows := map[string][]ovsdb.UUID{}
	err := e.readStagesAnd(ctx, ids, qs, func(q int, r *ovsdb.Row) {
		rows[want[q].table] = append(rows[want[q].table], r.UUID())
	})
	if err == nil {
		e.sbIndex.keep(want, rows)
	}
	return err == nil
}

// ownSets are the address sets that northd itself makes and names in flows of every switch, before
// the one that takes most packets (northd.c: svc_monitor_mac). Others are asked for when a match
// names them.
var ownSets = []string{"$svc_monitor_mac"}

// wantOf names what is asked of datapaths: the groups that they are in, OVN's own address sets, and
// the ports of the look-ups, which it returns.
func (e *Explainer) wantOf(ctx context.Context, local []*ovn.Datapath, places []place) (ports []portKey) {
	for _, d := range local {
		if e.groupsWith[d.UUID] == nil && e.sb.HasDatapathGroups() {
			e.sb.WantDatapathGroupsOf(ctx, d.UUID)
		}
		for _, w := range ownSets {
			if _, known := e.sets[nameOn(d, w)]; !known {
				e.sb.WantSetMembers(ctx, d, []string{w})
			}
		}
	}
	byKey := map[uint64]*ovn.Datapath{}
	for _, d := range local {
		byKey[uint64(d.TunnelKey)] = d
	}
	for _, p := range places {
		d := byKey[p.hit.Metadata]
		if d == nil || p.hit.Flow == "" {
			continue
		}
		f := readFacts(p.hit.Flow)
		for _, reg := range []string{"reg14", "reg15"} {
			key := f.number(reg)
			if _, known := e.ports[portKey{d.UUID, key}]; key > 0 && key < firstGroupKey && !known {
				e.sb.WantPortByKey(ctx, d.UUID, int64(key))
				ports = append(ports, portKey{d.UUID, key})
			}
		}
	}
	return ports
}

// keepPorts keeps the names of wanted ports, and what their rows mean as cookies, as far as they
// have been read.
func (e *Explainer) keepPorts(ctx context.Context, ports []portKey) {
	for _, at := range ports {
		if !e.sb.HasPortByKey(ctx, at.datapath, int64(at.key)) {
			continue
		}
		pb, err := e.sb.PortByKey(ctx, at.datapath, int64(at.key))
		switch {
		case isNotFound(err):
			e.ports[at] = ""
		case err == nil:
			e.ports[at] = pb.LogicalPort
			e.rows[pb.UUID] = "Port_Binding " + describePort(pb.LogicalPort, pb.Type, nameOf(e.byUUID, pb.Datapath))
		}
	}
}

// keepGroups keeps the members of the port groups of ports, as far as they have been read.
func (e *Explainer) keepGroups(ctx context.Context, ports []string) {
	for _, p := range ports {
		for _, g := range e.sb.GroupsWith(ctx, p) {
			if d := e.datapaths[uint64(g.Datapath)]; d != nil {
				e.sets[nameOn(d, "@"+g.Name)] = ovnexpr.Ports(g.Ports)
			}
		}
	}
}

// wantNamed names the sets, groups and ports of the matches that a comparison is going to read: of
// flows that go before the one that was hit, where the packet alone does not decide.
func (e *Explainer) wantNamed(ctx context.Context, places []place) {
	left := aheadNames
	for _, p := range places {
		d := e.datapaths[p.hit.Metadata]
		c, ok := cookieOf(p.hit)
		if d == nil || !ok || p.hit.Flow == "" || left <= 0 {
			continue
		}
		at, ok := e.stageOf(d, c, p.hit.Priority)
		if !ok {
			continue
		}
		in, err := e.stageFlows(ctx, d.UUID, at)
		if err != nil {
			return
		}
		in = slices.DeleteFunc(in, func(b brief) bool { return b.priority <= p.hit.Priority })
		if len(in) == 0 {
			continue
		}
		f, err := e.factsOn(ctx, d, p.hit.Flow)
		if err != nil {
			return
		}
		f.strict = true
		for _, b := range in {
			if f.holds(b.match) != no {
				left -= e.wantOfMatch(ctx, d, p.chassis, f.matches.read(b.match))
			}
		}
	}
}

// wantOfMatch names what a match refers to and is not known, and returns how much that is.
func (e *Explainer) wantOfMatch(ctx context.Context, d *ovn.Datapath, chassis string, m *match) (n int) {
	for _, w := range m.sets() {
		if _, known := e.sets[nameOn(d, w)]; !known {
			e.sb.WantSetMembers(ctx, d, []string{w})
			n++
		}
	}
	for _, port := range m.residents() {
		if _, known := e.residents[seenFrom{chassis, port}]; !known {
			e.sb.WantPortByName(ctx, port)
			n++
		}
	}
	return n
}

// stageOf returns the stage of the datapath's flow of a cookie and priority; false if there is not
// one such stage.
func (e *Explainer) stageOf(d *ovn.Datapath, cookie uint32, priority int) (at stage, ok bool) {
	for _, id := range e.sbIndex.find("Logical_Flow", cookie) {
		for _, of := range []ovsdb.UUID{d.UUID, shared} {
			for s, in := range e.stages[of] {
				if slices.ContainsFunc(in, func(b brief) bool { return b.id == id && b.priority == priority }) {
					at, ok = s, !ok
				}
			}
		}
	}
	return at, ok
}
