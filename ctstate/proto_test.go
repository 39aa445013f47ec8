package ctstate

import (
	"context"
	"errors"
	"testing"
)

// entry returns a confirmed, untranslated connection in zone 7.
func entry(t testing.TB, orig string, status Status) Entry {
	o := tup(t, orig)
	r, ok := o.Invert()
	if !ok {
		t.Fatalf("%s has no answer", orig)
	}
	e := Entry{Zone: 7, ID: 9, Orig: o, Reply: r, Status: Confirmed | status, Timeout: 20, HasTimeout: true, Source: FromKernel}
	if o.Proto == ProtoTCP {
		e.TCP = &TCPInfo{State: TCPEstablished}
	}
	return e
}

func TestDecisionTable(t *testing.T) {
	const orig, back = "udp 10.0.0.1:1000>10.0.0.2:53", "udp 10.0.0.2:53>10.0.0.1:1000"
	master := tup(t, client)
	child := func(status Status) *Entry {
		e := entry(t, orig, status)
		e.Master = &master
		return &e
	}
	plain := func(status Status) *Entry { e := entry(t, orig, status); return &e }
	for _, c := range []struct {
		name  string
		e     *Entry
		tuple string
		want  State
	}{
		{"miss", nil, orig, New | Trk},
		{"original, unanswered", plain(0), orig, New | Trk},
		{"original, unanswered, expected", child(Expected), orig, Rel | Trk},
		{"original, answered", plain(SeenReply), orig, Est | Trk},
		{"original, answered, child", child(SeenReply | Expected), orig, Est | Rel | Trk},
		{"reply", plain(SeenReply), back, Est | Rpl | Trk},
		{"very first reply", plain(0), back, Est | Rpl | Trk},
		{"reply, child", child(Expected), back, Est | Rel | Rpl | Trk},
		{"NAT bits do not show", plain(SeenReply | SrcNAT | SrcNATDone | Assured | Offload), orig, Est | Trk},
	} {
		tbl := NewMemTable()
		if c.e != nil {
			tbl.Insert(*c.e)
		}
		r, err := NewKernel(Release{}).Do(bg, tbl, Conn{}, Packet{IP: true, Tuple: tup(t, c.tuple)}, Action{Zone: 7})
		if err != nil || r.Conn.State != c.want {
			t.Errorf("%s: %v, %v, want %v", c.name, r.Conn.State, err, c.want)
		}
		want := tup(t, orig)
		if c.e != nil && c.e.Master != nil {
			want = master
		}
		if r.Conn.OrigTuple == nil || *r.Conn.OrigTuple != want {
			t.Errorf("%s: original tuple %v, want %v", c.name, r.Conn.OrigTuple, want)
		}
	}
}

