package gather

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// maxRounds is the maximum number of readings of a chassis: a connection passes no more routers
// with NAT than that.
const maxRounds = 5

// maxTuples is the maximum number of tuples by which a chassis is asked for the other entries of
// connections; beyond it, it is asked by their addresses.
const maxTuples = 128

// firstList is the first request to every chassis; some reports that it selects entries by address,
// zone, mark or status, so that other legs of their connections remain to be asked for. It selects
// by one of these: each may be met by another leg.
func firstList(req Request) (list node.ListRequest, some bool) {
	list = node.ListRequest{Limit: req.Limit, MaxDump: req.MaxDump, Former: req.Former}
	if list.Addrs, some = req.Filter.Addrs(); some {
		return list, true
	}
	list.Zones = req.Filter.Zones
	if len(list.Zones) == 0 {
		if list.Mark, list.MarkMask = req.Filter.Mark(); list.MarkMask == 0 {
			list.Status = req.Filter.Status()
			list.StatusMask = list.Status
		}
	}
	if some = len(list.Zones) > 0 || list.MarkMask != 0 || list.StatusMask != 0; some {
		list.Former = false
	}
	return list, some
}

// complete asks for the other entries of the connections found, which may have other addresses
// after NAT, and be on other chassis. The error is one of the database.
func (r *Result) complete(ctx context.Context, f *following) error {
	seen := 0
	for round := 1; ; round++ {
		found := found{chassis: map[string]bool{}}
		for ; seen < r.store.Len(); seen++ {
			record := r.store.Record(seen)
			f.note(&found, &record.Entry)
		}
		if len(found.tuples) == 0 && len(found.chassis) == 0 {
			return nil
		}
		if round >= maxRounds && len(found.tuples) > 0 {
			r.Unfinished = r.leading(found.tuples)
			return nil
		}
		asked := r.Chassis
		added, err := f.open(found.chassis)
		if err != nil {
			return err
		}
		if len(found.tuples) > 0 {
			next := f.request(found.tuples)
			for _, a := range next.Addrs {
				f.addrs[a] = true
			}
			each(asked, func(_ int, c *Chassis) { r.list(ctx, c, next) })
		}
		if len(added) > 0 {
			all := f.request(slices.Collect(maps.Keys(f.tuples)))
			each(added, func(_ int, c *Chassis) {
				r.list(ctx, c, f.list)
				r.list(ctx, c, all)
			})
		}
	}
}

// leading returns the number of connections, of those that the filter selects, to which a packet
// with one of these flows belongs.
func (r *Result) leading(flows []ctstate.Tuple) (n int) {
	set := map[ctstate.Tuple]bool{}
	for _, t := range flows {
		set[t] = true
	}
	for c := range r.store.Join(nil) {
		leads := slices.ContainsFunc(c.Legs, func(l connection.Record) bool {
			of := flowsOf(&l.Entry)
			return set[of[0]] || set[of[1]]
		})
		if leads && r.filter.Match(&c) {
			n++
		}
	}
	return n
}

// flowsOf returns the flows of an entry, before its NAT and behind it.
func flowsOf(e *ctstate.Entry) [2]ctstate.Tuple {
	return [2]ctstate.Tuple{connection.Flow(e.Orig), connection.Flow(connection.After(e))}
}

// following is what the chassis have been asked for.
type following struct {
	list   node.ListRequest // the first request
	places Places
	open   func(names map[string]bool) ([]*Chassis, error) // connects to chassis; nil names: all
	tuples map[ctstate.Tuple]bool
	addrs  map[netip.Addr]bool
	ends   map[netip.Addr]bool // addresses whose chassis are asked
}

func newFollowing(list node.ListRequest, places Places) *following {
	f := &following{list: list, places: places, tuples: map[ctstate.Tuple]bool{}, addrs: map[netip.Addr]bool{}, ends: map[netip.Addr]bool{}}
	for _, a := range list.Addrs {
		f.addrs[a] = true
	}
	return f
}

// found is what entries lead to.
type found struct {
	tuples  []ctstate.Tuple // flows that nothing asked so far has covered
	chassis map[string]bool // that can have entries of these and other flows
}

// first returns the chassis that are asked first; nil if it may be any.
func (f *following) first() map[string]bool {
	if f.places == nil || len(f.list.Addrs) == 0 {
		return nil
	}
	out := map[string]bool{}
	for _, a := range f.list.Addrs {
		names, ok := f.places.OfAddress(a)
		if !ok {
			return nil
		}
		for _, n := range names {
			out[n] = true
		}
	}
	return out
}

// note adds what an entry leads to.
func (f *following) note(out *found, e *ctstate.Entry) {
	for _, t := range flowsOf(e) {
		for _, a := range [2]netip.Addr{t.Src.Addr(), t.Dst.Addr()} {
			if f.places == nil || f.ends[a] {
				continue
			}
			f.ends[a] = true
			for _, name := range f.places.OfEnd(a) {
				out.chassis[name] = true
			}
		}
		if !f.tuples[t] && !f.addrs[t.Src.Addr()] && !f.addrs[t.Dst.Addr()] {
			f.tuples[t] = true
			out.tuples = append(out.tuples, t)
		}
	}
}

// request is the request for the entries that packets with these tuples belong to: by tuple. If
// there are more than maxTuples, it is by address; or for the whole tables, where the first request
// was not by address either, and would be followed by many.
func (f *following) request(tuples []ctstate.Tuple) node.ListRequest {
	next := node.ListRequest{Limit: f.list.Limit, MaxDump: f.list.MaxDump}
	switch {
	case len(tuples) <= maxTuples:
		next.Tuples = tuples
		return next
	case len(f.list.Addrs) == 0:
		return next
	}
	set := map[netip.Addr]bool{}
	for _, t := range tuples {
		set[t.Src.Addr()], set[t.Dst.Addr()] = true, true
	}
	next.Addrs = slices.SortedFunc(maps.Keys(set), netip.Addr.Compare)
	return next
}
