package ctstate

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

// carried runs several actions on one packet, the conntrack carried from one to the next.
func carried(t *testing.T, k Tracker, o *Overlay, p Packet, actions ...Action) Result {
	t.Helper()
	return carriedOn(t, k, o, Conn{}, p, actions...)
}

// carriedOn is carried for a packet that already carries c.
func carriedOn(t *testing.T, k Tracker, o *Overlay, c Conn, p Packet, actions ...Action) Result {
	t.Helper()
	var r Result
	for _, a := range actions {
		var err error
		if r, err = k.Do(bg, o, c, p, a); err != nil {
			t.Fatal(err)
		}
		o.Apply(r)
		c, p = r.Conn, r.Packet
	}
	return r
}

func TestRepeatedActions(t *testing.T) {
	syn := Packet{IP: true, Tuple: tup(t, client), TCPFlags: tcpSYN}
	back := Packet{IP: true, Tuple: tup(t, server), TCPFlags: tcpACK}
	k := NewKernel(Release{})
	for _, c := range []struct {
		name    string
		have    *Entry
		p       Packet
		actions []Action
		want    State
		looked  bool
		zone    uint16
	}{
		{"the committer keeps +new", nil, syn, []Action{{Zone: 7}, {Zone: 7, Commit: true}, {Zone: 7}}, New | Trk, false, 7},
		{"another zone is looked up afresh", nil, syn, []Action{{Zone: 7, Commit: true}, {Zone: 8}}, New | Trk, true, 8},
		{"and back", nil, syn, []Action{{Zone: 7, Commit: true}, {Zone: 8}, {Zone: 7}}, New | Trk, true, 7},
		{"NAT bits go with the zone", nil, syn, []Action{{Zone: 7, Commit: true, NAT: srcTo("20.0.0.1", "20.0.0.1")}, {Zone: 8}}, New | Trk, true, 8},
		{"NAT bits stay in the zone", nil, syn, []Action{{Zone: 7, Commit: true, NAT: srcTo("20.0.0.1", "20.0.0.1")}, {Zone: 7}}, New | Trk | SNAT, false, 7},
		{"translated once", nil, syn, []Action{{Zone: 7, Commit: true, NAT: srcTo("20.0.0.1", "20.0.0.1")}, {Zone: 7, Commit: true, NAT: dstTo("9.9.9.9", "9.9.9.9")}}, New | Trk | SNAT, false, 7},
		{"force on the initiator's packet", ptr(conn(t, TCPEstablished, SeenReply)), Packet{IP: true, Tuple: tup(t, client), TCPFlags: tcpACK},
			[]Action{{Zone: 7}, {Zone: 7, Commit: true, Force: true}}, Est | Trk, false, 7},
		{"force on the responder's packet", ptr(conn(t, TCPEstablished, SeenReply)), back, []Action{{Zone: 7}, {Zone: 7, Commit: true, Force: true}}, New | Trk, true, 7},
		{"force untracked", ptr(conn(t, TCPEstablished, SeenReply)), back, []Action{{Zone: 7, Commit: true, Force: true}}, New | Trk, true, 7},
		{"force after another zone", ptr(conn(t, TCPEstablished, SeenReply)), back, []Action{{Zone: 8}, {Zone: 7, Commit: true, Force: true}}, Est | Rpl | Trk, true, 7},
		{"invalid is tried again", nil, Packet{IP: true, Tuple: tup(t, client)}, []Action{{Zone: 7}, {Zone: 7}}, Inv | Trk, true, 7},
		{"policy of an unconfirmed one", nil, syn, []Action{{Zone: 7}, {Zone: 7, Commit: true, TimeoutPolicy: "p"}}, New | Trk, true, 7},
	} {
		tbl := NewMemTable()
		if c.have != nil {
			tbl.Insert(*c.have)
		}
		r := carried(t, k, NewOverlay(tbl), c.p, c.actions...)
		if r.Conn.State != c.want || r.Looked != c.looked || r.Conn.KeyZone != c.zone {
			t.Errorf("%s: %v looked %v zone %d, want %v %v %d", c.name, r.Conn.State, r.Looked, r.Conn.KeyZone, c.want, c.looked, c.zone)
		}
	}
	o := NewOverlay(NewMemTable(conn(t, TCPEstablished, SeenReply)))
	if r := carried(t, k, o, back, Action{Zone: 7}, Action{Zone: 7, Commit: true, Force: true}); r.Deleted == nil || r.Committed.Orig != back.Tuple {
		t.Errorf("force: deleted %v, committed %v", r.Deleted, r.Committed)
	}
	if got := k.Clear(Conn{Attached: true, State: New | Trk}); got.State != 0 || got.Attached {
		t.Errorf("ct_clear leaves %+v", got)
	}
}

