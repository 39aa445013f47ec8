package ctstate

import "testing"

// Every case here was once a disagreement with packets sent through Open vSwitch itself
// (internal/difftest).

// ovsStep is one packet through a list of actions in zone 7, and the result of the last one.
type ovsStep struct {
	tuple   string
	flags   uint16
	actions []Action
	state   State
	out     string // "" unchanged
	reply   string // the reply direction of the entry committed; "" none
	cert    Certainty
}

func runOVS(t *testing.T, name string, k Tracker, o *Overlay, steps ...ovsStep) {
	t.Helper()
	for i, s := range steps {
		for j := range s.actions {
			s.actions[j].Zone = 7
		}
		r := carried(t, k, o, Packet{IP: true, InWindow: true, Tuple: tup(t, s.tuple), TCPFlags: s.flags, HasID: true}, s.actions...)
		out, reply := s.out, ""
		if out == "" {
			out = s.tuple
		}
		if r.Committed != nil {
			reply = r.Committed.Reply.String()
		}
		if r.Conn.State != s.state || r.Packet.Tuple.String() != out || reply != s.reply || r.Certainty != s.cert {
			t.Errorf("%s, packet %d: %v, out %v, committed %q, certainty %d (%q)", name, i, r.Conn.State, r.Packet.Tuple, reply, r.Certainty, r.Why)
		}
	}
}

func TestKernelKilledStaysKilled(t *testing.T) {
	o := NewOverlay(nil)
	nat := dstTo("10.0.0.9", "10.0.0.9")
	both := []Action{{NAT: &NAT{}}, {Commit: true, NAT: nat, Mark: 1, MarkMask: 1}}
	runOVS(t, "reset, then commit", NewKernel(Release{}), o,
		ovsStep{client, tcpSYN, both, New | Trk | SNAT | DNAT, "tcp 10.0.0.1:1000>10.0.0.9:80", "tcp 10.0.0.9:80>10.0.0.1:1000", Exact},
		ovsStep{"tcp 10.0.0.9:80>10.0.0.1:1000", tcpRST, both, Est | Rpl | Trk | SNAT, server, "", Exact})
	if _, err := o.Lookup(bg, 7, tup(t, client)); err == nil {
		t.Error("the entry that a reset killed is back")
	}
}

// old is the release in which the cases were found; the zero Release is the newest.
var old = Release{Major: 3, Minor: 1}

func TestUserspaceBareNAT(t *testing.T) {
	const empty = "tcp 0.0.0.0:80>10.0.0.1:0"
	o := NewOverlay(nil)
	bare := []Action{{Commit: true, NAT: &NAT{}}}
	runOVS(t, "bare nat", NewUserspace(), o,
		ovsStep{client, tcpSYN, bare, New | Trk, "", empty, Exact},
		ovsStep{server, tcpSYN | tcpACK, bare, Inv | Trk, "", "", Exact}, // not a reply of it
		ovsStep{client, tcpACK, []Action{{NAT: &NAT{}}}, Est | Trk, "", "", Exact},
		ovsStep{"tcp 10.0.0.1:1001>10.0.0.3:80", tcpSYN, bare, New | Trk, "", "", Exact}) // its empty reply is taken
	e, _ := o.Lookup(bg, 7, tup(t, client))
	e.Source = FromUserspace // read back: nothing else shows how it was committed
	runOVS(t, "read back", NewUserspace(), NewOverlay(NewMemTable(e)),
		ovsStep{client, tcpACK, []Action{{NAT: &NAT{}}}, Est | Trk, "", "", Exact})
	runOVS(t, "IPv6", NewUserspace(), NewOverlay(nil), ovsStep{"udp [fd00::1]:1>[fd00::2]:2", 0, bare, New | Trk, "", "udp [::]:2>[fd00::1]:0", Exact})
	runOVS(t, "GRE", NewUserspace(), NewOverlay(nil), ovsStep{"gre 10.0.0.1>10.0.0.2", 0, bare, New | Trk, "", "gre 0.0.0.0>10.0.0.1", Exact})
}

