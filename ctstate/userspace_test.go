package ctstate

import "testing"

// uconn returns a connection as the userspace datapath lists it.
func uconn(t testing.TB, s, r UserTCPState) Entry {
	return Entry{Zone: 7, Orig: tup(t, client), Reply: tup(t, server), UserTCP: &UserTCPInfo{Orig: s, Reply: r}, Source: FromUserspace}
}

func TestUserspaceTCP(t *testing.T) {
	for _, c := range []struct {
		name    string
		e       *Entry
		tuple   string
		flags   uint16
		want    State
		s, r    UserTCPState
		deleted bool
	}{
		{"SYN", nil, client, tcpSYN, New | Trk, UserTCPSynSent, UserTCPClosed, false},
		{"ACK begins", nil, client, tcpACK, New | Trk, UserTCPSynSent, UserTCPClosed, false},
		{"FIN-ACK begins", nil, client, tcpFIN | tcpACK, New | Trk, UserTCPSynSent, UserTCPClosed, false},
		{"RST begins", nil, client, tcpRST, New | Trk, UserTCPSynSent, UserTCPClosed, false},
		{"SYN-ACK does not", nil, client, tcpSYN | tcpACK, Inv | Trk, 0, 0, false},
		{"SYN-FIN", nil, client, tcpSYN | tcpFIN, Inv | Trk, 0, 0, false},
		{"no flags", nil, client, 0, Inv | Trk, 0, 0, false},
		{"PSH without ACK", nil, client, tcpSYN | tcpPSH, Inv | Trk, 0, 0, false},
		{"SYN again", ptr(uconn(t, UserTCPSynSent, UserTCPClosed)), client, tcpSYN, New | Trk, UserTCPSynSent, UserTCPClosed, false},
		{"ACK without an answer is est", ptr(uconn(t, UserTCPSynSent, UserTCPClosed)), client, tcpACK, Est | Trk, UserTCPSynSent, UserTCPClosed, false},
		{"SYN-ACK", ptr(uconn(t, UserTCPSynSent, UserTCPClosed)), server, tcpSYN | tcpACK, Est | Rpl | Trk, UserTCPEstablished, UserTCPSynSent, false},
		{"third packet", ptr(uconn(t, UserTCPEstablished, UserTCPSynSent)), client, tcpACK, Est | Trk, UserTCPEstablished, UserTCPEstablished, false},
		{"FIN", ptr(uconn(t, UserTCPEstablished, UserTCPEstablished)), client, tcpFIN | tcpACK, Est | Trk, UserTCPClosing, UserTCPEstablished, false},
		{"its ACK", ptr(uconn(t, UserTCPClosing, UserTCPEstablished)), server, tcpACK, Est | Rpl | Trk, UserTCPFinWait2, UserTCPEstablished, false},
		{"other FIN", ptr(uconn(t, UserTCPFinWait2, UserTCPEstablished)), server, tcpFIN | tcpACK, Est | Rpl | Trk, UserTCPFinWait2, UserTCPClosing, false},
		{"last ACK", ptr(uconn(t, UserTCPFinWait2, UserTCPClosing)), client, tcpACK, Est | Trk, UserTCPFinWait2, UserTCPFinWait2, false},
		{"SYN after it", ptr(uconn(t, UserTCPFinWait2, UserTCPFinWait2)), client, tcpSYN, New | Trk, UserTCPSynSent, UserTCPClosed, true},
		{"RST", ptr(uconn(t, UserTCPEstablished, UserTCPEstablished)), server, tcpRST, Est | Rpl | Trk, UserTCPTimeWait, UserTCPTimeWait, false},
		{"bad flags keep mark", ptr(uconn(t, UserTCPEstablished, UserTCPEstablished)), client, tcpFIN, Inv | Trk, UserTCPEstablished, UserTCPEstablished, false},
	} {
		tbl := NewMemTable()
		if c.e != nil {
			tbl.Insert(*c.e)
		}
		r := tcpDo(t, NewUserspace(), tbl, c.tuple, c.flags, Action{Commit: true})
		if r.Conn.State != c.want || (r.Deleted != nil) != c.deleted {
			t.Errorf("%s: %v deleted %v, want %v", c.name, r.Conn.State, r.Deleted != nil, c.want)
		}
		if c.s == 0 && c.r == 0 {
			if r.Committed != nil {
				t.Errorf("%s: committed", c.name)
			}
			continue
		}
		if e := r.Conn.Entry; e.UserTCP == nil || e.UserTCP.Orig != c.s || e.UserTCP.Reply != c.r {
			t.Errorf("%s: left %+v", c.name, e.UserTCP)
		}
	}
}