func ptr[T any](v T) *T { return &v }

func TestCommitMarkLabel(t *testing.T) {
	have := conn(t, TCPEstablished, SeenReply)
	have.Mark, have.Label = 0xf0, Label{Lo: 0xff}
	a := Action{Zone: 7, Commit: true, Mark: 0x5, MarkMask: 0xf, Label: Label{Hi: 1}, LabelMask: Label{Hi: 1, Lo: 0xf}}
	for _, c := range []struct {
		name  string
		e     *Entry
		tuple string
		flags uint16
		mark  uint32
		label Label
		state State
	}{
		{"new", nil, client, tcpSYN, 0x5, Label{Hi: 1}, New | Trk},
		{"existing", &have, client, tcpACK, 0xf5, Label{Hi: 1, Lo: 0xf0}, Est | Trk},
		{"existing, by a reply", &have, server, tcpACK, 0xf5, Label{Hi: 1, Lo: 0xf0}, Est | Rpl | Trk},
	} {
		tbl := NewMemTable()
		if c.e != nil {
			tbl.Insert(*c.e)
		}
		r := tcpDo(t, NewKernel(Release{}), tbl, c.tuple, c.flags, a)
		if r.Committed == nil || r.Committed.Mark != c.mark || r.Committed.Label != c.label || r.Conn.Mark != c.mark || r.Conn.Label != c.label || r.Conn.State != c.state {
			t.Errorf("%s: %+v, key %v %v %v", c.name, r.Committed, r.Conn.State, r.Conn.Mark, r.Conn.Label)
		}
	}
	if r := tcpDo(t, NewKernel(Release{}), NewMemTable(), client, 0, a); r.Committed != nil || r.Conn.Mark != 0 {
		t.Errorf("an invalid packet was committed: %+v", r.Committed)
	}
	if r := tcpDo(t, NewKernel(Release{}), NewMemTable(), client, tcpSYN, Action{Commit: true, Helper: "ftp"}); r.Committed.Helper != "ftp" || r.Committed.Status != Confirmed|Helper {
		t.Errorf("helper: %+v", r.Committed)
	}
}

