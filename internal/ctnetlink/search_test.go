package ctnetlink

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
)

// TestFilterFlags checks what this kernel does with CTA_FILTER and CTA_ZONE, and that it inverts
// the comparison of IPv6 addresses, which search avoids.
func TestFilterFlags(t *testing.T) {
	tbl := open(t, ctNS(t))
	for i := range 5 {
		create(t, tbl, Spec{Zone: uint16(i % 2), Mark: uint32(i), Orig: tup(17, fmt.Sprintf("10.0.0.%d:1", i+1), "10.0.0.99:2")})
		create(t, tbl, Spec{Zone: uint16(i % 2), Orig: tup(17, fmt.Sprintf("[fd00::%d]:1", i+1), "[fd00::99]:2")})
	}
	ask := func(fam uint8, filter func(*encoder)) (n int) {
		t.Helper()
		err := tbl.dump(t.Context(), fam, filter, func(*Record) error { n++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	k, err := Kernel()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name         string
		fam          uint8
		major, minor int
		f            func(*encoder)
		want         int
	}{
		{"all", 0, 0, 0, func(*encoder) {}, 10},
		{"family", unix.AF_INET6, 0, 0, func(*encoder) {}, 5},
		{"zone", 0, 6, 8, func(e *encoder) { e.be16(ctaZone, 1) }, 4},
		{"zone 0", 0, 6, 8, func(e *encoder) { e.be16(ctaZone, 0) }, 6},
		{"mark", 0, 0, 0, (&Filter{Mark: 2, MarkMask: 2}).encode, 2},
		{"status", 0, 5, 15, (&Filter{Status: ctstate.Confirmed, StatusMask: ctstate.Confirmed}).encode, 10},
		{"status of none", 0, 5, 15, (&Filter{Status: ctstate.DstNAT, StatusMask: ctstate.DstNAT}).encode, 0},
		{"IPv4 source", unix.AF_INET, 5, 8, (&tupleFilter{tuple: tup(17, "10.0.0.1:1", "10.0.0.99:2"), flags: filterIPSrc}).encode0, 1},
		{"IPv6 source, inverted", unix.AF_INET6, 5, 8, func(e *encoder) {
			e.tuple(ctaTupleOrig, tup(17, "[fd00::1]:1", "[fd00::99]:2"))
			n := e.nest(ctaFilter)
			e.host32(ctaFilterOrigFlags, filterIPSrc)
			e.host32(ctaFilterReplyFlags, 0)
			e.end(n)
		}, 4},
	} {
		if !k.AtLeast(c.major, c.minor) {
			continue
		}
		if n := ask(c.fam, c.f); n != c.want {
			t.Errorf("%s: %d entries, want %d", c.name, n, c.want)
		}
	}
}

// encode0 is encode without a zone.
func (f *tupleFilter) encode0(e *encoder) {
	e.tuple(ctaTupleOrig, f.tuple)
	n := e.nest(ctaFilter)
	e.host32(ctaFilterOrigFlags, f.flags)
	e.host32(ctaFilterReplyFlags, 0)
	e.end(n)
}

func TestAll(t *testing.T) {
	tbl := open(t, ctNS(t))
	want := map[ctstate.Tuple]bool{}
	for i := range 200 {
		q := ctstate.Tuple{Proto: 17, Src: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), uint16(i)), Dst: ap("10.9.0.1:53")}
		create(t, tbl, Spec{Zone: uint16(i % 4), Orig: q, Mark: uint32(i % 3), Status: ctstate.SeenReply * ctstate.Status(i%2)})
		want[q] = true
	}
	for _, c := range []struct {
		name string
		f    Filter
		want int
	}{
		{"all", Filter{}, 200},
		{"IPv4", Filter{Family: unix.AF_INET}, 200},
		{"IPv6", Filter{Family: unix.AF_INET6}, 0},
		{"zone 0", Filter{HasZone: true}, 50},
		{"zone 3", Filter{HasZone: true, Zone: 3}, 50},
		{"mark", Filter{Mark: 2, MarkMask: 3}, 66},
		{"mark 0", Filter{MarkMask: 3}, 67},
		{"replied", Filter{Status: ctstate.SeenReply, StatusMask: ctstate.SeenReply}, 100},
		{"unreplied", Filter{StatusMask: ctstate.SeenReply}, 100},
	} {
		n := 0
		for e, err := range tbl.All(t.Context(), c.f) {
			if err != nil {
				t.Fatal(err)
			}
			if !want[e.Orig] {
				t.Errorf("%s: %v", c.name, e.Orig)
			}
			n++
			if n == 1 { // a look-up in the middle of a dump
				if _, err := tbl.Lookup(t.Context(), e.Zone, e.Reply); err != nil {
					t.Error(err)
				}
			}
		}
		if n != c.want {
			t.Errorf("%s: %d entries, want %d", c.name, n, c.want)
		}
	}
	for range tbl.All(t.Context(), Filter{}) {
		break
	}
}