func TestUserspaceOther(t *testing.T) {
	const q, a = "udp 10.0.0.1:1000>10.0.0.2:53", "udp 10.0.0.2:53>10.0.0.1:1000"
	u, o := NewUserspace(), NewOverlay(nil)
	for i, s := range []struct {
		tuple string
		want  State
	}{{q, New | Trk}, {q, New | Trk}, {a, Est | Rpl | Trk}, {q, Est | Trk}} {
		r, err := u.Do(bg, o, Conn{}, Packet{IP: true, Tuple: tup(t, s.tuple)}, Action{Zone: 7, Commit: true})
		if err != nil || r.Conn.State != s.want {
			t.Errorf("step %d: %v %v, want %v", i, r.Conn.State, err, s.want)
		}
		o.Apply(r)
	}
	for timeout, want := range map[uint32]State{0: Est | Trk, 20: Est | Trk, 50: New | Trk} {
		e := Entry{Zone: 7, Orig: tup(t, q), Reply: tup(t, a), Timeout: timeout, HasTimeout: timeout != 0, Source: FromUserspace}
		r, _ := u.Do(bg, NewMemTable(e), Conn{}, Packet{IP: true, Tuple: e.Orig}, Action{Zone: 7})
		if r.Conn.State != want || (r.Certainty == Undetermined) != (want == Est|Trk) {
			t.Errorf("timeout %d: %v certainty %v", timeout, r.Conn.State, r.Certainty)
		}
	}
	for _, c := range []struct {
		tuple string
		want  State
	}{
		{"icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=1", New | Trk}, {"icmp 10.0.0.1>10.0.0.2 type=8 code=1 id=1", Inv | Trk},
		{"icmp 10.0.0.1>10.0.0.2 type=17 code=0 id=1", Inv | Trk}, {"icmp 10.0.0.1>10.0.0.2 type=0 code=0 id=1", Inv | Trk},
		{"icmpv6 fd00::1>fd00::2 type=128 code=0 id=1", New | Trk}, {"icmpv6 fd00::1>fd00::2 type=139 code=0 id=1", Inv | Trk},
		{"icmpv6 fd00::1>fd00::2 type=135 code=0 id=0", Inv | Trk},
	} {
		r, _ := u.Do(bg, NewMemTable(), Conn{}, Packet{IP: true, Tuple: tup(t, c.tuple), HasID: true}, Action{Zone: 7})
		if r.Conn.State != c.want {
			t.Errorf("%s: %v, want %v", c.tuple, r.Conn.State, c.want)
		}
	}
	in := tup(t, q)
	e := Entry{Zone: 7, Orig: in, Reply: tup(t, a), Source: FromUserspace}
	r, _ := u.Do(bg, NewMemTable(e), Conn{}, Packet{IP: true, Tuple: tup(t, "icmp 10.9.9.9>10.0.0.1 type=3 code=1 id=0"), Inner: &in}, Action{Zone: 7})
	if r.Conn.State != Rel|Rpl|Trk {
		t.Errorf("error: %v", r.Conn.State)
	}
	r, _ = u.Do(bg, NewMemTable(e), Conn{}, Packet{IP: true, Tuple: tup(t, "icmp 10.9.9.9>10.0.0.7 type=3 code=1 id=0"), Inner: &in}, Action{Zone: 7})
	if r.Conn.State != Inv|Trk {
		t.Errorf("error sent elsewhere: %v", r.Conn.State)
	}
}

