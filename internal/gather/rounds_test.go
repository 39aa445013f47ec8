package gather

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// entry is written as "zone: orig | reply"; without a reply nothing is translated.
func entry(t testing.TB, line string) ctstate.Entry {
	t.Helper()
	var e ctstate.Entry
	zone, tuples, _ := strings.Cut(line, ": ")
	orig, reply, translated := strings.Cut(tuples, " | ")
	var err error
	if _, err = fmt.Sscan(zone, &e.Zone); err != nil {
		t.Fatal(err)
	}
	if e.Orig, err = ctstate.ParseTuple(orig); err != nil {
		t.Fatal(err)
	}
	e.Reply, _ = e.Orig.Invert()
	if translated {
		if e.Reply, err = ctstate.ParseTuple(reply); err != nil {
			t.Fatal(err)
		}
	}
	e.Source = ctstate.FromKernel
	return e
}

// table is a node that lists what a request selects, and counts the requests.
type table struct {
	entries []ctstate.Entry
	asked   int
	err     error
	events  chan []node.Event
	broken  chan error // ends its watch
	zones   []uint16   // of the first request
}

func (n *table) List(_ context.Context, req node.ListRequest, yield func([]ctstate.Entry) error) (*node.ListResult, error) {
	if n.asked++; n.asked == 1 {
		n.zones = req.Zones
	}
	res := &node.ListResult{}
	for _, e := range n.entries {
		if len(req.Zones) > 0 && !slices.Contains(req.Zones, e.Zone) {
			continue
		}
		flows := flowsOf(&e)
		selected := len(req.Addrs)+len(req.Tuples) == 0 ||
			slices.ContainsFunc(req.Tuples, func(t ctstate.Tuple) bool { return slices.Contains(flows[:], connection.Flow(t)) })
		for _, a := range req.Addrs {
			selected = selected || e.Orig.Src.Addr() == a || e.Orig.Dst.Addr() == a || e.Reply.Src.Addr() == a || e.Reply.Dst.Addr() == a
		}
		if selected {
			if err := yield([]ctstate.Entry{e}); err != nil {
				return nil, err
			}
		}
	}
	return res, n.err
}

// Watch reports the batches that the test sends.
func (n *table) Watch(ctx context.Context, _ node.WatchRequest, yield func([]node.Event) error) (*node.WatchResult, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, nil
		case err := <-n.broken:
			return nil, err
		case batch := <-n.events:
			if err := yield(batch); err != nil {
				return nil, err
			}
		}
	}
}

func chassis(name, datapath string, n *table) *Chassis {
	return &Chassis{Name: name, Info: &node.Info{Datapath: datapath}, Zones: map[uint16]string{}, lister: n}
}

// The entries of a connection that have none of the addresses asked for are found by their tuples;
// a userspace table is read once.
func TestRounds(t *testing.T) {
	// Client 10.0.0.3 to VIP 30.0.0.1, DNAT on hv1, SNAT on hv2, another SNAT on hv3, the server on
	// hv4.
	hv1 := &table{entries: []ctstate.Entry{entry(t, "1: tcp 10.0.0.3:4000>30.0.0.1:80 | tcp 20.0.0.4:8080>10.0.0.3:4000"), entry(t, "1: tcp 10.0.0.9:1>10.0.0.8:2")}}
	hv2 := &table{entries: []ctstate.Entry{entry(t, "2: tcp 10.0.0.3:4000>20.0.0.4:8080 | tcp 20.0.0.4:8080>172.16.0.1:5000")}}
	hv3 := &table{entries: []ctstate.Entry{entry(t, "3: tcp 172.16.0.1:5000>20.0.0.4:8080 | tcp 20.0.0.4:8080>100.64.0.1:6000")}}
	hv4 := &table{entries: []ctstate.Entry{entry(t, "4: tcp 100.64.0.1:6000>20.0.0.4:8080"), entry(t, "4: udp 1.1.1.1:1>2.2.2.2:2")}}
	for _, kind := range []string{"system", "netdev"} {
		hv4.asked = 0
		filter, err := connection.ParseFilter("host 10.0.0.3", nil)
		if err != nil {
			t.Fatal(err)
		}
		r := &Result{Chassis: []*Chassis{
			chassis("hv1", "system", hv1), chassis("hv2", "system", hv2), chassis("hv3", "system", hv3), chassis("hv4", kind, hv4),
		}}
		rounds(t, r, Request{Filter: filter})
		all := slices.Collect(r.Connections())
		if len(all) != 1 || len(all[0].Legs) != 4 || all[0].Legs[3].Chassis != "hv4" {
			t.Errorf("%s: %+v", kind, all)
		}
		if once := hv4.asked == 1; once != (kind == "netdev") {
			t.Errorf("%s: its table was read %d times", kind, hv4.asked)
		}
		r.Release()
	}
}