func TestUserspaceICMPIDs(t *testing.T) {
	const echo, taken = "icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=5", "icmp 10.0.0.9>10.0.0.2 type=8 code=0 id=5"
	snat := []Action{{Commit: true, NAT: srcTo("20.0.0.1", "20.0.0.1")}}
	for _, c := range []struct {
		r          Release
		out, reply string
		cert       Certainty
	}{
		{old, echo, "", Exact},
		{Release{Major: 3, Minor: 7}, echo, "", Exact},
		{Release{}, "icmp 20.0.0.1>10.0.0.2 type=8 code=0 id=6", "icmp 10.0.0.2>20.0.0.1 type=0 code=0 id=6", Predicted},
	} {
		runOVS(t, "ICMP id taken, OVS "+c.r.String(), &Userspace{Release: c.r}, NewOverlay(nil),
			ovsStep{taken, 0, snat, New | Trk | SNAT, "icmp 20.0.0.1>10.0.0.2 type=8 code=0 id=5", "icmp 10.0.0.2>20.0.0.1 type=0 code=0 id=5", Exact},
			ovsStep{echo, 0, snat, New | Trk, "", "", Exact}.with(c.out, c.reply, c.cert))
	}
}

func TestUserspaceBareNATOfEchoes(t *testing.T) {
	for release, want := range map[Release]string{old: "icmp 0.0.0.0>10.0.0.1 type=0 code=0 id=5", {}: "icmp 0.0.0.0>10.0.0.1 type=0 code=0 id=0"} {
		runOVS(t, "OVS "+release.String(), &Userspace{Release: release}, NewOverlay(nil),
			ovsStep{"icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=5", 0, []Action{{Commit: true, NAT: &NAT{}}}, New | Trk, "", want, Exact})
	}
}

// with returns the step with another outcome: translated, or not committed.
func (s ovsStep) with(out, reply string, cert Certainty) ovsStep {
	s.out, s.reply, s.cert = out, reply, cert
	if reply != "" {
		s.state |= SNAT
	}
	return s
}

func TestUserspacePortZero(t *testing.T) {
	for _, tuple := range []string{"tcp 10.0.0.1:0>10.0.0.2:80", "udp 10.0.0.1:5>10.0.0.2:0"} {
		runOVS(t, tuple, NewUserspace(), NewOverlay(nil), ovsStep{tuple, tcpSYN, []Action{{Commit: true}}, Inv | Trk, "", "", Exact})
	}
	in := tup(t, "udp 10.0.0.1:5>10.0.0.2:0")
	r := carried(t, NewUserspace(), NewOverlay(nil), Packet{IP: true, Tuple: tup(t, "icmp 10.0.0.2>10.0.0.1 type=3 code=3 id=0"), Inner: &in}, Action{Zone: 7})
	if r.Conn.State != Inv|Trk {
		t.Errorf("quoted port 0: %v", r.Conn.State)
	}
}

func TestUserspaceForceBefore33(t *testing.T) {
	const orig, gone, back = "gre 10.0.0.1>10.0.0.2", "gre 10.0.0.1>20.0.0.9", "gre 20.0.0.9>10.0.0.1"
	dnat := []Action{{Commit: true, NAT: dstTo("20.0.0.9", "20.0.0.9")}}
	begin := ovsStep{orig, 0, dnat, New | Trk | DNAT, gone, back, Exact}
	force := func(before ...Action) []Action { return append(before, Action{Commit: true, Force: true}) }
	bare := Action{NAT: &NAT{}}
	runOVS(t, "a reply", &Userspace{Release: old}, NewOverlay(nil), begin,
		ovsStep{back, 0, force(), Est | Rpl | Trk, "", back, Exact})
	runOVS(t, "a reply, newest", NewUserspace(), NewOverlay(nil), begin,
		ovsStep{back, 0, force(), New | Trk, "", "gre 10.0.0.1>20.0.0.9", Exact})
	runOVS(t, "a translated original", &Userspace{Release: old}, NewOverlay(nil), begin,
		ovsStep{orig, 0, []Action{bare, {Commit: true, Force: true, NAT: &NAT{}}}, New | Trk | DNAT, gone, "", Exact})
	runOVS(t, "a translated original, without nat", &Userspace{Release: old}, NewOverlay(nil), begin,
		ovsStep{orig, 0, dnat, New | Trk | DNAT, gone, back, Exact},
		ovsStep{orig, 0, force(bare), Est | Rpl | Trk | DNAT, gone, back, Exact})

	zero := []Action{{Commit: true, NAT: &NAT{Src: true}}}
	const plainBack = "gre 10.0.0.2>10.0.0.1"
	runOVS(t, "a reply whose key is left behind", &Userspace{Release: old}, NewOverlay(nil),
		ovsStep{orig, 0, zero, New | Trk | SNAT, "", plainBack, Exact},
		ovsStep{plainBack, 0, force(), Trk, "", "", Assumed})
	runOVS(t, "what ends ovs-vswitchd", &Userspace{Release: old}, NewOverlay(nil),
		ovsStep{orig, 0, zero, New | Trk | SNAT, "", plainBack, Exact},
		ovsStep{plainBack, 0, force(bare), Est | Rpl | Trk | DNAT, "", "", Undetermined})
}

