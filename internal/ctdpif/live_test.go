package ctdpif

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

var update = flag.Bool("update", false, "rewrite testdata from the installed Open vSwitch")

// packets are sent into the oracle; each flow's zone and actions are in flows.
var packets = []struct {
	port, flow string
	shows      string
}{
	{"p1", v4("10.0.0.1", "10.0.0.2", 17, "udp(src=1000,dst=53)"), "udp,orig=(src=10.0.0.1"},
	{"p1", v4("10.0.0.1", "30.0.0.1", 6, "tcp(src=1000,dst=80),tcp_flags(0x002)"), "dst=30.0.0.1"},
	{"p1", v4("10.0.0.3", "10.0.0.2", 6, "tcp(src=1003,dst=8081),tcp_flags(0x002)"), "src=10.0.0.3"},
	{"p2", v4("10.0.0.2", "10.0.0.3", 6, "tcp(src=8081,dst=1003),tcp_flags(0x012)"), "state_reply=SYN_SENT"},
	{"p1", v4("10.0.0.3", "10.0.0.2", 6, "tcp(src=1003,dst=8081),tcp_flags(0x010)"), "state_orig=ESTABLISHED,state_reply=ESTABLISHED"},
	{"p1", v4("10.0.0.1", "10.0.0.2", 1, "icmp(type=8,code=0)"), "icmp,"},
	{"p1", v4("10.0.0.1", "10.0.0.2", 132, "sctp(src=5,dst=6)"), "sctp,"},
	{"p1", v4("10.0.0.1", "10.0.0.2", 47, ""), "47,"},
	{"p1", v4("10.0.0.4", "10.0.0.2", 6, "tcp(src=1004,dst=21),tcp_flags(0x002)"), "dport=21"},
	{"p1", v6("fd00::1", "fd00::2", 17, "udp(src=1000,dst=53)"), "udp,orig=(src=fd00::1"},
	{"p1", v6("fd00::1", "fd00::2", 58, "icmpv6(type=128,code=0)"), "icmpv6,"},
}

const flows = `table=0,priority=20,tcp,in_port=1,tp_dst=21 actions=ct(commit,alg=ftp,zone=3),2
table=0,priority=20,tcp,in_port=1,tp_dst=80 actions=ct(commit,zone=9,nat(dst=42.0.0.1:8080),exec(set_field:0x2->ct_mark)),2
table=0,priority=15,tcp,in_port=1 actions=ct(commit,zone=8),2
table=0,priority=15,tcp,in_port=2 actions=ct(zone=8),1
table=0,priority=10,udp,in_port=1 actions=ct(commit,zone=7,exec(set_field:0xfedc->ct_mark,set_field:0x123456789abcdef0fedcba9876543210->ct_label)),2
table=0,priority=10,icmp,in_port=1 actions=ct(commit,zone=5),2
table=0,priority=10,sctp,in_port=1 actions=ct(commit,zone=11,exec(set_field:0x1->ct_label)),2
table=0,priority=5,ip,in_port=1 actions=ct(commit,zone=65535),2
table=0,priority=10,udp6,in_port=1 actions=ct(commit),2
table=0,priority=10,icmp6,in_port=1 actions=ct(commit,zone=6,nat(src=fd00::77)),2
`

func v4(src, dst string, proto int, l4 string) string {
	f := fmt.Sprintf("in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),ipv4(src=%s,dst=%s,proto=%d,tos=0,ttl=64,frag=no)", src, dst, proto)
	if l4 != "" {
		f += "," + l4
	}
	return f
}

func v6(src, dst string, proto int, l4 string) string {
	return fmt.Sprintf("in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x86dd),ipv6(src=%s,dst=%s,label=0,proto=%d,tclass=0,hlimit=64,frag=no),%s", src, dst, proto, l4)
}

// oracle starts a userspace datapath with connections of every kind.
func oracle(t *testing.T) *dummy.OVS {
	t.Helper()
	o := dummy.Start(t)
	o.Vsctl("add-br", "br0", "--", "set", "bridge", "br0", "fail-mode=secure")
	o.AddPorts("br0", map[string]int{"p1": 1, "p2": 2})
	o.AddFlows("br0", flows)
	// All composed packets have sequence number 0.
	o.Appctl("dpctl/ct-disable-tcp-seq-chk")
	for i, p := range packets {
		o.Appctl("netdev-dummy/receive", p.port, p.flow)
		// The packet may not be processed yet: wait until the dump shows its connection.
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if strings.Contains(o.Appctl("dpctl/dump-conntrack", "-m"), p.shows) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("packet %d left no %q:\n%s", i, p.shows, o.Appctl("dpctl/dump-conntrack", "-m"))
			}
		}
	}
	return o
}