func TestEchoes(t *testing.T) {
	tbl := open(t, ctNS(t))
	echo := func(src, dst string, typ uint8, id uint16) ctstate.Tuple {
		q := ctstate.Tuple{Proto: 1, Src: ap(src + ":0"), Dst: ap(dst + ":0"), ICMPType: typ, ICMPID: id}
		if q.Src.Addr().Is6() || typ >= 128 {
			q.Proto = 58
		}
		return q
	}
	for zone := range uint16(2) {
		for id := range uint16(3) {
			create(t, tbl, Spec{Zone: zone, Orig: echo("10.0.0.1", "10.0.0.2", 8, id)})
			create(t, tbl, Spec{Zone: zone, Orig: echo("10.0.0.1", "10.0.0.3", 8, id)})
			create(t, tbl, Spec{Zone: zone, Orig: echo("[fd00::1]", "[fd00::2]", 128, id)})
			create(t, tbl, Spec{Zone: zone, Orig: echo("[fd00::1]", "[fd00::3]", 128, id)})
		}
	}
	for _, c := range []struct {
		zone  uint16
		q     ctstate.Tuple
		want  int
		orig  ctstate.Tuple
		limit uint64
	}{
		{zone: 0, q: echo("10.0.0.1", "10.0.0.2", 8, 0), want: 3},
		{zone: 1, q: echo("10.0.0.2", "10.0.0.1", 0, 0), want: 3}, // the reply
		{zone: 1, q: echo("10.0.0.2", "10.0.0.1", 8, 0), want: 0}, // a request the other way
		{zone: 2, q: echo("10.0.0.1", "10.0.0.2", 8, 0), want: 0},
		{zone: 1, q: echo("[fd00::1]", "[fd00::2]", 128, 0), want: 3},
		{zone: 0, q: echo("[fd00::2]", "[fd00::1]", 129, 0), want: 3},
	} {
		got, err := tbl.Echoes(t.Context(), c.zone, c.q)
		if err != nil || len(got) != c.want {
			t.Errorf("zone %d %+v: %d entries (%v), want %d", c.zone, c.q, len(got), err, c.want)
		}
		var ids []uint16
		for _, e := range got {
			if e.Zone != c.zone || slices.Contains(ids, e.Orig.ICMPID) {
				t.Errorf("%+v", e)
			}
			ids = append(ids, e.Orig.ICMPID)
		}
	}

	// The kernel cannot filter by IPv6 address, so the number of returned entries is bounded.
	tbl.Limit = 2
	var tm *TooManyError
	if _, err := tbl.Echoes(t.Context(), 0, echo("[fd00::1]", "[fd00::9]", 128, 0)); !errors.As(err, &tm) {
		t.Errorf("past the limit: %v", err)
	}
	// It can filter by IPv4 address, so it does not return other hosts' entries.
	tbl.Limit = 1
	if got, err := tbl.Echoes(t.Context(), 0, echo("10.0.0.1", "10.0.0.9", 8, 0)); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
}

