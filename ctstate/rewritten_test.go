package ctstate

import (
	"net/netip"
	"testing"
)

// setDst runs actions over a packet whose destination a set() changes after the first of them.
func setDst(t *testing.T, k Tracker, o *Overlay, p Packet, to string, actions ...Action) Result {
	t.Helper()
	r := carried(t, k, o, p, actions[0])
	q := r.Packet
	q.Tuple.Dst = netip.AddrPortFrom(addr(to), q.Tuple.Dst.Port())
	return carriedOn(t, k, o, k.Rewritten(r.Conn), q, actions[1:]...)
}

func TestRewritten(t *testing.T) {
	track, commit := Action{Zone: 7}, Action{Zone: 7, Commit: true}
	syn := Packet{IP: true, Tuple: tup(t, client), TCPFlags: tcpSYN}
	pkt := Packet{IP: true, Tuple: tup(t, client), TCPFlags: tcpACK}
	const moved = "tcp 10.0.0.1:1000>20.0.0.77:80"
	for _, c := range []struct {
		name string
		k    Tracker
	}{
		{"kernel", NewKernel(Release{})},
		{"userspace", NewUserspace()},
	} {
		r := setDst(t, c.k, NewOverlay(nil), syn, "20.0.0.77", track, commit)
		if r.Conn.State != New|Trk || r.Committed == nil || r.Committed.Orig.String() != moved {
			t.Errorf("%s: %v, committed %v (%q)", c.name, r.Conn.State, r.Committed, r.Why)
		}
	}

	// ovs_ct_find_existing: another connection is found by the new addresses, and the key still has
	// the fields of the first one.
	first := conn(t, TCPEstablished, SeenReply|Assured)
	first.Mark, first.Label = 1, Label{Lo: 1}
	second := first
	second.Orig, second.Mark, second.Label = tup(t, moved), 2, Label{}
	second.Reply, _ = second.Orig.Invert()
	o := NewOverlay(NewMemTable(first, second))
	r := setDst(t, NewKernel(Release{}), o, pkt, "20.0.0.77", track, track)
	if r.Conn.State != Est|Trk || r.Conn.Mark != 1 || r.Hit == nil || r.Hit.Orig != second.Orig {
		t.Errorf("found again: %v mark %d hit %v", r.Conn.State, r.Conn.Mark, r.Hit)
	}
	// The key's label stays too, until one is written.
	label := Label{Lo: 8}
	r = setDst(t, NewKernel(Release{}), o, pkt, "20.0.0.77", track, commit)
	if r.Conn.Mark != 1 || r.Conn.Label != first.Label {
		t.Errorf("a commit that writes nothing: %d %v", r.Conn.Mark, r.Conn.Label)
	}
	r = setDst(t, NewKernel(Release{}), o, pkt, "20.0.0.77", track, Action{Zone: 7, Commit: true, Label: label, LabelMask: label})
	if r.Conn.Mark != 1 || r.Conn.Label != label {
		t.Errorf("a label written: mark %d label %v", r.Conn.Mark, r.Conn.Label)
	}
	// A translated packet is looked for backwards, by the other half's tuple.
	third := conn(t, TCPEstablished, SeenReply|Assured|DstNAT|SrcNATDone|DstNATDone)
	third.Reply = tup(t, "tcp 10.0.0.9:80>10.0.0.1:1000")
	fourth := third
	fourth.Orig, fourth.Reply = tup(t, "tcp 10.0.0.1:1000>40.0.0.1:80"), tup(t, "tcp 20.0.0.77:80>10.0.0.1:1000")
	r = setDst(t, NewKernel(Release{}), NewOverlay(NewMemTable(third, fourth)), pkt, "20.0.0.77", Action{Zone: 7, NAT: &NAT{}}, track)
	if r.Conn.State&(Est|Trk|DNAT) != Est|Trk|DNAT || r.Dir != DirOriginal || r.Hit == nil || r.Hit.Orig != fourth.Orig {
		t.Errorf("found backwards: %v direction %v hit %v", r.Conn.State, r.Dir, r.Hit)
	}
	// ovs_ct_set_mark writes to the key only the bits that it changes.
	r = setDst(t, NewKernel(Release{}), o, pkt, "20.0.0.77", track, Action{Zone: 7, Commit: true, Mark: 2, MarkMask: 0xff})
	if r.Conn.Mark != 1 {
		t.Errorf("a mark written that was there: key has %d", r.Conn.Mark)
	}
	r = setDst(t, NewKernel(Release{}), o, pkt, "20.0.0.77", track, Action{Zone: 7, Commit: true, Mark: 4, MarkMask: 0xff})
	if e, err := o.Lookup(bg, 7, second.Orig); err != nil || e.Mark != 4 || r.Conn.Mark != 4 {
		t.Errorf("a mark written: entry %+v, key has %d, %v", e.Mark, r.Conn.Mark, err)
	}
}

// TestUserspaceRewrittenReply: a translated packet with other addresses is taken to its connection
// by the original tuple (check_orig_tuple), as if the originator had sent it.
func TestUserspaceRewrittenReply(t *testing.T) {
	e := uconn(t, UserTCPSynSent, UserTCPClosed)
	e.Reply, e.NATDst = tup(t, "tcp 10.0.0.9:80>10.0.0.1:1000"), true
	o := NewOverlay(NewMemTable(e))
	u := NewUserspace()
	p := Packet{IP: true, Tuple: e.Reply, TCPFlags: tcpSYN | tcpACK}
	r := setDst(t, u, o, p, "20.0.0.77", Action{Zone: 7, NAT: &NAT{}}, Action{Zone: 7})
	left, err := o.Lookup(bg, 7, e.Orig)
	if err != nil || left.UserTCP.Orig != UserTCPEstablished || left.UserTCP.Reply != UserTCPEstablished || r.Certainty != Assumed {
		t.Errorf("left %+v %v, certainty %v, %v (%q)", left.UserTCP, err, r.Certainty, r.Conn.State, r.Why)
	}
}