func TestExpectations(t *testing.T) {
	master := conn(t, TCPEstablished, SeenReply)
	master.Mark, master.Label = 3, Label{Lo: 4}
	data := "tcp 10.0.0.2:20>10.0.0.1:5000"
	x := Expectation{Zone: 7, Master: master, Tuple: tup(t, "tcp 10.0.0.2:0>10.0.0.1:5000")}
	for _, c := range []struct {
		rel      Release
		commit   bool
		attached bool
	}{{Release{}, false, true}, {Release{}, true, true}, {Release{6, 5, 0}, false, false}, {Release{6, 5, 0}, true, true}} {
		o := NewOverlay(nil)
		o.Put(master)
		o.Expect(x)
		r := tcpDo(t, NewKernel(c.rel), o, data, tcpSYN, Action{Commit: c.commit})
		if r.Conn.State != New|Rel|Trk || r.Conn.Mark != 3 || r.Conn.Label != (Label{Lo: 4}) || *r.Conn.OrigTuple != master.Orig || r.Conn.Attached != c.attached {
			t.Errorf("%v commit %v: %+v", c.rel, c.commit, r.Conn)
		}
		if !c.commit {
			continue
		}
		if e := r.Committed; e == nil || e.Status != Confirmed|Expected || *e.Master != master.Orig || e.Mark != 3 || e.Label != (Label{Lo: 4}) {
			t.Errorf("%v: committed %+v", c.rel, e)
		}
		o.Apply(r)
		if _, err := o.Expectation(bg, 7, tup(t, data)); !errors.Is(err, ErrNotFound) {
			t.Errorf("the expectation was not used up: %v", err)
		}
		if r := tcpDo(t, NewKernel(c.rel), o, data, tcpSYN, Action{}); r.Conn.State != Rel|Trk {
			t.Errorf("again: %v", r.Conn.State)
		}
	}
	// Behind NAT the data connection is translated as its master is.
	master.Orig, master.Reply = tup(t, "tcp 10.0.0.1:1000>30.0.0.1:21"), tup(t, "tcp 10.0.0.2:21>20.0.0.1:1000")
	nt := tup(t, "tcp 10.0.0.1:5000>30.0.0.1:0")
	o := NewOverlay(nil)
	o.Expect(Expectation{Zone: 7, Master: master, Tuple: tup(t, "tcp 10.0.0.2:0>20.0.0.1:6000"), NATDir: 1, NATTuple: &nt})
	r := tcpDo(t, NewKernel(Release{}), o, "tcp 10.0.0.2:20>20.0.0.1:6000", tcpSYN, Action{Commit: true, NAT: &NAT{}})
	if got := r.Packet.Tuple.String(); got != "tcp 30.0.0.1:20>10.0.0.1:5000" || r.Conn.State != New|Rel|Trk|SNAT|DNAT {
		t.Errorf("translated data connection: %s %v", got, r.Conn.State)
	}
}

func TestLimits(t *testing.T) {
	limited := func(limit, count uint32) *Kernel {
		k := NewKernel(Release{})
		k.ZoneLimits = map[uint16]ZoneLimit{7: {limit, count}}
		return k
	}
	full := NewKernel(Release{})
	full.Count, full.Max = 5, 5
	deflt := NewKernel(Release{})
	deflt.DefaultZoneLimit = 10
	for _, c := range []struct {
		name    string
		k       *Kernel
		commit  bool
		dropped bool
		cert    Certainty
	}{
		{"below", limited(2, 1), true, false, Exact}, {"at", limited(2, 2), true, true, Exact}, {"not committed", limited(2, 2), false, false, Exact},
		{"unlimited", limited(0, 9), true, false, Exact}, {"default", deflt, true, false, Assumed},
		{"table full", full, true, true, Assumed}, {"table full, look-up", full, false, true, Assumed},
	} {
		r := tcpDo(t, c.k, NewOverlay(nil), client, tcpSYN, Action{Commit: c.commit})
		if r.Dropped != c.dropped || (r.Committed != nil) != (c.commit && !c.dropped) || r.Certainty != c.cert {
			t.Errorf("%s: dropped %v certainty %v committed %v", c.name, r.Dropped, r.Certainty, r.Committed)
		}
	}
	if r := tcpDo(t, limited(2, 2), NewMemTable(conn(t, TCPEstablished, SeenReply)), client, tcpACK, Action{Commit: true}); r.Dropped || r.Committed == nil {
		t.Errorf("a limit drops a connection that exists: %+v", r)
	}
	k, o := limited(1, 0), NewOverlay(nil)
	o.Apply(tcpDo(t, k, o, client, tcpSYN, Action{Commit: true}))
	if r := tcpDo(t, k, o, "tcp 10.0.0.1:1001>10.0.0.2:80", tcpSYN, Action{Commit: true}); !r.Dropped {
		t.Error("the overlay's own entry does not count")
	}
}