func TestUserspaceReopenBefore33(t *testing.T) {
	e := Entry{Zone: 7, Orig: tup(t, client), Reply: tup(t, server), NATSrc: true, Mark: 5, UserTCP: &UserTCPInfo{Orig: UserTCPTimeWait, Reply: UserTCPTimeWait}}
	for _, c := range []struct {
		r    Release
		want State
		mark uint32
	}{{old, Trk, 5}, {Release{}, New | Trk, 0}} {
		r := tcpDo(t, &Userspace{Release: c.r}, NewMemTable(e), client, tcpSYN, Action{Commit: true})
		if r.Conn.State != c.want || r.Conn.Mark != c.mark || r.Deleted == nil || (r.Committed != nil) != (c.mark == 0) {
			t.Errorf("OVS %v: %v mark %d committed %v", c.r, r.Conn.State, r.Conn.Mark, r.Committed)
		}
	}
}

// TestUserspaceLeftReply checks that the reply direction of a connection that a SYN has removed
// stays taken for the packet's later actions, and that the packet then gets another port.
func TestUserspaceLeftReply(t *testing.T) {
	const from, to = "tcp 10.0.0.1:1000>30.0.0.1:80", "tcp 10.0.0.9:80>10.0.0.1:1000"
	e := Entry{Zone: 7, Orig: tup(t, from), Reply: tup(t, to), NATDst: true, UserTCP: &UserTCPInfo{Orig: UserTCPTimeWait, Reply: UserTCPTimeWait}}
	again := []Action{{NAT: &NAT{}}, {Commit: true, NAT: dstTo("10.0.0.9", "10.0.0.9")}}
	for _, c := range []struct {
		r    Release
		port string
		cert Certainty
	}{{old, "1001", Predicted}, {Release{}, "1000", Exact}} {
		runOVS(t, "OVS "+c.r.String(), &Userspace{Release: c.r}, NewOverlay(NewMemTable(e)),
			ovsStep{from, tcpSYN, again, New | Trk | DNAT, "tcp 10.0.0.1:" + c.port + ">10.0.0.9:80", "tcp 10.0.0.9:80>10.0.0.1:" + c.port, c.cert})
		// A branch of the trace knows it too.
		k, o := &Userspace{Release: c.r}, NewOverlay(NewMemTable(e))
		gone := carried(t, k, o, Packet{IP: true, InWindow: true, Tuple: tup(t, from), TCPFlags: tcpSYN}, again[0])
		if r := carriedOn(t, k, o.Fork(), gone.Conn, gone.Packet, again[1]); r.Certainty != c.cert {
			t.Errorf("OVS %v, in a branch: %v, %v", c.r, r.Committed, r.Certainty)
		}
	}
}

func TestUserspaceSharedReply(t *testing.T) {
	dnat := []Action{{Commit: true, NAT: dstTo("10.0.0.9", "10.0.0.9")}}
	const moved = "tcp 10.0.0.1:1000>10.0.0.9:80"
	runOVS(t, "plain commit", NewUserspace(), NewOverlay(nil),
		ovsStep{client, tcpSYN, dnat, New | Trk | DNAT, moved, "tcp 10.0.0.9:80>10.0.0.1:1000", Exact},
		ovsStep{moved, tcpSYN, []Action{{Commit: true}}, New | Trk, "", "tcp 10.0.0.9:80>10.0.0.1:1000", Assumed})
}

