// Package gather reads the live connections of a deployment: it lists entries on several chassis at
// once, and asks again for the entries that the first answers lead to, until the connections are
// whole.
package gather

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inflight"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// Nodes reaches chassis.
type Nodes interface {
	Node(ctx context.Context, c *ovn.Chassis) (node.Node, error)
}

// Zones returns the Southbound database that a chassis' zone has. It is called for chassis whose
// nodes were reached, one after the other.
type Zones func(ctx context.Context, c *ovn.Chassis) (*ovn.SB, error)

// OneZone is a Zones of chassis that all belong to the zone of one database.
func OneZone(sb *ovn.SB) Zones {
	return func(context.Context, *ovn.Chassis) (*ovn.SB, error) { return sb, nil }
}

// Request says which connections to read. It bounds what is read of each chassis.
type Request struct {
	Filter  connection.Filter
	Limit   int // maximum number of entries of a chassis; 0: no limit
	MaxDump int // as in node.TraceRequest
	// Former also reads entries of zones that OVN does not have now (node.ListRequest.Former).
	Former bool
	// Places says which chassis need not be asked. nil: all of them are asked.
	Places Places
}

// Places says on which chassis entries can be.
type Places interface {
	// OfAddress returns the chassis that packets with the address can pass; ok is false if it does not
	// know.
	OfAddress(netip.Addr) (chassis []string, ok bool)
	// OfEnd returns the chassis that can have entries of a packet because one of its ends has the
	// address.
	OfEnd(netip.Addr) []string
}

// Result is what was read. The caller releases it.
type Result struct {
	Chassis []*Chassis // those that were asked
	Given   int        // number of chassis that could have been asked
	// Former are entries of zones that OVN does not have now, which the filter selects. They are part
	// of no connection: other software may have made them.
	Former []connection.Record
	// Unfinished is the number of connections, of those that the filter selects, of which legs may be
	// missing: after maxRounds readings their tuples still led to others.
	Unfinished int

	rest []*ovn.Chassis // those that have not been asked

	mu     sync.Mutex
	store  connection.Store
	have   map[place]bool // the entries in store; nil if each is read only once
	side   connection.SideOf
	filter connection.Filter
}

// Release frees the memory of the entries.
func (r *Result) Release() { r.store.Release() }

// Entries returns the number of entries that were read.
func (r *Result) Entries() int { return r.store.Len() }

// Connections joins the entries, and returns the connections that the filter selects, one at a
// time.
func (r *Result) Connections() iter.Seq[connection.Connection] {
	return func(yield func(connection.Connection) bool) {
		for c := range r.store.Join(r.side) {
			if r.filter.Match(&c) && !yield(c) {
				return
			}
		}
	}
}

// Chassis is what one chassis answered.
type Chassis struct {
	Name   string
	Info   *node.Info        // without ports (node.Outline); nil if it was not reached
	Zones  map[uint16]string // names of the zones; routers by name, not by UUID
	Listed node.ListResult   // of all readings together
	Err    error             // why its entries are missing, or incomplete

	sb     *ovn.SB // of its zone
	lister node.Lister
	whole  bool // its whole table was read
}

// place is where an entry is.
type place struct {
	chassis string
	zone    uint16
	orig    ctstate.Tuple
}

func placeOf(r *connection.Record) place { return place{r.Chassis, r.Entry.Zone, r.Entry.Orig} }

// Read reads the entries of these chassis that can belong to connections which a filter selects. A
// chassis that fails has an error in the result, and the connections lack its entries. The error is
// one of the databases; with one, nothing is to be released.
func Read(ctx context.Context, zones Zones, nodes Nodes, chassis []*ovn.Chassis, req Request) (*Result, error) {
	out := &Result{filter: req.Filter}
	if err := out.read(ctx, zones, nodes, chassis, req); err != nil {
		out.Release()
		return nil, err
	}
	return out, nil
}

func (r *Result) read(ctx context.Context, zones Zones, nodes Nodes, chassis []*ovn.Chassis, req Request) error {
	r.Given = len(chassis)
	r.rest = chassis
	list, some := firstList(req)
	f := newFollowing(list, req.Places)
	f.open = func(names map[string]bool) ([]*Chassis, error) { return r.open(ctx, zones, nodes, names) }
	first, err := f.open(f.first())
	if err != nil {
		return err
	}
	if some {
		r.have = map[place]bool{}
	}
	each(first, func(_ int, c *Chassis) { r.list(ctx, c, list) })
	if some {
		if err := r.complete(ctx, f); err != nil {
			return err
		}
	}
	slices.SortStableFunc(r.Chassis, func(a, b *Chassis) int { return strings.Compare(a.Name, b.Name) })
	r.side, err = owners{}.sides(ctx, databases(r.Chassis), r.store.ZoneNames())
	return err
}

// open connects to the chassis of these names, nil for all, that it has not connected to before.
// The error is one of the databases.
func (r *Result) open(ctx context.Context, zones Zones, nodes Nodes, names map[string]bool) ([]*Chassis, error) {
	var opened []*Chassis
	var rows, rest []*ovn.Chassis
	for _, row := range r.rest {
		if names == nil || names[row.Name] {
			opened, rows = append(opened, &Chassis{Name: row.Name}), append(rows, row)
		} else {
			rest = append(rest, row)
		}
	}
	r.rest = rest
	r.Chassis = append(r.Chassis, opened...)
	each(opened, func(i int, c *Chassis) { c.reach(ctx, nodes, rows[i]) })
	return opened, nameZones(ctx, zones, rows, opened)
}

