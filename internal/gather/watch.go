package gather

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// Change is what happened to one connection, or on one chassis.
type Change struct {
	Time       time.Time // of the first event, by the chassis' clock
	Events     []Event
	Connection *connection.Connection // with the entries that are gone; nil if events were lost
	Lost       string                 // the chassis whose events were lost; its table has been read again
}

// Event is a change of one entry.
type Event struct {
	Kind   node.EventKind
	Time   time.Time
	Record connection.Record
}

// settle is how long events are collected before they are joined: the entries of one connection
// appear within a packet's way through the network.
const settle = 200 * time.Millisecond

// maxWatched is the maximum number of entries that a watch keeps.
const maxWatched = 1_000_000

// Watch reports what happens to connections that the filter selects, until ctx ends. It calls ready
// when all chassis are watched. A chassis that cannot be watched ends it with an error.
func Watch(ctx context.Context, zones Zones, nodes Nodes, chassis []*ovn.Chassis, req Request, ready func(), out func(*Change) error) error {
	w := newWatching(req)
	for _, row := range chassis {
		w.chassis = append(w.chassis, &Chassis{Name: row.Name})
	}
	each(w.chassis, func(i int, c *Chassis) { c.reach(ctx, nodes, chassis[i]) })
	for _, c := range w.chassis {
		if c.Err != nil {
			return c.Err
		}
	}
	if err := nameZones(ctx, zones, chassis, w.chassis); err != nil {
		return err
	}
	return w.watch(ctx, ready, out)
}

func newWatching(req Request) *watching {
	return &watching{
		req: req, in: make(chan arrival), names: map[zoneKey]string{}, ports: owners{},
		gone: map[uint32]bool{},
	}
}

// watch follows all chassis until ctx ends or one of them fails.
func (w *watching) watch(ctx context.Context, ready func(), out func(*Change) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var following sync.WaitGroup
	for _, c := range w.chassis {
		following.Go(func() { w.follow(ctx, c) })
	}
	err := w.run(ctx, ready, out)
	cancel()
	following.Wait()
	w.kept.Release()
	return err
}

// arrival is a batch of events of a chassis, or its end.
type arrival struct {
	chassis *Chassis
	events  []node.Event
	err     error
}

// watching is one run of Watch. Only run changes it.
type watching struct {
	req     Request
	chassis []*Chassis
	in      chan arrival

	names   map[zoneKey]string
	ports   owners
	kept    connection.Kept // the entries that are there
	changed []Event
	gone    map[uint32]bool // of kept, those that go with the next report
	ending  bool            // the next report is the last
}

// zoneKey is what ovn-controller wrote of a zone's owner, on a chassis of a database.
type zoneKey struct {
	sb    *ovn.SB
	owner string
}

// follow passes the events of a chassis on.
func (w *watching) follow(ctx context.Context, c *Chassis) {
	send := func(a arrival) error {
		select {
		case w.in <- a:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	watcher, ok := c.lister.(node.Watcher)
	if !ok {
		_ = send(arrival{chassis: c, err: fmt.Errorf("chassis %s: its node cannot watch entries: %w", c.Name, errors.ErrUnsupported)})
		return
	}
	_, err := watcher.Watch(ctx, node.WatchRequest{MaxDump: w.req.MaxDump}, func(batch []node.Event) error {
		return send(arrival{chassis: c, events: batch})
	})
	if ctx.Err() == nil {
		if err == nil {
			err = fmt.Errorf("chassis %s: the watch has ended", c.Name)
		}
		_ = send(arrival{chassis: c, err: err})
	}
}

// lastReport bounds the questions to the database for the last report: ctx has ended before it.
const lastReport = time.Second

// run takes the events of all chassis and reports them. When ctx ends, or a chassis fails, what has
// come by then is reported before it returns.
func (w *watching) run(ctx context.Context, ready func(), out func(*Change) error) error {
	err := w.collect(ctx, ready, out)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil // what it asked meanwhile was cut short
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastReport)
	defer cancel()
	w.ending = true
	return cmp.Or(err, w.report(late, out))
}

// collect takes the events of all chassis and reports them at each tick, until ctx ends, which is
// no error.
func (w *watching) collect(ctx context.Context, ready func(), out func(*Change) error) error {
	watched := 0
	tick := time.NewTicker(settle)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case a := <-w.in:
			if a.err != nil {
				return a.err
			}
			for i := range a.events {
				e := &a.events[i]
				if err := w.event(ctx, a.chassis, e, out); err != nil {
					return err
				}
				if e.Kind == node.EventReady {
					if watched++; watched == len(w.chassis) {
						ready()
					}
				}
			}
			if w.kept.Len() > maxWatched {
				return fmt.Errorf("more than %d entries: watch fewer chassis (--chassis)", maxWatched)
			}
		case <-tick.C:
			if err := w.report(ctx, out); err != nil {
				return err
			}
		}
	}
}