func TestUserspaceNumbersNotKept(t *testing.T) {
	e := uconn(t, UserTCPSynSent, UserTCPClosed)
	for _, c := range []struct {
		flags uint16
		off   bool
		cert  Certainty
	}{{tcpSYN, false, Assumed}, {tcpSYN, true, Exact}, {tcpRST, false, Exact}, {tcpSYN | tcpACK, false, Exact}} {
		if r := tcpDo(t, &Userspace{NoSeqCheck: c.off}, NewMemTable(e), server, c.flags, Action{}); r.Certainty != c.cert {
			t.Errorf("from the second side %#x, checks off %v: certainty %d (%q)", c.flags, c.off, r.Certainty, r.Why)
		}
	}
	if r := tcpDo(t, NewUserspace(), NewMemTable(e), client, tcpRST, Action{}); r.Certainty != Assumed {
		t.Errorf("reset before the second side was seen: certainty %d", r.Certainty)
	}
}

func TestUserspaceErrors(t *testing.T) {
	// With force, a translated error counts as a reply: its connection is removed, and an error
	// begins no other.
	e := Entry{Zone: 7, Orig: tup(t, "gre 10.0.0.1>10.0.0.2"), Reply: tup(t, "gre 20.0.0.9>10.0.0.1"), NATDst: true}
	in := tup(t, "gre 10.0.0.1>20.0.0.9")
	p := Packet{IP: true, Tuple: tup(t, "icmp 10.9.9.9>10.0.0.1 type=11 code=0 id=0"), Inner: &in}
	r := carried(t, &Userspace{Release: old}, NewOverlay(NewMemTable(e)), p, Action{Zone: 7, NAT: &NAT{}}, Action{Zone: 7, Commit: true, Force: true})
	if r.Conn.State != Inv|Trk {
		t.Errorf("forced error: %v", r.Conn.State)
	}
	// The packet that an ICMPv6 error quotes is damaged.
	e6 := Entry{Zone: 7, Orig: tup(t, "tcp [fd00::1]:1>[fd00::2]:2"), Reply: tup(t, "tcp [fd00::9]:2>[fd00::1]:1"), NATDst: true}
	in = tup(t, "tcp [fd00::1]:1>[fd00::9]:2")
	p = Packet{IP: true, Tuple: tup(t, "icmpv6 fd00::9>fd00::1 type=1 code=0 id=0"), Inner: &in}
	if r = carried(t, NewUserspace(), NewOverlay(NewMemTable(e6)), p, Action{Zone: 7, NAT: &NAT{}}); r.Certainty != Undetermined || r.Conn.State != Rel|Rpl|Trk|SNAT {
		t.Errorf("ICMPv6 error: %v certainty %d", r.Conn.State, r.Certainty)
	}
}

func TestUserspaceTakenPortOfARange(t *testing.T) {
	const first = "udp 10.0.0.5:1000>10.0.0.2:53"
	taken := Entry{Zone: 7, Orig: tup(t, first), Reply: tup(t, "udp 10.0.0.2:53>20.0.0.1:1000"), NATSrc: true}
	r := carried(t, NewUserspace(), NewOverlay(NewMemTable(taken)), Packet{IP: true, Tuple: tup(t, "udp 10.0.0.1:1000>10.0.0.2:53")},
		Action{Zone: 7, Commit: true, NAT: srcTo("20.0.0.1", "20.0.0.3")})
	if len(r.Ranges) != 2 || r.Ranges[1].Kind != RangeNATPort || r.Ranges[1].Min > 1000 {
		t.Errorf("ranges %+v", r.Ranges)
	}
}

func TestKernelDestinationPortsOf61(t *testing.T) {
	for _, c := range []struct {
		r    Release
		want Certainty
	}{{Release{6, 1, 192}, Undetermined}, {Release{6, 18, 0}, Predicted}} {
		n := dstTo("10.0.0.9", "10.0.0.9")
		n.MinPort, n.MaxPort = 1001, 1200
		if r := tcpDo(t, NewKernel(c.r), NewMemTable(), client, tcpSYN, Action{Commit: true, NAT: n}); r.Certainty != c.want {
			t.Errorf("%v: certainty %d", c.r, r.Certainty)
		}
	}
}

