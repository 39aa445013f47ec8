package microflow

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

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

// captures writes two frames in both formats.
func captures(t testing.TB, linkType layers.LinkType, snap int) map[string][]byte {
	frames := [][]byte{frameOf(t, "--to 10.0.0.5:80/tcp"), frameOf(t, "--to [fd00::5]:53/udp")}
	var old, ng bytes.Buffer
	w := pcapgo.NewWriter(&old)
	if err := w.WriteFileHeader(65535, linkType); err != nil {
		t.Fatal(err)
	}
	n, err := pcapgo.NewNgWriter(&ng, linkType)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		cut := f[:min(len(f), snap)]
		if err := w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(cut), Length: len(f)}, cut); err != nil {
			t.Fatal(err)
		}
		if err := n.WritePacket(gopacket.CaptureInfo{CaptureLength: len(cut), Length: len(f)}, cut); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Flush(); err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"pcap": old.Bytes(), "pcapng": ng.Bytes()}
}

func TestFromPcap(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for kind, data := range captures(t, layers.LinkTypeEthernet, 1<<16) {
		file := write("ok."+kind, data)
		for spec, want := range map[string]string{
			file:          "tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64",
			file + ":1":   "tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64",
			file + ":2":   "udp [fd00::3]:46982 > [fd00::5]:53 ttl 64",
			file + ":3":   "it has 2 whole frames, there is no frame 3",
			file + ":0":   `"0" is no frame number: they count from 1`,
			file + ":two": `"two" is no frame number: they count from 1`,
		} {
			mf, err := FromPcap(spec)
			if err != nil && !strings.HasSuffix(err.Error(), want) || err == nil && mf.Packet.String() != want {
				t.Errorf("%s: %v, %v", spec, mf.Packet, err)
			}
		}
		file = write("cut."+kind, data[:len(data)-20])
		if _, err := FromPcap(file + ":2"); err == nil || !strings.Contains(err.Error(), "frame 2") {
			t.Errorf("%s: %v", file, err)
		}
	}
	for kind, data := range captures(t, layers.LinkTypeLinuxSLL, 1<<16) {
		if _, err := FromPcap(write("sll."+kind, data)); err == nil || !strings.Contains(err.Error(), "not Ethernet") {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for kind, data := range captures(t, layers.LinkTypeEthernet, 40) {
		if _, err := FromPcap(write("snap."+kind, data)); err == nil || !strings.Contains(err.Error(), "the capture cut it at 40 bytes") {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for name, data := range map[string]string{"empty": "", "text": "hello, world, this is no capture at all"} {
		if _, err := FromPcap(write(name, []byte(data))); err == nil || !strings.Contains(err.Error(), "neither pcap nor pcapng") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := FromPcap(filepath.Join(dir, "nothing:1")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
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

// TestWithin distinguishes a tunnel's packet from the inner packet.
func TestWithin(t *testing.T) {
	inner := frameOf(t, "--to 10.0.0.5:80/tcp")
	outer := func(port string, header []byte) []byte {
		frame := frameOf(t, "--to 10.0.0.5:"+port+"/udp")
		return append(append(frame[:42], header...), inner...)
	}
	for _, c := range []struct {
		frame []byte
		want  string
	}{
		{outer("6081", []byte{2, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 2, 0x80, 1, 0, 0, 0, 7}), "Geneve tunnel (key 5), and is traced as the tunnel's; to trace tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64,"},
		{outer("4789", []byte{8, 0, 0, 0, 0, 0, 9, 0}), "VXLAN tunnel (key 9), and is traced as the tunnel's; to trace tcp"},
		{outer("6081", []byte{0x3f, 0, 0x65, 0x58, 0, 0, 5, 0}), "to trace what is inside, capture"},
		{outer("53", []byte{2, 0, 0x65, 0x58, 0, 0, 5, 0}), ""},
		{inner, ""},
	} {
		// The lengths of IPv4 and UDP do not fit this frame: 0 is that of a packet before
		// segmentation offload.
		if len(c.frame) > len(inner) {
			c.frame[16], c.frame[17] = 0, 0
		}
		mf, err := fromFrame(c.frame, len(c.frame))
		if err != nil || !strings.Contains(mf.Within, c.want) || c.want == "" && mf.Within != "" {
			t.Errorf("%x: %q, %v; want %q", c.frame, mf.Within, err, c.want)
		}
	}
}

// TestMixedCapture: frames of all interfaces of a pcapng file are counted; a pcap file may have
// nanoseconds.
func TestMixedCapture(t *testing.T) {
	frame := frameOf(t, "--to 10.0.0.5:80/tcp vlan.vid == 7 && ip4")
	var ng, nanos bytes.Buffer
	w, err := pcapgo.NewNgWriter(&ng, layers.LinkTypeLinuxSLL)
	if err != nil {
		t.Fatal(err)
	}
	ether, err := w.AddInterface(pcapgo.NgInterface{LinkType: layers.LinkTypeEthernet})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, ether} {
		if err := w.WritePacket(gopacket.CaptureInfo{CaptureLength: len(frame), Length: len(frame), InterfaceIndex: i}, frame); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	n := pcapgo.NewWriterNanos(&nanos)
	if err := n.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	if err := n.WritePacket(gopacket.CaptureInfo{CaptureLength: len(frame), Length: len(frame)}, frame); err != nil {
		t.Fatal(err)
	}
	const want = "vlan 7 tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64"
	if _, err := ReadPcap(bytes.NewReader(ng.Bytes()), 1); err == nil || !strings.Contains(err.Error(), "frame 1: link type is") {
		t.Errorf("a frame that is not Ethernet: %v", err)
	}
	if mf, err := ReadPcap(bytes.NewReader(ng.Bytes()), 2); err != nil || mf.Packet.String() != want {
		t.Errorf("frame 2 of pcapng: %v, %v", mf.Packet, err)
	}
	if mf, err := ReadPcap(&nanos, 1); err != nil || mf.Packet.String() != want {
		t.Errorf("pcap with nanoseconds: %v, %v", mf.Packet, err)
	}
}
