package ctdpif

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func tup(proto uint8, src, dst string) ctstate.Tuple {
	return ctstate.Tuple{Proto: proto, Src: ap(src), Dst: ap(dst)}
}

type counting struct {
	text   string
	calls  []string
	called func()
}

func (c *counting) Call(_ context.Context, method string, args ...string) (string, error) {
	c.calls = append(c.calls, strings.Join(append([]string{method}, args...), " "))
	if c.called != nil {
		c.called()
	}
	return c.text, nil
}

const (
	o4 = "orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2)"
	r4 = "reply=(src=10.0.0.2,dst=10.0.0.1,sport=2,dport=1)"
)

// lines are made from the grammar, for items that the datapaths of the tests do not print: the
// kernel's status and counters, time stamps, items of other releases.
var lines = []string{
	"tcp," + o4 + "," + r4,
	"tcp," + o4 + "," + r4 + ",protoinfo=(state=ESTABLISHED)",
	"tcp," + o4 + "," + r4 + ",id=1,status=0",
	"tcp," + o4 + "," + r4 + ",id=4294967295,zone=65535,status=SEEN_REPLY|ASSURED|CONFIRMED|SRC_NAT_DONE|DST_NAT_DONE|0x6000,timeout=86400,mark=4294967295,labels=0xffffffffffffffffffffffffffffffff,protoinfo=(state_orig=TIME_WAIT,state_reply=TIME_WAIT,wscale_orig=7,wscale_reply=0,flags_orig=WINDOW_SCALE|SACK_PERM|0x80,flags_reply=0x40),helper=ftp,parent=(src=10.0.0.1,dst=10.0.0.2,sport=3,dport=21)",
	"tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2,packets=5,bytes=420),reply=(src=10.0.0.2,dst=10.0.0.1,sport=2,dport=1,packets=0,bytes=18446744073709551615),start=2026-01-02T03:04:05.678,stop=2026-01-02T03:04:06.000,timeout=0",
	"sctp," + o4 + "," + r4 + ",protoinfo=(state=HEARTBEAT_ACKED,vtag_orig=4294967295,vtag_reply=0)",
	"icmp,orig=(src=10.0.0.1,dst=10.0.0.2,id=65535,type=8,code=0),reply=(src=10.0.0.2,dst=10.0.0.1,id=65535,type=0,code=0)",
	"icmpv6,orig=(src=fe80::1,dst=ff02::1,id=0,type=128,code=0),reply=(src=ff02::1,dst=fe80::1,id=0,type=129,code=0),labels=0x10000000000000000",
	"47,orig=(src=10.0.0.1,dst=10.0.0.2),reply=(src=10.0.0.2,dst=10.0.0.1)",
	"igmp," + o4 + "," + r4,
	"tcp," + o4 + "," + r4 + ",protoinfo=(state=[200])",
	"tcp," + o4 + ",zone=3,mark=1,labels=0x1,parent=(src=10.0.0.4,dst=10.0.0.2,sport=1004,dport=21)",
	"tcp," + o4 + "," + r4 + ",helper=tftp,offload=(a=1,b=2)",
	// Unknown items in every place, and known items in another order.
	"tcp," + o4 + "," + r4 + ",id=0,zone=1,status=0,timeout=3,limit=4,protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,flags_orig=0,flags_reply=0)",
	"udp,policy=(name=(a,b=(c)),x)," + o4 + ",[OFFLOAD]," + r4 + ",mark=2,zone=7,timeout=29,label=3",
	"tcp," + o4 + "," + r4 + ",zone=1,protoinfo=(window=(5,6),state_orig=SYN_SENT,rtt=3,state_reply=CLOSED,flags_reply=0,flags_orig=0x80,last)",
	"sctp," + o4 + "," + r4 + ",protoinfo=(vtag_reply=4,state=ESTABLISHED,new,vtag_orig=3)",
	"tcp," + r4 + "," + o4 + ",zone",
}

func corpusLines(t testing.TB) []string {
	out := append([]string(nil), lines...)
	for _, f := range testenv.Corpus(t, filepath.Join("testdata", "*.txt")) {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
			if !strings.HasPrefix(l, "#") {
				out = append(out, l)
			}
		}
	}
	return out
}

