package ctdpif

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Table is the conntrack table of a userspace datapath: a ctstate.Table, and its
// Expecter and EchoFinder. OVS can only dump, one zone at a time; a zone that is
// not too large is dumped once and kept until Reset, so that all look-ups of one
// packet ask the daemon once a zone. Safe for concurrent use.
type Table struct {
	s  Streamer
	dp string // datapath name as dpctl takes it; empty: the only one

	// Keep is the largest zone to keep, in entries; 0 is DefaultKeep. A larger
	// zone is read through at each look-up, and never held.
	Keep int

	mu    sync.Mutex
	zones map[uint16]*zone
	exps  map[uint16][]ctstate.Expectation
	hasX  *bool // whether the daemon knows dump-conntrack-exp
}

// DefaultKeep is Table.Keep when that is 0: some 40 MB.
const DefaultKeep = 100_000

// zone is what is known of one: its entries, unless it is too large.
type zone struct {
	entries map[ctstate.Tuple]ctstate.Entry // by both directions
	list    []ctstate.Entry
	large   bool
	helpers bool // some connection has one
}

// ErrNoExpectations is a daemon before OVS 3.2, which cannot show what
// connections its helpers expect, in a zone where connections have helpers.
var ErrNoExpectations = errors.New("this ovs-vswitchd cannot show expected connections (OVS 3.2 can)")

// New is the table of the datapath dp, or of the only one when dp is empty.
func New(s Streamer, dp string) *Table { return &Table{s: s, dp: dp} }

// NewCaller is New for a client that returns whole replies.
func NewCaller(c Caller, dp string) *Table { return New(callStreamer{c}, dp) }

// Reset forgets what was read: the next look-ups see the table anew.
func (t *Table) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.zones, t.exps = nil, nil
}

// maxLine is the longest line: a tenth of it is plenty for any entry.
const maxLine = 16 << 10

// Scan reads lines from r until its end; what a line holds is valid until the
// next. A line that does not parse ends the iteration.
func Scan(r io.Reader) iter.Seq2[*Line, error] {
	return func(yield func(*Line, error) bool) {
		br := bufio.NewReaderSize(r, maxLine)
		var l Line
		for {
			b, err := br.ReadSlice('\n')
			if err == bufio.ErrBufferFull {
				err = &SyntaxError{In: string(b[:80]), Off: len(b), Msg: "the line does not end"}
			}
			if err != nil && err != io.EOF {
				yield(nil, err)
				return
			}
			b = bytes.TrimSuffix(b, []byte("\n"))
			if len(b) > 0 {
				if perr := ParseInto(b, &l); perr != nil {
					yield(nil, perr)
					return
				}
				if !yield(&l, nil) {
					return
				}
			}
			if err == io.EOF {
				return
			}
		}
	}
}

// All reads the connections of one zone, or of every zone when zone is nil,
// holding one at a time.
func (t *Table) All(ctx context.Context, zone *uint16) iter.Seq2[ctstate.Entry, error] {
	return func(yield func(ctstate.Entry, error) bool) {
		for l, err := range t.lines(ctx, "dpctl/dump-conntrack", []string{"-m", "-s"}, zone) {
			if err != nil {
				yield(ctstate.Entry{}, err)
				return
			}
			if !yield(l.Entry(), nil) {
				return
			}
		}
	}
}

