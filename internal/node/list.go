package node

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
)

// Lister is a Node that lists the entries of OVN's zones. It is separate from Node because older
// nodes cannot.
type Lister interface {
	// List reads entries of the zones of the integration bridge and hands them over in batches, which
	// are valid until yield returns. It ends at the first error of yield.
	List(ctx context.Context, req ListRequest, yield func([]ctstate.Entry) error) (*ListResult, error)
}

// ListRequest selects entries. The zero request selects all entries of OVN's zones.
type ListRequest struct {
	// Addrs selects the entries that have one of these addresses in either tuple.
	Addrs []netip.Addr `json:"addrs,omitempty"`
	// Tuples selects the entries that a packet with one of these tuples belongs to, in either
	// direction, before or after NAT. With Addrs, entries selected by either are listed.
	Tuples []ctstate.Tuple `json:"tuples,omitempty"`
	Zones  []uint16        `json:"zones,omitempty"` // none: all zones of OVN on the chassis
	// Mark selects the entries whose mark has these bits, of those in MarkMask; Status likewise. An
	// older node ignores them.
	Mark       uint32         `json:"mark,omitempty"`
	MarkMask   uint32         `json:"mark_mask,omitempty"`
	Status     ctstate.Status `json:"status,omitempty"`
	StatusMask ctstate.Status `json:"status_mask,omitempty"`
	Limit      int            `json:"limit,omitempty"` // maximum number of entries; 0: no limit
	// Former adds entries of the zones that OVN does not have on the chassis now, up to maxFormer: OVN
	// may have had them before. Zone 0, the host's own, is never listed. It is for requests without
	// Tuples and Zones; older nodes ignore it.
	Former bool `json:"former,omitempty"`
	// MaxDump is that of TraceRequest.
	MaxDump int `json:"max_dump,omitempty"`
}

// ListResult says what was read.
type ListResult struct {
	Count int  `json:"count"`         // number of entries handed over, without those of Former
	Cut   bool `json:"cut,omitempty"` // there are more than Limit
	// Changed reports that the kernel's table changed while it was read, at each reading of a search:
	// entries may be missing.
	Changed bool `json:"changed,omitempty"`
	// Held is how long the reading of a userspace datapath's table lasted, which ovs-vswitchd's main
	// thread takes part in; 0 for the kernel.
	Held time.Duration `json:"held,omitempty"`
	// Unreadable is the number of lines of a userspace datapath's table that could not be read.
	Unreadable int `json:"unreadable,omitempty"`
	// Lacks says why entries may be missing in the table of a machine that was rebuilt from an
	// archive; empty if none is.
	Lacks string `json:"lacks,omitempty"`
	// Former are the zones of the entries that ListRequest.Former added, in ascending order.
	Former []uint16 `json:"former,omitempty"`
}

// maxFormer is the maximum number of entries that ListRequest.Former adds.
const maxFormer = 4096

// maxListed is the maximum number of entries that a node may list: several times nf_conntrack_max
// of large machines.
const maxListed = 16 << 20

// batchSize is the number of entries in a batch.
const batchSize = 512

// listTries is the maximum number of readings of a search in a kernel table that changes meanwhile.
const listTries = 3

// List reads entries of OVN's zones from the table of the integration bridge's datapath.
func (s *Service) List(ctx context.Context, req ListRequest, yield func([]ctstate.Entry) error) (*ListResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.readInfo(ctx)
	if err != nil {
		return nil, err
	}
	l := newListing(&req, zonesOf(info, req.Zones), yield)
	if len(l.zones) == 0 {
		return l.out, nil
	}
	if r := s.opt.Replica; r != nil {
		err = l.kept(ctx, r.kept(info.backerOf(info.Bridge)), info.Datapath == "system")
	} else if info.Datapath != "system" {
		err = l.userspace(ctx, ctdpif.New(ctdpif.Socket{Path: s.ctl.Path}, info.backerOf(info.Bridge)))
	} else {
		var t *ctnetlink.Table
		if t, err = s.kernelTable(ctx); err != nil {
			return nil, err
		}
		err = l.kernel(ctx, t)
	}
	return l.out, l.finish(err)
}