func TestOverlay(t *testing.T) {
	now := int64(1000)
	below := NewMemTable(conn(t, TCPEstablished, SeenReply))
	o := NewOverlay(below)
	o.Now = func() int64 { return now }
	find := func(o *Overlay, tuple string) (Source, error) {
		e, err := o.Lookup(bg, 7, tup(t, tuple))
		return e.Source, err
	}
	if s, err := find(o, server); err != nil || s != FromKernel {
		t.Errorf("through: %v %v", s, err)
	}
	o.Apply(tcpDo(t, NewKernel(Release{}), o, client, tcpFIN|tcpACK, Action{}))
	if e, err := o.Lookup(bg, 7, tup(t, server)); err != nil || e.Source != FromOverlay || e.TCP.State != TCPFinWait || e.Timeout != 120 || e.ID != 9 {
		t.Errorf("changed: %+v %v", e, err)
	}
	if e, _ := below.Lookup(bg, 7, tup(t, client)); e.TCP.State != TCPEstablished {
		t.Error("the table below was changed")
	}
	fork := o.Fork()
	fork.Apply(Result{Deleted: ptr(mustLookup(t, fork, client))})
	if _, err := find(fork, client); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted in the fork: %v", err)
	}
	if _, err := find(o, client); err != nil {
		t.Errorf("the fork changed its origin: %v", err)
	}
	now += 119
	if e, err := o.Lookup(bg, 7, tup(t, client)); err != nil || e.Timeout != 1 {
		t.Errorf("aged: %+v %v", e, err)
	}
	now++
	if _, err := find(o, client); !errors.Is(err, ErrNotFound) {
		t.Errorf("expired: %v, and what it hides stays hidden", err)
	}
	now -= 60
	b, err := json.Marshal(o.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var d OverlayData
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	again := NewOverlay(below)
	again.Now = o.Now
	again.Load(d)
	if !reflect.DeepEqual(again.Snapshot(), o.Snapshot()) {
		t.Errorf("loaded %+v, want %+v", again.Snapshot(), o.Snapshot())
	}
	if e := mustLookup(t, again, client); e.Timeout != 60 {
		t.Errorf("loaded entry has %d left", e.Timeout)
	}
	newer := NewMemTable(func() Entry { e := conn(t, TCPSynSent, 0); e.ID = 10; return e }())
	again.Below = newer
	now += 3600
	if s, err := find(again, client); err != nil || s != FromKernel {
		t.Errorf("a later connection of the same tuples: %v %v", s, err)
	}
	now -= 3600
	if o.Added(7) != 0 || fork.Added(7) != -1 {
		t.Errorf("delta %d and %d", o.Added(7), fork.Added(7))
	}
	if empty := NewOverlay(nil); len(empty.Snapshot().Entries) != 0 || empty.Fork() == nil {
		t.Error("empty overlay")
	}
}

func mustLookup(t *testing.T, tbl Table, tuple string) Entry {
	t.Helper()
	e, err := tbl.Lookup(bg, 7, tup(t, tuple))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestOverlayMerges(t *testing.T) {
	mine, theirs := entry(t, "icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=1", 0), entry(t, "icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=2", 0)
	o := NewOverlay(NewMemTable(theirs))
	o.Put(func() Entry { mine.Source, mine.ID = FromNone, 0; return mine }())
	q := mine.Orig
	q.ICMPID = 0
	if got, err := o.Echoes(bg, 7, q); err != nil || len(got) != 2 || got[0].Orig.ICMPID != 1 {
		t.Errorf("echoes %+v %v", got, err)
	}
	a, b := entry(t, "udp 10.0.0.1:5>10.0.0.2:53", 0), entry(t, "udp 10.0.0.1:5>10.0.0.3:53", 0)
	o = NewOverlay(NewMemTable(a))
	b.Source = FromNone
	o.Put(b)
	if got, err := o.BySource(bg, 7, ProtoUDP, a.Orig.Src); err != nil || len(got) != 2 || got[0].Orig != b.Orig {
		t.Errorf("by source %+v %v", got, err)
	}
	o.Apply(Result{Deleted: &a})
	if got, _ := o.BySource(bg, 7, ProtoUDP, a.Orig.Src); len(got) != 1 {
		t.Errorf("by source after deletion %+v", got)
	}
}
