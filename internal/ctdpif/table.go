package ctdpif

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"sync"
	"time"

	"github.com/klauspost/readahead"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Table is the conntrack table of a userspace datapath: a ctstate.Table, and its Expecter and
// EchoFinder. OVS can only dump, one zone at a time. A zone is dumped once and kept in packed form
// until Reset or Renew, so that a packet's look-ups occupy ovs-vswitchd once a zone. Safe for
// concurrent use.
type Table struct {
	s  Streamer
	dp string // datapath name for dpctl; empty: the only one

	// MaxDump is the maximum size of a table that is dumped, in connections of all zones; 0 is no
	// bound.
	MaxDump int

	// Now is the clock of Renew; time.Now if nil.
	Now func() time.Time

	most int64 // maximum length of a dump in bytes; 0 is maxDump

	mu    sync.Mutex
	zones map[uint16]*zone
	exps  map[uint16]expectations
	hasX  *bool // whether the daemon knows dump-conntrack-exp
	count *int  // connections of all zones
}

// New returns the table of the datapath dp, or of the only one if dp is empty.
func New(s Streamer, dp string) *Table { return &Table{s: s, dp: dp} }

// Reset discards what was read: the next look-ups read the table again.
func (t *Table) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(func(*zone) bool { return true })
}

// Kept reports whether the zone has been dumped since Reset or Renew, or Renew has kept it: a
// look-up in it asks ovs-vswitchd nothing.
func (t *Table) Kept(zone uint16) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.zones[zone] != nil
}

// Renew keeps the readings of large zones, for a multiple of the time that reading them took.
const (
	largeZone = 5000
	keepTimes = 10
)

// Renew is Reset for the next packet of a run, but keeps the reading of a large zone for ten times
// the duration of its dump. So ovs-vswitchd spends at most a tenth of its time on dumps, and the
// packets of a session see the same table. Renew sets MaxDump to maxDump.
func (t *Table) Renew(maxDump int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.MaxDump = maxDump
	now := t.now()
	t.forget(func(z *zone) bool { return z.Len() < largeZone || now.Sub(z.read) > keepTimes*z.took })
}

func (t *Table) forget(which func(*zone) bool) {
	for id, z := range t.zones {
		if which(z) {
			z.Release()
			delete(t.zones, id)
		}
	}
	t.exps, t.count = nil, nil
}

func (t *Table) now() time.Time {
	if t.Now != nil {
		return t.Now()
	}
	return time.Now()
}

// All reads the connections of one zone, or of every zone if zone is nil, one at a time. It yields
// errors as Scan does.
func (t *Table) All(ctx context.Context, zone *uint16) iter.Seq2[ctstate.Entry, error] {
	return t.entries(ctx, zone, (*Line).Entry)
}

// AllKernel is All for the dump of a kernel's table.
func (t *Table) AllKernel(ctx context.Context, zone *uint16) iter.Seq2[ctstate.Entry, error] {
	return t.entries(ctx, zone, (*Line).KernelEntry)
}