func TestPrintParse(t *testing.T) {
	for _, in := range corpusLines(t) {
		l, err := parse(in)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := l.text(); got != in {
			t.Errorf("printed back\n  %s\nfor %s", got, in)
		}
	}
}

func TestFields(t *testing.T) {
	l, err := parse(lines[3])
	if err != nil {
		t.Fatal(err)
	}
	e := l.Entry()
	want := ctstate.Entry{
		Zone: 65535, ID: 1<<32 - 1, Orig: tup(6, "10.0.0.1:1", "10.0.0.2:2"), Reply: tup(6, "10.0.0.2:2", "10.0.0.1:1"),
		Status:  ctstate.SeenReply | ctstate.Assured | ctstate.Confirmed | ctstate.SrcNATDone | ctstate.DstNATDone | ctstate.Helper | ctstate.Offload,
		Timeout: 86400, HasTimeout: true, Mark: 1<<32 - 1, Label: ctstate.Label{Hi: 1<<64 - 1, Lo: 1<<64 - 1},
		UserTCP: &ctstate.UserTCPInfo{Orig: 10, Reply: 10, FlagsOrig: 0x83, FlagsReply: 0x40, WScaleOrig: 7},
		Helper:  "ftp", Source: ctstate.FromUserspace,
	}
	master := tup(6, "10.0.0.1:3", "10.0.0.2:21")
	want.Master = &master
	if !reflect.DeepEqual(e, want) {
		t.Errorf("got  %+v %+v\nwant %+v %+v", e, e.TCP, want, want.TCP)
	}
	// Without -m the TCP state is too coarse for the model.
	if l, _ := parse(lines[1]); l.Entry().TCP != nil || l.TCP.State.String() != "ESTABLISHED" {
		t.Errorf("%+v", l.TCP)
	}
}