// nameZones finds the database of each chassis that was reached, and the names of its zones there.
func nameZones(ctx context.Context, zones Zones, rows []*ovn.Chassis, all []*Chassis) (err error) {
	for i, c := range all {
		if c.Info == nil {
			continue
		}
		if c.sb, err = zones(ctx, rows[i]); err != nil {
			return err
		}
	}
	for _, sb := range databases(all) {
		var of []*Chassis
		var keys []map[uint16]string
		for _, c := range all {
			if c.sb == sb {
				of, keys = append(of, c), append(keys, c.Info.Zones)
			}
		}
		named, err := sb.NameAllZones(ctx, keys)
		if err != nil {
			return err
		}
		for i, c := range of {
			c.Zones = named[i]
		}
	}
	return nil
}

// databases returns the databases of all chassis, each once.
func databases(all []*Chassis) []*ovn.SB {
	var out []*ovn.SB
	for _, c := range all {
		if c.sb != nil && !slices.Contains(out, c.sb) {
			out = append(out, c.sb)
		}
	}
	return out
}

// each runs f for every chassis, several at once.
func each(all []*Chassis, f func(i int, c *Chassis)) {
	inflight.Each(len(all), inflight.Nodes, func(i int, _ func()) { f(i, all[i]) })
}

// reach connects to a chassis.
func (c *Chassis) reach(ctx context.Context, nodes Nodes, row *ovn.Chassis) {
	n, err := nodes.Node(ctx, row)
	if err != nil {
		c.Err = err
		return
	}
	var ok bool
	if c.lister, ok = n.(node.Lister); !ok {
		c.Err = fmt.Errorf("chassis %s: its node cannot list entries: %w", c.Name, errors.ErrUnsupported)
		return
	}
	info, err := node.Outline(ctx, n)
	if err == nil {
		err = info.IsOf(c.Name)
	}
	if err != nil {
		c.Err = err
		return
	}
	c.Info = info
}

// list reads entries of a chassis and keeps those that it has not read before.
func (r *Result) list(ctx context.Context, c *Chassis, req node.ListRequest) {
	if c.Err != nil || c.whole {
		return
	}
	if c.Info.Datapath != "system" {
		// The userspace datapath's table can only be read whole, which ovs-vswitchd's main thread takes
		// part in: it is read once.
		req = node.ListRequest{Limit: req.Limit, MaxDump: req.MaxDump, Former: req.Former}
	}
	c.whole = len(req.Addrs)+len(req.Tuples)+len(req.Zones) == 0 && req.MarkMask == 0 && req.StatusMask == 0
	kept := 0
	var former []connection.Record // of zones without a name: the result says which OVN does not have
	res, err := c.lister.List(ctx, req, func(batch []ctstate.Entry) error {
		for i := range batch {
			record := connection.Record{Chassis: c.Name, ZoneName: c.Zones[batch[i].Zone], Entry: batch[i]}
			if req.Former && record.ZoneName == "" {
				former = append(former, record)
				continue
			}
			isNew, err := r.keep(&record)
			if err != nil {
				return err
			}
			if isNew {
				kept++
			}
		}
		return nil
	})
	for i := range former {
		if res != nil && slices.Contains(res.Former, former[i].Entry.Zone) {
			r.keepFormer(&former[i])
		} else if isNew, kerr := r.keep(&former[i]); kerr != nil {
			err = cmp.Or(err, kerr)
		} else if isNew {
			kept++
		}
	}
	c.Listed.Count += kept
	if res != nil {
		c.Listed.Cut = c.Listed.Cut || res.Cut
		c.Listed.Changed = c.Listed.Changed || res.Changed
		c.Listed.Held += res.Held
		c.Listed.Unreadable += res.Unreadable
		c.Listed.Lacks = res.Lacks
	}
	c.Err = err
}

// keep keeps an entry; isNew is false if it was kept before.
func (r *Result) keep(record *connection.Record) (isNew bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.have != nil {
		at := placeOf(record)
		if r.have[at] {
			return false, nil
		}
		r.have[at] = true
	}
	return true, r.store.Add(record)
}

// keepFormer keeps an entry of a zone that OVN does not have now, if the filter selects it.
func (r *Result) keepFormer(record *connection.Record) {
	if !r.filter.Match(&connection.Connection{Legs: []connection.Record{*record}}) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Former = append(r.Former, *record)
}

// owners are ports by name, as far as they have been read; nil for a name that no port has.
type owners map[string]*ovn.PortBinding

// sides reads the addresses of the ports that own the zones, by which the client's
// and the server's zones are told from those between.
func (o owners) sides(ctx context.Context, dbs []*ovn.SB, zones []string) (connection.SideOf, error) {
	var names []string
	for _, name := range zones {
		if _, known := o[name]; !known && name != "" {
			o[name] = nil
			names = append(names, name)
		}
	}
	for _, sb := range dbs {
		ports, err := sb.PortsByNames(ctx, names)
		if err != nil {
			return nil, err
		}
		for _, p := range ports {
			if o[p.LogicalPort] == nil || p.Type != "remote" { // a port of another zone is known there best
				o[p.LogicalPort] = p
			}
		}
	}
	return func(r *connection.Record, t ctstate.Tuple) connection.Side {
		p := o[r.ZoneName]
		switch {
		case p == nil:
			return connection.Middle
		case p.HasIP(t.Src.Addr()):
			return connection.Client
		case p.HasIP(t.Dst.Addr()):
			return connection.Server
		}
		return connection.Middle
	}, nil
}

// Unreached returns the errors of the chassis whose entries are missing.
func (r *Result) Unreached() []error {
	var out []error
	for _, c := range r.Chassis {
		if c.Err != nil {
			out = append(out, c.Err)
		}
	}
	return out
}