func (t *Table) lines(ctx context.Context, method string, args []string, zone *uint16) iter.Seq2[*Line, error] {
	return func(yield func(*Line, error) bool) {
		if t.dp != "" {
			args = append(args, t.dp)
		}
		if zone != nil {
			args = append(args, fmt.Sprintf("zone=%d", *zone))
		}
		r, err := t.s.Stream(ctx, method, args...)
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.Close()
		for l, err := range Scan(r) {
			// The daemon filters; checked all the same.
			if err == nil && zone != nil && l.Zone != *zone {
				continue
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}

// Lookup finds the connection of the zone one of whose directions is the tuple.
//
// The userspace datapath tracks most protocols by addresses alone, SCTP too
// before OVS 3.2 (extract_l4). Such a connection, whose ports the table has as
// 0, is answered with the ports asked for, as they are on every packet of it.
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
	z, e, err := t.readZone(ctx, zone, func(e *ctstate.Entry) bool { return e.Orig == key || e.Reply == key })
	if err != nil {
		return ctstate.Entry{}, err
	}
	if !z.large {
		found, ok := z.entries[key]
		if !ok {
			return ctstate.Entry{}, ctstate.ErrNotFound
		}
		return found, nil
	}
	if e == nil {
		return ctstate.Entry{}, ctstate.ErrNotFound
	}
	return *e, nil
}

// portless is the key of a datapath that does not look at the protocol's ports;
// false where it always does, or where there are none.
func portless(t ctstate.Tuple) (ctstate.Tuple, bool) {
	switch t.Proto {
	case ctstate.ProtoTCP, ctstate.ProtoUDP, ctstate.ProtoICMP, ctstate.ProtoICMPv6:
		return t, false
	}
	bare := t
	bare.Src, bare.Dst = netip.AddrPortFrom(t.Src.Addr(), 0), netip.AddrPortFrom(t.Dst.Addr(), 0)
	return bare, bare != t
}

// withPorts puts key's ports into the entry found by bare.
func withPorts(e ctstate.Entry, bare, key ctstate.Tuple) ctstate.Entry {
	src, dst := key.Src.Port(), key.Dst.Port()
	if e.Orig != bare {
		src, dst = dst, src // the packet goes in reply direction
	}
	put := func(a netip.AddrPort, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), port) }
	e.Orig.Src, e.Orig.Dst = put(e.Orig.Src, src), put(e.Orig.Dst, dst)
	e.Reply.Src, e.Reply.Dst = put(e.Reply.Src, dst), put(e.Reply.Dst, src)
	return e
}

// readZone gives the zone, and, if it is too large to keep, the first entry
// that want accepts.
func (t *Table) readZone(ctx context.Context, id uint16, want func(*ctstate.Entry) bool) (*zone, *ctstate.Entry, error) {
	if z := t.zones[id]; z != nil && !z.large {
		return z, nil, nil
	}
	keep := t.Keep
	if keep == 0 {
		keep = DefaultKeep
	}
	known := t.zones[id] // large
	z := &zone{entries: map[ctstate.Tuple]ctstate.Entry{}, large: known != nil}
	var hit *ctstate.Entry
	for e, err := range t.All(ctx, &id) {
		if err != nil {
			return nil, nil, err
		}
		if hit == nil && want(&e) {
			found := e
			hit = &found
			if known != nil {
				return known, hit, nil // the rest is known not to matter
			}
		}
		z.helpers = z.helpers || e.Helper != ""
		if !z.large && len(z.list) >= keep {
			z.large, z.list, z.entries = true, nil, nil
		}
		if !z.large {
			z.list = append(z.list, e)
			z.entries[e.Reply] = e
			z.entries[e.Orig] = e
		}
	}
	if t.zones == nil {
		t.zones = map[uint16]*zone{}
	}
	t.zones[id] = z
	return z, hit, nil
}

func unmap(t ctstate.Tuple) ctstate.Tuple {
	t.Src = netipAddrPort(t.Src)
	t.Dst = netipAddrPort(t.Dst)
	return t
}

// Echoes lists the echo connections of the zone between t's addresses, of its
// type, in either direction, whatever their id.
func (t *Table) Echoes(ctx context.Context, zoneID uint16, tuple ctstate.Tuple) ([]ctstate.Entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := unmap(tuple)
	same := func(a ctstate.Tuple) bool {
		a.ICMPID = key.ICMPID
		return a == key
	}
	var out []ctstate.Entry
	add := func(e *ctstate.Entry) bool {
		if same(e.Orig) || same(e.Reply) {
			out = append(out, *e)
		}
		return false
	}
	z, _, err := t.readZone(ctx, zoneID, add)
	if err != nil {
		return nil, &ctstate.LookupError{Zone: zoneID, Tuple: tuple, Err: err}
	}
	if !z.large {
		out = nil
		for i := range z.list {
			add(&z.list[i])
		}
	}
	return out, nil
}

