package ctnetlink

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
)

// ctNS returns a namespace with conntrack enabled.
func ctNS(t testing.TB) nodens.NetNS {
	ns := nstest.New(t)
	nstest.Conntrack(t, ns, false)
	return ns
}

func open(t testing.TB, ns nodens.NetNS) *Table {
	t.Helper()
	tbl, err := Open(context.Background(), ns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tbl.Close() })
	return tbl
}

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func tup(proto uint8, src, dst string) ctstate.Tuple {
	return ctstate.Tuple{Proto: proto, Src: ap(src), Dst: ap(dst)}
}

func swap(t ctstate.Tuple) ctstate.Tuple { t.Src, t.Dst = t.Dst, t.Src; return t }

// create creates an entry and returns it as the kernel has it.
func create(t testing.TB, tbl *Table, s Spec) Record {
	t.Helper()
	if s.Timeout == 0 {
		s.Timeout = 100
	}
	if s.Orig.Proto == ctstate.ProtoTCP && s.TCP == nil {
		s.TCP = &ctstate.TCPInfo{State: 3}
	}
	if err := tbl.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r, err := tbl.Read(t.Context(), s.Zone, s.Orig)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLookup(t *testing.T) {
	ns := ctNS(t)
	// Another program writes the entry, so that reader and writer cannot share a mistake.
	nstest.Run(t, ns, "", "conntrack", "-I", "-p", "tcp", "-s", "10.0.0.1", "-d", "10.0.0.2", "--sport", "1000", "--dport", "80",
		"--state", "ESTABLISHED", "-u", "SEEN_REPLY,ASSURED", "-t", "100", "-w", "7", "-m", "5")
	nstest.Run(t, ns, "", "conntrack", "-I", "-p", "udp", "-s", "fd00::1", "-d", "fd00::2", "--sport", "53", "--dport", "99", "-t", "50")
	nstest.Run(t, ns, "", "conntrack", "-I", "-p", "icmp", "-s", "10.0.0.1", "-d", "10.0.0.2", "--icmp-type", "8", "--icmp-code", "0", "--icmp-id", "77", "-t", "50", "-w", "1")
	nstest.Run(t, ns, "", "conntrack", "-I", "-p", "47", "-s", "10.0.0.1", "-d", "10.0.0.2", "-t", "50", "--srckey", "1", "--dstkey", "2")
	nstest.Run(t, ns, "", "conntrack", "-I", "-p", "sctp", "-s", "10.0.0.1", "-d", "10.0.0.2", "--sport", "5", "--dport", "6", "-t", "50", "--state", "ESTABLISHED", "--orig-vtag", "9", "--reply-vtag", "10")
	tbl := open(t, ns)
	ctx := t.Context()
	tcp := tup(6, "10.0.0.1:1000", "10.0.0.2:80")
	echo := ctstate.Tuple{Proto: 1, Src: ap("10.0.0.1:0"), Dst: ap("10.0.0.2:0"), ICMPType: 8, ICMPID: 77}
	echoReply := ctstate.Tuple{Proto: 1, Src: ap("10.0.0.2:0"), Dst: ap("10.0.0.1:0"), ICMPType: 0, ICMPID: 77}
	const confirmed = ctstate.Confirmed
	for _, c := range []struct {
		zone        uint16
		orig, reply ctstate.Tuple
		status      ctstate.Status
		mark        uint32
		max         uint32
	}{
		{7, tcp, swap(tcp), confirmed | ctstate.SeenReply | ctstate.Assured, 5, 100},
		{0, tup(17, "[fd00::1]:53", "[fd00::2]:99"), tup(17, "[fd00::2]:99", "[fd00::1]:53"), confirmed, 0, 50},
		{1, echo, echoReply, confirmed, 0, 50},
		{0, tup(47, "10.0.0.1:1", "10.0.0.2:2"), tup(47, "10.0.0.2:2", "10.0.0.1:1"), confirmed, 0, 50},
		{0, tup(132, "10.0.0.1:5", "10.0.0.2:6"), tup(132, "10.0.0.2:6", "10.0.0.1:5"), confirmed, 0, 50},
	} {
		for _, q := range []ctstate.Tuple{c.orig, c.reply} {
			e, err := tbl.Lookup(ctx, c.zone, q)
			if err != nil {
				t.Fatalf("%+v: %v", q, err)
			}
			if e.Orig != c.orig || e.Reply != c.reply || e.Zone != c.zone || e.Mark != c.mark || e.Status != c.status ||
				!e.HasTimeout || e.Timeout > c.max || e.Timeout < c.max-10 || e.ID == 0 || e.Source != ctstate.FromKernel {
				t.Errorf("%+v:\n got %+v", q, e)
			}
			if c.orig.Proto == 6 && (e.TCP == nil || e.TCP.State != 3) {
				t.Errorf("TCP: %+v", e.TCP)
			}
			if c.orig.Proto == 132 && (e.SCTP == nil || *e.SCTP != ctstate.SCTPInfo{State: 4, VTagOrig: swap32(9), VTagRepl: swap32(10)}) {
				t.Errorf("SCTP: %+v", e.SCTP)
			}
		}
		if _, err := tbl.Lookup(ctx, c.zone+1, c.orig); !errors.Is(err, ctstate.ErrNotFound) {
			t.Errorf("another zone: %v", err)
		}
	}
}

func TestLookupBadTuple(t *testing.T) {
	tbl := open(t, ctNS(t))
	for _, q := range []ctstate.Tuple{
		{},
		{Proto: 6, Src: ap("10.0.0.1:1")},
		{Proto: 6, Src: ap("10.0.0.1:1"), Dst: ap("[fd00::1]:1")},
	} {
		_, err := tbl.Lookup(t.Context(), 7, q)
		var le *ctstate.LookupError
		if !errors.As(err, &le) || le.Zone != 7 || errors.Is(err, ctstate.ErrNotFound) {
			t.Errorf("%v: %v", q, err)
		}
	}
	// An IPv4-mapped IPv6 address finds the entry of its IPv4 address.
	create(t, tbl, Spec{Orig: tup(17, "10.0.0.1:1", "10.0.0.2:2")})
	if _, err := tbl.Lookup(t.Context(), 0, tup(17, "[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.2]:2")); err != nil {
		t.Error(err)
	}
}

// TestCancel checks that a request which the kernel does not answer ends with its context, and that
// the socket then serves the next request.
func TestCancel(t *testing.T) {
	tbl := open(t, ctNS(t))
	create(t, tbl, Spec{Orig: tup(17, "10.0.0.1:1", "10.0.0.2:2")})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	// Nothing ends the answer to a GET without NLM_F_ACK.
	tbl.mu.Lock()
	tbl.enc.begin(msgCTGet, nlmRequest, tbl.s.nextSeq(), unix.AF_INET)
	tbl.enc.tuple(ctaTupleOrig, tup(17, "10.0.0.1:1", "10.0.0.2:2"))
	err := tbl.s.execute(ctx, "get", tbl.enc.finish(), nil)
	tbl.mu.Unlock()
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if _, err := tbl.Lookup(ctx, 0, tup(17, "10.0.0.1:1", "10.0.0.2:2")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := tbl.Lookup(t.Context(), 0, tup(17, "10.0.0.1:1", "10.0.0.2:2")); err != nil {
			t.Fatal(err)
		}
	}
	tbl.Close()
	if _, err := tbl.Lookup(t.Context(), 0, tup(17, "10.0.0.1:1", "10.0.0.2:2")); err == nil {
		t.Fatal("a closed table answered")
	}
}

// No table contains the tuple of an ICMP error; the kernel would refuse the request as invalid.
func TestLookupOfICMPErrorType(t *testing.T) {
	table := open(t, ctNS(t))
	tuple := ctstate.Tuple{Proto: ctstate.ProtoICMP, Src: ap("10.0.0.1:0"), Dst: ap("10.0.0.2:0"), ICMPType: 3, ICMPCode: 3}
	if _, err := table.Lookup(context.Background(), 8, tuple); err != ctstate.ErrNotFound {
		t.Errorf("Lookup: %v", err)
	}
	if _, err := table.Expectation(context.Background(), 8, tuple); !errors.Is(err, ctstate.ErrNotFound) {
		t.Errorf("Expectation: %v", err)
	}
}

func BenchmarkLookup(b *testing.B) {
	tbl := open(b, ctNS(b))
	hit, miss := tup(6, "10.0.0.1:1000", "10.0.0.2:80"), tup(6, "10.0.0.1:1001", "10.0.0.2:80")
	create(b, tbl, Spec{Zone: 7, Orig: hit})
	for _, c := range []struct {
		name string
		t    ctstate.Tuple
		want error
	}{{"hit", hit, nil}, {"miss", miss, ctstate.ErrNotFound}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tbl.Lookup(b.Context(), 7, c.t); err != c.want {
					b.Fatal(err)
				}
			}
		})
	}
}

// swap32 reverses the bytes of a verification tag: conntrack 1.4.7 writes it in host order, where
// the kernel stores the bytes of the packet.
func swap32(v uint32) uint32 {
	return binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, v))
}