// TestOracle parses what a real datapath prints, complete and filtered, with both readers, and
// checks that printing the result gives exactly the same text.
func TestOracle(t *testing.T) {
	o := oracle(t)
	var corpus strings.Builder
	for _, args := range [][]string{{"-m", "-s"}, {"-m"}, {"-s"}, {}} {
		out := o.Appctl("dpctl/dump-conntrack", args...)
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(lines) < 9 {
			t.Fatalf("only %d connections:\n%s", len(lines), out)
		}
		for _, line := range lines {
			l, err := parse(line)
			if err != nil {
				t.Error(err)
				continue
			}
			if got := l.text(); got != line {
				t.Errorf("printed back\n  %s\nfor %s", got, line)
			}
		}
		fmt.Fprintf(&corpus, "# OVS %s: ovs-appctl dpctl/dump-conntrack %s\n%s", o.Version, strings.Join(args, " "), out)
	}
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", "ovs-"+o.Version+".txt"), []byte(corpus.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	for name, tbl := range map[string]*Table{
		"whole":    newCaller(&unixctl.Client{Path: o.Ctl}, ""),
		"streamed": New(Socket{Path: o.Ctl}, ""),
		"bounded":  {s: Socket{Path: o.Ctl}, MaxDump: len(packets)},
	} {
		t.Run(name, func(t *testing.T) { checkTable(t, tbl) })
	}
}

