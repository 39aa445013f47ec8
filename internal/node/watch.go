package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// Watcher is a Node that reports changes of its entries. It is separate from Node because older
// nodes cannot.
type Watcher interface {
	// Watch reports what happens to the entries of OVN's zones until ctx ends. The first event is
	// EventReady: what happens after it is reported.
	Watch(ctx context.Context, req WatchRequest, yield func([]Event) error) (*WatchResult, error)
}

// WatchRequest has the bounds of a watch.
type WatchRequest struct {
	MaxDump int `json:"max_dump,omitempty"` // as in TraceRequest
}

// WatchResult is empty: a watch ends only by its caller or by an error.
type WatchResult struct{}

// EventKind is what an event says.
type EventKind string

// The kinds of events.
const (
	EventReady   EventKind = "ready" // the watch has begun
	EventNew     EventKind = "new"
	EventUpdate  EventKind = "update"
	EventDestroy EventKind = "destroy"
	// EventLost says that events are missing, all of them earlier than this one: the table should be
	// read again.
	EventLost EventKind = "lost"
)

// Event is a change of an entry.
type Event struct {
	Kind EventKind `json:"kind"`
	Time time.Time `json:"time"` // the node's clock
	// Zone's name as ovn-controller wrote it; empty if it has none.
	ZoneName string         `json:"zone_name,omitempty"`
	Entry    *ctstate.Entry `json:"entry,omitempty"` // of EventNew, EventUpdate and EventDestroy
}