func TestBySource(t *testing.T) {
	ns := ctNS(t)
	if err := ns.Do(func() error { return writeFile("/proc/sys/net/netfilter/nf_conntrack_timestamp", "1") }); err != nil {
		t.Fatal(err)
	}
	tbl := open(t, ns)
	src := ap("10.0.0.1:1000")
	var want []string
	for i := range 4 {
		q := tup(6, src.String(), fmt.Sprintf("30.0.0.%d:80", i))
		create(t, tbl, Spec{Zone: 3, Orig: q, NATSrc: fixed(fmt.Sprintf("5.0.0.1:%d", 2000+i))})
		want = append([]string{q.Dst.String()}, want...)
	}
	create(t, tbl, Spec{Zone: 3, Orig: tup(6, "10.0.0.1:1001", "30.0.0.1:80"), NATSrc: fixed("5.0.0.1:3000")})
	create(t, tbl, Spec{Zone: 4, Orig: tup(6, "10.0.0.1:1000", "30.0.0.1:80"), NATSrc: fixed("5.0.0.1:3000")})
	create(t, tbl, Spec{Zone: 3, Orig: tup(17, "10.0.0.1:1000", "30.0.0.1:80"), NATSrc: fixed("5.0.0.1:3000")})
	create(t, tbl, Spec{Zone: 3, Orig: tup(6, "10.0.0.1:1000", "30.0.0.77:80")}) // no source binding
	got, ordered, err := tbl.BySourceOrdered(t.Context(), 3, 6, src)
	if err != nil || !ordered {
		t.Fatal(ordered, err)
	}
	var order []string
	for _, e := range got {
		order = append(order, e.Orig.Dst.String())
	}
	if !slices.Equal(order, want) {
		t.Errorf("%v, want %v", order, want)
	}
}

// TestExpectation checks the masked look-up with a concrete tuple and zone.
func TestExpectation(t *testing.T) {
	tbl := open(t, ctNS(t))
	ctl := tup(6, "10.0.0.1:1000", "10.0.0.2:21")
	create(t, tbl, Spec{Zone: 7, Orig: ctl, Helper: "ftp"})
	// From any port of the server to 10.0.0.1:2000, as after PORT.
	want := tup(6, "10.0.0.2:0", "10.0.0.1:2000")
	mask := ctstate.Tuple{Proto: 0xff, Src: ap("255.255.255.255:0"), Dst: ap("255.255.255.255:65535")}
	if errno := raw(t, tbl, 0x200, nlmCreate|nlmExcl, unix.AF_INET, func(e *encoder) {
		e.tuple(ctaExpectMaster, ctl)
		e.tuple(ctaExpectTuple, want)
		n := e.nest(3) // CTA_EXPECT_MASK
		ip := e.nest(ctaTupleIP)
		e.addrs(mask.Src.Addr(), mask.Dst.Addr())
		e.end(ip)
		p := e.nest(ctaTupleProto)
		e.u8(ctaProtoNum, 6)
		e.be16(ctaProtoSrcPort, 0)
		e.be16(ctaProtoDstPort, 65535)
		e.end(p)
		e.end(n)
		e.be32(4, 60) // CTA_EXPECT_TIMEOUT
		e.zone(ctaExpectZone, 7)
		e.be32(ctaExpectFlags, expectPermanent)
		e.bytes(ctaExpectHelpName, []byte("ftp\x00"))
	}); errno != 0 {
		t.Fatal(errno)
	}
	x, err := tbl.Expectation(t.Context(), 7, tup(6, "10.0.0.2:20", "10.0.0.1:2000"))
	if err != nil {
		t.Fatal(err)
	}
	if x.Zone != 7 || x.Master.Orig != ctl || x.Tuple != want || x.Helper != "ftp" || !x.Permanent {
		t.Errorf("%+v", x)
	}
	for _, c := range []struct {
		zone uint16
		q    ctstate.Tuple
	}{
		{0, tup(6, "10.0.0.2:20", "10.0.0.1:2000")},
		{7, tup(6, "10.0.0.2:20", "10.0.0.1:2001")},
		{7, tup(6, "10.0.0.3:20", "10.0.0.1:2000")},
		{7, tup(17, "10.0.0.2:20", "10.0.0.1:2000")},
	} {
		if _, err := tbl.Expectation(t.Context(), c.zone, c.q); !errors.Is(err, ctstate.ErrNotFound) {
			t.Errorf("zone %d %v: %v", c.zone, c.q, err)
		}
	}
}