func TestICMP(t *testing.T) {
	const e4, e6 = "icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=5", "icmpv6 fd00::1>fd00::2 type=128 code=0 id=5"
	const udp = "udp 10.0.0.1:1000>10.0.0.2:53"
	for _, c := range []struct {
		name, have, tuple, inner string
		want                     State
	}{
		{"echo", "", e4, "", New | Trk},
		{"timestamp", "", "icmp 10.0.0.1>10.0.0.2 type=13 code=0 id=5", "", New | Trk},
		{"information", "", "icmp 10.0.0.1>10.0.0.2 type=15 code=7 id=5", "", New | Trk},
		{"address mask", "", "icmp 10.0.0.1>10.0.0.2 type=17 code=0 id=5", "", New | Trk},
		{"answer first", "", "icmp 10.0.0.1>10.0.0.2 type=0 code=0 id=5", "", Inv | Trk},
		{"timestamp answer first", "", "icmp 10.0.0.1>10.0.0.2 type=14 code=0 id=5", "", Inv | Trk},
		{"no partner", "", "icmp 10.0.0.1>10.0.0.2 type=9 code=0 id=5", "", Inv | Trk},
		{"above 18", "", "icmp 10.0.0.1>10.0.0.2 type=19 code=0 id=5", "", Inv | Trk},
		{"answer", e4, "icmp 10.0.0.2>10.0.0.1 type=0 code=0 id=5", "", Est | Rpl | Trk},
		{"answer of another id", e4, "icmp 10.0.0.2>10.0.0.1 type=0 code=0 id=6", "", Inv | Trk},
		{"echo again", e4, e4, "", New | Trk},
		{"v6 echo", "", e6, "", New | Trk},
		{"v6 answer", e6, "icmpv6 fd00::2>fd00::1 type=129 code=0 id=5", "", Est | Rpl | Trk},
		{"v6 answer first", "", "icmpv6 fd00::2>fd00::1 type=129 code=0 id=5", "", Inv | Trk},
		{"node information", "", "icmpv6 fd00::2>fd00::1 type=139 code=0 id=5", "", New | Trk},
		{"neighbour solicitation", "", "icmpv6 fd00::2>fd00::1 type=135 code=0 id=0", "", Inv | Trk},
		{"MLDv2", "", "icmpv6 fd00::2>fd00::1 type=143 code=0 id=0", "", Inv | Trk},
		{"v6 unknown", "", "icmpv6 fd00::2>fd00::1 type=200 code=0 id=0", "", Inv | Trk},
		{"error about the client's packet", udp, "icmp 10.9.9.9>10.0.0.1 type=3 code=1 id=0", udp, Rel | Rpl | Trk},
		{"error about the server's packet", udp, "icmp 10.0.0.1>10.0.0.2 type=3 code=3 id=0", "udp 10.0.0.2:53>10.0.0.1:1000", Rel | Trk},
		{"error sent elsewhere", udp, "icmp 10.9.9.9>10.8.8.8 type=3 code=1 id=0", udp, Inv | Trk},
		{"error about nothing", "", "icmp 10.9.9.9>10.0.0.1 type=11 code=0 id=0", udp, Inv | Trk},
		{"error about an error", udp, "icmp 10.9.9.9>10.0.0.1 type=11 code=0 id=0", "icmp 10.0.0.1>10.0.0.2 type=3 code=0 id=0", Inv | Trk},
		{"error about an echo", e4, "icmp 10.0.0.2>10.0.0.1 type=12 code=0 id=0", e4, Rel | Rpl | Trk},
		{"v6 too big", e6, "icmpv6 fd00::9>fd00::1 type=2 code=0 id=0", e6, Rel | Rpl | Trk},
		{"redirect", udp, "icmp 10.9.9.9>10.0.0.1 type=5 code=1 id=0", udp, Rel | Rpl | Trk},
		{"v6 redirect", e6, "icmpv6 fe80::9>fd00::1 type=137 code=0 id=0", e6, Rel | Rpl | Trk},
		{"v6 redirect from afar", e6, "icmpv6 fd00::9>fd00::1 type=137 code=0 id=0", e6, Inv | Trk},
		{"v6 redirect quoting nothing", e6, "icmpv6 fe80::9>fd00::1 type=137 code=0 id=0", "", Inv | Trk},
	} {
		tbl := NewMemTable()
		if c.have != "" {
			tbl.Insert(entry(t, c.have, 0))
		}
		p := Packet{IP: true, Tuple: tup(t, c.tuple), HasID: true}
		if c.inner != "" {
			in := tup(t, c.inner)
			p.Inner = &in
		}
		r, err := NewKernel(Release{}).Do(bg, tbl, Conn{}, p, Action{Zone: 7, Commit: true})
		if err != nil || r.Conn.State != c.want {
			t.Errorf("%s: %v, %v, want %v (%q)", c.name, r.Conn.State, err, c.want, r.Why)
		}
		if c.want&Inv != 0 && (r.Committed != nil || r.Conn.OrigTuple != nil || r.Conn.KeyZone != 7) {
			t.Errorf("%s: invalid, but %+v", c.name, r.Conn)
		}
		if c.want&Rel != 0 && r.Updated != nil {
			t.Errorf("%s: an error changed the entry", c.name)
		}
	}
	in := tup(t, e6)
	p := Packet{IP: true, Tuple: tup(t, "icmpv6 fe80::9>fd00::1 type=137 code=0 id=0"), Inner: &in}
	if r, _ := NewKernel(Release{6, 1, 0}).Do(bg, NewMemTable(entry(t, e6, 0)), Conn{}, p, Action{Zone: 7}); r.Conn.State != Inv|Trk {
		t.Errorf("redirect on 6.1: %v", r.Conn.State)
	}
	p.Inner, p.Tuple = nil, tup(t, "icmp 10.9.9.9>10.0.0.1 type=3 code=1 id=0")
	if r, _ := NewKernel(Release{}).Do(bg, NewMemTable(), Conn{}, p, Action{Zone: 7}); r.Certainty != Undetermined {
		t.Errorf("an error that quotes nothing is %v", r.Certainty)
	}
}

