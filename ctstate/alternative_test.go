package ctstate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// ways writes a result's alternatives as "chosen, chosen: state tuple".
func ways(r Result) []string {
	var out []string
	for _, alt := range r.Alternatives {
		var picks []string
		for _, p := range alt.Picks {
			picks = append(picks, p.Chosen)
		}
		out = append(out, fmt.Sprintf("%s: %v %v", strings.Join(picks, ", "), alt.Result.Conn.State, alt.Result.Packet.Tuple))
	}
	return out
}

// readEntry is an entry as the userspace table lists it.
func readEntry(t testing.TB, orig, reply string, timeout uint32) Entry {
	return Entry{Zone: 7, Orig: tup(t, orig), Reply: tup(t, reply), Timeout: timeout, HasTimeout: true, Source: FromUserspace}
}

const (
	query, answer = "udp 10.0.0.1:1000>10.0.0.2:53", "udp 10.0.0.2:53>10.0.0.1:1000"
	ping, pong    = "icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=5", "icmp 10.0.0.2>10.0.0.1 type=0 code=0 id=5"
)

func TestUserspaceAlternatives(t *testing.T) {
	bare, plain := Action{NAT: &NAT{}}, Action{}
	inner := tup(t, query)
	error3 := Packet{Tuple: tup(t, "icmp 10.9.9.9>10.0.0.1 type=3 code=1 id=0"), Inner: &inner}
	tcp := uconn(t, UserTCPEstablished, UserTCPEstablished)
	closed := uconn(t, UserTCPTimeWait, UserTCPTimeWait)
	policy := func(u *Userspace) {
		u.Policies = map[uint16]UserTimeouts{7: UserTimeoutsOf(map[string]uint32{"udp_multiple": 180})}
	}
	for _, c := range []struct {
		name string
		e    Entry
		p    Packet
		a    Action
		set  func(*Userspace)
		want []string // nil: no alternatives
		cert Certainty
	}{
		{"answered or not", readEntry(t, query, answer, 20), Packet{Tuple: tup(t, query)}, plain, nil,
			[]string{"answered in zone 7: est|trk " + query, "not answered yet in zone 7: new|trk " + query}, Undetermined},
		{"more time left than an answered one has", readEntry(t, query, answer, 31), Packet{Tuple: tup(t, query)}, plain, nil, nil, Exact},
		{"the zone's policy gives an answered one more", readEntry(t, query, answer, 60), Packet{Tuple: tup(t, query)}, plain, policy,
			[]string{"answered in zone 7: est|trk " + query, "not answered yet in zone 7: new|trk " + query}, Undetermined},
		{"the database could not be asked", readEntry(t, query, answer, 60), Packet{Tuple: tup(t, query)}, plain, func(u *Userspace) { u.TimeoutsUnknown = true },
			[]string{"answered in zone 7: est|trk " + query, "not answered yet in zone 7: new|trk " + query}, Undetermined},
		{"a reply answers", readEntry(t, query, answer, 20), Packet{Tuple: tup(t, answer)}, plain, nil, nil, Exact},
		{"echo", readEntry(t, ping, pong, 20), Packet{Tuple: tup(t, ping), HasID: true}, plain, nil,
			[]string{"answered in zone 7: est|trk " + ping, "not answered yet in zone 7: new|trk " + ping}, Undetermined},
		{"how it was committed", readEntry(t, query, answer, 20), Packet{Tuple: tup(t, answer)}, bare, nil,
			[]string{"committed with nat(src) in zone 7: est|rpl|trk|dnat " + answer, "committed with nat(dst) in zone 7: est|rpl|trk|snat " + answer,
				"committed without nat in zone 7: est|rpl|trk " + answer}, Undetermined},
		{"and whether it was answered", readEntry(t, query, answer, 20), Packet{Tuple: tup(t, query)}, bare, nil,
			[]string{"answered in zone 7, committed with nat(src) in zone 7: est|trk|snat " + query, "answered in zone 7, committed with nat(dst) in zone 7: est|trk|dnat " + query,
				"answered in zone 7, committed without nat in zone 7: est|trk " + query,
				"not answered yet in zone 7, committed with nat(src) in zone 7: new|trk|snat " + query, "not answered yet in zone 7, committed with nat(dst) in zone 7: new|trk|dnat " + query,
				"not answered yet in zone 7, committed without nat in zone 7: new|trk " + query}, Undetermined},
		{"a clash had another source port", readEntry(t, query, "udp 10.0.0.2:53>10.0.0.1:1001", 20), Packet{Tuple: tup(t, "udp 10.0.0.2:53>10.0.0.1:1001")}, bare, nil,
			[]string{"committed with nat(src) in zone 7: est|rpl|trk|dnat " + answer, "committed with nat(dst) in zone 7: est|rpl|trk|snat " + answer}, Undetermined},
		{"a translated one tells", readEntry(t, query, "udp 10.0.0.9:53>10.0.0.1:1000", 20), Packet{Tuple: tup(t, "udp 10.0.0.9:53>10.0.0.1:1000")}, bare, nil, nil, Exact},
		{"an error from a router", readEntry(t, query, answer, 20), error3, bare, nil,
			[]string{"committed with nat(src) in zone 7: rel|rpl|trk|dnat icmp 10.9.9.9>10.0.0.1 type=3 code=1 id=0",
				"committed with nat(dst) in zone 7: rel|rpl|trk|snat icmp 10.0.0.2>10.0.0.1 type=3 code=1 id=0",
				"committed without nat in zone 7: rel|rpl|trk icmp 10.9.9.9>10.0.0.1 type=3 code=1 id=0"}, Undetermined},
		{"TCP tells whether it was answered", tcp, Packet{Tuple: tup(t, client), TCPFlags: tcpACK}, plain, nil, nil, Assumed},
		{"TCP without checks", tcp, Packet{Tuple: tup(t, client), TCPFlags: tcpACK}, plain, func(u *Userspace) { u.NoSeqCheck = true }, nil, Exact},
		{"TCP in the window", tcp, Packet{Tuple: tup(t, client), TCPFlags: tcpACK, InWindow: true}, plain, nil, nil, Exact},
		{"SYN on a closed connection, before OVS 3.3", closed, Packet{Tuple: tup(t, client), TCPFlags: tcpSYN}, Action{Commit: true}, func(u *Userspace) { u.Release = old },
			[]string{"committed with nat(src) in zone 7: trk " + client, "committed with nat(dst) in zone 7: trk " + client, "committed without nat in zone 7: new|trk " + client}, Undetermined},
	} {
		u := NewUserspace()
		if c.set != nil {
			c.set(u)
		}
		c.p.IP, c.a.Zone = true, 7
		r, err := u.Do(bg, NewMemTable(c.e), Conn{}, c.p, c.a)
		if got := ways(r); err != nil || !slices.Equal(got, c.want) || r.Certainty != c.cert {
			t.Errorf("%s: %q certainty %d (%q), want %q", c.name, got, r.Certainty, r.Why, c.want)
		}
	}
}

