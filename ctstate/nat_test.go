package ctstate

import (
	"net/netip"
	"testing"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// srcTo and dstTo are nat(src=...) and nat(dst=...).
func srcTo(lo, hi string) *NAT { return &NAT{Src: true, MinAddr: addr(lo), MaxAddr: addr(hi)} }
func dstTo(lo, hi string) *NAT { return &NAT{Dst: true, MinAddr: addr(lo), MaxAddr: addr(hi)} }

// natted returns a committed connection with the given reply tuple and bits.
func natted(t testing.TB, reply string, status Status) Entry {
	e := entry(t, "udp 10.0.0.1:1000>10.0.0.2:53", status|SrcNATDone|DstNATDone)
	e.Reply = tup(t, reply)
	return e
}

func TestNATBits(t *testing.T) {
	const orig = "udp 10.0.0.1:1000>10.0.0.2:53"
	dst := func(s Status) *Entry { e := natted(t, "udp 10.0.0.9:53>10.0.0.1:1000", s|DstNAT); return &e }
	src := func(s Status) *Entry { e := natted(t, "udp 10.0.0.2:53>20.0.0.1:1000", s|SrcNAT); return &e }
	both := func(s Status) *Entry { e := natted(t, "udp 10.0.0.9:53>20.0.0.1:1000", s|SrcNAT|DstNAT); return &e }
	plain := func(s Status) *Entry { e := natted(t, "udp 10.0.0.2:53>10.0.0.1:1000", s); return &e }
	bare, toSrc, toDst := &NAT{}, srcTo("20.0.0.1", "20.0.0.1"), dstTo("10.0.0.9", "10.0.0.9")
	const toDstOut, toSrcOut = "udp 10.0.0.1:1000>10.0.0.9:53", "udp 20.0.0.1:1000>10.0.0.2:53"
	for _, c := range []struct {
		name   string
		e      *Entry
		tuple  string
		commit bool
		nat    *NAT
		bits   State
		out    string
	}{
		{"first, plain", nil, orig, true, nil, 0, orig},
		{"first, bare", nil, orig, false, bare, 0, orig},
		{"first, src", nil, orig, true, toSrc, SNAT, toSrcOut},
		{"first, dst", nil, orig, true, toDst, SNAT | DNAT, toDstOut},
		{"first, dst to itself", nil, orig, true, dstTo("10.0.0.2", "10.0.0.2"), DNAT, orig},
		{"first, src to itself", nil, orig, true, srcTo("10.0.0.1", "10.0.0.1"), SNAT, orig},
		{"first, src without address", nil, orig, true, &NAT{Src: true}, SNAT, orig},
		{"first, all-zero src", nil, orig, true, srcTo("0.0.0.0", "0.0.0.0"), SNAT, orig},
		{"first, src but no commit", nil, orig, false, toSrc, 0, orig},
		{"unanswered dst, bare", dst(0), orig, false, bare, 0, orig},
		// nf_ct_nat runs the source's manipulation twice here, and the destination's never.
		{"unanswered dst, src", dst(0), orig, true, toSrc, SNAT, orig},
		{"unanswered dst, another dst", dst(0), orig, true, dstTo("10.0.0.7", "10.0.0.7"), SNAT | DNAT, toDstOut},
		{"unanswered src, bare", src(0), orig, false, bare, 0, orig},
		{"unanswered src, src", src(0), orig, true, srcTo("20.0.0.7", "20.0.0.7"), SNAT, toSrcOut},
		{"unanswered src, dst", src(0), orig, true, toDst, DNAT, orig},
		{"answered dst, bare", dst(SeenReply), orig, false, bare, SNAT | DNAT, toDstOut},
		{"answered dst, src", dst(SeenReply), orig, true, toSrc, SNAT | DNAT, toDstOut},
		{"reply of dst", dst(SeenReply), "udp 10.0.0.9:53>10.0.0.1:1000", false, bare, SNAT, "udp 10.0.0.2:53>10.0.0.1:1000"},
		{"answered src", src(SeenReply), orig, false, bare, SNAT, toSrcOut},
		{"reply of src", src(SeenReply), "udp 10.0.0.2:53>20.0.0.1:1000", false, bare, DNAT, "udp 10.0.0.2:53>10.0.0.1:1000"},
		{"answered both", both(SeenReply), orig, false, bare, SNAT | DNAT, "udp 20.0.0.1:1000>10.0.0.9:53"},
		{"reply of both", both(SeenReply), "udp 10.0.0.9:53>20.0.0.1:1000", false, bare, SNAT | DNAT, "udp 10.0.0.2:53>10.0.0.1:1000"},
		{"answered plain, bare", plain(SeenReply), orig, false, bare, 0, orig},
		{"answered plain, src", plain(SeenReply), orig, true, toSrc, SNAT, orig},
		{"answered plain, dst", plain(SeenReply), orig, true, toDst, DNAT, orig},
		{"no nat in the action", dst(SeenReply), orig, false, nil, 0, orig},
	} {
		tbl := NewMemTable()
		if c.e != nil {
			tbl.Insert(*c.e)
		}
		r, err := NewKernel(Release{}).Do(bg, tbl, Conn{}, Packet{IP: true, Tuple: tup(t, c.tuple)}, Action{Zone: 7, Commit: c.commit, NAT: c.nat})
		if err != nil || r.Conn.State&(SNAT|DNAT) != c.bits || r.Packet.Tuple.String() != c.out || r.NATed != (c.tuple != c.out) {
			t.Errorf("%s: %v %v (%v), want %v %s", c.name, r.Conn.State, r.Packet.Tuple, err, c.bits, c.out)
		}
	}
	r, _ := NewKernel(Release{5, 9, 0}).Do(bg, NewMemTable(), Conn{}, Packet{IP: true, Tuple: tup(t, orig)}, Action{Zone: 7, Commit: true, NAT: toDst})
	if r.Conn.State != New|Trk|DNAT || r.Committed.Status&SrcNATDone != 0 {
		t.Errorf("before 5.10: %v %v", r.Conn.State, r.Committed.Status)
	}
	differs := *plain(SeenReply)
	differs.Reply = tup(t, "udp 10.0.0.9:53>10.0.0.1:1000")
	r, _ = NewKernel(Release{}).Do(bg, NewMemTable(differs), Conn{}, Packet{IP: true, Tuple: tup(t, orig)}, Action{Zone: 7, NAT: bare})
	if r.NATed {
		t.Error("tuples that differ without NAT bits translate nothing")
	}
}

func TestNATErrors(t *testing.T) {
	e := natted(t, "udp 10.0.0.9:53>10.0.0.1:1000", SeenReply|DstNAT)
	for _, c := range []struct {
		name, tuple, inner string
		commit             bool
		rel                Release
		bits               State
		out, innerOut      string
		dropped            bool
	}{
		{"about the client's, bare", "icmp 10.7.7.7>10.0.0.1 type=3 code=1 id=0", "udp 10.0.0.1:1000>10.0.0.9:53", false, Release{},
			SNAT, "icmp 10.0.0.2>10.0.0.1 type=3 code=1 id=0", "udp 10.0.0.1:1000>10.0.0.2:53", false},
		{"about the server's, bare", "icmp 10.0.0.1>10.0.0.2 type=3 code=3 id=0", "udp 10.0.0.2:53>10.0.0.1:1000", false, Release{},
			0, "icmp 10.0.0.1>10.0.0.2 type=3 code=3 id=0", "udp 10.0.0.2:53>10.0.0.1:1000", false},
		{"about the server's, commit", "icmp 10.0.0.1>10.0.0.2 type=3 code=3 id=0", "udp 10.0.0.2:53>10.0.0.1:1000", true, Release{},
			SNAT | DNAT, "icmp 10.0.0.1>10.0.0.9 type=3 code=3 id=0", "udp 10.0.0.9:53>10.0.0.1:1000", false},
		{"bits lost in 6.5", "icmp 10.7.7.7>10.0.0.1 type=3 code=1 id=0", "udp 10.0.0.1:1000>10.0.0.9:53", false, Release{6, 5, 0},
			0, "icmp 10.0.0.2>10.0.0.1 type=3 code=1 id=0", "udp 10.0.0.1:1000>10.0.0.2:53", false},
		{"redirect", "icmp 10.7.7.7>10.0.0.1 type=5 code=1 id=0", "udp 10.0.0.1:1000>10.0.0.9:53", false, Release{}, 0, "", "", true},
	} {
		in := tup(t, c.inner)
		r, err := NewKernel(c.rel).Do(bg, NewMemTable(e), Conn{}, Packet{IP: true, Tuple: tup(t, c.tuple), Inner: &in}, Action{Zone: 7, Commit: c.commit, NAT: &NAT{}})
		if err != nil || r.Dropped != c.dropped {
			t.Errorf("%s: dropped %v, %v", c.name, r.Dropped, err)
		}
		if !c.dropped && (r.Conn.State&natMask != c.bits || r.Packet.Tuple.String() != c.out || r.Packet.Inner.String() != c.innerOut) {
			t.Errorf("%s: %v %v quoting %v", c.name, r.Conn.State, r.Packet.Tuple, r.Packet.Inner)
		}
		if in != tup(t, c.inner) {
			t.Errorf("%s: the caller's packet was changed", c.name)
		}
	}
}

// Choices of kernel 6.18, recorded by difftest.
func TestAddressHash(t *testing.T) {
	for _, c := range []struct {
		src, dst string
		zone     uint16
		lo, hi   string
		manip    manip
		pers     bool
		want     string
	}{
		{"10.0.0.3", "10.1.0.3", 2, "20.0.0.1", "20.0.3.232", manipSrc, false, "20.0.3.226"},
		{"10.1.0.2", "10.0.0.3", 2, "21.0.0.3", "21.0.0.18", manipSrc, false, "21.0.0.13"},
		{"10.1.0.2", "10.0.0.2", 1, "22.0.0.1", "22.0.3.232", manipSrc, false, "22.0.1.237"},
		{"10.0.0.1", "10.1.0.3", 1, "20.0.0.3", "20.0.0.5", manipDst, false, "20.0.0.4"},
		{"10.0.0.3", "10.1.0.2", 2, "21.0.0.2", "21.0.0.3", manipDst, false, "21.0.0.3"},
		{"10.0.0.3", "10.1.0.1", 2, "10.0.0.1", "10.1.0.2", manipDst, false, "10.0.100.92"},
		{"10.0.0.1", "10.1.0.1", 1, "22.0.0.0", "22.0.3.231", manipDst, true, "22.0.1.12"},
		{"fd00::1:3", "fd00::1", 1, "fd00:2::2", "fd00:2::1:1171", manipSrc, false, "fd00:2::c70"},
		// A destination is hashed as it is rewritten: with the old words these were 173 and 1a0.
		{"fd00::2", "fd00::1:2", 1, "fd00:1::", "fd00:1::3e7", manipDst, false, "fd00:1::16f"},
		{"fd00::2", "fd00::1:3", 2, "fd00:1::", "fd00:1::3e7", manipDst, false, "fd00:1::1a4"},
		{"fd00::1", "fd00::1:3", 300, "fd00:2::3", "fd00:2:0:1:0:1:0:3", manipDst, false, "fd00:2:0:1:0:1:0:3"},
		{"fd00::1", "fd00::1:2", 2, "fd00::3", "fd00::12", manipDst, false, "fd00::7"},
	} {
		g := &natRange{minAddr: addr(c.lo), maxAddr: addr(c.hi), persistent: c.pers}
		if got := hashAddr(addr(c.src), addr(c.dst), g, c.zone, c.manip); got != addr(c.want) {
			t.Errorf("%s>%s zone %d in %s-%s: %v, want %s", c.src, c.dst, c.zone, c.lo, c.hi, got, c.want)
		}
	}
}

func TestNATSelection(t *testing.T) {
	const a, b = "udp 10.0.0.1:1000>10.0.0.2:53", "udp 10.0.0.5:1000>10.0.0.2:53"
	// taken is a connection of b, translated to 20.0.0.1:1000.
	taken := entry(t, b, SrcNAT|SrcNATDone|DstNATDone)
	taken.Reply = tup(t, "udp 10.0.0.2:53>20.0.0.1:1000")
	own := entry(t, "udp 10.0.0.1:1000>10.0.0.8:53", SrcNAT|SrcNATDone|DstNATDone)
	own.Reply = tup(t, "udp 10.0.0.8:53>20.0.0.3:4444")
	ports := func(n NAT, lo, hi uint16) *NAT { n.MinPort, n.MaxPort = lo, hi; return &n }
	flag := func(n NAT) *NAT { n.Random = true; return &n }
	lb := func(p uint16) Entry { // another client of the same server, as translated by a load balancer
		e := entry(t, "udp 10.0.0.1:1000>30.0.0.1:53", DstNAT|SrcNATDone|DstNATDone)
		e.Reply = tup(t, "udp 10.0.0.2:53>10.0.0.1:1000")
		if p != 0 {
			e.Reply.Src = netip.AddrPortFrom(e.Reply.Src.Addr(), p)
		}
		return e
	}
	for _, c := range []struct {
		name  string
		have  []Entry
		tuple string
		nat   *NAT
		out   string
		cert  Certainty
		rng   Range
	}{
		{"one address, port kept", nil, a, srcTo("20.0.0.1", "20.0.0.1"), "udp 20.0.0.1:1000>10.0.0.2:53", Exact, Range{}},
		{"its port taken", []Entry{taken}, a, srcTo("20.0.0.1", "20.0.0.1"), "udp 20.0.0.1:1001>10.0.0.2:53", Undetermined, Range{Kind: RangeNATPort, Min: 600, Max: 1023}},
		{"the same socket's mapping", []Entry{own}, a, srcTo("20.0.0.1", "20.0.0.9"), "udp 20.0.0.3:4444>10.0.0.2:53", Exact, Range{}},
		{"not when it lies outside", []Entry{own}, a, srcTo("20.0.0.1", "20.0.0.1"), "udp 20.0.0.1:1000>10.0.0.2:53", Exact, Range{}},
		{"in range kept", nil, a, srcTo("10.0.0.0", "10.0.0.9"), a, Exact, Range{}},
		{"random", nil, a, flag(*srcTo("20.0.0.1", "20.0.0.1")), "udp 20.0.0.1:1000>10.0.0.2:53", Undetermined, Range{Kind: RangeNATPort, Min: 600, Max: 1023}},
		{"one port", nil, a, ports(*srcTo("20.0.0.1", "20.0.0.1"), 77, 77), "udp 20.0.0.1:77>10.0.0.2:53", Exact, Range{}},
		{"port range, own port", nil, a, ports(*srcTo("20.0.0.1", "20.0.0.1"), 900, 1100), "udp 20.0.0.1:1000>10.0.0.2:53", Exact, Range{}},
		{"port range, another port", nil, a, ports(*srcTo("20.0.0.1", "20.0.0.1"), 77, 78), "udp 20.0.0.1:77>10.0.0.2:53", Undetermined, Range{Kind: RangeNATPort, Min: 77, Max: 78}},
		{"one free port", []Entry{taken}, a, ports(*srcTo("20.0.0.1", "20.0.0.1"), 1000, 1001), "udp 20.0.0.1:1001>10.0.0.2:53", Predicted, Range{}},
		{"destination", nil, a, ports(*dstTo("10.0.0.9", "10.0.0.9"), 5353, 5353), "udp 10.0.0.1:1000>10.0.0.9:5353", Exact, Range{}},
		{"destination, first port", nil, a, ports(*dstTo("10.0.0.9", "10.0.0.9"), 5353, 5360), "udp 10.0.0.1:1000>10.0.0.9:5353", Predicted, Range{}},
		{"destination, own port", nil, a, ports(*dstTo("10.0.0.9", "10.0.0.9"), 50, 60), "udp 10.0.0.1:1000>10.0.0.9:53", Exact, Range{}},
		{"balancer clash changes the source port", []Entry{lb(0)}, "udp 10.0.0.1:1000>30.0.0.2:53", dstTo("10.0.0.2", "10.0.0.2"),
			"udp 10.0.0.1:1001>10.0.0.2:53", Undetermined, Range{Kind: RangeNATPort, Min: 600, Max: 1023}},
		{"null binding steps aside", []Entry{lb(0)}, a, &NAT{Src: true}, "udp 10.0.0.1:1001>10.0.0.2:53", Undetermined, Range{Kind: RangeNATPort, Min: 600, Max: 1023}},
		{"GRE has no port", nil, "gre 10.0.0.1>10.0.0.2", srcTo("20.0.0.1", "20.0.0.1"), "gre 20.0.0.1>10.0.0.2", Exact, Range{}},
		{"echo", nil, "icmp 10.0.0.1>10.0.0.2 type=8 code=0 id=5", srcTo("20.0.0.1", "20.0.0.1"), "icmp 20.0.0.1>10.0.0.2 type=8 code=0 id=5", Exact, Range{}},
	} {
		r, err := NewKernel(Release{}).Do(bg, NewMemTable(c.have...), Conn{}, Packet{IP: true, Tuple: tup(t, c.tuple), HasID: true},
			Action{Zone: 7, Commit: true, NAT: c.nat})
		if err != nil || r.Packet.Tuple.String() != c.out || r.Certainty != c.cert || r.Dropped {
			t.Errorf("%s: %v certainty %v dropped %v, %v (%q)", c.name, r.Packet.Tuple, r.Certainty, r.Dropped, err, r.Why)
		}
		var rng Range
		if len(r.Ranges) > 0 {
			rng = r.Ranges[0]
		}
		if rng != c.rng {
			t.Errorf("%s: range %+v, want %+v", c.name, rng, c.rng)
		}
		if e := r.Committed; e != nil && (e.Status&SrcNAT != 0) != (e.Reply.Dst != e.Orig.Src || e.Reply.ICMPID != e.Orig.ICMPID) {
			t.Errorf("%s: status %v with reply %v", c.name, e.Status, e.Reply)
		}
	}
	k := NewKernel(Release{6, 7, 0})
	r, _ := k.Do(bg, NewMemTable(), Conn{}, Packet{IP: true, Tuple: tup(t, a)}, Action{Zone: 7, Commit: true, NAT: ports(*dstTo("10.0.0.9", "10.0.0.9"), 5353, 5360)})
	if r.Certainty != Undetermined {
		t.Errorf("destination port search before 6.8 is %v", r.Certainty)
	}
}

// There is no port search for a destination or for an untranslated connection: confirming it drops
// the packet.
func TestReplyClashDrops(t *testing.T) {
	e := entry(t, "tcp 10.0.0.1:1000>30.0.0.1:80", DstNAT|SrcNATDone|DstNATDone)
	e.Reply = tup(t, "tcp 10.0.0.2:80>10.0.0.1:1000")
	r := tcpDo(t, NewKernel(Release{}), NewMemTable(e), client, tcpSYN, Action{Commit: true})
	if !r.Dropped || r.Committed != nil {
		t.Errorf("a taken reply direction was committed: %+v", r.Committed)
	}
	if r := tcpDo(t, NewKernel(Release{}), NewMemTable(e), client, tcpSYN, Action{}); r.Dropped || r.Conn.State != New|Trk {
		t.Errorf("a look-up alone is not dropped: %v", r.Conn.State)
	}
	three := srcTo("20.0.0.1", "20.0.0.1")
	three.MinPort, three.MaxPort = 1000, 1001
	full := NewMemTable()
	for i, port := range []uint16{1000, 1001} {
		x := entry(t, []string{"tcp 10.0.0.5:1>10.0.0.2:80", "tcp 10.0.0.6:1>10.0.0.2:80"}[i], SrcNAT|SrcNATDone)
		x.Reply.Dst = netip.AddrPortFrom(addr("20.0.0.1"), port)
		full.Insert(x)
	}
	if r := tcpDo(t, NewKernel(Release{}), full, client, tcpSYN, Action{Commit: true, NAT: three}); !r.Dropped {
		t.Errorf("every port taken, and %v", r.Packet.Tuple)
	}
	// difftest: a closing connection's port may be taken over since 6.5, which sequence numbers
	// decide.
	closing := conn(t, TCPTimeWait, SeenReply|SrcNAT|SrcNATDone)
	closing.Orig, closing.Reply = tup(t, "tcp 10.0.0.5:1>10.0.0.2:80"), tup(t, "tcp 10.0.0.2:80>20.0.0.1:1000")
	one := srcTo("20.0.0.1", "20.0.0.1")
	one.MinPort, one.MaxPort, one.Random = 1000, 1000, true
	if r := tcpDo(t, NewKernel(Release{}), NewMemTable(closing), client, tcpSYN, Action{Commit: true, NAT: one}); r.Dropped ||
		r.Deleted == nil || r.Deleted.Orig != closing.Orig || r.Certainty != Undetermined {
		t.Errorf("closing connection: dropped %v deleted %v certainty %v", r.Dropped, r.Deleted, r.Certainty)
	}
	if r := tcpDo(t, NewKernel(Release{6, 1, 0}), NewMemTable(closing), client, tcpSYN, Action{Commit: true, NAT: one}); !r.Dropped {
		t.Error("evicted before 6.5")
	}
}

// A GRE packet has its key in place of a port: a range of ports without 0 matches no GRE source,
// and the address is chosen anew (l4proto_in_range).
func TestGREOutsidePortRange(t *testing.T) {
	gre := Tuple{Proto: ProtoGRE, Src: netip.AddrPortFrom(addr("10.0.0.5"), 0), Dst: netip.AddrPortFrom(addr("10.0.1.5"), 0)}
	for _, c := range []struct {
		g    natRange
		want bool
	}{
		{natRange{ips: true, minAddr: addr("10.0.0.1"), maxAddr: addr("10.0.0.9")}, true},
		{natRange{ips: true, minAddr: addr("10.0.0.1"), maxAddr: addr("10.0.0.9"), ports: true, minPort: 999, maxPort: 1000}, false},
	} {
		if got := c.g.inRange(gre); got != c.want {
			t.Errorf("%+v: %v", c.g, got)
		}
	}
	other := gre
	other.Proto = 50 // has nothing that could be out of range
	if g := (natRange{ips: true, minAddr: addr("10.0.0.1"), maxAddr: addr("10.0.0.9"), ports: true, minPort: 999, maxPort: 1000}); !g.inRange(other) {
		t.Error("ESP is out of a range of ports")
	}
}