func TestUserspaceNAT(t *testing.T) {
	const orig, back = "udp 10.0.0.1:1000>10.0.0.2:53", "udp 10.0.0.9:53>10.0.0.1:1000"
	u := NewUserspace()
	do := func(tbl Table, tuple string, n *NAT) Result {
		r, err := u.Do(bg, tbl, Conn{}, Packet{IP: true, Tuple: tup(t, tuple), HasID: true}, Action{Zone: 7, Commit: true, NAT: n})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	o := NewOverlay(nil)
	for i, s := range []struct {
		tuple string
		nat   *NAT
		want  State
		out   string
	}{
		{orig, dstTo("10.0.0.9", "10.0.0.9"), New | Trk | DNAT, "udp 10.0.0.1:1000>10.0.0.9:53"}, // pure DNAT: no snat bit
		{orig, &NAT{}, New | Trk | DNAT, "udp 10.0.0.1:1000>10.0.0.9:53"},                        // and a bare nat translates
		{back, &NAT{}, Est | Rpl | Trk | SNAT, "udp 10.0.0.2:53>10.0.0.1:1000"},
		{orig, nil, Est | Trk, orig},
	} {
		r := do(o, s.tuple, s.nat)
		if r.Conn.State != s.want || r.Packet.Tuple.String() != s.out {
			t.Errorf("step %d: %v %v, want %v %s", i, r.Conn.State, r.Packet.Tuple, s.want, s.out)
		}
		o.Apply(r)
	}
	taken := Entry{Zone: 7, Orig: tup(t, "udp 10.0.0.5:1000>10.0.0.2:53"), Reply: tup(t, "udp 10.0.0.2:53>20.0.0.1:1000"), NATSrc: true}
	for _, c := range []struct {
		name, tuple string
		nat         *NAT
		out         string
		cert        Certainty
		committed   bool
	}{
		{"next port", orig, srcTo("20.0.0.1", "20.0.0.1"), "udp 20.0.0.1:1001>10.0.0.2:53", Predicted, true},
		{"range", orig, srcTo("20.0.0.2", "20.0.0.9"), "udp 20.0.0.2:1000>10.0.0.2:53", Undetermined, true},
		{"all zeros", orig, srcTo("0.0.0.0", "0.0.0.0"), orig, Exact, true},
		{"port range", orig, &NAT{Src: true, MinAddr: addr("20.0.0.2"), MinPort: 5, MaxPort: 9}, "udp 20.0.0.2:5>10.0.0.2:53", Undetermined, true},
		{"one port, taken", orig, &NAT{Src: true, MinAddr: addr("20.0.0.1"), MinPort: 1000}, orig, Exact, false},
	} {
		r := do(NewMemTable(taken), c.tuple, c.nat)
		if r.Packet.Tuple.String() != c.out || r.Certainty != c.cert || (r.Committed != nil) != c.committed || r.Dropped || r.Conn.State&New == 0 {
			t.Errorf("%s: %v certainty %v committed %v %v (%q)", c.name, r.Packet.Tuple, r.Certainty, r.Committed, r.Conn.State, r.Why)
		}
	}
	// A destination whose reply is taken gets another source port.
	clash := Entry{Zone: 7, Orig: tup(t, "udp 10.0.0.1:1000>30.0.0.1:53"), Reply: tup(t, "udp 10.0.0.9:53>10.0.0.1:1000"), NATDst: true}
	if r := do(NewMemTable(clash), orig, dstTo("10.0.0.9", "10.0.0.9")); r.Packet.Tuple.String() != "udp 10.0.0.1:1001>10.0.0.9:53" {
		t.Errorf("clash: %v", r.Packet.Tuple)
	}
}

func TestUserspaceLimitsAndForce(t *testing.T) {
	u := NewUserspace()
	u.Limits.Zones = map[uint16]ZoneLimit{7: {1, 1}}
	if r := tcpDo(t, u, NewMemTable(), client, tcpSYN, Action{Commit: true}); r.Dropped || r.Committed != nil || r.Conn.State != New|Trk {
		t.Errorf("over the limit: %+v", r.Conn)
	}
	u = NewUserspace()
	u.Limits.Count, u.Limits.Max = 9, 9
	if r := tcpDo(t, u, NewMemTable(), client, tcpSYN, Action{Commit: true}); r.Dropped || r.Committed != nil || r.Conn.State != New|Trk {
		t.Errorf("full: %+v", r.Conn)
	}
	u = NewUserspace()
	r := tcpDo(t, u, NewMemTable(uconn(t, UserTCPEstablished, UserTCPEstablished)), server, tcpACK, Action{Commit: true, Force: true})
	if r.Conn.State != New|Trk || r.Deleted == nil || r.Committed == nil || r.Committed.Orig != tup(t, server) {
		t.Errorf("force: %+v", r.Conn)
	}
	o := NewOverlay(nil)
	a := Action{Zone: 7, Commit: true, Mark: 5, MarkMask: 0xff}
	if r := carried(t, u, o, Packet{IP: true, Tuple: tup(t, client), TCPFlags: tcpSYN}, Action{Zone: 7}, a, Action{Zone: 7}); r.Conn.State != New|Trk || r.Looked || r.Conn.Mark != 5 {
		t.Errorf("cached: %+v looked %v", r.Conn.State, r.Looked)
	}
	if u.Clear(r.Conn).State != 0 {
		t.Error("ct_clear")
	}
}

// Userspace conntrack tracks fragments as their datagram, and lets each go on by itself.
func TestUserspaceFragments(t *testing.T) {
	u, p := NewUserspace(), Packet{IP: true, Tuple: tup(t, "udp 10.0.0.1:1>10.0.0.2:53"), Frag: FragFirst}
	if r, _ := u.Do(bg, NewMemTable(), Conn{}, p, Action{Zone: 7}); r.Packet.Frag != FragFirst || !r.Awaits || r.Conn.State != New|Trk || r.Certainty != Assumed {
		t.Errorf("first fragment: %+v", r)
	}
	p.Frag = FragLater
	if r, _ := u.Do(bg, NewMemTable(), Conn{}, p, Action{Zone: 7}); !r.Absorbed || !r.Awaits || r.Looked {
		t.Errorf("later fragment: %+v", r)
	}
}

// Before OVS 3.2 an SCTP connection is identified by its addresses only, like one of any protocol
// without ports.
func TestUserspaceSCTPPorts(t *testing.T) {
	const first = "sctp 10.0.0.1:1000>10.0.0.2:9"
	to := addr("10.0.0.3")
	for _, c := range []struct {
		release     Release
		entry, back string
		other       State // of another port's packet
		dport       uint16
	}{
		{Release{Major: 3, Minor: 1}, "sctp 10.0.0.1:0>10.0.0.2:0", "sctp 10.0.0.3:0>10.0.0.1:0", Est | Rpl | Trk, 9},
		{Release{Major: 3, Minor: 2}, "sctp 10.0.0.1:1000>10.0.0.2:9", "sctp 10.0.0.3:99>10.0.0.1:1000", New | Trk, 99},
	} {
		u, o := NewUserspace(), NewOverlay(nil)
		u.Release = c.release
		r, err := u.Do(bg, o, Conn{}, Packet{IP: true, Tuple: tup(t, first)}, Action{Zone: 7, Commit: true,
			NAT: &NAT{Dst: true, MinAddr: to, MinPort: 99}})
		if err != nil || r.Committed == nil {
			t.Fatalf("%v: %+v, %v", c.release, r, err)
		}
		if e := r.Committed; e.Orig != tup(t, c.entry) || e.Reply != tup(t, c.back) {
			t.Errorf("%v: entered %v, reply %v; want %s, %s", c.release, e.Orig, e.Reply, c.entry, c.back)
		}
		if got := r.Packet.Tuple.Dst; got.Addr() != to || got.Port() != c.dport {
			t.Errorf("%v: sent to %v", c.release, got)
		}
		o.Apply(r)
		if r, err = u.Do(bg, o, Conn{}, Packet{IP: true, Tuple: tup(t, "sctp 10.0.0.3:10>10.0.0.1:1001")}, Action{Zone: 7}); err != nil || r.Conn.State != c.other {
			t.Errorf("%v: a reply of other ports is %v, %v; want %v", c.release, r.Conn.State, err, c.other)
		}
	}
}