// finish hands over the last batch.
func (l *listing) finish(err error) error {
	if errors.Is(err, errCut) {
		l.out.Cut, err = true, nil
	}
	if err != nil {
		return err
	}
	l.out.Former = slices.Sorted(maps.Keys(l.former))
	return l.flush()
}

// zonesOf returns OVN's zones on the node, of those wanted.
func zonesOf(info *Info, want []uint16) map[uint16]bool {
	out := map[uint16]bool{}
	for zone := range info.Zones {
		if len(want) == 0 || slices.Contains(want, zone) {
			out[zone] = true
		}
	}
	return out
}

// errCut ends a listing at its limit.
var errCut = errors.New("limit reached")

// listing is one run of List.
type listing struct {
	req    *ListRequest
	zones  map[uint16]bool
	addrs  map[netip.Addr]bool    // Addrs
	tuples map[ctstate.Tuple]bool // Tuples and their inverses
	former map[uint16]bool        // zones that OVN does not have now, of which entries were taken
	added  int                    // number of these entries
	again  bool                   // several readings may return the same entry
	seen   map[entryKey]struct{}  // if again
	batch  []ctstate.Entry
	yield  func([]ctstate.Entry) error
	out    *ListResult
}

func newListing(req *ListRequest, zones map[uint16]bool, yield func([]ctstate.Entry) error) *listing {
	l := &listing{
		req: req, zones: zones, addrs: map[netip.Addr]bool{}, tuples: map[ctstate.Tuple]bool{},
		former: map[uint16]bool{}, seen: map[entryKey]struct{}{}, yield: yield, out: &ListResult{},
	}
	for _, a := range req.Addrs {
		l.addrs[a] = true
	}
	for _, t := range req.Tuples {
		l.tuples[t] = true
		if inv, ok := t.Invert(); ok {
			l.tuples[inv] = true
		}
	}
	return l
}

// add takes an entry if it is selected and was not taken before.
func (l *listing) add(e *ctstate.Entry) error {
	own := l.zones[e.Zone]
	if !own && !l.wasOwn(e.Zone) || !l.selects(e) {
		return nil
	}
	if l.again {
		k := entryKey{e.Zone, e.Orig}
		if _, ok := l.seen[k]; ok {
			return nil
		}
		l.seen[k] = struct{}{}
	}
	switch {
	case !own:
		l.former[e.Zone] = true
		l.added++
	case l.req.Limit > 0 && l.out.Count >= l.req.Limit:
		return errCut
	default:
		l.out.Count++
	}
	if l.batch = append(l.batch, *e); len(l.batch) < batchSize {
		return nil
	}
	return l.flush()
}

// wasOwn reports whether entries of a zone that OVN does not have now are to be taken.
func (l *listing) wasOwn(zone uint16) bool {
	return l.req.Former && zone != 0 && l.added < maxFormer
}

func (l *listing) flush() error {
	if len(l.batch) == 0 {
		return nil
	}
	err := l.yield(l.batch)
	l.batch = l.batch[:0]
	return err
}

// selects reports whether the request selects an entry.
func (l *listing) selects(e *ctstate.Entry) bool {
	if e.Mark&l.req.MarkMask != l.req.Mark&l.req.MarkMask || e.Status&l.req.StatusMask != l.req.Status&l.req.StatusMask {
		return false
	}
	if len(l.addrs) == 0 && len(l.tuples) == 0 {
		return true
	}
	return l.addrs[e.Orig.Src.Addr()] || l.addrs[e.Orig.Dst.Addr()] || l.addrs[e.Reply.Src.Addr()] || l.addrs[e.Reply.Dst.Addr()] ||
		l.tuples[e.Orig] || l.tuples[e.Reply]
}

