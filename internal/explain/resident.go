package explain

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovnexpr"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// residence is whether a port resides on the chassis that a packet is on, as ovn-controller decides
// it (controller/lflow.c: is_chassis_resident_cb).
type residence struct {
	here ovnexpr.Truth
	sure ovnexpr.Truth // here, as far as the database alone decides it
	on   string        // the chassis that has claimed the port; empty where none has
}

// seenFrom is a port and the chassis that is asked about.
type seenFrom struct{ chassis, port string }

// residence reads where a port resides, once. A gateway port that another chassis has claimed
// resides there if that chassis has precedence over this one in the port's group. Otherwise it is
// unknown: which of them is active depends on BFD, which is in no database.
func (e *Explainer) residence(ctx context.Context, chassis, port string) (residence, error) {
	key := seenFrom{chassis, port}
	if r, known := e.residents[key]; known {
		return r, nil
	}
	r, err := e.readResidence(ctx, chassis, port)
	if err == nil {
		e.residents[key] = r
	}
	return r, err
}

func (e *Explainer) readResidence(ctx context.Context, chassis, port string) (residence, error) {
	pb, err := e.sb.PortByName(ctx, port)
	if isNotFound(err) {
		return residence{here: no, sure: no}, nil
	}
	if err != nil {
		return residence{}, err
	}
	here, err := e.sb.ChassisByName(ctx, chassis)
	if isNotFound(err) {
		return residence{}, nil
	}
	if err != nil {
		return residence{}, err
	}
	g, err := e.sb.GatewayOf(ctx, pb)
	if err != nil && !isNotFound(err) {
		return residence{}, err
	}
	if g == nil { // a chassis of the group was deleted meanwhile
		return residence{}, nil
	}
	r := claimed(pb, g, here)
	r.sure = decidedResidence(pb, g, here.UUID)
	return r, nil
}

// decidedResidence is is_chassis_resident_cb as far as the database decides it: where a port other
// than a gateway's resides, and whether a chassis is none or the only one of a gateway port's
// group. Which of several chassis is active depends on BFD.
func decidedResidence(pb *ovn.PortBinding, g *ovn.Gateway, here ovsdb.UUID) ovnexpr.Truth {
	registered := 0
	for _, c := range g.Candidates {
		if !c.Chassis.IsZero() {
			registered++
		}
	}
	switch {
	case pb.Type != "chassisredirect":
		return ovnexpr.Known(pb.Chassis == here)
	case pb.HAChassisGroup.IsZero():
		return unknown
	case !isCandidate(g, here):
		return no
	case registered == 1:
		return yes
	}
	return unknown
}

// claimed is where a port resides by the chassis that has claimed it.
func claimed(pb *ovn.PortBinding, g *ovn.Gateway, here *ovn.Chassis) residence {
	switch {
	case g.Active == nil && !isCandidate(g, here.UUID):
		return residence{here: no}
	case g.Active == nil:
		return residence{}
	case g.Active.UUID == here.UUID:
		return residence{here: yes, on: here.Name}
	case slices.Contains(pb.AdditionalChassis, here.UUID), before(g, here.UUID, g.Active.UUID):
		return residence{on: g.Active.Name}
	}
	return residence{here: no, on: g.Active.Name}
}

// isCandidate reports whether a chassis may serve a gateway port.
func isCandidate(g *ovn.Gateway, chassis ovsdb.UUID) bool {
	return slices.ContainsFunc(g.Candidates, func(c ovn.GatewayCandidate) bool { return c.Chassis == chassis })
}

// before reports whether a chassis has precedence over another in a gateway port's group.
func before(g *ovn.Gateway, a, b ovsdb.UUID) bool {
	rank := func(u ovsdb.UUID) int {
		i := slices.IndexFunc(g.Candidates, func(c ovn.GatewayCandidate) bool { return c.Chassis == u })
		if i < 0 {
			return len(g.Candidates)
		}
		return i
	}
	return rank(a) < rank(b)
}

// readResidents reads where the ports reside that a match names.
func (e *Explainer) readResidents(ctx context.Context, f *facts, chassis, match string) error {
	if f.residents == nil {
		f.residents = map[string]residence{}
	}
	for _, port := range f.matches.read(match).residents() {
		r, err := e.residence(ctx, chassis, port)
		if err != nil {
			return err
		}
		f.residents[port] = r
	}
	return nil
}

// bound is a logical flow that a packet would match on another chassis.
type bound struct {
	flow *LogicalFlow
	nb   *NBRow
	port string
	on   string // chassis where the port resides; empty where it resides on none
	not  bool   // the flow is for the chassis where the port does not reside
}

// String returns where the flow is handled.
func (b *bound) String() string {
	where := "handled only on the chassis where " + b.port + " resides"
	switch {
	case b.not:
		return fmt.Sprintf("handled only on chassis where %s does not reside, and it resides on %s", b.port, b.on)
	case b.on == "":
		return where + ", and it resides on none"
	}
	return where + ": " + b.on
}