func TestEchoID(t *testing.T) {
	const req = "icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=0"
	e := func(id string) Entry { return entry(t, "icmp 10.0.0.1>10.0.0.2 type=8 code=0 id="+id, SeenReply) }
	for _, c := range []struct {
		have []Entry
		want State
		cert Certainty
		id   uint16
	}{
		{nil, New | Trk, Assumed, 0},
		{[]Entry{e("5")}, Est | Trk, Assumed, 5},
		{[]Entry{e("5"), e("6")}, Est | Trk, Undetermined, 5},
	} {
		r, err := NewKernel(Release{}).Do(bg, NewMemTable(c.have...), Conn{}, Packet{IP: true, Tuple: tup(t, req)}, Action{Zone: 7})
		if err != nil || r.Conn.State != c.want || r.Certainty != c.cert || r.Packet.Tuple.ICMPID != c.id {
			t.Errorf("%d entries: %v certainty %v id %d, %v", len(c.have), r.Conn.State, r.Certainty, r.Packet.Tuple.ICMPID, err)
		}
	}
}

func TestOtherProtocols(t *testing.T) {
	now := int64(1000)
	for _, c := range []struct {
		orig    string
		status  Status
		created int64
		timeout uint32
		set     Status
		cert    Certainty
	}{
		{"udp 10.0.0.1:1>10.0.0.2:53", 0, 0, 30, 0, Exact},
		{"udp 10.0.0.1:1>10.0.0.2:53", SeenReply, 0, 30, SeenReply, Exact},
		{"udp 10.0.0.1:1>10.0.0.2:53", SeenReply, 990, 120, SeenReply | Assured, Exact},
		{"udp 10.0.0.1:1>10.0.0.2:53", SeenReply, 999, 30, SeenReply, Exact},
		{"udp 10.0.0.1:1>10.0.0.2:53", SeenReply | Untracked, 990, 120, SeenReply | Untracked, Exact},
		{"udplite 10.0.0.1:1>10.0.0.2:53", 0, 0, 30, 0, Exact},
		{"gre 10.0.0.1>10.0.0.2", 0, 0, 30, 0, Exact},
		{"gre 10.0.0.1>10.0.0.2", SeenReply, 0, 180, SeenReply | Assured, Exact},
		{"89 10.0.0.1>10.0.0.2", SeenReply, 0, 600, SeenReply, Exact},
		{"sctp 10.0.0.1:1>10.0.0.2:53", 0, 0, 20, 0, Assumed},
	} {
		e := entry(t, c.orig, c.status)
		e.Created = c.created
		k := NewKernel(Release{})
		k.Now = func() int64 { return now }
		r, err := k.Do(bg, NewMemTable(e), Conn{}, Packet{IP: true, Tuple: e.Orig}, Action{Zone: 7})
		if g := r.Conn.Entry; err != nil || g.Timeout != c.timeout || g.Status != Confirmed|c.set || r.Certainty != c.cert {
			t.Errorf("%s %v: timeout %d status %v certainty %v, %v", c.orig, c.status, g.Timeout, g.Status, r.Certainty, err)
		}
	}
}

func TestFragmentsAndNonIP(t *testing.T) {
	k, p := NewKernel(Release{}), Packet{IP: true, Tuple: tup(t, "udp 10.0.0.1:1>10.0.0.2:53")}
	p.Frag = FragLater
	if r, _ := k.Do(bg, NewMemTable(), Conn{}, p, Action{}); !r.Absorbed || !r.Awaits || r.Looked {
		t.Errorf("later fragment: %+v", r)
	}
	p.Frag = FragFirst
	if r, _ := k.Do(bg, NewMemTable(), Conn{}, p, Action{}); r.Packet.Frag != FragNo || !r.Awaits || r.Conn.State != New|Trk || r.Certainty != Assumed {
		t.Errorf("first fragment: %+v", r)
	}
	p.IP = false
	if r, _ := k.Do(bg, NewMemTable(), Conn{}, p, Action{}); r.Conn.State != 0 || r.Looked {
		t.Errorf("not IP: %+v", r)
	}
}

func TestLookupErrorIsNotAbsence(t *testing.T) {
	broken := errors.New("permission denied")
	tbl := TableFunc(func(context.Context, uint16, Tuple) (Entry, error) { return Entry{}, broken })
	for _, k := range []Tracker{NewKernel(Release{}), NewUserspace()} {
		r, err := k.Do(bg, tbl, Conn{}, Packet{IP: true, Tuple: tup(t, client), TCPFlags: tcpSYN}, Action{Zone: 7, Commit: true})
		var le *LookupError
		if !errors.As(err, &le) || !errors.Is(err, broken) || le.Zone != 7 || r.Conn.State&New != 0 || r.Committed != nil || r.Certainty != Undetermined {
			t.Errorf("%T: %v, %+v", k, err, r.Conn)
		}
		if got, want := le.Error(), "ct zone 7: "+client+": permission denied"; got != want {
			t.Errorf("error reads %q, want %q", got, want)
		}
	}
}