// Expectation finds the expected connection that a new packet with the tuple
// would be: expectation_lookup takes any source port, and any source address
// where the helper could not know it.
func (t *Table) Expectation(ctx context.Context, zone uint16, tuple ctstate.Tuple) (ctstate.Expectation, error) {
	x, err := t.expectation(ctx, zone, unmap(tuple))
	if err != nil && err != ctstate.ErrNotFound {
		err = &ctstate.LookupError{Zone: zone, Tuple: tuple, Err: err}
	}
	return x, err
}

func (t *Table) expectation(ctx context.Context, zone uint16, tuple ctstate.Tuple) (ctstate.Expectation, error) {
	t.mu.Lock()
	known, err := t.knowsExpectations(ctx)
	if err == nil && !known {
		// Without helpers nothing is expected, and that is a fact.
		z, _, zerr := t.readZone(ctx, zone, func(*ctstate.Entry) bool { return false })
		switch {
		case zerr != nil:
			err = zerr
		case z.helpers:
			err = ErrNoExpectations
		default:
			err = ctstate.ErrNotFound
		}
	}
	var list []ctstate.Expectation
	if err == nil {
		list, err = t.expectations(ctx, zone)
	}
	t.mu.Unlock()
	if err != nil {
		return ctstate.Expectation{}, err
	}
	i := slices.IndexFunc(list, func(x ctstate.Expectation) bool { return expects(x.Tuple, tuple) })
	if i < 0 {
		return ctstate.Expectation{}, ctstate.ErrNotFound
	}
	x := list[i]
	// The helper is the parent's, whose entry is looked up by its own tuple.
	if x.Master, err = t.Lookup(ctx, zone, *x.Master.Master); err != nil {
		return ctstate.Expectation{}, err
	}
	x.Helper = x.Master.Helper
	return x, nil
}

func expects(x, t ctstate.Tuple) bool {
	return x.Proto == t.Proto && x.Dst == t.Dst &&
		(x.Src.Addr() == t.Src.Addr() || x.Src.Addr().IsUnspecified()) &&
		(x.Src.Port() == 0 || x.Src.Port() == t.Src.Port())
}

// expectations are those of the zone; Master holds the parent's tuple only.
func (t *Table) expectations(ctx context.Context, zone uint16) ([]ctstate.Expectation, error) {
	if list, ok := t.exps[zone]; ok {
		return list, nil
	}
	list := []ctstate.Expectation{}
	for l, err := range t.lines(ctx, "dpctl/dump-conntrack-exp", nil, &zone) {
		if err != nil {
			return nil, err
		}
		if l.Parent == nil {
			continue
		}
		parent := l.Parent.Tuple
		list = append(list, ctstate.Expectation{Zone: l.Zone, Tuple: l.Orig.Tuple, Master: ctstate.Entry{Master: &parent}})
	}
	if t.exps == nil {
		t.exps = map[uint16][]ctstate.Expectation{}
	}
	t.exps[zone] = list
	return list, nil
}

// knowsExpectations asks the daemon for its commands, once.
func (t *Table) knowsExpectations(ctx context.Context) (bool, error) {
	if t.hasX != nil {
		return *t.hasX, nil
	}
	r, err := t.s.Stream(ctx, "list-commands")
	if err != nil {
		return false, err
	}
	defer r.Close()
	sc := bufio.NewScanner(r)
	has := false
	for sc.Scan() {
		name, _, _ := strings.Cut(strings.TrimSpace(sc.Text()), " ")
		has = has || name == "dpctl/dump-conntrack-exp"
	}
	if err := sc.Err(); err != nil {
		return false, err
	}
	t.hasX = &has
	return has, nil
}

var (
	_ ctstate.Table      = (*Table)(nil)
	_ ctstate.EchoFinder = (*Table)(nil)
	_ ctstate.Expecter   = (*Table)(nil)
)

func netipAddrPort(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
