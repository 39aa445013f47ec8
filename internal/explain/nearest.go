package explain

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Miss is why only a stage's default flow matched a packet.
type Miss struct {
	Stage    string
	Datapath string
	Default  *LogicalFlow // what took the packet: the flow with the lowest priority
	Nearest  *LogicalFlow // the allowing flow that fewest conditions kept away; nil when there is none
	Failed   []string     // those of its conditions that the packet does not meet
	Open     []string     // those that the packet leaves open
	NB       *NBRow       // behind Nearest
	Read     int          // number of flows that were compared

	distance int // how far Nearest is from matching
}

// String is one sentence for a person.
func (m *Miss) String() string {
	if m.Nearest == nil {
		return fmt.Sprintf("no other rule of %s on %s could take it", m.Stage, m.Datapath)
	}
	what := fmt.Sprintf("%s rule with priority %d (%s)", m.Stage, m.Nearest.Priority, m.Nearest.Match)
	if m.NB != nil {
		what = m.NB.Table + " " + m.NB.Title()
	}
	switch {
	case len(m.Failed) > 0:
		return what + " would take it but for " + strings.Join(m.Failed, ", ")
	case len(m.Open) > 0:
		return what + " would take it if " + strings.Join(m.Open, " and ")
	}
	return what + " seems to match"
}

// Title returns a row's name and content.
func (r *NBRow) Title() string {
	if r.Name != "" && !strings.Contains(r.Summary, r.Name) {
		return fmt.Sprintf("%q (%s)", r.Name, r.Summary)
	}
	return "(" + r.Summary + ")"
}

// maxACLPriority is the highest priority of a logical flow made of an ACL (northd.c:
// OVN_ACL_PRI_OFFSET above the ACL's own).
const maxACLPriority = 1000 + 32767

// NearestMiss compares a packet with the flows of one stage of one datapath: pipeline and tableID
// name the stage, metadata the datapath, and flow is the packet as ofproto/trace printed it there.
// Only flows that could have gone before the one that took the packet, whose priority is given, and
// that do not drop are compared. The chassis is the one that the packet is on: flows may be bound
// to the chassis of a port.
func (e *Explainer) NearestMiss(ctx context.Context, chassis string, metadata uint64, pipeline string, tableID, priority int, flow string) (*Miss, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.sb == nil {
		return nil, fmt.Errorf("no Southbound database")
	}
	dp, err := e.datapathByKey(ctx, metadata)
	if err != nil {
		return nil, err
	}
	if dp == nil {
		return nil, fmt.Errorf("no datapath has the tunnel key %d", metadata)
	}
	f, err := e.factsOn(ctx, dp, flow)
	if err != nil {
		return nil, err
	}
	packet := f
	in, err := e.stageFlows(ctx, dp.UUID, stage{pipeline, tableID})
	if err != nil {
		return nil, err
	}
	if err := e.loadFlows(ctx, ids(in)); err != nil {
		return nil, err
	}
	m := &Miss{Datapath: dp.Name, Read: len(in)}
	for _, b := range in {
		lf := e.flows[b.id]
		if lf == nil {
			continue
		}
		if m.Default == nil || lf.Priority < m.Default.Priority {
			m.Default = lf
		}
		if m.Stage == "" {
			m.Stage = lf.Stage
		}
		// OVN's own flows, for replies and discovery, are not rules that a user can change.
		own := lf.Hint == "" && lf.Priority > maxACLPriority
		if own || drops(lf.Actions) || lf.Priority < priority || lf.Match == "1" {
			continue
		}
		// Where its ports reside does not matter for a flow that the packet does not match anyway.
		if strings.Contains(lf.Match, ovnexpr.ResidentFunc) && packet.holds(lf.Match) != no {
			if err := e.readResidents(ctx, &f, chassis, lf.Match); err != nil {
				return nil, err
			}
		}
		m.consider(lf, f)
	}
	if m.Nearest == nil {
		return m, nil
	}
	named := []Named{{Flow: m.Nearest}}
	err = e.nameNB(ctx, named)
	m.NB = named[0].NB
	return m, err
}

// consider keeps the flow if fewer of its conditions fail than of the best so far. The flow did not
// match: where no condition is known to fail, one that the packet leaves open must have. Among
// equals a user's rule is preferred to OVN's own, fewer open conditions to more, a high priority to
// a low one.
func (m *Miss) consider(lf *LogicalFlow, f facts) {
	terms, ok := f.conjuncts(lf.Match)
	if !ok {
		return
	}
	var failed, open []string
	distance := 0
	for _, t := range terms {
		switch t.is {
		case no:
			failed = append(failed, t.text)
			distance++
			if t.far { // a rule for another protocol is farther than one for another port
				distance++
			}
		case unknown:
			open = append(open, t.text)
		}
	}
	if len(failed) == len(terms) {
		return // nothing in common
	}
	if m.Nearest == nil || cmp.Or(
		cmp.Compare(max(1, distance), max(1, m.distance)),
		cmp.Compare(b2i(lf.Hint == ""), b2i(m.Nearest.Hint == "")),
		cmp.Compare(len(open), len(m.Open)),
		cmp.Compare(m.Nearest.Priority, lf.Priority)) < 0 {
		m.Nearest, m.Failed, m.Open, m.distance = lf, failed, open, distance
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// drops reports whether actions end a packet. ACLs of 23.06 and later set the verdict's bit
// (reg8[17], REGBIT_ACL_VERDICT_DROP), and a later stage drops.
func drops(actions string) bool {
	a := strings.TrimSpace(actions)
	return a == "" || a == "drop;" || strings.Contains(a, "/* drop */") || strings.Contains(a, "reg8[17] = 1;") || strings.Contains(a, "ct_mark.blocked = 1")
}

// firstGroupKey is the first tunnel key of multicast groups (northd: OVN_MIN_MULTICAST); ports' are
// below.
const firstGroupKey = 1 << 15

// portKey is a logical port or multicast group as flows name it.
type portKey struct {
	datapath ovsdb.UUID
	key      uint64
}

// portName returns the name of the logical port or multicast group that has a key, or nothing.
func (e *Explainer) portName(ctx context.Context, datapath ovsdb.UUID, key uint64) (string, error) {
	if key == 0 {
		return "", nil
	}
	at := portKey{datapath, key}
	if name, known := e.ports[at]; known {
		return name, nil
	}
	name, err := e.readPortName(ctx, at)
	if isNotFound(err) {
		name, err = "", nil
	}
	if err == nil {
		e.ports[at] = name
	}
	return name, err
}

func (e *Explainer) readPortName(ctx context.Context, at portKey) (string, error) {
	if at.key < firstGroupKey {
		p, err := e.sb.PortByKey(ctx, at.datapath, int64(at.key))
		if err != nil {
			return "", err
		}
		return p.LogicalPort, nil
	}
	g, err := e.sb.MulticastByKey(ctx, at.datapath, int64(at.key))
	if err != nil {
		return "", err
	}
	return g.Name, nil
}
