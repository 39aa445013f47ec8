package ctnetlink

import (
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

func TestCreateStatus(t *testing.T) {
	tbl := open(t, ctNS(t))
	sport := uint16(0)
	spec := func(status uint32, with bool) (unix.Errno, ctstate.Status) {
		sport++
		q := ctstate.Tuple{Proto: 17, Src: ap("10.0.0.1:0"), Dst: ap("10.0.0.2:80")}
		q.Src = netipPort(q.Src, sport)
		errno := raw(t, tbl, msgCTNew, nlmCreate|nlmExcl, unix.AF_INET, func(e *encoder) {
			e.tuple(ctaTupleOrig, q)
			e.tuple(ctaTupleReply, swap(q))
			e.be32(ctaTimeout, 100)
			if with {
				e.be32(ctaStatus, status)
			}
		})
		if errno != 0 {
			return errno, 0
		}
		r, err := tbl.Read(t.Context(), 0, q)
		if err != nil {
			t.Fatal(err)
		}
		return 0, r.Status
	}
	if errno, got := spec(0, false); errno != 0 || got != ctstate.Confirmed {
		t.Errorf("no status: %v %#x", errno, got)
	}
	for _, s := range []uint32{0x0, 0x2, 0x6, 0x9, 0x208} {
		if errno, _ := spec(s, true); errno != unix.EBUSY {
			t.Errorf("status %#x: %v, want EBUSY", s, errno)
		}
	}
	for in, want := range map[uint32]ctstate.Status{
		0x8: 0x8, 0xa: 0xa, 0xe: 0xe, 0x408: 0x408, 0x2008: 0x2008,
		0x1c: 0xc, 0x3e: 0xe, 0x1be: 0xe, 0x1008: 0x8, 0x4008: 0x8, 0x800e: 0xe,
	} {
		if errno, got := spec(in, true); errno != 0 || got != want {
			t.Errorf("status %#x: %v %#x, want %#x", in, errno, got, want)
		}
	}
}

func TestCreateConflicts(t *testing.T) {
	tbl := open(t, ctNS(t))
	create(t, tbl, Spec{Zone: 7, Orig: flow})
	tcp := &ctstate.TCPInfo{State: 1}
	for _, c := range []struct {
		name string
		s    Spec
		want error
	}{
		{"duplicate", Spec{Zone: 7, Orig: flow}, ErrExists},
		{"reversed duplicate", Spec{Zone: 7, Orig: back}, ErrExists},
		{"another zone", Spec{Zone: 8, Orig: flow}, nil},
		{"reply clash", Spec{Zone: 7, Orig: tup(6, "10.0.0.1:1000", "99.0.0.1:80"),
			NATSrc: fixed("10.0.0.1:1000"), NATDst: fixed("10.0.0.2:80")}, ErrExists},
	} {
		c.s.TCP, c.s.Timeout = tcp, 100
		if err := tbl.Create(t.Context(), c.s); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	other := tup(17, "10.0.0.1:1", "10.0.0.2:2")
	if got := raw(t, tbl, msgCTNew, nlmCreate|nlmExcl, unix.AF_INET, func(e *encoder) {
		e.tuple(ctaTupleOrig, other)
		e.tuple(ctaTupleReply, swap(other))
	}); got != unix.EINVAL {
		t.Errorf("no timeout: %v", got)
	}
	if got := raw(t, tbl, msgCTNew, 0, unix.AF_INET, func(e *encoder) {
		e.tuple(ctaTupleOrig, other)
		e.tuple(ctaTupleReply, swap(other))
		e.be32(ctaTimeout, 10)
	}); got != unix.ENOENT {
		t.Errorf("no CREATE: %v", got)
	}
	if err := tbl.Create(t.Context(), Spec{Orig: withProto(other, 6), Timeout: 1}); err == nil {
		t.Error("TCP without state was created")
	}
}

func fixed(s string) *NATRange {
	a := ap(s)
	return &NATRange{Min: a.Addr(), Max: a.Addr(), MinPort: a.Port(), MaxPort: a.Port(), HasPort: true}
}

func TestCreateNAT(t *testing.T) {
	tbl := open(t, ctNS(t))
	const dnat, snat, both = ctstate.Status(0x1a8), ctstate.Status(0x198), ctstate.Status(0x1b8)
	for _, c := range []struct {
		name   string
		s      Spec
		reply  ctstate.Tuple
		status ctstate.Status
	}{
		{"dnat", Spec{Orig: tup(6, "10.0.0.1:1", "30.0.0.1:80"), NATDst: fixed("42.0.0.1:8080")}, tup(6, "42.0.0.1:8080", "10.0.0.1:1"), dnat},
		{"snat", Spec{Orig: tup(6, "10.0.0.1:2", "30.0.0.1:80"), NATSrc: fixed("5.0.0.1:2222")}, tup(6, "30.0.0.1:80", "5.0.0.1:2222"), snat},
		{"both", Spec{Orig: tup(6, "10.0.0.1:3", "30.0.0.1:80"), NATSrc: fixed("5.0.0.1:3333"), NATDst: fixed("42.0.0.1:8080")}, tup(6, "42.0.0.1:8080", "5.0.0.1:3333"), both},
		{"null", Spec{Orig: tup(6, "10.0.0.1:4", "30.0.0.1:80"), NATSrc: fixed("10.0.0.1:4")}, tup(6, "30.0.0.1:80", "10.0.0.1:4"), 0x188},
		{"v6 dnat", Spec{Orig: tup(6, "[fd00::1]:1", "[fd00::30]:80"), NATDst: fixed("[fd00::42]:8080")}, tup(6, "[fd00::42]:8080", "[fd00::1]:1"), dnat},
		{"icmp id", Spec{Orig: ctstate.Tuple{Proto: 1, Src: ap("10.0.0.1:0"), Dst: ap("30.0.0.1:0"), ICMPType: 8, ICMPID: 5}, NATSrc: fixed("5.0.0.1:99")},
			ctstate.Tuple{Proto: 1, Src: ap("30.0.0.1:0"), Dst: ap("5.0.0.1:0"), ICMPType: 0, ICMPID: 99}, snat},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := create(t, tbl, c.s)
			if r.Status != c.status || r.Reply != c.reply || r.Orig != c.s.Orig {
				t.Errorf("status %#x, want %#x; reply %+v, want %+v", r.Status, c.status, r.Reply, c.reply)
			}
		})
	}

	// If the translated tuple is given as the reply tuple, NAT changes nothing, so its status bits
	// stay clear and the datapath does not translate.
	pre := tup(6, "10.0.0.9:1", "30.0.0.1:80")
	if errno := raw(t, tbl, msgCTNew, nlmCreate|nlmExcl, unix.AF_INET, func(e *encoder) {
		e.tuple(ctaTupleOrig, pre)
		e.tuple(ctaTupleReply, tup(6, "42.0.0.1:8080", "10.0.0.9:1"))
		e.be32(ctaTimeout, 100)
		e.nat(ctaNATDst, fixed("42.0.0.1:8080"))
	}); errno != 0 {
		t.Fatal(errno)
	}
	if r, err := tbl.Read(t.Context(), 0, pre); err != nil || r.Status != 0x188 {
		t.Errorf("translated reply given: %#x %v", r.Status, err)
	}

	// SNAT without a port range keeps the port if it is free and picks another if it is taken.
	s := Spec{Orig: tup(6, "10.0.1.1:1000", "30.0.0.9:80"), NATSrc: &NATRange{Min: ap("6.0.0.1:0").Addr(), Max: ap("6.0.0.1:0").Addr()}}
	if r := create(t, tbl, s); r.Reply.Dst != ap("6.0.0.1:1000") {
		t.Errorf("free port not kept: %v", r.Reply)
	}
	s.Orig.Src = ap("10.0.1.2:1000")
	if r := create(t, tbl, s); r.Reply.Dst.Addr() != ap("6.0.0.1:0").Addr() || r.Reply.Dst.Port() == 1000 || r.Reply.Dst.Port() < 600 || r.Reply.Dst.Port() > 1023 {
		t.Errorf("taken port: %v", r.Reply)
	}
}

