package microflow

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
)

func frameOf(t testing.TB, line string) []byte {
	t.Helper()
	mf, err := made(line)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := packettest.Encode(mf.Packet)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func TestFromHex(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"0x0a00000000fe 0x0a0000000001 0x88cc", "eth 0x88cc 0a:00:00:00:00:01 > 0a:00:00:00:00:fe"},
		{"0a-00-00-00-00-fe\n0a.00.00.00.00.01\t88,cc", "eth 0x88cc 0a:00:00:00:00:01 > 0a:00:00:00:00:fe"},
		{"\t0x0000:  0a00 0000 00fe 0a00 0000 0001 88cc 0011\n\t0x0010:  2233", "eth 0x88cc 0a:00:00:00:00:01 > 0a:00:00:00:00:fe"},
		{"0xffffffffffff0a000000000188cc", "eth 0x88cc 0a:00:00:00:00:01 > ff:ff:ff:ff:ff:ff"},
		{"", "! 0 byte 0: the frame ends inside the Ethernet header: 0 bytes of 14"},
		{"zz", `! 0 "z" is no hex digit`},
		{"0a0", "! 2 half a byte"},
		{"0a 0 00", "! 3 half a byte"},
		{"0a00000000fe0a00000000010800 55", "! 29 byte 14: the frame ends inside the IPv4 header: 1 bytes of 20"},
		{"0a00000000fe0a00000000010800 5500000000000000000000000000000000000000", "! 29 byte 14: IPv4 header of version 5"},
	} {
		mf, err := FromHex(c.in)
		got := mf.Packet.String()
		if err != nil {
			se := err.(*SyntaxError)
			got = "! " + itoa(se.Off) + " " + se.Msg
		}
		if got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func itoa(n int) string {
	if n >= 10 {
		return itoa(n/10) + itoa(n%10)
	}
	return string(rune('0' + n))
}

func TestFromOpenFlow(t *testing.T) {
	mf, err := FromOpenFlow(" reg0=0x5 tcp in_port=\"vm 1\",ct_state=+trk+est-new ct_mark=0x2 nw_dst=1.1.1.1, tp_dst=80")
	if err != nil {
		t.Fatal(err)
	}
	if mf.InPort != "vm 1" || mf.CTState != 0x22 || mf.CTMask != 0x23 || mf.Other["ct_mark"].Value.Lo != 2 || mf.Other["reg0"].Value.Lo != 5 ||
		mf.Given != HasEthType|HasProto|HasDst|HasDstPort {
		t.Errorf("%+v", mf)
	}
	for _, in := range []string{"tcp\nnw_src=10.0.0.1\n\ttp_dst=80\n", ",tcp,, nw_src=10.0.0.1,,tp_dst=80,", "tcp,nw_src(10.0.0.1)tp_dst:80",
		"tcp,nw_src:10.0.0.1,tp_dst(80"} {
		if mf, err := FromOpenFlow(in); err != nil || mf.Packet.String() != "tcp 10.0.0.1:0 > ?:80 [0] ttl 0" || mf.Given != HasEthType|HasProto|HasSrc|HasDstPort {
			t.Errorf("%q: %v %v", in, mf.Packet, err)
		}
	}
	if mf, err := FromOpenFlow("in_port_oxm=vm1,icmp6,nw_frag=later,icmp_type=135"); err != nil || mf.InPort != "vm1" || strings.Join(mf.Unused(), " ") != "icmp_type" {
		t.Errorf("%+v, %v", mf, err)
	}
	for _, c := range []struct {
		in, want string
		off      int
	}{
		{"tcp,nw_dst=1.1.1.1/8", "nw_dst=1.1.1.1/8: a packet has values, not masks", 4},
		{"tcp,foo=1", "foo=1: unknown field", 4},
		{"tcp,\n tp_dst=443, tcp_dst=80", "tcp_dst=80: field set multiple times", 18},
		{"in_port=1,in_port_oxm=2", "in_port_oxm=2: field set multiple times", 10},
		{"ip,nw_src((10.0.0.1))", "nw_src=(10.0.0.1): not an IPv4 address", 3},
		{"tcp,tp_dst=80,udp_dst=80", "udp_dst=80: prerequisites not met", 14},
		{"tcp,ct_state=new|foo", "", 4},
		{"in_port=1,packet_type=(1,0x800),nw_proto=6", "packets of a logical port have an Ethernet header", 10},
		{"in_port=1,packet_type=(1,0x800", "packet_type=(1,0x800: not (NAMESPACE,TYPE)", 10},
		{"tcp,actions=drop", "actions=drop: unknown field", 4},
	} {
		_, err := FromOpenFlow(c.in)
		se, ok := err.(*SyntaxError)
		if !ok || c.want != "" && se.Msg != c.want || se.Off != c.off {
			t.Errorf("%s: %v %+v", c.in, err, se)
		}
	}
}

func FuzzFromOpenFlow(f *testing.F) {
	for _, s := range []string{"in_port=vm1,tcp,nw_src=10.0.0.3,nw_ttl=64", "dl_vlan=1,dl_type=0x800", "udp6 ipv6_src=::1", "ct_state=trk|new",
		"tcp,\n,nw_src(10.0.0.1)tp_dst:80", "ip,nw_src(10.0.0.1)->nw_dst", "xxreg0=0x5,reg1=1,in_port(1", "dl_type=0x894f,nsh_spi:5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		_, err := FromOpenFlow(in)
		if se, ok := err.(*SyntaxError); ok {
			if se.Off < 0 || se.Off > len(in) {
				t.Fatalf("%q: offset %d", in, se.Off)
			}
			se.Mark()
		}
	})
}

// TestUnsaid: the parts of a frame that flow text cannot express are listed.
func TestUnsaid(t *testing.T) {
	for frame, want := range map[string]string{
		"01005e0000160a00000000010800" + "46c00020000040000102415f0a000003e000001694040000" + "1600f9fd00000000": "IGMP type and code",
		"0a00000000fe0a0000000001" + "88a80005" + "81000006" + "88cc":                                            "VLAN TPID 0x88a8, inner VLAN tag and what is behind it",
		hex.EncodeToString(frameOf(t, "--to 10.0.0.5/icmp")):                                                     "",
	} {
		mf, err := FromHex(frame)
		if got := strings.Join(mf.Unsaid(), ", "); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", frame, got, err, want)
		}
	}
}