// What one alternative leaves is known from then on, what is merged from several is asked again.
func TestAlternativesLeave(t *testing.T) {
	e := readEntry(t, query, answer, 20)
	ask := func(o Table) Result {
		r, err := NewUserspace().Do(bg, o, Conn{}, Packet{IP: true, Tuple: e.Orig}, Action{Zone: 7})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := ask(NewMemTable(e))
	for _, alt := range first.Alternatives {
		o := NewOverlay(NewMemTable(e))
		o.Apply(alt.Result)
		if r := ask(o); len(r.Alternatives) != 0 || r.Conn.State != alt.Result.Conn.State {
			t.Errorf("after %v: %v %q", alt.Picks, r.Conn.State, ways(r))
		}
	}
	both, ok := MergeEntry(*first.Alternatives[0].Result.Updated, *first.Alternatives[1].Result.Updated)
	if !ok || both.Timeout != 30 {
		t.Fatalf("merged: %+v %v", both, ok)
	}
	o := NewOverlay(NewMemTable(e))
	o.Put(both)
	b, err := json.Marshal(o.Snapshot())
	if err != nil || !strings.Contains(string(b), `"unknown":"answered|nat"`) {
		t.Errorf("saved: %s %v", b, err)
	}
	var saved OverlayData
	if err := json.Unmarshal(b, &saved); err != nil {
		t.Fatal(err)
	}
	o = NewOverlay(NewMemTable(e))
	o.Load(saved)
	if r := ask(o); len(r.Alternatives) != 2 {
		t.Errorf("merged, saved and read: %q", ways(r))
	}
}

func TestMergeEntry(t *testing.T) {
	e := readEntry(t, query, answer, 20)
	with := func(f func(*Entry)) Entry {
		v := e
		f(&v)
		return v
	}
	for _, c := range []struct {
		name string
		b    Entry
		ok   bool
		want Unknown
	}{
		{"the same", e, true, 0},
		{"another mark", with(func(e *Entry) { e.Mark = 1 }), false, 0},
		{"another timeout alone", with(func(e *Entry) { e.Timeout = 21 }), false, 0},
		{"answered", with(func(e *Entry) { e.Status |= SeenReply; e.Timeout = 30 }), true, UnknownAnswered},
		{"answered, and another mark", with(func(e *Entry) { e.Status |= SeenReply; e.Mark = 1 }), false, 0},
		{"nat(src)", with(func(e *Entry) { e.NATSrc = true }), true, UnknownNAT},
		{"unknown", with(func(e *Entry) { e.Unknown = UnknownNAT | UnknownAnswered }), true, UnknownNAT | UnknownAnswered},
		{"nat(dst), and another reply", with(func(e *Entry) { e.NATDst = true; e.Reply = tup(t, query) }), false, 0},
	} {
		for _, swapped := range []bool{false, true} {
			a, b := e, c.b
			if swapped {
				a, b = b, a
			}
			m, ok := MergeEntry(a, b)
			if ok != c.ok || ok && (m.Unknown != c.want || m.NATSrc || m.NATDst || m.Status&SeenReply != 0) {
				t.Errorf("%s, swapped %v: %+v %v", c.name, swapped, m, ok)
			}
		}
	}
}

// A SYN on a connection that an unknown reset closed does one of two things.
func TestReopenAlternatives(t *testing.T) {
	e := conn(t, TCPClose, SeenReply|Assured)
	r := tcpDo(t, NewKernel(Release{}), NewMemTable(e), client, tcpSYN, Action{Commit: true})
	want := []string{"reset by the other side: est|trk " + client, "reset by the same side: new|trk " + client}
	if got := ways(r); !slices.Equal(got, want) || r.Certainty != Undetermined {
		t.Fatalf("%q certainty %d, want %q", got, r.Certainty, want)
	}
	stays, begins := r.Alternatives[0].Result, r.Alternatives[1].Result
	if stays.Deleted != nil || stays.Certainty != Exact || begins.Deleted == nil || begins.Committed == nil || begins.Committed.TCP.State != TCPSynSent {
		t.Errorf("stays %+v, begins %+v", stays, begins)
	}
}

func TestICMPIDAlternatives(t *testing.T) {
	var list []Entry
	for id := range uint16(maxIDs + 1) {
		e := readEntry(t, ping, pong, 50)
		e.Orig.ICMPID, e.Reply.ICMPID = id+10, id+10
		list = append(list, e)
	}
	for n, want := range map[int]int{0: 0, 1: 0, 2: 2, maxIDs: maxIDs, maxIDs + 1: 0} {
		for _, tr := range []Tracker{NewUserspace(), NewKernel(Release{})} {
			r, err := tr.Do(bg, NewMemTable(list[:n]...), Conn{}, Packet{IP: true, Tuple: tup(t, ping)}, Action{Zone: 7})
			cert := Undetermined
			if n < 2 {
				cert = Assumed
			}
			if err != nil || len(r.Alternatives) != want || r.Certainty != cert || (len(r.Ranges) > 0) != (n > maxIDs) {
				t.Errorf("%T, %d ids: %q certainty %d, %v", tr, n, ways(r), r.Certainty, err)
			}
		}
	}
}

// Cases that comparisons with ovs-vswitchd 3.1 found.
func TestUserspaceSearchInVain(t *testing.T) {
	u := &Userspace{Release: old, Timeouts: DefaultUserTimeouts()}
	taken := func(reply string) Entry {
		e := Entry{Zone: 7, Orig: tup(t, "udp 10.0.0.8:8>10.0.0.9:9"), Reply: tup(t, reply), NATDst: true}
		e.Orig.Src = withPort(e.Orig.Src, e.Reply.Src.Port())
		return e
	}
	for _, c := range []struct {
		name, tuple string
		nat         *NAT
		have        []string
		out         string
		cert        Certainty
	}{
		{"the port asked for stays", "udp 10.0.0.2:1000>20.0.0.77:80", &NAT{Dst: true, MinAddr: addr("21.0.0.2"), MinPort: 999},
			[]string{"udp 21.0.0.2:999>10.0.0.2:1000"}, "udp 10.0.0.2:1001>21.0.0.2:999", Predicted},
		{"a range begins where nobody knows", "udp 10.0.0.2:1000>20.0.0.77:80", &NAT{Dst: true, MinAddr: addr("21.0.0.2"), MinPort: 999, MaxPort: 1000},
			[]string{"udp 21.0.0.2:999>10.0.0.2:1000", "udp 21.0.0.2:1000>10.0.0.2:1000"}, "udp 10.0.0.2:1001>21.0.0.2:999", Undetermined},
		{"a source port below its range", "udp 10.0.0.2:550>20.0.0.77:80", &NAT{Src: true, MinAddr: addr("21.0.0.2")},
			[]string{"udp 20.0.0.77:80>21.0.0.2:550"}, "udp 21.0.0.2:600>20.0.0.77:80", Predicted},
	} {
		var list []Entry
		for _, reply := range c.have {
			list = append(list, taken(reply))
		}
		r, err := u.Do(bg, NewMemTable(list...), Conn{}, Packet{IP: true, Tuple: tup(t, c.tuple)}, Action{Zone: 7, Commit: true, NAT: c.nat})
		if err != nil || r.Packet.Tuple.String() != c.out || r.Certainty != c.cert || r.Committed == nil {
			t.Errorf("%s: %v certainty %d (%q), %v", c.name, r.Packet.Tuple, r.Certainty, r.Why, err)
		}
	}
}

func TestUserspaceFragmentSize(t *testing.T) {
	for _, c := range []struct {
		length int
		frag   Frag
		set    UserFragments
		want   State
		awaits bool
	}{
		{1199, FragFirst, DefaultUserFragments(), Inv | Trk, false}, {1200, FragFirst, DefaultUserFragments(), New | Trk, true},
		{0, FragFirst, DefaultUserFragments(), New | Trk, true}, {600, FragFirst, UserFragments{MinIPv4: 400}, New | Trk, true},
		{100, FragLater, DefaultUserFragments(), 0, true}, // the last one may be small
		{1500, FragFirst, UserFragments{OffIPv4: true}, Inv | Trk, false}, {1500, FragLater, UserFragments{OffIPv4: true}, Inv | Trk, false},
		{1500, FragFirst, UserFragments{OffIPv6: true}, New | Trk, true},
	} {
		u := NewUserspace()
		u.Fragments = c.set
		r, err := u.Do(bg, NewMemTable(), Conn{}, Packet{IP: true, Tuple: tup(t, query), Frag: c.frag, Length: c.length}, Action{Zone: 7})
		if err != nil || r.Conn.State != c.want || r.Awaits != c.awaits || r.Absorbed != (c.awaits && c.frag == FragLater) {
			t.Errorf("%+v: %v awaits %v absorbed %v, %v", c, r.Conn.State, r.Awaits, r.Absorbed, err)
		}
	}
}

func TestUserspaceDefaultLimit(t *testing.T) {
	for _, c := range []struct {
		name    string
		release Release
		limits  UserLimits
		full    bool
	}{
		{"none", old, UserLimits{}, false},
		{"closed", old, UserLimits{None: true}, true},
		{"a zone of its own, closed", old, UserLimits{Zones: map[uint16]ZoneLimit{7: {}}}, true},
		{"the default's", old, UserLimits{Default: &ZoneLimit{Limit: 3, Count: 2}}, true}, // with the overlay's one in zone 8
		{"the default's, a zone for itself", Release{Major: 3, Minor: 5}, UserLimits{Default: &ZoneLimit{Limit: 3, Count: 2}}, false},
		{"the default's, zone 8 is not of it", old, UserLimits{Default: &ZoneLimit{Limit: 3, Count: 2}, Zones: map[uint16]ZoneLimit{8: {Limit: 1}}}, false},
		{"all connections", old, UserLimits{Count: 2, Max: 3}, true},
	} {
		u := NewUserspace()
		u.Release, u.Limits = c.release, c.limits
		o := NewOverlay(NewMemTable())
		o.Put(Entry{Zone: 8, Orig: tup(t, query), Reply: tup(t, answer)})
		r, err := u.Do(bg, o, Conn{}, Packet{IP: true, Tuple: tup(t, query)}, Action{Zone: 7, Commit: true})
		if err != nil || (r.Committed == nil) != c.full || r.Conn.State != New|Trk {
			t.Errorf("%s: committed %v, %v, %v", c.name, r.Committed, r.Conn.State, err)
		}
	}
}