func TestHelper(t *testing.T) {
	tbl := open(t, ctNS(t))
	ctl := tup(6, "10.0.0.1:1000", "10.0.0.2:21")
	if got := raw(t, tbl, msgCTNew, nlmCreate|nlmExcl, unix.AF_INET, func(e *encoder) {
		e.tuple(ctaTupleOrig, ctl)
		e.tuple(ctaTupleReply, swap(ctl))
		e.be32(ctaTimeout, 100)
		n := e.nest(ctaHelp)
		e.bytes(ctaHelpName, []byte("ftp"))
		e.end(n)
	}); got != unix.EINVAL {
		t.Errorf("helper without NUL: %v", got)
	}
	r := create(t, tbl, Spec{Orig: ctl, Helper: "ftp"})
	if r.Helper != "ftp" || r.Status&ctstate.Helper == 0 {
		t.Errorf("%q %#x", r.Helper, r.Status)
	}
	// A child of the connection has the status EXPECTED and a master.
	child := create(t, tbl, Spec{Orig: tup(6, "10.0.0.2:20", "10.0.0.1:2000"), Master: &ctl})
	if child.Status != 0x9 || child.Master == nil || *child.Master != ctl {
		t.Errorf("%#x %v", child.Status, child.Master)
	}
}

func netipPort(a netip.AddrPort, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr(), port)
}

func withProto(t ctstate.Tuple, proto uint8) ctstate.Tuple { t.Proto = proto; return t }