// TestUserspaceTakenAddressOfARange checks that a protocol without ports, or with one port, is
// committed only with an address that is not taken, whichever the datapath picks.
func TestUserspaceTakenAddressOfARange(t *testing.T) {
	gre := func(to string) Entry {
		return Entry{Zone: 7, Orig: tup(t, "gre 10.0.0.5>10.0.0.2"), Reply: tup(t, "gre 10.0.0.2>"+to), NATSrc: true}
	}
	udp := Entry{Zone: 7, Orig: tup(t, "udp 10.0.0.5:9>10.0.0.2:53"), Reply: tup(t, "udp 10.0.0.2:53>20.0.0.1:5"), NATSrc: true}
	onePort := srcTo("20.0.0.1", "20.0.0.2")
	onePort.MinPort, onePort.MaxPort = 5, 5
	for _, c := range []struct {
		name    string
		tuple   string
		nat     *NAT
		entries []Entry
		replies []string // of the connection committed, in each alternative; "" if none is
		cert    Certainty
	}{
		{"none taken", "gre 10.0.0.1>10.0.0.2", srcTo("20.0.0.1", "20.0.0.2"), nil, []string{"gre 10.0.0.2>20.0.0.1"}, Undetermined},
		{"the first", "gre 10.0.0.1>10.0.0.2", srcTo("20.0.0.1", "20.0.0.2"), []Entry{gre("20.0.0.1")}, []string{"gre 10.0.0.2>20.0.0.2", ""}, Undetermined},
		{"the last", "gre 10.0.0.1>10.0.0.2", srcTo("20.0.0.0", "20.0.0.1"), []Entry{gre("20.0.0.1")}, []string{"gre 10.0.0.2>20.0.0.0", ""}, Undetermined},
		{"all", "gre 10.0.0.1>10.0.0.2", srcTo("20.0.0.1", "20.0.0.1"), []Entry{gre("20.0.0.1")}, []string{""}, Exact},
		{"all of two", "gre 10.0.0.1>10.0.0.2", srcTo("20.0.0.1", "20.0.0.2"), []Entry{gre("20.0.0.1"),
			{Zone: 7, Orig: tup(t, "gre 10.0.0.6>10.0.0.2"), Reply: tup(t, "gre 10.0.0.2>20.0.0.2"), NATSrc: true}}, []string{""}, Exact},
		{"another destination", "gre 10.0.0.1>10.0.0.3", srcTo("20.0.0.1", "20.0.0.2"), []Entry{gre("20.0.0.1")}, []string{"gre 10.0.0.3>20.0.0.1"}, Undetermined},
		{"one port", "udp 10.0.0.1:1000>10.0.0.2:53", onePort, []Entry{udp}, []string{"udp 10.0.0.2:53>20.0.0.2:5", ""}, Undetermined},
		{"a large range", "gre 10.0.0.1>10.0.0.2", srcTo("20.0.0.1", "20.9.0.0"), []Entry{gre("20.0.0.1")}, []string{"gre 10.0.0.2>20.0.0.2", ""}, Undetermined},
		// Beyond the first addresses one may be taken, where there is no port to choose.
		{"a large range, none seen", "gre 10.0.0.1>10.0.0.3", srcTo("20.0.0.1", "20.9.0.0"), []Entry{gre("20.0.0.1")}, []string{"gre 10.0.0.3>20.0.0.1", ""}, Undetermined},
		{"a large range of ports", "udp 10.0.0.1:1000>10.0.0.3:53", srcTo("20.0.0.1", "20.9.0.0"), nil, []string{"udp 10.0.0.3:53>20.0.0.1:1000"}, Undetermined},
	} {
		r := carried(t, NewUserspace(), NewOverlay(NewMemTable(c.entries...)), Packet{IP: true, Tuple: tup(t, c.tuple), HasID: true},
			Action{Zone: 7, Commit: true, NAT: c.nat})
		results := []Result{r}
		if len(r.Alternatives) > 0 {
			results = nil
			for _, a := range r.Alternatives {
				results = append(results, a.Result)
			}
		}
		if r.Certainty != c.cert || len(results) != len(c.replies) {
			t.Errorf("%s: certainty %v, %d results (%q)", c.name, r.Certainty, len(results), r.Why)
			continue
		}
		for i, want := range c.replies {
			reply := ""
			if e := results[i].Committed; e != nil {
				reply = e.Reply.String()
			}
			translated := results[i].Packet.Tuple != tup(t, c.tuple)
			if reply != want || translated != (want != "") || (len(results[i].Ranges) > 0) != (want != "") {
				t.Errorf("%s, alternative %d: reply %q, want %q; packet %v, ranges %v", c.name, i, reply, want, results[i].Packet.Tuple, results[i].Ranges)
			}
		}
	}
}