// A chassis that fails keeps its error, and the others' entries.
func TestUnreached(t *testing.T) {
	broken := errors.New("no answer")
	r := &Result{Chassis: []*Chassis{
		chassis("hv1", "system", &table{entries: []ctstate.Entry{entry(t, "1: tcp 10.0.0.3:4000>30.0.0.1:80")}}),
		chassis("hv2", "system", &table{err: broken}),
	}}
	each(r.Chassis, func(_ int, c *Chassis) { r.list(t.Context(), c, node.ListRequest{}) })
	if errs := r.Unreached(); len(errs) != 1 || !errors.Is(errs[0], broken) || r.Entries() != 1 {
		t.Errorf("%v, %d entries", errs, r.Entries())
	}
	r.Release()
}

// Events of the entries of one connection, on two chassis, are one change; lost events make the
// table be read again, and what has changed meanwhile follows.
func TestWatch(t *testing.T) {
	first := entry(t, "1: tcp 10.0.0.3:4000>30.0.0.1:80 | tcp 20.0.0.4:8080>10.0.0.3:4000")
	second := entry(t, "4: tcp 10.0.0.3:4000>20.0.0.4:8080")
	missed := entry(t, "1: udp 10.0.0.3:53>30.0.0.1:53")
	elsewhere := entry(t, "4: tcp 10.0.0.3:4000>20.0.0.4:8080 | tcp 20.0.0.4:8080>10.0.0.1:4000") // the second's successor
	marked := elsewhere
	marked.Mark = 1
	hv1, hv4 := &table{events: make(chan []node.Event)}, &table{events: make(chan []node.Event)}
	w := newWatching(Request{})
	w.names[zoneKey{}] = ""
	w.chassis = []*Chassis{chassis("hv1", "system", hv1), chassis("hv4", "system", hv4)}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	now := time.Now()
	ready := []node.Event{{Kind: node.EventReady, Time: now}}
	go func() {
		hv1.events <- ready
		hv4.events <- ready
		hv1.events <- []node.Event{{Kind: node.EventNew, Time: now, Entry: &first}}
		hv4.events <- []node.Event{{Kind: node.EventNew, Time: now, Entry: &second}}
	}()
	var got []string
	err := w.watch(ctx, func() { got = append(got, "ready") }, func(c *Change) error {
		if c.Lost != "" {
			got = append(got, "lost on "+c.Lost)
			return nil
		}
		text := fmt.Sprintf("%d legs:", len(c.Connection.Legs))
		for _, e := range c.Events {
			text += fmt.Sprintf(" %s %s", e.Kind, e.Record.Chassis)
		}
		got = append(got, text)
		switch len(got) {
		case 2:
			go func() {
				hv1.entries = []ctstate.Entry{missed} // the first is gone
				hv1.events <- []node.Event{{Kind: node.EventLost, Time: now}}
			}()
		case 5:
			go func() {
				hv4.entries = []ctstate.Entry{elsewhere}
				hv4.events <- []node.Event{{Kind: node.EventLost, Time: now}}
			}()
		case 7:
			go func() {
				hv4.entries = []ctstate.Entry{marked}
				hv4.events <- []node.Event{{Kind: node.EventLost, Time: now}}
			}()
		case 9:
			go func() { // the table of an event that has come before it
				hv4.events <- []node.Event{{Kind: node.EventDestroy, Time: now, Entry: &marked}, {Kind: node.EventLost, Time: now}}
			}()
		case 11:
			cancel()
		}
		return nil
	})
	want := []string{"ready", "2 legs: new hv1 new hv4", "lost on hv1", "2 legs: destroy hv1", "1 legs: new hv1"}
	want = append(want, "lost on hv4", "1 legs: new hv4", "lost on hv4", "1 legs: update hv4", "lost on hv4", "1 legs: destroy hv4 new hv4")
	slices.Sort(got[min(3, len(got)):min(5, len(got))])
	slices.Sort(want[3:5])
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v\nwant %q", got, err, want)
	}
}

