package ctstate

import (
	"context"
	"testing"
)

// step is one packet of a handshake and the kernel's result.
type step struct {
	tuple  string
	flags  uint16
	commit bool
	nat    *NAT
	state  State
	left   string // the packet after NAT; "" unchanged
}

func tup(t testing.TB, s string) Tuple {
	t.Helper()
	v, err := ParseTuple(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestKernelHandshake(t *testing.T) {
	k, o := NewKernel(Release{}), NewOverlay(nil)
	dst := &NAT{Dst: true, MinAddr: tup(t, "tcp 10.0.0.2:1>10.0.0.2:1").Src.Addr(), MinPort: 8080}
	for i, s := range []step{
		{"tcp 10.0.0.1:1000>30.0.0.1:80", tcpSYN, true, dst, New | Trk | SNAT | DNAT, "tcp 10.0.0.1:1000>10.0.0.2:8080"},
		{"tcp 10.0.0.1:1000>30.0.0.1:80", tcpSYN, false, &NAT{}, New | Trk, ""},
		{"tcp 10.0.0.1:1000>30.0.0.1:80", tcpSYN, true, dst, New | Trk | SNAT | DNAT, "tcp 10.0.0.1:1000>10.0.0.2:8080"},
		{"tcp 10.0.0.2:8080>10.0.0.1:1000", tcpSYN | tcpACK, false, &NAT{}, Est | Rpl | Trk | SNAT, "tcp 30.0.0.1:80>10.0.0.1:1000"},
		{"tcp 10.0.0.1:1000>30.0.0.1:80", tcpACK, false, &NAT{}, Est | Trk | SNAT | DNAT, "tcp 10.0.0.1:1000>10.0.0.2:8080"},
		{"tcp 10.0.0.1:1000>30.0.0.1:80", tcpFIN | tcpACK, false, &NAT{}, Est | Trk | SNAT | DNAT, "tcp 10.0.0.1:1000>10.0.0.2:8080"},
	} {
		p := Packet{IP: true, Tuple: tup(t, s.tuple), TCPFlags: s.flags}
		r, err := k.Do(context.Background(), o, Conn{}, p, Action{Zone: 7, Commit: s.commit, NAT: s.nat})
		if err != nil {
			t.Fatal(err)
		}
		if r.Conn.State != s.state {
			t.Errorf("step %d: state %v, want %v (%v)", i, r.Conn.State, s.state, r.Why)
		}
		left := s.left
		if left == "" {
			left = s.tuple
		}
		if got := r.Packet.Tuple.String(); got != left {
			t.Errorf("step %d: left as %s, want %s", i, got, left)
		}
		o.Apply(r)
	}
	if e, _ := o.Lookup(context.Background(), 7, tup(t, "tcp 10.0.0.1:1000>30.0.0.1:80")); e.TCP.State != TCPFinWait || e.Status.String() != "SEEN_REPLY|ASSURED|CONFIRMED|DST_NAT|SRC_NAT_DONE|DST_NAT_DONE" {
		t.Errorf("entry left: %v %v", e.TCP.State, e.Status)
	}
}
