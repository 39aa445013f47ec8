package odp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
)

func typeName(a Action) string { return fmt.Sprintf("%T", a) }

var ip = netip.MustParseAddr

func TestTyped(t *testing.T) {
	cases := []struct {
		in   string
		want Actions
	}{
		{"drop", Actions{}},
		{"clone(drop)", Actions{Clone{Actions{}}}},
		{"1,drop", Actions{Output{"1"}, Drop{}}},
		{"ct", Actions{CT{Bare: true}}},
		{"ct(commit,zone=7,mark=0x2/0xff,label=0x10000000000000000,nat(dst=30.0.0.5:8080-8090,random))", Actions{CT{
			Commit: true, Zone: 7, HasMark: true, Mark: 2, MarkMask: 0xff, HasLabel: true, Label: openflow.U128{Hi: 1, Lo: 0}, LabelMask: ones,
			NAT: &NAT{Dst: true, MinAddr: ip("30.0.0.5"), MaxAddr: ip("30.0.0.5"), MinPort: 8080, MaxPort: 8090, Random: true}}}},
		{"ct(nat(src=[fd00::1]-[fd00::9]:80))", Actions{CT{
			NAT: &NAT{Src: true, MinAddr: ip("fd00::1"), MaxAddr: ip("fd00::9"), MinPort: 80, MaxPort: 80}}}},
		{"ct(nat(range error))", Actions{CT{NAT: &NAT{Err: "range error"}}}},
		{"userspace(pid=1,controller(reason=1,dont_send=1,continuation=1,recirc_id=78,rule_cookie=0xab,controller_id=2,max_len=128))",
			Actions{Userspace{PID: 1, Kind: "controller",
				Text:       "controller(reason=1,dont_send=1,continuation=1,recirc_id=78,rule_cookie=0xab,controller_id=2,max_len=128)",
				Controller: &Controller{Reason: 1, DontSend: true, Continuation: true, RecircID: 78, RuleCookie: 0xab, ControllerID: 2, MaxLen: 128}}}},
		{"userspace(pid=1,slow_path(cfm,match),actions,tunnel_out_port=9)", Actions{Userspace{PID: 1, Kind: "slow_path",
			Text: "slow_path(cfm,match)", SlowPath: []string{"cfm", "match"}, WithActions: true, TunnelOutPort: "9"}}},
		{"push_vlan(vid=5,pcp=0,cfi=0)", Actions{PushVLAN{TPID: 0x8100, VID: 5, HasVID: true, HasPCP: true}}},
		{"check_pkt_len(size=200,gt(4),le(drop))", Actions{CheckPktLen{200, Actions{Output{"4"}}, Actions{}}}},
		{"sample(sample=50.0%,actions(1))", Actions{Sample{"50.0", Actions{Output{"1"}}}}},
		{`"a,b(c",2`, Actions{Output{`"a,b(c"`}, Output{"2"}}},
		{"set(ipv4(src=1.2.0.0/255.255.0.0,ttl=7))", Actions{Set{Key{Name: "ipv4",
			Fields: []KeyField{{"src", "1.2.0.0", "255.255.0.0"}, {"ttl", "7", ""}}}}}},
		{"1,bad length 3, expected 4 for: action5(00),2", Actions{Output{"1"}, Opaque{"bad length 3, expected 4 for: action5(00)"}, Output{"2"}}},
		{"future(x),clone(future(y))", Actions{Opaque{"future(x)"}, Clone{Actions{Opaque{"future(y)"}}}}},
	}
	for _, tc := range cases {
		got, err := Parse(tc.in)
		if err != nil {
			t.Errorf("%s: %v", tc.in, err)
		} else if d := cmp.Diff(tc.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Errorf("%s: -want +got:\n%s", tc.in, d)
		}
	}
}

func TestTunnel(t *testing.T) {
	as, err := Parse("set(tunnel(tun_id=0x3,dst=192.0.2.2,ttl=64,tp_dst=6081,geneve({class=0x102,type=0x80,len=4,0x10002}" +
		"{class=0x103,type=0x1,len=16,0x123456789abcdef0}),flags(df|csum|key)))")
	if err != nil {
		t.Fatal(err)
	}
	got := as[0].(Set).Key.Tunnel
	want := &Tunnel{ID: 3, HasID: true, Dst: ip("192.0.2.2"), TTL: 64, TPDst: 6081, Flags: []string{"df", "csum", "key"},
		Geneve: []TunnelOption{{Class: 0x102, Type: 0x80, Len: 4, Data: []byte{0, 1, 0, 2}},
			{Class: 0x103, Type: 1, Len: 16, Data: []byte{0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0}}}}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if v, ok := got.Geneve[0].Uint(); !ok || v != 0x10002 {
		t.Errorf("option %#x, %v", v, ok)
	}
	made := Set{Key{Name: "tunnel", Tunnel: got}}
	if made.String() != as[0].String() {
		t.Errorf("made by hand prints %s\n           want %s", made, as[0])
	}
}