// event takes one event of a chassis.
func (w *watching) event(ctx context.Context, c *Chassis, e *node.Event, out func(*Change) error) error {
	switch e.Kind {
	case node.EventReady:
		return w.read(ctx, c, false)
	case node.EventLost:
		if err := out(&Change{Time: e.Time, Lost: c.Name}); err != nil {
			return err
		}
		return w.read(ctx, c, true)
	}
	return w.take(ctx, c, e)
}

// read reads the table of a chassis: to know what is there when the watch begins, or what has
// happened (report) while events were lost.
func (w *watching) read(ctx context.Context, c *Chassis, report bool) error {
	var now []bool // by number in kept: it is in the table
	_, err := c.lister.List(ctx, node.ListRequest{MaxDump: w.req.MaxDump}, func(batch []ctstate.Entry) error {
		for _, e := range batch {
			kind, changed := node.EventNew, true
			if n, known := w.kept.Find(c.Name, e.Zone, e.Orig); known && !w.gone[n] {
				old := w.kept.Record(n)
				kind, changed = node.Changed(&old.Entry, &e)
			}
			r := connection.Record{Chassis: c.Name, ZoneName: c.Zones[e.Zone], Entry: e}
			if report && changed {
				w.changed = append(w.changed, Event{kind, time.Now(), r})
			}
			n, err := w.kept.Put(&r)
			if err != nil {
				return err
			}
			delete(w.gone, n)
			for int(n) >= len(now) {
				now = append(now, false)
			}
			now[n] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for n := range w.kept.All() {
		if int(n) < len(now) && now[n] || w.gone[n] {
			continue
		}
		if r := w.kept.Record(n); r.Chassis == c.Name {
			w.changed = append(w.changed, Event{node.EventDestroy, time.Now(), r})
			w.gone[n] = true
		}
	}
	return nil
}

// take notes one event.
func (w *watching) take(ctx context.Context, c *Chassis, e *node.Event) error {
	zone, err := w.name(ctx, zoneKey{c.sb, e.ZoneName})
	if err != nil {
		return err
	}
	c.Zones[e.Entry.Zone] = zone // of a port that was bound later, too
	r := connection.Record{Chassis: c.Name, ZoneName: zone, Entry: *e.Entry}
	n, known := w.kept.Find(c.Name, e.Entry.Zone, e.Entry.Orig)
	gone := e.Kind == node.EventDestroy
	if gone && known {
		r = w.kept.Record(n) // the event has no state: the entry is shown as it was last known
	} else if n, err = w.kept.Put(&r); err != nil {
		return err
	}
	if delete(w.gone, n); gone {
		w.gone[n] = true
	}
	w.changed = append(w.changed, Event{e.Kind, e.Time, r})
	return nil
}

// report joins what has changed, and reports the connections that the filter selects.
func (w *watching) report(ctx context.Context, out func(*Change) error) error {
	if len(w.changed) == 0 {
		return nil
	}
	var all []connection.Record // also the queue of those whose flows are followed
	seen := map[uint32]bool{}
	visit := func(n uint32) {
		if !seen[n] {
			seen[n] = true
			all = append(all, w.kept.Record(n))
		}
	}
	for _, e := range w.changed {
		if n, ok := w.kept.Find(e.Record.Chassis, e.Record.Entry.Zone, e.Record.Entry.Orig); ok {
			visit(n)
		}
	}
	for i := 0; i < len(all); i++ {
		for _, f := range flowsOf(&all[i].Entry) {
			for n := range w.kept.Of(f) {
				visit(n)
			}
		}
	}
	var zones []string
	for i := range all {
		zones = append(zones, all[i].ZoneName)
	}
	side, err := w.ports.sides(ctx, databases(w.chassis), zones)
	if err != nil && !w.ending {
		return err
	}
	// At the end what is known is reported, if need be with legs that are not ordered by their side.
	events := map[place][]Event{}
	for _, e := range w.changed {
		at := placeOf(&e.Record)
		events[at] = append(events[at], e)
	}
	w.changed = nil
	for _, c := range connection.Join(all, side) {
		ch := Change{Connection: &c}
		for i := range c.Legs {
			ch.Events = append(ch.Events, events[placeOf(&c.Legs[i])]...)
		}
		if len(ch.Events) == 0 || !w.req.Filter.Match(&c) {
			continue
		}
		slices.SortStableFunc(ch.Events, func(a, b Event) int { return a.Time.Compare(b.Time) })
		ch.Time = ch.Events[0].Time
		if err := out(&ch); err != nil {
			return err
		}
	}
	for n := range w.gone {
		w.kept.Remove(n)
	}
	clear(w.gone)
	return nil
}

// name gives a zone of a router its name in place of its UUID.
func (w *watching) name(ctx context.Context, zone zoneKey) (string, error) {
	if name, ok := w.names[zone]; ok {
		return name, nil
	}
	named, err := zone.sb.NameZones(ctx, map[uint16]string{1: zone.owner})
	if err != nil {
		return "", err
	}
	w.names[zone] = named[1]
	return named[1], nil
}