// TestUnknownItems checks that unknown items do not change how the known ones are read.
func TestUnknownItems(t *testing.T) {
	for _, in := range []string{
		"tcp," + o4 + "," + r4 + ",zone=7,timeout=3,limit=4,mark=2,protoinfo=(state_orig=ESTABLISHED,state_reply=SYN_SENT,flags_orig=0,flags_reply=0)",
		"tcp,limit=(zone=9,mark=8)," + r4 + ",[OFFLOAD]," + o4 + ",mark=2,timeout=3,protoinfo=(flags_reply=0,x=(state_reply=CLOSED),state_reply=SYN_SENT,flags_orig=0,state_orig=ESTABLISHED),zone=7",
	} {
		l, err := parse(in)
		if err != nil {
			t.Error(err)
			continue
		}
		want := ctstate.Entry{Zone: 7, Orig: tup(6, "10.0.0.1:1", "10.0.0.2:2"), Reply: tup(6, "10.0.0.2:2", "10.0.0.1:1"),
			Timeout: 3, HasTimeout: true, Mark: 2, UserTCP: &ctstate.UserTCPInfo{Orig: ctstate.UserTCPEstablished, Reply: ctstate.UserTCPSynSent}, Source: ctstate.FromUserspace}
		if got := l.Entry(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %+v %+v\nwant %+v %+v", in, got, got.TCP, want, want.TCP)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, c := range []struct {
		in  string
		off int
	}{
		{"", 0},
		{"tcp", 3},
		{"tpc," + o4, 0},
		{"6," + o4, 0}, // has a name
		{"300," + o4, 0},
		{"tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2", 51},
		{"tcp,orig=(src=10.0.0,dst=10.0.0.2,sport=1,dport=2)", 20},
		{"tcp,orig=(src=10.0.0.256,dst=10.0.0.2,sport=1,dport=2)", 21},
		{"tcp,orig=(src=10.0.0.1,dst=fd00::1,sport=1,dport=2)", 34},
		{"tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=65536)", 50},
		{"tcp," + o4 + ",reply=(src=10.0.0.2", 0},
		{"tcp," + o4 + "," + r4 + ",zone=0", 0},
		{"tcp," + o4 + "," + r4 + ",mark=007", 0},
		{"tcp," + o4 + "," + r4 + ",status=SEEN", 0},
		{"tcp," + o4 + "," + r4 + ",status=0x1", 0}, // has a name
		{"tcp," + o4 + "," + r4 + ",labels=0x0", 0},
		{"tcp," + o4 + "," + r4 + ",labels=0x" + strings.Repeat("f", 33), 0},
		{"tcp," + o4 + "," + r4 + ",protoinfo=(state=OPEN)", 0},
		{"udp," + o4 + "," + r4 + ",protoinfo=(state=ESTABLISHED)", 0},
		{"tcp," + o4 + "," + r4 + ",zone=3,mark=1,zone=3", 0},
		{"tcp," + r4, 0},
		{"tcp," + o4 + ",,zone=3", 0},
		{"tcp," + o4 + ",limit=(a=(1),zone=3", 0},
		{"tcp," + o4 + ",limit=4),zone=3", 0},
		// May be part of what tells connections apart.
		{"tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1,dport=2,iface=3)", 0},
		{"tcp," + o4 + ",reply=(src=fd00::2,dst=fd00::1,sport=2,dport=1)", 0},
		{"tcp," + o4 + ",status=SEEN_REPLY|NEWFLAG", 0},
		{"tcp," + o4 + ",protoinfo=()", 0},
		{"udp," + o4 + ",protoinfo=()", 0},
		{"tcp," + o4 + ",protoinfo=(state_orig=ESTABLISHED,flags_orig=0,flags_reply=0)", 0},
		{"tcp," + o4 + ",protoinfo=(state=ESTABLISHED,state_orig=ESTABLISHED,state_reply=ESTABLISHED,flags_orig=0,flags_reply=0)", 0},
		{"tcp," + o4 + ",protoinfo=(state_orig=ESTABLISHED,state_reply=NEWSTATE,flags_orig=0,flags_reply=0)", 0},
		{"sctp," + o4 + ",protoinfo=(state=ESTABLISHED,vtag_orig=1)", 0},
		{"tcp," + o4 + "," + r4 + " ", 0},
		{"tcp," + o4 + "," + r4 + ",", 0},
		{"icmp," + o4 + "," + r4, 0},
	} {
		l, err := parse(c.in)
		var se *syntax.Error
		if !errors.As(err, &se) || !reflect.DeepEqual(l, Line{}) {
			t.Errorf("%q: %+v %v", c.in, l, err)
			continue
		}
		if c.off != 0 && se.Off != c.off {
			t.Errorf("%q: offset %d, want %d (%s)", c.in, se.Off, c.off, se.Msg)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, l := range corpusLines(f) {
		f.Add(l)
	}
	f.Fuzz(func(t *testing.T, in string) {
		l, err := parse(in)
		if err != nil {
			if !reflect.DeepEqual(l, Line{}) {
				t.Fatalf("an error came with %+v", l)
			}
			return
		}
		again, err := parse(l.text())
		if err != nil || !reflect.DeepEqual(again, l) {
			t.Fatalf("%q read as %+v, printed %q, read as %+v (%v)", in, l, l.text(), again, err)
		}
	})
}

func TestExpectationMatch(t *testing.T) {
	x := tup(6, "10.0.0.2:0", "10.0.0.4:2000")
	anyone := tup(6, "0.0.0.0:0", "10.0.0.4:2000")
	for _, c := range []struct {
		x, q ctstate.Tuple
		want bool
	}{
		{x, tup(6, "10.0.0.2:20", "10.0.0.4:2000"), true},
		{x, tup(6, "10.0.0.3:20", "10.0.0.4:2000"), false},
		{anyone, tup(6, "10.0.0.3:20", "10.0.0.4:2000"), true},
		{x, tup(6, "10.0.0.2:20", "10.0.0.4:2001"), false},
		{x, tup(17, "10.0.0.2:20", "10.0.0.4:2000"), false},
	} {
		if got := expects(c.x, c.q); got != c.want {
			t.Errorf("%v %v: %v", c.x, c.q, got)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	line := []byte("tcp,orig=(src=10.0.0.1,dst=30.0.0.1,sport=1000,dport=80),reply=(src=30.0.0.1,dst=10.0.0.1,sport=80,dport=1000),id=0,zone=7,status=0,timeout=86399,mark=2,protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,wscale_orig=7,wscale_reply=7,flags_orig=WINDOW_SCALE|SACK_PERM|MAXACK_SET,flags_reply=WINDOW_SCALE|SACK_PERM|MAXACK_SET)")
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	var l Line
	for b.Loop() {
		if err := ParseInto(line, &l); err != nil {
			b.Fatal(err)
		}
	}
}