// Watch reports events of the kernel's table. The userspace datapath has none: its table is read
// again and again, with pauses, and compared.
func (s *Service) Watch(ctx context.Context, req WatchRequest, yield func([]Event) error) (*WatchResult, error) {
	if err := s.live("watch"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	info, err := s.readInfo(ctx)
	var t *ctnetlink.Table
	if err == nil && info.Datapath == "system" {
		t, err = s.kernelTable(ctx)
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	out := newOutbox(yield)
	defer out.close()
	if t == nil {
		return nil, s.poll(ctx, req, out)
	}
	zones := watchedZones{names: info.Zones, read: s.readZones}
	err = t.Watch(ctx, func() error { return out.put(Event{Kind: EventReady, Time: time.Now()}) }, func(ev *ctnetlink.Event) error {
		e := Event{Kind: EventKind(ev.Kind.String()), Time: time.Now()}
		if ev.Kind != ctnetlink.EventLost {
			name, ours, err := zones.name(ctx, ev.Entry.Zone, e.Time)
			if err != nil || !ours {
				return err
			}
			e.ZoneName = name
			entry := ev.Entry
			e.Entry = &entry
		}
		return out.put(e)
	})
	if ctx.Err() != nil {
		err = nil // what it asked meanwhile was cut short
	}
	return nil, err
}

// watchedZones are OVN's zones; those of ports that are bound later are read when they occur.
type watchedZones struct {
	names   map[uint16]string
	read    func(context.Context) (map[uint16]string, error)
	foreign map[uint16]time.Time // zones that were not OVN's when they were read last, and when
}

// zoneInterval is how long a zone that was not OVN's is taken for such without reading again.
const zoneInterval = time.Second

// name returns a zone's name; ours is false for a zone that OVN does not own. The error is that of
// reading the zones: whether the zone is OVN's is then unknown.
func (z *watchedZones) name(ctx context.Context, zone uint16, now time.Time) (name string, ours bool, err error) {
	name, ours = z.names[zone]
	if ours || zone == 0 {
		return name, ours, nil
	}
	if at, ok := z.foreign[zone]; ok && now.Sub(at) < zoneInterval {
		return "", false, nil
	}
	names, err := z.read(ctx)
	if err != nil {
		return "", false, fmt.Errorf("whether conntrack zone %d is OVN's is unknown: %w", zone, err)
	}
	z.names = names
	if name, ours = names[zone]; !ours {
		if z.foreign == nil {
			z.foreign = map[uint16]time.Time{}
		}
		z.foreign[zone] = now
	}
	return name, ours, nil
}

// readZones reads the zones of the integration bridge from the database, and lists those from then
// on.
func (s *Service) readZones(ctx context.Context) (map[uint16]string, error) {
	s.mu.Lock()
	name := s.info.Bridge
	s.mu.Unlock()
	b, err := s.bridgeRow(ctx, name)
	if err != nil {
		return nil, err
	}
	zones := b.CTZones()
	s.mu.Lock()
	defer s.mu.Unlock()
	info := *s.info // callers of Info have the other
	info.Zones = zones
	s.info = &info
	return zones, nil
}

// bridgeRow reads a bridge from the Open_vSwitch database.
func (s *Service) bridgeRow(ctx context.Context, name string) (*ovn.Bridge, error) {
	db, err := ovn.DialOVS(ctx, ovsdb.Options{Remotes: s.opt.DB})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	bridges, err := db.AllBridges(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range bridges {
		if b.Name == name {
			return b, nil
		}
	}
	return nil, errors.New("the integration bridge is gone")
}

// pollInterval is the minimum time between two readings of a userspace table, and pollShare the
// minimum number of times that a reading lasts between two.
const (
	pollInterval = time.Second
	pollShare    = 20
)

// poll compares readings of the table.
func (s *Service) poll(ctx context.Context, req WatchRequest, out *outbox) error {
	var before map[entryKey]ctstate.Entry
	for {
		now := map[entryKey]ctstate.Entry{}
		zones, err := s.readZones(ctx) // a port may have been bound
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		res, err := s.List(ctx, ListRequest{MaxDump: req.MaxDump}, func(batch []ctstate.Entry) error {
			for _, e := range batch {
				now[entryKey{e.Zone, e.Orig}] = e
			}
			return nil
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if before == nil {
			err = out.put(Event{Kind: EventReady, Time: time.Now()})
		} else {
			err = compare(before, now, zones, out)
		}
		if err != nil {
			return err
		}
		before = now
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(pollInterval, pollShare*res.Held)):
		}
	}
}

// compare reports the differences between two readings. zones are the names of the zones.
func compare(before, now map[entryKey]ctstate.Entry, zones map[uint16]string, out *outbox) error {
	at := time.Now()
	say := func(kind EventKind, e ctstate.Entry) error {
		return out.put(Event{Kind: kind, Time: at, ZoneName: zones[e.Zone], Entry: &e})
	}
	for k, e := range before {
		if _, ok := now[k]; !ok {
			if err := say(EventDestroy, e); err != nil {
				return err
			}
		}
	}
	for k, e := range now {
		kind, changed := EventNew, true
		if old, ok := before[k]; ok {
			kind, changed = Changed(&old, &e)
		}
		if changed {
			if err := say(kind, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// Changed compares two readings of the entry with an original tuple in a zone: EventNew is that it
// is another entry, EventUpdate that it has changed otherwise than by its age and the kernel's TCP
// state.
func Changed(old, now *ctstate.Entry) (kind EventKind, changed bool) {
	switch {
	case old.ID != now.ID, old.Reply != now.Reply:
		return EventNew, true
	case differs(old, now):
		return EventUpdate, true
	}
	return "", false
}

// differs reports whether what an entry says of its connection has changed.
func differs(a, b *ctstate.Entry) bool {
	state := func(e *ctstate.Entry) (s [2]ctstate.UserTCPState) {
		if e.UserTCP != nil {
			s = [2]ctstate.UserTCPState{e.UserTCP.Orig, e.UserTCP.Reply}
		}
		return s
	}
	return a.Mark != b.Mark || a.Label != b.Label || a.Status != b.Status || state(a) != state(b)
}

// outbox hands events over in batches. What the caller does not take in time waits in it, up to
// maxWaiting; then the events wait in the kernel.
type outbox struct {
	mu      sync.Mutex
	changed *sync.Cond
	waiting []Event
	err     error
	closed  bool
	done    chan struct{}
}

// maxWaiting is the maximum number of events that wait.
const maxWaiting = 8192

func newOutbox(yield func([]Event) error) *outbox {
	o := &outbox{done: make(chan struct{})}
	o.changed = sync.NewCond(&o.mu)
	go func() {
		defer close(o.done)
		for {
			o.mu.Lock()
			for len(o.waiting) == 0 && !o.closed {
				o.changed.Wait()
			}
			batch := o.waiting
			o.waiting = nil
			o.changed.Broadcast()
			o.mu.Unlock()
			if len(batch) == 0 {
				return // closed
			}
			if err := yield(batch); err != nil {
				o.mu.Lock()
				o.err = err
				o.changed.Broadcast()
				o.mu.Unlock()
				return
			}
		}
	}()
	return o
}

// put adds an event, and waits while there are too many.
func (o *outbox) put(e Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.waiting) >= maxWaiting && o.err == nil && !o.closed {
		o.changed.Wait()
	}
	if o.err != nil {
		return o.err
	}
	o.waiting = append(o.waiting, e)
	o.changed.Broadcast()
	return nil
}

// close hands over what is waiting and ends.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.changed.Broadcast()
	o.mu.Unlock()
	<-o.done
}

// Watch reports the events of the node.
func (r *Remote) Watch(ctx context.Context, req WatchRequest, yield func([]Event) error) (*WatchResult, error) {
	return pull[Event, *WatchResult](ctx, r, "Watch", req, 0, yield)
}
