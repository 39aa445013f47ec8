package whatif

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/replica"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Request is what is asked.
type Request struct {
	Change replica.Change
	// Chassis are those that are copied and whose connections are compared.
	Chassis []*ovn.Chassis
	Pairs   []Pair
	// NoConnections leaves the live connections out: only the pairs are compared.
	NoConnections bool
	MaxDump       int // as in node.TraceRequest
	Limit         int // maximum number of entries of a chassis; 0: no limit
	// Keep leaves the room with its daemons.
	Keep bool
	// Say is called with what is being done.
	Say func(string)
}

// check returns an error of a request that cannot be answered whatever the databases contain.
func (r *Request) check() error {
	if len(r.Chassis) == 0 {
		return usage.Errorf("--chassis NAME", "there is no chassis to copy")
	}
	var names []string
	for _, c := range r.Chassis {
		if c.IsRemote() {
			return usage.Errorf("ask where --sb is that zone's database", "chassis %s is in another zone, which has databases of its own", c.Name)
		}
		names = append(names, c.Name)
	}
	for _, name := range r.Change.Down {
		if !slices.Contains(names, name) {
			return &replica.ChangeError{What: "--down " + name, Err: &ovn.NotFoundError{What: "copied chassis", Name: name}, Hint: "copied are: " + strings.Join(names, ", ")}
		}
	}
	return nil
}

// DiffersError reports that the copy is not what it is a copy of: what it would say is about
// another deployment.
type DiffersError struct{ What string }

func (e *DiffersError) Error() string { return "the copy differs from the deployment: " + e.What }

// Failure classifies the error as undetermined.
func (e *DiffersError) Failure() (failure.Kind, string) {
	return failure.Undetermined, "ask again: the deployment may have changed meanwhile; else doctor says whether ovn-northd and ovn-controller have caught up"
}

// task is one run of Run.
type task struct {
	Request
	live    *deployment.Run
	infos   map[string]*node.Info
	health  map[string]*node.Health
	entries map[string][]ctstate.Entry
	lacks   map[string]string // why entries of a chassis may be missing; empty if none is
	conns   []*live
	out     *report.WhatIfReport
	copied  *replica.Replica
	pairs   []pairEnd // before the change
	groups  map[string]*group
	was     string                             // the copy's state before anything was traced there; empty: nothing is compared with it
	ends    map[*driver.Trace]report.WhatIfEnd // those that were made, of packets that do not arrive
}

// Run compares before and after. run is one of the live deployment, which is only read, or of
// archives.
func Run(ctx context.Context, run *deployment.Run, req Request) (_ *report.WhatIfReport, err error) {
	if run.NB == nil && run.NoNB != nil {
		return nil, fmt.Errorf("what-if changes a copy of the Northbound database: %w", run.NoNB)
	}
	if run.NB == nil {
		return nil, usage.Errorf("--nb REMOTES", "what-if changes a copy of the Northbound database, which was not reached")
	}
	if err := req.check(); err != nil {
		return nil, err
	}
	t := &task{Request: req, live: run, infos: map[string]*node.Info{}, health: map[string]*node.Health{}, entries: map[string][]ctstate.Entry{},
		lacks: map[string]string{}, groups: map[string]*group{}, ends: map[*driver.Trace]report.WhatIfEnd{}}
	t.out = &report.WhatIfReport{Schema: report.Schema, Change: describe(req.Change), Connections: []report.WhatIfConnection{},
		Pairs: []report.WhatIfPair{}, Chassis: []string{}, Warnings: run.Warnings()}
	room, err := rebuild.Open(rebuild.Options{Keep: req.Keep})
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := room.Close(); cerr != nil {
			t.warn("the copy in %s is not removed: %v", room.Dir, cerr)
		}
		if err != nil && req.Keep {
			err = fmt.Errorf("%w (the copy is left in %s)", err, room.Dir)
		}
	}()
	if req.Keep {
		t.warn("the copy is left in %s", room.Dir)
	}
	if err := t.compare(ctx, room); err != nil {
		return nil, err
	}
	return t.out, nil
}

// compare copies the deployment into a room, and traces there before and after the change.
func (t *task) compare(ctx context.Context, room *rebuild.Room) (err error) {
	if err := replica.Try(ctx, room, t.live.NB.DB, t.Change); err != nil {
		return err
	}
	if err := t.read(ctx); err != nil {
		return err
	}
	t.copied, err = replica.New(ctx, room, replica.Source{NB: t.live.NB.DB, SB: t.live.SB.DB, Chassis: t.infos}, t.Say)
	if err != nil {
		return err
	}
	defer t.copied.Close()
	if err := t.same(ctx); err != nil {
		return err
	}
	if err := t.beside(ctx); err != nil {
		return err
	}
	before, err := t.gateways(ctx)
	if err != nil {
		return err
	}
	t.Say("preparing to compare")
	if err := t.watch(ctx); err != nil {
		return err
	}
	if err := t.inCopy(ctx, t.entries, t.before); err != nil {
		return err
	}
	flush, same, err := t.apply(ctx)
	if err != nil {
		return err
	}
	if err := t.inCopy(ctx, flush.left(t.entries), func(ctx context.Context, r *runs) error { return t.after(ctx, r, flush, same) }); err != nil {
		return err
	}
	after, err := t.gateways(ctx)
	if err != nil {
		return err
	}
	t.moved(before, after)
	t.Say("removing the copy")
	return nil
}