// rounds reads these chassis as Read does.
func rounds(t *testing.T, r *Result, req Request) {
	t.Helper()
	r.filter, r.have = req.Filter, map[place]bool{}
	list, some := firstList(req)
	f := newFollowing(list, req.Places)
	waiting := r.Chassis
	r.Chassis, r.Given = nil, len(waiting)
	f.open = func(names map[string]bool) (opened []*Chassis, err error) {
		waiting = slices.DeleteFunc(slices.Clone(waiting), func(c *Chassis) bool {
			open := names == nil || names[c.Name]
			if open {
				opened = append(opened, c)
			}
			return open
		})
		r.Chassis = append(r.Chassis, opened...)
		return opened, nil
	}
	first, _ := f.open(f.first())
	each(first, func(_ int, c *Chassis) { r.list(t.Context(), c, list) })
	if some {
		if err := r.complete(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
}

// A connection that is translated more often than entries are followed is reported as unfinished;
// one that the filter does not select is not, nor one that ends just there.
func TestUnfinished(t *testing.T) {
	for steps, want := range map[int]int{maxRounds: 0, maxRounds + 1: 1, maxRounds + 4: 1} {
		r := &Result{}
		for n := range steps { // a step is a router that translates 10.0.0.n to 10.0.0.(n+1)
			line := fmt.Sprintf("1: udp 10.0.0.%d:9>20.0.0.4:53 | udp 20.0.0.4:53>10.0.0.%d:9", n, n+1)
			if n == steps-1 {
				line = fmt.Sprintf("1: udp 10.0.0.%d:9>20.0.0.4:53", n)
			}
			r.Chassis = append(r.Chassis, chassis(fmt.Sprintf("hv%d", n), "system", &table{entries: []ctstate.Entry{entry(t, line)}}))
		}
		filter, err := connection.ParseFilter("host 10.0.0.0", nil)
		if err != nil {
			t.Fatal(err)
		}
		rounds(t, r, Request{Filter: filter})
		if r.Unfinished != want {
			t.Errorf("%d steps: %d unfinished, want %d; %d entries", steps, r.Unfinished, want, r.Entries())
		}
		r.Release()
	}
}

// A zone selects the entries that are read first; the other legs of their connections follow.
func TestRoundsByZone(t *testing.T) {
	entries := []ctstate.Entry{
		entry(t, "1: tcp 10.0.0.3:4000>30.0.0.1:80 | tcp 20.0.0.4:8080>10.0.0.3:4000"),
		entry(t, "2: tcp 10.0.0.3:4000>20.0.0.4:8080"), entry(t, "2: tcp 10.0.0.9:1>10.0.0.8:2"),
	}
	for kind, want := range map[string]int{"system": 2, "netdev": 3} { // a userspace table is read whole
		n := &table{entries: entries}
		r := &Result{Chassis: []*Chassis{chassis("hv1", kind, n)}}
		rounds(t, r, Request{Filter: connection.Filter{Zones: []uint16{1}}})
		all := slices.Collect(r.Connections())
		if len(all) != 1 || len(all[0].Legs) != 2 || r.Entries() != want {
			t.Errorf("%s: %d entries, %+v", kind, r.Entries(), all)
		}
		if (len(n.zones) == 1) != (kind == "system") {
			t.Errorf("%s: asked for zones %v", kind, n.zones)
		}
		r.Release()
	}
}

// where is a Places of tests: chassis by address.
type where map[string][]string

func (w where) OfAddress(a netip.Addr) ([]string, bool) {
	names, ok := w[a.String()]
	return names, ok
}

func (w where) OfEnd(a netip.Addr) []string { return w[a.String()] }

// Only the chassis that the filter's addresses can be on are asked, and those that the entries lead
// to; they are asked for everything that the others were asked for.
func TestPlaces(t *testing.T) {
	lines := map[string][]string{
		"hv1": {"1: tcp 10.0.0.3:4000>30.0.0.1:80 | tcp 20.0.0.4:8080>10.0.0.3:4000"},
		"hv2": {"2: tcp 10.0.0.3:4000>20.0.0.4:8080 | tcp 20.0.0.4:8080>172.16.0.1:5000"},
		"hv3": {"3: tcp 172.16.0.1:5000>20.0.0.4:8080", "3: tcp 10.0.0.3:9>20.0.0.9:9"},
		"hv4": {"4: tcp 10.0.0.3:7>20.0.0.7:7"},
	}
	for _, c := range []struct {
		places Places
		asked  string
		legs   int
	}{
		{where{"10.0.0.3": {"hv1"}, "20.0.0.4": {"hv2", "hv3"}}, "hv1 hv2 hv3", 4},
		{where{"10.0.0.3": {"hv1"}, "172.16.0.1": {"hv3"}, "20.0.0.4": {"hv2"}}, "hv1 hv2 hv3", 4},
		{where{"10.0.0.3": {"hv1", "hv2"}}, "hv1 hv2", 2},
		{where{"20.0.0.4": {"hv1"}}, "hv1 hv2 hv3 hv4", 5}, // nobody knows where 10.0.0.3 is
		{nil, "hv1 hv2 hv3 hv4", 5},
	} {
		r := &Result{}
		for _, name := range slices.Sorted(maps.Keys(lines)) {
			n := &table{}
			for _, l := range lines[name] {
				n.entries = append(n.entries, entry(t, l))
			}
			r.Chassis = append(r.Chassis, chassis(name, "system", n))
		}
		rounds(t, r, Request{Filter: connection.Filter{Host: netip.MustParseAddr("10.0.0.3")}, Places: c.places})
		var asked []string
		for _, ch := range r.Chassis {
			asked = append(asked, ch.Name)
		}
		legs := 0
		for conn := range r.Connections() {
			legs += len(conn.Legs)
		}
		if got := strings.Join(asked, " "); got != c.asked || legs != c.legs || r.Given != 4 {
			t.Errorf("%v: asked %s, %d legs", c.places, got, legs)
		}
		r.Release()
	}
}

// A mark or a status selects what is read first, unless an address or a zone does; when that leads
// to very many entries, the tables are read whole, once.
func TestFirstList(t *testing.T) {
	for filter, want := range map[string]string{
		"ct_mark.blocked":                     "[] [] 0x1/0x1 0/0 true",
		"ct_mark.blocked && ip4.src==1.2.3.4": "[1.2.3.4] [] 0x0/0x0 0/0 true",
		"zone":                                "[] [7] 0x0/0x0 0/0 true",
		"snat":                                "[] [] 0x0/0x0 SRC_NAT/SRC_NAT true",
		"":                                    "[] [] 0x0/0x0 0/0 false",
	} {
		f := connection.Filter{}
		switch filter {
		case "zone":
			f.Zones, f.NAT = []uint16{7}, "snat"
		case "snat":
			f.NAT = "snat"
		default:
			var err error
			if f, err = connection.ParseFilter(filter, nil); err != nil {
				t.Fatal(err)
			}
		}
		l, some := firstList(Request{Filter: f})
		if got := fmt.Sprintf("%v %v 0x%x/0x%x %v/%v %v", l.Addrs, l.Zones, l.Mark, l.MarkMask, l.Status, l.StatusMask, some); got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
	var entries []ctstate.Entry
	for i := range maxTuples + 10 {
		entries = append(entries, entry(t, fmt.Sprintf("1: udp 10.0.0.3:%d>30.0.0.1:80 | udp 20.0.0.4:8080>10.0.0.3:%d", i, i)), entry(t, fmt.Sprintf("2: udp 10.0.0.3:%d>20.0.0.4:8080", i)))
	}
	n := &table{entries: append(entries, entry(t, "2: udp 1.1.1.1:1>2.2.2.2:2"))}
	r := &Result{Chassis: []*Chassis{chassis("hv1", "system", n)}}
	rounds(t, r, Request{Filter: connection.Filter{Zones: []uint16{1}}})
	legs := 0
	for c := range r.Connections() {
		legs += len(c.Legs)
	}
	if legs != len(entries) || r.Entries() != len(entries)+1 || n.asked != 2 || r.Unfinished != 0 {
		t.Errorf("%d legs of %d, %d entries read by %d questions, %d unfinished", legs, len(entries), r.Entries(), n.asked, r.Unfinished)
	}
	r.Release()
}
