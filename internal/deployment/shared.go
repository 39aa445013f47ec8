package deployment

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// keptRows bounds what a Shared keeps of each database, in bytes of text.
const keptRows = 64 << 20

// Shared is what runs have in common: the nodes, the names of flows, the databases of other zones.
// Each question usually has one of its own; many questions with one Shared ask every node and
// database only once. It is safe for concurrent use.
type Shared struct {
	Nodes *Nodes
	// Gate bounds the work of the nodes; may be nil. It is set before the first Run.
	Gate driver.Gate

	d      *Deployment
	keep   bool            // the rows of databases are kept
	life   context.Context // ends with the Shared
	end    context.CancelFunc
	asking sync.WaitGroup // nodes that are being asked to describe themselves

	mu         sync.Mutex
	described  map[string]*description // by chassis
	ports      int                     // of all that are described
	explainers map[databases]*explain.Explainer
	sbs        map[string]*zoneSB // of other zones, by remote
	norths     map[databases]north
}

// north is the Northbound database of a zone.
type north struct {
	nb      *ovn.NB // nil where there is none
	warning string  // of every run that needs it
}

// databases are those that name a chassis' tables: its Southbound database, and the remotes of a
// Northbound database that is not the deployment's own.
type databases struct {
	sb *ovn.SB
	nb string
}

// Share begins what many runs have in common; the caller closes it after them. Nodes stay open and
// are described once, and rows are as they were when a run first needed them: from then on, what
// was not asked before comes from the databases, and flows and conntrack entries always from the
// nodes. All runs of the deployment then share its kept rows.
func (d *Deployment) Share() *Shared {
	s := d.share()
	s.keep = true
	d.SB.Keep(keptRows)
	if d.NB != nil {
		d.NB.Keep(keptRows)
	}
	return s
}

func (d *Deployment) share() *Shared {
	life, end := context.WithCancel(context.Background())
	nodes := NewNodes(d.opt, d.Journal)
	nodes.rooms = d.Rooms
	return &Shared{
		d: d, life: life, end: end, Nodes: nodes, sbs: map[string]*zoneSB{}, described: map[string]*description{},
		explainers: map[databases]*explain.Explainer{{sb: d.SB}: explain.New(d.SB, d.NB)},
		norths:     map[databases]north{{sb: d.SB}: {nb: d.NB}},
	}
}

// description is a node.Info, once done is closed.
type description struct {
	done chan struct{}
	node node.Node
	info *node.Info
	err  error
}

// describe returns the description of a chassis' node, which is asked once, and again after an
// error. Who asks first may lose interest, as a run that ends does; the others then still get it.
func (s *Shared) describe(ctx context.Context, chassis string, n node.Node) (*node.Info, error) {
	s.mu.Lock()
	d := s.described[chassis]
	if d == nil {
		d = &description{done: make(chan struct{}), node: n}
		s.described[chassis] = d
		s.asking.Go(func() { s.ask(chassis, n, d) })
	}
	s.mu.Unlock()
	select {
	case <-d.done:
		return d.info, d.err
	case <-ctx.Done():
		return nil, &node.Error{Node: chassis, Op: "read the node", Err: context.Cause(ctx)}
	}
}

// ask asks a node to describe itself, through the gate.
func (s *Shared) ask(chassis string, n node.Node, d *description) {
	defer close(d.done)
	request := func(ctx context.Context) (time.Duration, error) {
		info, err := n.Info(ctx)
		d.info = info
		return 0, err
	}
	if s.Gate == nil {
		_, d.err = request(s.life)
	} else {
		d.err = s.Gate.Do(s.life, chassis, request)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.err != nil {
		delete(s.described, chassis)
		return
	}
	s.ports += len(d.info.Ports)
	s.forget(chassis)
}

// keptPorts bounds the descriptions that a Shared keeps, in ports of all of them: about a kilobyte
// each. A chassis has a port for each other chassis, so that descriptions grow with its square.
const keptPorts = 200_000

// forget drops descriptions beyond the bound, but not that of one chassis: their nodes are asked
// again. The caller holds mu.
func (s *Shared) forget(but string) {
	for name, d := range s.described { // in no order: each is as good
		if s.ports <= keptPorts {
			return
		}
		select {
		case <-d.done:
		default:
			continue // it is being asked
		}
		if name == but {
			continue
		}
		s.ports -= len(d.info.Ports)
		delete(s.described, name)
		if r, ok := d.node.(*node.Remote); ok {
			r.Forget()
		}
	}
}

// explainer returns the explainer over a Southbound database, and over its zone's Northbound
// database. One that does not answer is a warning.
func (s *Shared) explainer(ctx context.Context, chassis string, sb *ovn.SB) (e *explain.Explainer, warning string) {
	key := databases{sb, s.d.opt.NBOf[chassis]}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, known := s.zoneNB(ctx, chassis, sb)
	if e = s.explainers[key]; e == nil {
		e = explain.New(sb, n.nb)
		if known {
			s.explainers[key] = e
		}
	}
	return e, n.warning
}

// Close ends the nodes, which removes the entries that they committed, and then the databases of
// other zones, within CloseGrace, whether ctx has ended or not. Runs must have been closed before.
func (s *Shared) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), CloseGrace)
	defer cancel()
	s.end()
	s.asking.Wait()
	errs := []error{s.Nodes.Close(ctx)}
	for _, z := range s.sbs {
		if z.sb != nil {
			errs = append(errs, z.sb.Close())
		}
	}
	for _, n := range s.norths {
		if n.nb != nil && n.nb != s.d.NB {
			errs = append(errs, n.nb.Close())
		}
	}
	return errors.Join(errs...)
}
