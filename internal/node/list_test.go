package node

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctnetlink"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
)

// Every batch of a remote node arrives, in order, and then the result.
func TestListRemote(t *testing.T) {
	r, _ := remote(t, "serve")
	for _, n := range []int{1, 3, 1000} {
		next := 1
		res, err := r.List(t.Context(), ListRequest{Limit: n}, func(batch []ctstate.Entry) error {
			for _, e := range batch {
				if got := int(e.Orig.Src.Port()); got != next {
					t.Fatalf("entry %d instead of %d", got, next)
				}
				next++
			}
			return nil
		})
		if err != nil || res.Count != n || next != n+1 {
			t.Errorf("%d entries: %d arrived, %+v, %v", n, next-1, res, err)
		}
	}
}

// A caller that has had enough ends the reading on the node, and the connection stays usable.
func TestListStopped(t *testing.T) {
	r, pid := remote(t, "serve")
	enough := errors.New("enough")
	_, err := r.List(t.Context(), ListRequest{}, func([]ctstate.Entry) error { return enough })
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	appears(t, pid+".ended")
	if _, err := r.Info(t.Context()); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func TestListCancelled(t *testing.T) {
	r, pid := remote(t, "serve")
	ctx, cancel := context.WithCancel(t.Context())
	batches := 0
	_, err := r.List(ctx, ListRequest{}, func([]ctstate.Entry) error {
		if batches++; batches == 5 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || batches != 5 {
		t.Errorf("%d batches, %v", batches, err)
	}
	appears(t, pid+".ended")
}

func appears(t *testing.T, file string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not appear", file)
		}
	}
}

func TestListOnOlderNode(t *testing.T) {
	r, _ := remote(t, "older")
	if _, err := r.List(t.Context(), ListRequest{}, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

// Each way of reading the kernel's table returns the same entries: those asked for, of OVN's zones.
func TestListKernel(t *testing.T) {
	ns := nstest.New(t)
	nstest.Conntrack(t, ns, false)
	tbl, err := ctnetlink.Open(t.Context(), ns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tbl.Close() })
	tuple := func(src, dst string) ctstate.Tuple {
		return ctstate.Tuple{Proto: 17, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
	}
	for _, s := range []ctnetlink.Spec{
		{Zone: 0, Orig: tuple("10.0.0.1:1", "10.0.0.2:53")},
		{Zone: 5, Orig: tuple("10.0.0.1:1", "10.0.0.2:53")},
		{Zone: 5, Orig: tuple("10.0.0.9:1", "10.0.0.2:53"), Mark: 3, Status: ctstate.SeenReply},
		{Zone: 6, Orig: tuple("10.0.0.2:7", "10.0.0.1:53"), Mark: 2},
		{Zone: 6, Orig: tuple("10.0.0.8:7", "10.0.0.7:53")},
		{Zone: 7, Orig: tuple("10.0.0.1:1", "10.0.0.2:53")}, // not OVN's
		{Zone: 6, Orig: tuple("[fd00::1]:7", "[fd00::2]:53")},
	} {
		s.Timeout = 100
		if err := tbl.Create(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	zones := map[uint16]bool{5: true, 6: true}
	one, two := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.9")
	for name, c := range map[string]struct {
		req  ListRequest
		want int
	}{
		"all":                   {ListRequest{}, 5},
		"an address":            {ListRequest{Addrs: []netip.Addr{one}}, 2},
		"two addresses":         {ListRequest{Addrs: []netip.Addr{one, two}}, 3},
		"more addresses":        {ListRequest{Addrs: []netip.Addr{one, two, netip.MustParseAddr("10.0.0.8")}}, 4},
		"an IPv6 address":       {ListRequest{Addrs: []netip.Addr{netip.MustParseAddr("fd00::2")}}, 1},
		"a tuple":               {ListRequest{Tuples: []ctstate.Tuple{tuple("10.0.0.1:1", "10.0.0.2:53")}}, 1},
		"a tuple of the reply":  {ListRequest{Tuples: []ctstate.Tuple{tuple("10.0.0.1:53", "10.0.0.2:7")}}, 1},
		"a tuple or an address": {ListRequest{Tuples: []ctstate.Tuple{tuple("10.0.0.8:7", "10.0.0.7:53")}, Addrs: []netip.Addr{two}}, 2},
		"a limit":               {ListRequest{Limit: 3}, 3},
		"former zones too":      {ListRequest{Former: true}, 6},
		"of an address":         {ListRequest{Former: true, Addrs: []netip.Addr{one}}, 3},
		"a mark":                {ListRequest{Mark: 2, MarkMask: 6}, 2},
		"a mark and an address": {ListRequest{Mark: 2, MarkMask: 6, Addrs: []netip.Addr{two}}, 1},
		"no mark":               {ListRequest{MarkMask: 2}, 3},
		"a status":              {ListRequest{Status: ctstate.SeenReply, StatusMask: ctstate.SeenReply}, 1},
		"a status in a zone":    {ListRequest{Status: ctstate.SeenReply, StatusMask: ctstate.SeenReply, Zones: []uint16{6}}, 0},
		"nobody":                {ListRequest{Addrs: []netip.Addr{netip.MustParseAddr("10.9.9.9")}}, 0},
	} {
		got := 0
		own := zonesOf(&Info{Zones: map[uint16]string{5: "p1", 6: "p2"}}, c.req.Zones)
		l := newListing(&c.req, own, func(batch []ctstate.Entry) error {
			for _, e := range batch {
				if !zones[e.Zone] && !(c.req.Former && e.Zone == 7) {
					t.Errorf("%s: an entry of zone %d", name, e.Zone)
				}
			}
			got += len(batch)
			return nil
		})
		err := l.finish(l.kernel(t.Context(), tbl))
		former := 0
		if c.req.Former {
			former = 1
			if !slices.Equal(l.out.Former, []uint16{7}) {
				t.Errorf("%s: zones %v", name, l.out.Former)
			}
		}
		if err != nil || got != c.want || l.out.Count != c.want-former {
			t.Errorf("%s: %d entries, want %d: %+v, %v", name, got, c.want, l.out, err)
		}
		if cut := c.req.Limit > 0; l.out.Cut != cut {
			t.Errorf("%s: cut is %v", name, l.out.Cut)
		}
	}
}

// A zone of OVN's is no reason not to see the others, of which a maximum is taken beside the limit.
func TestListFormer(t *testing.T) {
	ns := nstest.New(t)
	nstest.Conntrack(t, ns, false)
	tbl, err := ctnetlink.Open(t.Context(), ns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tbl.Close() })
	tuple := ctstate.Tuple{Proto: 17, Src: netip.MustParseAddrPort("10.0.0.1:1"), Dst: netip.MustParseAddrPort("10.0.0.2:53")}
	for _, zone := range []uint16{0, 5, 9, 7} {
		if err := tbl.Create(t.Context(), ctnetlink.Spec{Zone: zone, Orig: tuple, Timeout: 100}); err != nil {
			t.Fatal(err)
		}
	}
	l := newListing(&ListRequest{Former: true, Limit: 1}, map[uint16]bool{5: true}, func([]ctstate.Entry) error { return nil })
	if err := l.finish(l.kernel(t.Context(), tbl)); err != nil || l.out.Count != 1 || l.out.Cut || !slices.Equal(l.out.Former, []uint16{7, 9}) {
		t.Errorf("%+v, %v", l.out, err)
	}
	total := 0
	l = newListing(&ListRequest{Former: true}, map[uint16]bool{5: true}, func(batch []ctstate.Entry) error { total += len(batch); return nil })
	for range maxFormer + 10 {
		if err := l.add(&ctstate.Entry{Zone: 7, Orig: tuple}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.finish(nil); err != nil || total != maxFormer || l.out.Count != 0 || l.out.Cut {
		t.Errorf("%d entries of a former zone: %+v, %v", total, l.out, err)
	}
}

// A search in a table that changes meanwhile is repeated, each entry handed over once; a whole
// table is read once. Where every reading was interrupted, that is said, and what was read counts.
func TestListInterrupted(t *testing.T) {
	for name, c := range map[string]struct {
		again           bool
		broken          int // readings that are interrupted
		reads, entries  int
		changed, failed bool
	}{
		"a search, once":         {true, 1, 2, 3, false, false},
		"a search, always":       {true, 99, listTries, 2, true, false},
		"a whole table":          {false, 1, 1, 2, true, false},
		"a table that is broken": {true, -1, 1, 2, false, true},
	} {
		reads, got := 0, 0
		entries := func(yield func(ctstate.Entry, error) bool) {
			reads++
			for i := range 3 {
				if i == 2 && (c.broken >= reads || c.broken < 0) {
					err := ctnetlink.ErrInterrupted
					if c.broken < 0 {
						err = errors.New("no permission")
					}
					yield(ctstate.Entry{}, err)
					return
				}
				if !yield(ctstate.Entry{Zone: 5, Orig: ctstate.Tuple{Proto: 17, Src: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(i))}}, nil) {
					return
				}
			}
		}
		l := newListing(&ListRequest{}, map[uint16]bool{5: true}, func(batch []ctstate.Entry) error { got += len(batch); return nil })
		l.again = c.again
		err := l.repeat(entries)
		if ferr := l.finish(nil); ferr != nil {
			t.Fatal(ferr)
		}
		if reads != c.reads || got != c.entries || l.out.Changed != c.changed || (err != nil) != c.failed {
			t.Errorf("%s: %d readings, %d entries, changed %v, %v", name, reads, got, l.out.Changed, err)
		}
	}
}
