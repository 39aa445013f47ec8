package explain

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// lookup is a table hit, with what was looked up.
type lookup struct {
	hit      engine.TableHit
	named    Named
	last     string        // the segment's last flow
	datapath *ovn.Datapath // set by locate
	stage    stage
}

// packet returns the packet at the look-up, or at the segment's end where that is unknown.
func (l lookup) packet() string { return cmp.Or(l.hit.Flow, l.last) }

// DifferenceKind is how a chassis' tables differ from the Southbound database.
type DifferenceKind uint8

// The kinds of difference.
const (
	NotInstalled DifferenceKind = iota // Flow should have taken the packet, and is not in the tables
	Outlived                           // the packet was taken by a flow that is no longer in the database
)

// Difference is what a look-up shows of a difference between a chassis' tables and the Southbound
// database.
type Difference struct {
	Kind     DifferenceKind
	Hit      engine.TableHit
	Datapath string
	Flow     *LogicalFlow // of NotInstalled
	NB       *NBRow       // behind Flow; nil when unknown
}

// Differences lists where the look-ups show that the chassis' tables differ from its Southbound
// database. Two things are differences: a logical flow of a higher priority that certainly matches
// the packet and was not hit, and a hit on a flow whose logical flow is no longer in the database.
// A match that depends on what no database holds (which chassis of a gateway port's group BFD has
// made active) or on a template's value is not compared, nor is a flow that an earlier packet would
// have put there.
func (n *Names) Differences(ctx context.Context) ([]Difference, error) {
	e := n.explainer
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sb == nil {
		return nil, nil
	}
	var out []Difference
	var want []lookup
	for _, s := range n.order {
		if s.hit.Taught != "" {
			continue
		}
		l := s.lookup
		fits, err := e.locate(ctx, &l)
		switch {
		case err != nil:
			return out, err
		case !fits:
			continue
		case l.named.Gone:
			out = append(out, Difference{Kind: Outlived, Hit: l.hit, Datapath: l.datapath.Name})
		}
		if l.hit.Flow != "" && (l.decided() || l.weighty()) {
			want = append(want, l)
		}
	}
	for _, l := range want {
		lf, err := e.surelyMatching(ctx, n.chassis, l)
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
		out = append(out, Difference{Kind: NotInstalled, Hit: l.hit, Datapath: l.datapath.Name, Flow: lf, NB: named[0].NB})
	}
	return out, nil
}

// locate sets the datapath and stage of a look-up; it returns false where the look-up was in none.
func (e *Explainer) locate(ctx context.Context, l *lookup) (bool, error) {
	key := l.hit.Metadata
	if key == 0 {
		key = readFacts(l.packet()).number("metadata")
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
	if !l.hit.Miss && !l.named.Gone {
		return false, nil
	}
	last, ok := e.sb.LastTableID()
	if !ok {
		return false, nil
	}
	// Every stage has a flow for all packets: of priority 0, or where a switch has no ACLs only one of
	// the highest priority (northd.c: build_acls).
	for _, pipeline := range []string{"egress", "ingress"} {
		base, ok := e.base(pipeline)
		if !ok || l.hit.Table < base || l.hit.Table > base+last {
			continue
		}
		l.stage = stage{pipeline, l.hit.Table - base}
		in, err := e.stageFlows(ctx, l.datapath.UUID, l.stage)
		return slices.ContainsFunc(in, func(b brief) bool { return b.priority == 0 || b.match == "1" }), err
	}
	return false, nil
}

// decided reports whether the packet may have ended at the look-up.
func (l lookup) decided() bool {
	return l.hit.Miss || l.named.Gone || l.named.Flow != nil && (drops(l.named.Flow.Actions) || rejects(l.named.Flow.Actions))
}

// weighty reports whether a missing flow in the look-up's stage changes where packets go.
func (l lookup) weighty() bool {
	s := l.named.Stage
	if strings.Contains(s, "_pre_") || strings.HasSuffix(s, "_hint") {
		return false
	}
	return slices.ContainsFunc([]string{"acl", "_lb", "nat", "policy", "routing", "l2_lkup", "resolve", "port_sec", "arp_rsp", "dhcp", "qos",
		"ip_input", "admission"}, func(part string) bool { return strings.Contains(s, part) })
}

// surelyMatching returns the flow that should have been hit: of those whose every condition is
// known to hold, the one with the highest priority.
func (e *Explainer) surelyMatching(ctx context.Context, chassis string, l lookup) (*LogicalFlow, error) {
	in, err := e.stageFlows(ctx, l.datapath.UUID, l.stage)
	if err != nil {
		return nil, err
	}
	in = slices.DeleteFunc(in, func(b brief) bool { return !l.hit.Miss && b.priority <= l.hit.Priority })
	if len(in) == 0 {
		return nil, nil
	}
	f, err := e.factsOn(ctx, l.datapath, l.hit.Flow)
	if err != nil {
		return nil, err
	}
	f.strict = true
	slices.SortStableFunc(in, func(a, b brief) int { return cmp.Compare(b.priority, a.priority) })
	for _, b := range in {
		if f.holds(b.match) == no {
			continue
		}
		if err := e.readSets(ctx, &f, l.datapath, b.match); err != nil {
			return nil, err
		}
		if err := e.readResidents(ctx, &f, chassis, b.match); err != nil {
			return nil, err
		}
		if f.holds(b.match) != yes {
			continue
		}
		// Read it again: the row, and with it its flow, may have been deleted since the stage was
		// read.
		still, err := e.selectFlows(ctx, []ovsdb.UUID{b.id})
		if err != nil {
			return nil, err
		}
		if len(still) == 1 {
			return e.onDatapath(ctx, still[0], uint64(l.datapath.TunnelKey))
		}
	}
	return nil, nil
}

// factsOn reads a flow as a packet on a datapath, with its logical ports' names.
func (e *Explainer) factsOn(ctx context.Context, dp *ovn.Datapath, flow string) (facts, error) {
	f := readFacts(flow)
	f.matches = e.matches
	var err error
	if f.inport, err = e.portName(ctx, dp.UUID, f.number("reg14")); err != nil {
		return f, err
	}
	f.outport, err = e.portName(ctx, dp.UUID, f.number("reg15"))
	return f, err
}

// setName is an address set or port group as a match on a datapath names it, with its sign.
type setName struct {
	datapath ovsdb.UUID // of a port group
	name     string
}

// readSets reads the address sets and port groups that a match names. The Southbound database
// splits a port group by datapath (northd.c: get_sb_port_group_name).
func (e *Explainer) readSets(ctx context.Context, f *facts, dp *ovn.Datapath, match string) error {
	if f.sets == nil {
		f.sets = map[string][]ovnexpr.Constant{}
	}
	var want []string
	for _, w := range f.matches.read(match).sets() {
		if members, known := e.sets[nameOn(dp, w)]; known {
			f.sets[w] = members
		} else if !slices.Contains(want, w) {
			want = append(want, w)
		}
	}
	if len(want) == 0 {
		return nil
	}
	found, err := e.sb.SetMembers(ctx, dp, want)
	if err != nil {
		return err
	}
	for i, w := range want {
		members := ovnexpr.Addresses(found[i])
		if w[0] == '@' {
			members = ovnexpr.Ports(found[i])
		}
		e.sets[nameOn(dp, w)], f.sets[w] = members, members
	}
	return nil
}

// nameOn returns the key of a set or group that a match on the datapath names.
func nameOn(dp *ovn.Datapath, name string) setName {
	if name[0] == '@' {
		return setName{dp.UUID, name}
	}
	return setName{name: name}
}
