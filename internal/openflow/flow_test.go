package openflow

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

const sample = `recirc_id=0x49,ct_state=new|trk,ct_label=0x10000000000000004,eth,tcp,reg0=0x11,in_port="a b,c/d",dl_src=0a:00:00:00:00:01,` +
	`nw_src=10.0.0.1,nw_dst=10.0.0.0/24,nw_ttl=64,tp_src=1000,tp_dst=80,tcp_flags=syn|ack`

func parse(t *testing.T, s string) Flow {
	t.Helper()
	f, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestGet(t *testing.T) {
	f := parse(t, sample)
	for name, want := range map[string]string{
		"tp_src": "1000", "tcp_src": "1000", "udp_dst": "80", "eth_src": "0a:00:00:00:00:01", "ip_src": "10.0.0.1",
		"nw_dst": "10.0.0.0/24", "tcp": "", "in_port": `"a b,c/d"`,
	} {
		if got, ok := f.Get(name); !ok || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, ok, want)
		}
	}
	if f.Has("udp") || f.Has("reg1") || f.Has("tp_flags") {
		t.Error("has what is not there")
	}
	if fd, _ := f.Field("nw_dst"); fd != (Field{Name: "nw_dst", Value: "10.0.0.0", Mask: "24"}) {
		t.Errorf("%+v", fd)
	}
	// The name itself goes before an alias of it.
	g := parse(t, "udp_src=1,tp_src=2")
	if got, _ := g.Get("tp_src"); got != "2" {
		t.Errorf("tp_src=%s", got)
	}
}

func TestTyped(t *testing.T) {
	f := parse(t, sample)
	get := func(name string) string { v, _ := f.Get(name); return v }
	if v, ok := f.Uint("recirc_id"); !ok || v != 0x49 {
		t.Error("recirc_id", v, ok)
	}
	if a, ok := f.Addr("nw_src"); !ok || a != netip.MustParseAddr("10.0.0.1") {
		t.Error("nw_src", a, ok)
	}
	if v, ok := f.U128("ct_label"); !ok || v != (U128{Hi: 1, Lo: 4}) || v.String() != "0x10000000000000004" {
		t.Error("ct_label", v, ok)
	}
	if v, m, err := ParseTCPFlags(get("tcp_flags")); err != nil || v != 0x12 || m != 0xfff {
		t.Error("tcp_flags", v, m, err)
	}
	if v, m, ok := f.CTState(); !ok || v != 0x21 || m != 0xff {
		t.Error("ct_state", v, m, ok)
	}
	if p, ok := f.InPort(); !ok || p != "a b,c/d" {
		t.Error("in_port", p, ok)
	}
	if v, ok := f.EthType(); !ok || v != 0x800 {
		t.Error("dl_type", v, ok)
	}
	if v, ok := f.Proto(); !ok || v != 6 {
		t.Error("nw_proto", v, ok)
	}
	if _, ok := f.Uint("nw_src"); ok {
		t.Error("an address is a number")
	}
}

func TestEdit(t *testing.T) {
	f := parse(t, "recirc_id=0x1,eth,tcp,in_port=1,tp_dst=80")
	g := f.Clone()
	g.Set("tcp_dst", "8080")
	g.Set("nw_src", "10.0.0.0/8")
	g.Del("recirc_id", "eth", "absent")
	if got, want := g.String(), "tcp,in_port=1,tp_dst=8080,nw_src=10.0.0.0/8"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := f.String(), "recirc_id=0x1,eth,tcp,in_port=1,tp_dst=80"; got != want {
		t.Errorf("the clone's changes show: %s", got)
	}
	d := parse(t, "cookie=0x0, duration=1s, table=0,ip actions=drop")
	d.Del("cookie", "duration")
	if got, want := d.String(), "table=0,ip actions=drop"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSyntaxError(t *testing.T) {
	for in, off := range map[string]int{
		"a=1,,b": 4, ",a": 0, "a,": 1, "a=(1": 2, "a=1)": 3, `in_port="x`: 8, "a=(1}": 4,
	} {
		f, err := Parse(in)
		var e *syntax.Error
		if !errors.As(err, &e) || e.Off != off || f.Fields != nil {
			t.Errorf("%q: %v, %v; want offset %d", in, f, err, off)
		}
	}
}

func TestFlagErrors(t *testing.T) {
	for _, in := range []string{"", "sin", "+syn+syn", "syn|", "|", "+", "0x10000", "0x2/0x10000", "+syn|ack", "syn-ack"} {
		if v, m, err := ParseTCPFlags(in); err == nil {
			t.Errorf("%q: %#x/%#x", in, v, m)
		}
	}
}

func TestSplitActions(t *testing.T) {
	for in, want := range map[string][]string{
		"": nil, "drop": {"drop"},
		"ct(commit,nat(src=1.1.1.1),exec(load:0x1->NXM_NX_CT_MARK[])),resubmit(,40)": {
			"ct(commit,nat(src=1.1.1.1),exec(load:0x1->NXM_NX_CT_MARK[]))", "resubmit(,40)"},
		`output:"a,b",learn(table=1,output:NXM_OF_IN_PORT[])`: {`output:"a,b"`, "learn(table=1,output:NXM_OF_IN_PORT[])"},
	} {
		if got := SplitActions(in); !slices.Equal(got, want) {
			t.Errorf("%s: %q", in, got)
		}
	}
}

// TestRead reads flows as ofputil_parse_key_value does; each field is printed with its offset.
func TestRead(t *testing.T) {
	for in, want := range map[string]string{
		"": "", " ,\n": "", "tcp": "0 tcp", ",tcp,,\n\tnw_src=1.1.1.1/8 ,": "1 tcp|8 nw_src=1.1.1.1/8", "a(1)b:2": "0 a=1|4 b=2",
		"a((1,2) 3),b": "0 a=(1,2) 3|11 b", "a(1": "0 a=1", "a(1)->b c": "0 a=1)->b|8 c", `in_port="a b,c",tcp`: `0 in_port="a b,c"|16 tcp`,
		"a=(1,2),b": "0 a=(1,2)|8 b", "=5": "0 =5", "a= 5": "0 a|3 5", "a:": "0 a",
	} {
		f, at := Read(in)
		var parts []string
		for i, fd := range f.Fields {
			parts = append(parts, fmt.Sprintf("%d %s", at[i], fd))
		}
		if got := strings.Join(parts, "|"); got != want || len(at) != len(f.Fields) {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{sample, "tcp\nnw_src(10.0.0.1)tp_dst:80,,", "a(1)->b", `a="b,c`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		fl, at := Read(in)
		if len(at) != len(fl.Fields) {
			t.Fatalf("%q: %d fields at %d places", in, len(fl.Fields), len(at))
		}
		for i, fd := range fl.Fields {
			if !strings.HasPrefix(in[at[i]:], fd.Name) || i > 0 && at[i] <= at[i-1] {
				t.Errorf("%q: %q at %d", in, fd.Name, at[i])
			}
		}
	})
}