// userspace reads the table once.
func (l *listing) userspace(ctx context.Context, t *ctdpif.Table) error {
	t.MaxDump = max(0, cmp.Or(l.req.MaxDump, DefaultMaxDump))
	if err := t.MayDump(ctx); err != nil {
		return err
	}
	var zone *uint16
	if len(l.zones) == 1 && !l.req.Former {
		for z := range l.zones {
			zone = &z
		}
	}
	began := time.Now()
	defer func() { l.out.Held = time.Since(began) }()
	return l.readable(t.All(ctx, zone))
}

// kept reads what was kept of a table.
func (l *listing) kept(ctx context.Context, k *Kept, kernel bool) error {
	l.out.Lacks = k.Lacks
	return l.readable(k.all(ctx, kernel, nil))
}

// readable takes the entries of a text, and counts the lines that cannot be read.
func (l *listing) readable(read iter.Seq2[ctstate.Entry, error]) error {
	for e, err := range read {
		if ctdpif.IsUnreadable(err) {
			l.out.Unreadable++
			continue
		}
		if err != nil {
			return err
		}
		if err := l.add(&e); err != nil {
			return err
		}
	}
	return nil
}

// maxGets is the maximum number of look-ups that are made instead of reading the table.
const maxGets = 512

// kernel reads the table in the cheapest way: single look-ups for few tuples, a search filtered by
// the kernel for few addresses, else the whole table.
func (l *listing) kernel(ctx context.Context, t *ctnetlink.Table) error {
	if n := len(l.req.Tuples); n > 0 && len(l.req.Addrs) == 0 && 2*n*len(l.zones) <= maxGets {
		l.again = true
		return l.get(ctx, t)
	}
	var read iter.Seq2[ctstate.Entry, error]
	switch {
	case len(l.req.Tuples) == 0 && ctnetlink.CanSearch(l.req.Addrs):
		l.again = true
		read = t.Having(ctx, l.req.Addrs)
	default:
		f := ctnetlink.Filter{Mark: l.req.Mark, MarkMask: l.req.MarkMask, Status: l.req.Status, StatusMask: l.req.StatusMask}
		if len(l.zones) == 1 && !l.req.Former {
			for z := range l.zones {
				f.HasZone, f.Zone = true, z
			}
		}
		read = t.All(ctx, f)
	}
	return l.repeat(read)
}

// repeat reads entries, and once more if the table has changed meanwhile and what was handed over
// is known; at the end that is said.
func (l *listing) repeat(read iter.Seq2[ctstate.Entry, error]) error {
	for try := 1; ; try++ {
		err := l.drain(read)
		if !errors.Is(err, ctnetlink.ErrInterrupted) {
			return err
		}
		// Only a search can be repeated: it keeps what it has handed over apart.
		if !l.again || try == listTries {
			l.out.Changed = true
			return nil
		}
	}
}

func (l *listing) drain(read iter.Seq2[ctstate.Entry, error]) error {
	for e, err := range read {
		if err != nil {
			return err
		}
		if err := l.add(&e); err != nil {
			return err
		}
	}
	return nil
}

// get looks each tuple up in each zone, in both directions: an entry is found by the tuple of
// either direction.
func (l *listing) get(ctx context.Context, t *ctnetlink.Table) error {
	for zone := range l.zones {
		for _, tuple := range l.req.Tuples {
			for range 2 {
				e, err := t.Lookup(ctx, zone, tuple)
				switch {
				case err == nil:
					if err := l.add(&e); err != nil {
						return err
					}
				case !errors.Is(err, ctstate.ErrNotFound):
					return err
				}
				var ok bool
				if tuple, ok = tuple.Invert(); !ok {
					break
				}
			}
		}
	}
	return nil
}

// List reads entries from the node.
func (r *Remote) List(ctx context.Context, req ListRequest, yield func([]ctstate.Entry) error) (*ListResult, error) {
	return pull[ctstate.Entry, *ListResult](ctx, r, "List", req, cmp.Or(r.maxItems, maxListed), yield)
}
