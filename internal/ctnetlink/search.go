package ctnetlink

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// tupleFilter is a CTA_FILTER: it selects the members of one direction's tuple to compare.
type tupleFilter struct {
	reply bool
	tuple ctstate.Tuple
	flags uint32
	// unfiltered omits CTA_FILTER: a kernel before 5.15 parses the reply tuple with the flags of the
	// original tuple, so a filter by reply tuple finds nothing.
	unfiltered bool
}

// encode appends the filter (kernels >= 5.8; older ones ignore it).
//
// IPv6 addresses are omitted: the kernel inverts the result of ipv6_addr_cmp
// (ctnetlink_filter_match_tuple) and returns every entry except the matching ones. The kernel
// ignores the zone inside the tuple; since 6.8 it compares CTA_ZONE beside the tuple.
func (f *tupleFilter) encode(e *encoder, zone uint16) {
	f.encodeTuple(e)
	e.be16(ctaZone, zone)
}

// encodeTuple appends the filter for all zones.
func (f *tupleFilter) encodeTuple(e *encoder) {
	if f.unfiltered {
		return
	}
	typ := uint16(ctaTupleOrig)
	flags := [2]uint32{f.flags, 0}
	if f.reply {
		typ, flags = ctaTupleReply, [2]uint32{0, f.flags}
	}
	if family(f.tuple) == unix.AF_INET6 {
		flags[0] &^= filterIPSrc | filterIPDst
		flags[1] &^= filterIPSrc | filterIPDst
	}
	e.tuple(typ, f.tuple)
	n := e.nest(ctaFilter)
	e.host32(ctaFilterOrigFlags, flags[0])
	e.host32(ctaFilterReplyFlags, flags[1])
	e.end(n)
}

func (f *tupleFilter) match(e *ctstate.Entry) bool {
	t := e.Orig
	if f.reply {
		t = e.Reply
	}
	is := func(flag uint32, equal bool) bool { return f.flags&flag == 0 || equal }
	return is(filterIPSrc, t.Src.Addr() == f.tuple.Src.Addr().Unmap()) &&
		is(filterIPDst, t.Dst.Addr() == f.tuple.Dst.Addr().Unmap()) &&
		is(filterProtoNum, t.Proto == f.tuple.Proto) &&
		is(filterSrcPort, t.Src.Port() == f.tuple.Src.Port()) &&
		is(filterDstPort, t.Dst.Port() == f.tuple.Dst.Port()) &&
		is(filterICMPType|filterICMPv6Typ, t.ICMPType == f.tuple.ICMPType) &&
		is(filterICMPCode|filterICMPv6Cod, t.ICMPCode == f.tuple.ICMPCode)
}

// search returns the entries of a zone that match a tuple filter. It counts the entries that the
// kernel returns although they do not match, and returns a TooManyError when they exceed the limit.
func (t *Table) search(ctx context.Context, zone uint16, f tupleFilter) ([]Record, error) {
	if err := checkTuple(f.tuple); err != nil {
		return nil, lookupError(zone, f.tuple, err)
	}
	limit := t.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	if k, err := Kernel(); err == nil {
		f.unfiltered = f.reply && !k.AtLeast(5, 15)
	}
	var found []Record
	var err error
	for range 3 { // if the table changes during each of three readings, the last is returned
		found = found[:0]
		var unasked uint64
		err = t.dump(ctx, family(f.tuple), func(e *encoder) { f.encode(e, zone) }, func(r *Record) error {
			if r.Zone != zone || !f.match(&r.Entry) {
				// For IPv6, even a kernel with all filters returns other hosts' entries; they count too.
				if unasked++; unasked > limit {
					return t.tooMany(f, unasked, limit)
				}
				return nil
			}
			if uint64(len(found)) >= limit {
				return &TooManyError{Count: uint64(len(found)) + 1, Limit: limit, Why: "too many entries match"}
			}
			found = append(found, *r)
			return nil
		})
		if !errors.Is(err, ErrInterrupted) {
			break
		}
	}
	if err != nil && !errors.Is(err, ErrInterrupted) {
		return nil, lookupError(zone, f.tuple, err)
	}
	return found, nil
}

func (t *Table) tooMany(f tupleFilter, seen, limit uint64) error {
	e := &TooManyError{Count: seen, Limit: limit, Why: "CTA_FILTER needs Linux 5.8, and CTA_ZONE 6.8"}
	if family(f.tuple) == unix.AF_INET6 {
		e.Why = "it cannot filter by IPv6 address"
	}
	if s, err := t.Settings(); err == nil && s.Count > seen {
		e.Count = s.Count
	}
	return e
}

// Echoes returns the entries of the zone to which an ICMP echo with the tuple's addresses and type
// could belong, in either direction and with any id.
func (t *Table) Echoes(ctx context.Context, zone uint16, tuple ctstate.Tuple) ([]ctstate.Entry, error) {
	flags := uint32(filterIPSrc | filterIPDst | filterProtoNum | filterICMPType | filterICMPCode)
	if tuple.Proto == ctstate.ProtoICMPv6 {
		flags = filterIPSrc | filterIPDst | filterProtoNum | filterICMPv6Typ | filterICMPv6Cod
	}
	var out []ctstate.Entry
	for _, reply := range []bool{false, true} {
		found, err := t.search(ctx, zone, tupleFilter{reply: reply, tuple: tuple, flags: flags})
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			if !slices.ContainsFunc(out, func(e ctstate.Entry) bool { return e.ID == r.ID && e.Orig == r.Orig }) {
				out = append(out, r.Entry)
			}
		}
	}
	return out, nil
}

// BySource returns the entries that find_appropriate_src walks: those with the same zone, protocol
// and original source, and with a source binding (SRC_NAT_DONE is set with it). They are newest
// first if nf_conntrack_timestamp was on when they were created; otherwise their order is unknown,
// and Ordered is false.
func (t *Table) BySource(ctx context.Context, zone uint16, proto uint8, src netip.AddrPort) ([]ctstate.Entry, error) {
	out, _, err := t.BySourceOrdered(ctx, zone, proto, src)
	return out, err
}

// BySourceOrdered returns the entries of BySource and reports whether their order is known.
func (t *Table) BySourceOrdered(ctx context.Context, zone uint16, proto uint8, src netip.AddrPort) (out []ctstate.Entry, ordered bool, err error) {
	q := ctstate.Tuple{Proto: proto, Src: src, Dst: netip.AddrPortFrom(src.Addr(), 0)}
	flags := uint32(filterIPSrc | filterProtoNum)
	if hasPorts(proto) {
		flags |= filterSrcPort
	}
	found, err := t.search(ctx, zone, tupleFilter{tuple: q, flags: flags})
	if err != nil {
		return nil, false, err
	}
	found = slices.DeleteFunc(found, func(r Record) bool { return r.Status&ctstate.SrcNATDone == 0 })
	ordered = len(found) < 2 || !slices.ContainsFunc(found, func(r Record) bool { return r.Start == 0 })
	if ordered {
		slices.SortStableFunc(found, func(a, b Record) int { return cmp.Compare(b.Start, a.Start) })
	}
	for _, r := range found {
		out = append(out, r.Entry)
	}
	return out, ordered, nil
}

var (
	_ ctstate.EchoFinder   = (*Table)(nil)
	_ ctstate.SourceBinder = (*Table)(nil)
)