func TestSettings(t *testing.T) {
	ns := ctNS(t)
	tbl := open(t, ns)
	if err := ns.Do(func() error {
		return errors.Join(writeFile(sysctlDir+"nf_conntrack_tcp_loose", "0"), writeFile(sysctlDir+"nf_conntrack_udp_timeout", "17"))
	}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		create(t, tbl, Spec{Orig: tup(17, fmt.Sprintf("10.0.0.1:%d", i+1), "10.0.0.2:1")})
	}
	s, err := tbl.Settings()
	if err != nil {
		t.Fatal(err)
	}
	if s.TCPLoose || !s.Checksum || s.Timeouts["udp"] != 17 || s.Timeouts["tcp_established"] != 432000 ||
		s.Timeouts["tcp_unacknowledged"] != 300 || s.Timeouts["sctp_closed"] == 0 || s.Count != 3 || s.Max == 0 || s.Buckets == 0 || s.Kernel.Major == 0 {
		t.Errorf("%+v", s)
	}
	out := nstest.Run(t, ns, "", "sysctl", "-n", "net.netfilter.nf_conntrack_count")
	if out != "3\n" {
		t.Errorf("sysctl says %q", out)
	}
}

// TestZoneLimit runs completely on a kernel with the openvswitch module, such as the lab guest's;
// on others it checks for ErrNoZoneLimits.
func TestZoneLimit(t *testing.T) {
	ns := ctNS(t)
	tbl := open(t, ns)
	l, err := tbl.ZoneLimit(t.Context(), 7)
	if errors.Is(err, ErrNoZoneLimits) {
		t.Log(err)
		return
	}
	if err != nil || l != (ZoneLimit{Zone: 7}) {
		t.Fatalf("a fresh namespace: %+v %v", l, err)
	}
	nstest.Run(t, ns, "", "ovs-dpctl", "add-dp", "limits")
	nstest.Run(t, ns, "", "ovs-dpctl", "ct-set-limits", "default=10", "zone=7,limit=5")
	for zone, want := range map[uint16]uint32{7: 5, 8: 10, 0: 10} {
		if l, err := tbl.ZoneLimit(t.Context(), zone); err != nil || l.Limit != want || l.Zone != zone || l.Count != 0 {
			t.Errorf("zone %d: %+v %v, want limit %d", zone, l, err, want)
		}
	}
}

func TestCreateAll(t *testing.T) {
	tbl := open(t, ctNS(t))
	specs := func(yield func(Spec) bool) {
		for i := range 2000 {
			s := Spec{Zone: 1, Orig: ctstate.Tuple{Proto: 17, Src: netip.AddrPortFrom(ap("10.0.0.1:0").Addr(), uint16(i+1)), Dst: ap("10.0.0.2:53")}, Timeout: 100}
			if !yield(s) {
				return
			}
		}
	}
	if n, err := tbl.CreateAll(t.Context(), specs); n != 2000 || err != nil {
		t.Fatal(n, err)
	}
	if s, err := tbl.Settings(); err != nil || s.Count != 2000 {
		t.Error(s.Count, err)
	}
	if _, err := tbl.CreateAll(t.Context(), specs); !errors.Is(err, unix.EEXIST) {
		t.Errorf("again: %v", err)
	}
}

// TestPermission checks that the kernel refuses even a look-up without CAP_NET_ADMIN.
func TestPermission(t *testing.T) {
	ns := ctNS(t)
	err := ns.Do(func() error {
		// Capabilities belong to a thread; this thread ends with the test.
		runtime.LockOSThread()
		var hdr = unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		if err := unix.Capget(&hdr, &data[0]); err != nil {
			return err
		}
		saved := data
		data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
		if err := unix.Capset(&hdr, &data[0]); err != nil {
			return err
		}
		defer unix.Capset(&hdr, &saved[0])
		tbl, err := Open(t.Context(), nodens.Current())
		if err == nil {
			tbl.Close()
		}
		return err
	})
	if !errors.Is(err, ErrPermission) || !errors.Is(err, unix.EPERM) {
		t.Errorf("%v", err)
	}
}

func writeFile(path, s string) error { return os.WriteFile(path, []byte(s), 0o644) }