// kind returns the kind of a drop on any other chassis.
func (b *bound) kind() Kind {
	if b.nb != nil && b.nb.Table == "Load_Balancer" {
		return KindLBElsewhere
	}
	return KindElsewhere
}

// subject names the row that the flow was made for, or the flow by its match where there is none.
func (b *bound) subject() string {
	if b.nb != nil && b.nb.Table != "Logical_Router_Port" {
		return b.nb.Table + " " + b.nb.Title()
	}
	return fmt.Sprintf("%s priority %d (%s)", b.flow.Stage, b.flow.Priority, b.flow.Match)
}

// boundElsewhere finds the flow that would have taken a packet in place of the one that did, were
// it not for the chassis that the packet is on; nil where there is none.
func (e *Explainer) boundElsewhere(ctx context.Context, chassis string, l lookup) (*bound, error) {
	fits, err := e.locate(ctx, &l)
	if err != nil || !fits {
		return nil, err
	}
	in, err := e.stageFlows(ctx, l.datapath.UUID, l.stage)
	if err != nil {
		return nil, err
	}
	in = slices.DeleteFunc(in, func(b brief) bool {
		return !l.hit.Miss && b.priority <= l.hit.Priority || !strings.Contains(b.match, ovnexpr.ResidentFunc)
	})
	if len(in) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(in, func(a, b brief) int { return cmp.Compare(b.priority, a.priority) })
	f, err := e.factsOn(ctx, l.datapath, l.packet())
	if err != nil {
		return nil, err
	}
	packet := f // without residences: a condition on one is then unknown
	for _, b := range in {
		if packet.holds(b.match) == no {
			continue
		}
		err := e.readSets(ctx, &f, l.datapath, b.match)
		if err == nil {
			err = e.readResidents(ctx, &f, chassis, b.match)
		}
		if err != nil {
			return nil, err
		}
		if port := f.onlyAway(b.match); port != "" {
			return e.boundOf(ctx, l, b, port, f)
		}
	}
	return nil, nil
}

// onlyAway returns the port of the condition is_chassis_resident that fails, where all other
// conditions of the match hold; else nothing.
func (f facts) onlyAway(match string) (port string) {
	terms, ok := f.conjuncts(match)
	if !ok {
		return ""
	}
	for _, t := range terms {
		if t.is == yes {
			continue
		}
		asked := ovnexpr.Residents(t.expr)
		if t.is != no || len(asked) == 0 {
			return ""
		}
		port = asked[0]
	}
	return port
}

func (e *Explainer) boundOf(ctx context.Context, l lookup, b brief, port string, f facts) (*bound, error) {
	lf, err := e.flow(ctx, b.id)
	if err != nil || lf == nil || drops(lf.Actions) {
		return nil, err
	}
	lf, err = e.onDatapath(ctx, lf, uint64(l.datapath.TunnelKey))
	if err != nil {
		return nil, err
	}
	named := []Named{{Flow: lf}}
	err = e.nameNB(ctx, named)
	return &bound{flow: lf, nb: named[0].NB, port: port, on: f.residents[port].on, not: f.residents[port].here == yes}, err
}

// away calls boundElsewhere for the look-up that a packet ended at.
func (e *Explainer) away(ctx context.Context, chassis string, s *seen) (*bound, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.boundElsewhere(ctx, chassis, s.lookup)
}

// maxBefore bounds how many look-ups before the one that a packet ended at are compared.
const maxBefore = 128

// awayBefore calls boundElsewhere for earlier look-ups in the same datapath, the latest first: a
// later stage may drop a packet because its address is not translated on this chassis.
func (e *Explainer) awayBefore(ctx context.Context, chassis string, s *seen) (*bound, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for p := s.before; p != nil && n < maxBefore; p, n = p.before, n+1 {
		if p.hit.Metadata != s.hit.Metadata || !p.weighty() {
			continue
		}
		b, err := e.boundElsewhere(ctx, chassis, p.lookup)
		if b != nil || err != nil {
			return b, err
		}
	}
	return nil, nil
}

// nearest is the text of Reason.Nearest.
func (b *bound) nearest() string {
	return fmt.Sprintf("%s is %s (%s of %s)", b.subject(), b, b.flow.Stage, b.flow.Datapath)
}

// textAway is the reason of a drop where another chassis would have handled the packet.
func (n Named) textAway(f facts, b *bound) string {
	lf := n.Flow
	what := b.subject()
	switch {
	case strings.Contains(lf.Stage, "lr_in_admission"):
		what = "Ethernet destination" + f.said(" ", "eth.dst") + f.said(" from ", "inport")
	case f.is("arp") && strings.Contains(b.flow.Match, "arp.tpa"):
		what = "the ARP request for " + f.fields["arp_tpa"]
	case strings.Contains(b.flow.Match, "nd.target"):
		what = "the neighbour solicitation for " + f.fields["nd_target"]
	}
	return fmt.Sprintf("%s is %s (%s of %s, priority %d)", what, b, lf.Stage, cmpOr(lf.Datapath, "its datapath"), lf.Priority)
}