func (t *Table) entries(ctx context.Context, zone *uint16, entry func(*Line) ctstate.Entry) iter.Seq2[ctstate.Entry, error] {
	return func(yield func(ctstate.Entry, error) bool) {
		for l, err := range t.lines(ctx, "dpctl/dump-conntrack", []string{"-m", "-s"}, zone) {
			var e ctstate.Entry
			if err == nil {
				e = entry(l)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// maxDump is the maximum length of a dump in bytes: twice that of the largest table that Open
// vSwitch allows (DEFAULT_N_CONN_LIMIT, lib/conntrack.c: 3,000,000 connections).
const maxDump = 2 << 30

// What is read of a dump before it is needed, in bytes and blocks.
const (
	aheadBlocks = 4
	aheadSize   = 128 << 10
)

// errEndless is the error of a longer dump.
var errEndless = errors.New("the dump does not end")

// bounded reads at most left bytes, and then is an error, where io.LimitedReader is an end.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errEndless
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func (t *Table) lines(ctx context.Context, method string, args []string, zone *uint16) iter.Seq2[*Line, error] {
	return func(yield func(*Line, error) bool) {
		if t.dp != "" {
			args = append(args, t.dp)
		}
		if zone != nil {
			args = append(args, fmt.Sprintf("zone=%d", *zone))
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		r, err := t.s.Stream(ctx, method, args...)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.Close()
		// The next lines are decoded while these are read. Close waits for the read that cancel
		// ends.
		ahead, err := readahead.NewReaderSize(&bounded{r, cmp.Or(t.most, maxDump)}, aheadBlocks, aheadSize)
		if err != nil {
			yield(nil, err)
			return
		}
		defer ahead.Close()
		defer cancel()
		for l, err := range Scan(ahead) {
			// The daemon filters by zone; its filter is checked here.
			if err == nil && zone != nil && l.Zone != *zone {
				continue
			}
			if !yield(l, err) {
				return
			}
		}
	}
}

// Lookup returns the connection of the zone that has the tuple as one of its directions.
//
// The userspace datapath tracks most protocols by addresses alone, SCTP too before OVS 3.2
// (extract_l4). The table has port 0 for such a connection; Lookup returns it with the ports of the
// tuple.
func (t *Table) Lookup(ctx context.Context, zone uint16, tuple ctstate.Tuple) (ctstate.Entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := unmap(tuple)
	found, err := t.lookup(ctx, zone, key)
	if bare, ok := portless(key); ok && err == ctstate.ErrNotFound {
		if found, err = t.lookup(ctx, zone, bare); err == nil {
			found = withPorts(found, bare, key)
		}
	}
	if err != nil && err != ctstate.ErrNotFound {
		err = &ctstate.LookupError{Zone: zone, Tuple: tuple, Err: err}
	}
	return found, err
}

func (t *Table) lookup(ctx context.Context, zone uint16, key ctstate.Tuple) (ctstate.Entry, error) {
	z, err := t.readZone(ctx, zone, key)
	if err != nil {
		return ctstate.Entry{}, err
	}
	e, ok, err := z.find(zone, key)
	if err == nil && !ok {
		err = cmp.Or(z.check(func(o *opaque) bool { return o.may(key) }), ctstate.ErrNotFound)
	}
	return e, err
}

// portless returns the tuple with ports 0, the key of a datapath that ignores the protocol's ports;
// false if every datapath compares the ports, or if they are 0 already.
func portless(t ctstate.Tuple) (ctstate.Tuple, bool) {
	switch t.Proto {
	case ctstate.ProtoTCP, ctstate.ProtoUDP, ctstate.ProtoICMP, ctstate.ProtoICMPv6:
		return t, false
	}
	bare := t
	bare.Src, bare.Dst = netip.AddrPortFrom(t.Src.Addr(), 0), netip.AddrPortFrom(t.Dst.Addr(), 0)
	return bare, bare != t
}

// withPorts puts key's ports into the entry that bare found.
func withPorts(e ctstate.Entry, bare, key ctstate.Tuple) ctstate.Entry {
	src, dst := key.Src.Port(), key.Dst.Port()
	if e.Orig != bare {
		src, dst = dst, src // the packet is in reply direction
	}
	put := func(a netip.AddrPort, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), port) }
	e.Orig.Src, e.Orig.Dst = put(e.Orig.Src, src), put(e.Orig.Dst, dst)
	e.Reply.Src, e.Reply.Dst = put(e.Reply.Src, dst), put(e.Reply.Dst, src)
	return e
}

// readZone returns the zone, which it reads once until Reset or Renew: for a look-up of key.
func (t *Table) readZone(ctx context.Context, id uint16, key ctstate.Tuple) (*zone, error) {
	if z := t.zones[id]; z != nil {
		return z, nil
	}
	if err := t.MayDump(ctx); err != nil {
		return nil, err
	}
	z := &zone{read: t.now(), asked: &asked{key: key}}
	err := t.fill(ctx, id, z)
	if err != nil {
		z.Release()
		return nil, err
	}
	z.took = t.now().Sub(z.read)
	if t.zones == nil {
		t.zones = map[uint16]*zone{}
	}
	t.zones[id] = z
	return z, nil
}

func unmap(t ctstate.Tuple) ctstate.Tuple {
	t.Src = netipAddrPort(t.Src)
	t.Dst = netipAddrPort(t.Dst)
	return t
}

// Echoes returns the echo connections of the zone with the tuple's addresses and type, in either
// direction and with any id.
func (t *Table) Echoes(ctx context.Context, zoneID uint16, tuple ctstate.Tuple) ([]ctstate.Entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := unmap(tuple)
	same := func(a ctstate.Tuple) bool {
		a.ICMPID = key.ICMPID
		return a == key
	}
	z, err := t.readZone(ctx, zoneID, key)
	if err == nil {
		err = z.check(func(o *opaque) bool { return o.mayEcho(key) })
	}
	if err != nil {
		return nil, &ctstate.LookupError{Zone: zoneID, Tuple: tuple, Err: err}
	}
	var out []ctstate.Entry
	for _, e := range z.All(zoneID) {
		if same(e.Orig) || same(e.Reply) {
			out = append(out, e)
		}
	}
	return out, nil
}

var (
	_ ctstate.Table      = (*Table)(nil)
	_ ctstate.EchoFinder = (*Table)(nil)
	_ ctstate.Expecter   = (*Table)(nil)
)

func netipAddrPort(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