func checkTable(t *testing.T, tbl *Table) {
	ctx := t.Context()
	echo := ctstate.Tuple{Proto: 1, Src: ap("10.0.0.1:0"), Dst: ap("10.0.0.2:0"), ICMPType: 8}
	echoReply := ctstate.Tuple{Proto: 1, Src: ap("10.0.0.2:0"), Dst: ap("10.0.0.1:0"), ICMPType: 0}
	for _, c := range []struct {
		zone uint16
		q    ctstate.Tuple
		want func(ctstate.Entry) bool
	}{
		{7, tup(17, "10.0.0.1:1000", "10.0.0.2:53"), func(e ctstate.Entry) bool {
			return e.Mark == 0xfedc && e.Label == ctstate.Label{Hi: 0x123456789abcdef0, Lo: 0xfedcba9876543210} && e.HasTimeout && e.Source == ctstate.FromUserspace
		}},
		{7, tup(17, "10.0.0.2:53", "10.0.0.1:1000"), func(e ctstate.Entry) bool { return e.Orig.Dst.Port() == 53 }},
		{9, tup(6, "42.0.0.1:8080", "10.0.0.1:1000"), func(e ctstate.Entry) bool {
			return e.Orig == tup(6, "10.0.0.1:1000", "30.0.0.1:80") && e.Mark == 2 && e.UserTCP != nil && e.UserTCP.Orig == 2 && e.UserTCP.Reply == 0
		}},
		{8, tup(6, "10.0.0.3:1003", "10.0.0.2:8081"), func(e ctstate.Entry) bool {
			return e.UserTCP != nil && e.UserTCP.Orig == 4 && e.UserTCP.Reply == 4
		}},
		{5, echo, func(e ctstate.Entry) bool { return e.Reply == echoReply }},
		{5, echoReply, func(e ctstate.Entry) bool { return e.Orig == echo }},
		{3, tup(6, "10.0.0.4:1004", "10.0.0.2:21"), func(e ctstate.Entry) bool { return e.Helper == "ftp" }},
		{0, tup(17, "[fd00::1]:1000", "[fd00::2]:53"), func(e ctstate.Entry) bool { return e.Zone == 0 }},
		{11, tup(132, "10.0.0.1:5", "10.0.0.2:6"), func(e ctstate.Entry) bool { return e.Orig == tup(132, "10.0.0.1:5", "10.0.0.2:6") }},
		{11, tup(132, "10.0.0.2:6", "10.0.0.1:5"), func(e ctstate.Entry) bool { return e.Orig == tup(132, "10.0.0.1:5", "10.0.0.2:6") }},
		{65535, tup(47, "10.0.0.1:0", "10.0.0.2:0"), func(e ctstate.Entry) bool { return e.Zone == 65535 }},
	} {
		e, err := tbl.Lookup(ctx, c.zone, c.q)
		if err != nil || e.Zone != c.zone || !c.want(e) {
			t.Errorf("zone %d %v: %+v %+v (%v)", c.zone, c.q, e, e.TCP, err)
		}
		other := c.zone + 1
		if _, err := tbl.Lookup(ctx, other, c.q); !errors.Is(err, ctstate.ErrNotFound) {
			t.Errorf("zone %d %v: %v", other, c.q, err)
		}
	}
	if es, err := tbl.Echoes(ctx, 5, ctstate.Tuple{Proto: 1, Src: echo.Src, Dst: echo.Dst, ICMPType: 8, ICMPID: 99}); err != nil || len(es) != 1 {
		t.Errorf("echoes: %v %v", es, err)
	}
	// Zone 7 has no helpers, so it has no expectations. Zone 3 has helpers: the answer depends on
	// the daemon's release.
	q := tup(6, "10.0.0.2:20", "10.0.0.4:2000")
	if _, err := tbl.Expectation(ctx, 7, q); !errors.Is(err, ctstate.ErrNotFound) {
		t.Errorf("zone 7: %v", err)
	}
	known, err := tbl.knowsExpectations(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tbl.Expectation(ctx, 3, q)
	if known && !errors.Is(err, ctstate.ErrNotFound) || !known && !errors.Is(err, ErrNoExpectations) {
		t.Errorf("zone 3, expectations shown: %v: %v", known, err)
	}
}

// TestOracleBound checks that the daemon's count of connections is compared with MaxDump before any
// dump.
func TestOracleBound(t *testing.T) {
	o := oracle(t)
	tbl := New(Socket{Path: o.Ctl}, "")
	tbl.Renew(len(packets) - 3) // two of them continue a connection
	_, err := tbl.Lookup(t.Context(), 7, tup(17, "10.0.0.1:1000", "10.0.0.2:53"))
	var large *TooLargeError
	if !errors.As(err, &large) || large.Connections != len(packets)-2 {
		t.Errorf("%v", err)
	}
}

// TestOracleErrors checks the errors of a daemon that refuses, and of one that does not run.
func TestOracleErrors(t *testing.T) {
	o := dummy.Start(t)
	s := Socket{Path: o.Ctl}
	var de *DaemonError
	if _, err := s.Stream(t.Context(), "no/such-command"); !errors.As(err, &de) {
		t.Errorf("unknown command: %v", err)
	}
	tbl := New(s, "system@nowhere")
	var le *ctstate.LookupError
	if _, err := tbl.Lookup(t.Context(), 7, tup(6, "10.0.0.1:1", "10.0.0.2:2")); !errors.As(err, &le) || !errors.As(err, &de) || errors.Is(err, ctstate.ErrNotFound) {
		t.Errorf("no such datapath: %v", err)
	}
	gone := New(Socket{Path: o.Ctl + ".gone"}, "")
	if _, err := gone.Lookup(t.Context(), 7, tup(6, "10.0.0.1:1", "10.0.0.2:2")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no daemon: %v", err)
	}
}

// TestAsksOnce checks that each zone is dumped once until Reset.
func TestAsksOnce(t *testing.T) {
	c := &counting{text: "udp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2),reply=(src=10.0.0.2,dst=10.0.0.1,sport=2,dport=1),zone=7\n"}
	tbl := newCaller(c, "netdev@ovs-netdev")
	for range 3 {
		if _, err := tbl.Lookup(t.Context(), 7, tup(17, "10.0.0.1:1", "10.0.0.2:2")); err != nil {
			t.Fatal(err)
		}
		if _, err := tbl.Lookup(t.Context(), 8, tup(17, "10.0.0.1:1", "10.0.0.2:2")); !errors.Is(err, ctstate.ErrNotFound) {
			t.Fatal(err)
		}
	}
	want := []string{
		"dpctl/dump-conntrack -m -s netdev@ovs-netdev zone=7",
		"dpctl/dump-conntrack -m -s netdev@ovs-netdev zone=8",
	}
	if !slices.Equal(c.calls, want) {
		t.Errorf("%q", c.calls)
	}
	tbl.Reset()
	if _, err := tbl.Lookup(t.Context(), 7, tup(17, "10.0.0.1:1", "10.0.0.2:2")); err != nil || len(c.calls) != 3 {
		t.Errorf("after Reset: %v %q", err, c.calls)
	}
}
