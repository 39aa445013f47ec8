package ctstate

import (
	"net/netip"
	"testing"
)

// BenchmarkClassify is one ct(nat) of an established, translated connection: look-up, state, TCP
// progress, rewriting.
func BenchmarkClassify(b *testing.B) {
	e := conn(b, TCPEstablished, SeenReply|Assured|DstNAT|SrcNATDone|DstNATDone)
	e.Reply = tup(b, "tcp 10.0.0.9:8080>10.0.0.1:1000")
	e.TCP.FlagsOrig, e.TCP.FlagsReply = TCPFlagBeLiberal, TCPFlagBeLiberal
	benchmarkDo(b, NewMemTable(e), Packet{IP: true, Tuple: e.Orig, TCPFlags: tcpACK}, Action{Zone: 7, NAT: &NAT{}}, Est|Trk|SNAT|DNAT)
}

// BenchmarkCommit is a first packet committed with destination NAT in a table of 10,000
// connections.
func BenchmarkCommit(b *testing.B) {
	m := NewMemTable()
	e := conn(b, TCPEstablished, SeenReply)
	for i := range 10000 {
		e.Orig.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 1000)
		e.Reply, _ = e.Orig.Invert()
		m.Insert(e)
	}
	p := Packet{IP: true, Tuple: tup(b, client), TCPFlags: tcpSYN}
	n := &NAT{Dst: true, MinAddr: netip.MustParseAddr("10.0.0.9"), MinPort: 8080}
	benchmarkDo(b, m, p, Action{Zone: 7, Commit: true, NAT: n}, New|Trk|SNAT|DNAT)
}

func benchmarkDo(b *testing.B, tbl Table, p Packet, a Action, want State) {
	var r Result
	var s scratch
	var c Conn
	k := NewKernel(Release{})
	b.ReportAllocs()
	for b.Loop() {
		if err := k.doInto(bg, tbl, &c, &p, &a, &r, &s); err != nil || r.Conn.State != want {
			b.Fatal(err, r.Conn.State)
		}
	}
}

// The hot path must not allocate: a regression here is a failure, not a slower number.
func TestClassifyAllocates(t *testing.T) {
	e := conn(t, TCPEstablished, SeenReply|Assured|DstNAT|SrcNATDone|DstNATDone)
	e.Reply = tup(t, "tcp 10.0.0.9:8080>10.0.0.1:1000")
	tbl := NewMemTable(e)
	k, p, a := NewKernel(Release{}), Packet{IP: true, Tuple: e.Orig, TCPFlags: tcpACK}, Action{Zone: 7, NAT: &NAT{}}
	var r Result
	var s scratch
	var c Conn
	run := func() {
		if err := k.doInto(bg, tbl, &c, &p, &a, &r, &s); err != nil || !r.NATed {
			t.Fatal(err, r.Why)
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}