func TestTnlPush(t *testing.T) {
	in := "tnl_push(tnl_port(6),header(size=58,type=5,eth(dst=f8:bc:12:44:34:b6,src=f8:bc:12:46:58:e0,dl_type=0x0800)," +
		"ipv4(src=1.1.2.88,dst=1.1.2.92,proto=17,tos=0,ttl=64,frag=0x40),udp(src=0,dst=6081,csum=0x0)," +
		"geneve(crit,vni=0x1c7,options({class=0xffff,type=0x80,len=4,0xa}))),out_port(1))"
	as, err := Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	got := as[0].(TnlPush)
	want := TunnelHeader{Size: 58, Type: 5, EthSrc: "f8:bc:12:46:58:e0", EthDst: "f8:bc:12:44:34:b6", Src: ip("1.1.2.88"), Dst: ip("1.1.2.92"), TTL: 64, Proto: 17,
		UDPDst: 6081, Kind: "geneve", VNI: 0x1c7, Options: []TunnelOption{{0xffff, 0x80, 4, []byte{0, 0, 0, 0xa}}}}
	if d := cmp.Diff(want, got.Header, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" || got.TnlPort != "6" || got.OutPort != "1" {
		t.Errorf("%s %s -want +got:\n%s", got.TnlPort, got.OutPort, d)
	}
}

func TestSyntaxError(t *testing.T) {
	for in, off := range map[string]int{
		"": 0, "1,": 2, ",1": 0, "1,,2": 2, "clone(1": 5, "clone(1))": 8, "ct(nat(src=1.1.1.1)": 2, "1,clone(2,,3)": 10, "(": 0,
	} {
		as, err := Parse(in)
		var e *syntax.Error
		if !errors.As(err, &e) || e.Off != off || e.In != in || as != nil {
			t.Errorf("%q: %v, %v; want offset %d", in, as, err, off)
		}
	}
}

func TestDeep(t *testing.T) {
	const n = 100000
	in := strings.Repeat("clone(", n) + "1" + strings.Repeat(")", n)
	as, err := Parse(in)
	if err != nil || as.String() != in {
		t.Errorf("%d clones in one another: %v", n, err)
	}
}

func TestKeys(t *testing.T) {
	const in = "recirc_id(0x5),in_port(2),ct_state(+new-est+trk),ct_mark(0x2/0xff),ct_tuple4(src=10.0.0.1,dst=10.0.0.2,proto=6,tp_src=1,tp_dst=2)," +
		"eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02),eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x0800),ipv4(dst=10.0.0.0/255.0.0.0,frag=no))"
	ks, err := ParseFlow(in)
	if err != nil || ks.String() != in {
		t.Fatalf("%v, %v", ks, err)
	}
	check := func(key, field, value, mask string) {
		t.Helper()
		k, ok := ks.Get(key)
		f, ok2 := k.Get(field)
		if !ok || !ok2 || f.Value != value || f.Mask != mask {
			t.Errorf("%s %s: %+v %v %v", key, field, f, ok, ok2)
		}
	}
	check("recirc_id", "", "0x5", "")
	check("ct_state", "", "+new-est+trk", "")
	check("ct_mark", "", "0x2", "0xff")
	check("ct_tuple4", "tp_dst", "2", "")
	check("ipv4", "dst", "10.0.0.0", "255.0.0.0")
}

func TestWalk(t *testing.T) {
	as, err := Parse("1,clone(2,sample(sample=1.0%,actions(3))),check_pkt_len(size=9,gt(4),le(5)),dec_ttl(le_1(6)),7")
	if err != nil {
		t.Fatal(err)
	}
	visit := func(into func(Action) bool) string {
		var seen []string
		Walk(as, func(a Action) bool {
			if o, ok := a.(Output); ok {
				seen = append(seen, o.Port)
			}
			return into(a)
		})
		return strings.Join(seen, " ")
	}
	if got := visit(func(Action) bool { return true }); got != "1 2 3 4 5 6 7" {
		t.Errorf("all: %s", got)
	}
	if got := visit(func(a Action) bool { _, clone := a.(Clone); return !clone }); got != "1 4 5 6 7" {
		t.Errorf("without clones: %s", got)
	}
}