// apply makes the change. It returns the entries that it removes, and what it leaves as it was.
func (t *task) apply(ctx context.Context) (flushes, untouched, error) {
	t.Say("making the change")
	if err := t.copied.Listen(ctx); err != nil {
		return nil, untouched{}, err
	}
	if err := t.copied.Apply(ctx, t.Change); err != nil {
		return nil, untouched{}, err
	}
	t.Say("comparing what has changed")
	sent, err := t.copied.Flushed()
	if err != nil {
		return nil, untouched{}, err
	}
	same, err := t.watched(ctx, sent)
	return sent, same, err
}

func (t *task) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(t.out.Warnings, text) {
		t.out.Warnings = append(t.out.Warnings, text)
	}
}

// describe returns a change in words, one step each.
func describe(c replica.Change) []string {
	out := []string{}
	if c.File != "" {
		out = append(out, "the Northbound database "+c.File)
	}
	for _, words := range c.Run {
		out = append(out, "ovn-nbctl "+strings.Join(words, " "))
	}
	for _, name := range c.Moves {
		out = append(out, "the gateways of "+name+" move")
	}
	for _, name := range c.Down {
		out = append(out, name+" fails")
	}
	return out
}

// inCopy lets f use runs of the copy over entries by chassis.
func (t *task) inCopy(ctx context.Context, entries map[string][]ctstate.Entry, f func(context.Context, *runs) error) (err error) {
	of := map[string]*node.Replica{}
	for name, info := range t.infos {
		list := entries[name]
		if list == nil {
			list = []ctstate.Entry{} // a table without entries, and not one that was not read
		}
		of[name] = node.CopyOf(info, t.health[name], list, t.lacks[name], replica.Datapath)
	}
	d, err := t.live.Copied(ctx, t.copied.SB.Remote, t.copied.NB.Remote, t.copied.Rooms(of))
	if err != nil {
		return err
	}
	defer d.Close()
	// Every row is read once: nobody but passer.learns changes the copy's databases meanwhile. The
	// server goes through a whole table for each question.
	shared := d.Share()
	run := shared.Run()
	var chassis []ovsdb.UUID // the rows of a copy have the deployment's UUIDs
	for _, c := range t.Chassis {
		chassis = append(chassis, c.UUID)
	}
	run.SB.KeepPorts(chassis...)
	run.NB.KeepPorts()
	defer func() {
		if cerr := errors.Join(run.Close(ctx), shared.Close(ctx)); err == nil {
			err = cerr
		}
	}()
	return f(ctx, &runs{run, shared})
}

// before traces everything in the copy as it is.
func (t *task) before(ctx context.Context, r *runs) error {
	if err := t.releases(ctx, r.Run); err != nil {
		return err
	}
	inv, err := inventory.Read(ctx, r.NB, r.SB)
	if err != nil {
		return err
	}
	of := func(string) *inventory.Inventory { return inv }
	where, c := newClients(r.Run, inv), t.crew(r)
	for _, l := range t.conns {
		if err := where.place(ctx, l); err != nil {
			return err
		}
		l.client, l.server = publish.Ends(&l.conn, of)
		if key := groupKey(l); key != "" {
			if t.groups[key] == nil {
				t.groups[key] = &group{}
			}
			l.group = t.groups[key]
		}
	}
	err = c.each(ctx, t.conns, t.tracing("as they are", len(t.conns)), func(ctx context.Context, p *passer, l *live) (err error) {
		l.before, err = l.trace(func(g *group) *[]sample { return &g.before }, func() (both, error) { return p.pass(ctx, l, nil) })
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range t.conns {
		if l.of != nil {
			l.was = l.of.was
		} else if decides, ok := l.before.failing(); ok {
			l.was = ptr(t.end(ctx, r.Run, l, decides))
		}
	}
	t.pairs, err = t.askPairs(ctx, c.main)
	return err
}

// passer returns what traces packets in a run of the copy.
func (t *task) passer(run *deployment.Run) *passer {
	learn := func(ctx context.Context, b driver.Binding) error {
		return t.copied.Learn(ctx, b.Datapath, b.Port, b.Addr, b.MAC.String())
	}
	return &passer{run: run, down: t.copied.IsDown, learn: learn, forget: run.SB.Forget, known: map[driver.Binding]bool{}}
}

func ptr[T any](v T) *T { return &v }

// after traces everything with the change, and reports what is different.
func (t *task) after(ctx context.Context, r *runs, f flushes, same untouched) error {
	c := t.crew(r)
	var again []*live
	for _, l := range t.conns {
		if same.has(&l.before) {
			count(&t.out.Counts.Connections, report.FateGoesOn)
		} else {
			again = append(again, l)
		}
	}
	err := c.each(ctx, again, t.tracing("with the change", len(again)), func(ctx context.Context, p *passer, l *live) (err error) {
		l.after, err = l.trace(func(g *group) *[]sample { return &g.after }, func() (both, error) { return p.pass(ctx, l, &l.before) })
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range again {
		fate, direction := fateOf(&l.before, &l.after, strict(l.packet.Proto))
		count(&t.out.Counts.Connections, fate)
		if fate == report.FateGoesOn || fate == report.FateBroken {
			continue
		}
		made := t.differs(ctx, r.Run, l, &l.after, fate, direction, f)
		if l.of != nil && strings.Contains(made.After.Text, strconv.Itoa(int(l.of.packet.SrcPort))) {
			// The reason names the port of the connection that was traced.
			after, err := c.main.pass(ctx, l, &l.before)
			if err != nil {
				return err
			}
			made = t.differs(ctx, r.Run, l, &after, fate, direction, f)
		}
		t.out.Connections = append(t.out.Connections, made)
	}
	slices.SortStableFunc(t.out.Connections, func(a, b report.WhatIfConnection) int {
		return slices.Index(order, a.Fate) - slices.Index(order, b.Fate)
	})
	return t.comparePairs(ctx, c.main)
}
