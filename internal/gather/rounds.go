package gather

import (
	"context"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// maxRounds is the maximum number of readings of a chassis: a connection passes no more routers with
// NAT than that.
const maxRounds = 5

// maxTuples is the maximum number of tuples by which a chassis is asked for the other entries of
// connections; beyond it, it is asked by their addresses.
const maxTuples = 128

// firstList is the first request to every chassis; some reports that it selects entries by address
// or by zone, so that other legs of their connections remain to be asked for.
func firstList(req Request) (list node.ListRequest, some bool) {
	list = node.ListRequest{Limit: req.Limit, MaxDump: req.MaxDump, Former: req.Former}
	if list.Addrs, some = req.Filter.Addrs(); some {
		return list, true
	}
	if len(req.Filter.Zones) > 0 {
		list.Zones, list.Former, some = req.Filter.Zones, false, true
	}
	return list, some
}

// complete asks for the other entries of the connections found, which may have other addresses
// after NAT.
func (r *Result) complete(ctx context.Context, list node.ListRequest) {
	f := following{list: list, tuples: map[ctstate.Tuple]bool{}, addrs: map[netip.Addr]bool{}}
	for _, a := range list.Addrs {
		f.addrs[a] = true
	}
	seen := 0
	for round := 1; ; round++ {
		var tuples []ctstate.Tuple
		for ; seen < r.store.Len(); seen++ {
			record := r.store.Record(seen)
			tuples = f.append(tuples, &record.Entry)
		}
		switch {
		case len(tuples) == 0:
			return
		case round == maxRounds:
			r.Unfinished = r.leading(tuples)
			return
		}
		next := f.request(tuples)
		each(r.Chassis, func(_ int, c *Chassis) { r.list(ctx, c, next) })
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
	tuples map[ctstate.Tuple]bool
	addrs  map[netip.Addr]bool
}

// append appends the flows of an entry that nothing asked so far has covered.
func (f *following) append(tuples []ctstate.Tuple, e *ctstate.Entry) []ctstate.Tuple {
	for _, t := range flowsOf(e) {
		if !f.tuples[t] && !f.addrs[t.Src.Addr()] && !f.addrs[t.Dst.Addr()] {
			f.tuples[t] = true
			tuples = append(tuples, t)
		}
	}
	return tuples
}

// request is the request for the entries that packets with these tuples belong to: by tuple, or by
// address if there are more than maxTuples.
func (f *following) request(tuples []ctstate.Tuple) node.ListRequest {
	next := node.ListRequest{Limit: f.list.Limit, MaxDump: f.list.MaxDump}
	if len(tuples) <= maxTuples {
		next.Tuples = tuples
		return next
	}
	for _, t := range tuples {
		for _, a := range [2]netip.Addr{t.Src.Addr(), t.Dst.Addr()} {
			if !f.addrs[a] {
				f.addrs[a] = true
				next.Addrs = append(next.Addrs, a)
			}
		}
	}
	return next
}
