package microflow

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

func TestFill(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`--to 10.0.0.5:80`, "tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64"},
		{`--to 10.0.0.5 tcp.dst == 22`, "tcp 10.0.0.3:46982 > 10.0.0.5:22 [syn] ttl 64"},
		{`--to 10.0.0.5:53 udp`, "udp 10.0.0.3:46982 > 10.0.0.5:53 ttl 64"},
		{`--to vm2/sctp`, "sctp 10.0.0.3:46982 > 10.0.0.5:9 ttl 64"},
		{`--to vm2 ip6`, "icmp6 fd00::3 > fd00::5 echo request id 1 ttl 64"},
		{`--to vm2/icmp ip6`, "icmp6 fd00::3 > fd00::5 echo request id 1 ttl 64"},
		{`--to vm2 icmp4.type == 13`, "icmp 10.0.0.3 > 10.0.0.5 type 13 id 1 ttl 64"},
		{`--to vm2 icmp4.type == 14`, "icmp 10.0.0.3 > 10.0.0.5 type 14 ttl 64"},
		{`--to vm2 ip4.dst == 1.2.3.4`, "icmp 10.0.0.3 > 1.2.3.4 echo request id 1 ttl 64"},
		{`--to fe80::1`, "icmp6 fe80::800:ff:fe00:1 > fe80::1 echo request id 1 ttl 64"},
		{`ip4.dst == 10.0.0.9 && ip4.src == 9.9.9.9 && tcp.flags == 0`, "tcp 9.9.9.9:46982 > 10.0.0.9:80 [0] ttl 64"},
		{`--to 10.0.0.5 tcp && ip.ttl == 0`, "tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 0"},
		{`--to 10.0.0.5 ip.proto == 47`, "ip proto 47 10.0.0.3 > 10.0.0.5 ttl 64"},
		{`--to 10.0.0.5 icmp4.type == 3 && icmp4.code == 1`, "icmp 10.0.0.3 > 10.0.0.5 type 3 code 1 ttl 64"},
		{`--to 10.0.0.5 tcp && ip.frag == 3`, "tcp 10.0.0.3 > 10.0.0.5 later fragment ttl 64"},
		{`--to 10.0.0.5 tcp && ip.ttl == 64 && inport == "vm1"`, "tcp 10.0.0.3:46982 > 10.0.0.5:80 [syn] ttl 64"},

		{`--to 10.0.0.5 inport == "vm9" && ip4`, `! 0 inport is "vm9" and the packet is from "vm1"`},
		{`--to 10.0.0.5 ip4.dst == 10.0.0.6`, "! 0 the packet goes to 10.0.0.6 and not to 10.0.0.5"},
		{`--to 10.0.0.5:80 ip4 && tcp.dst == 81`, "! 7 the packet goes to port 81 and not to 10.0.0.5:80"},
		{`--to 10.0.0.5:80 ip4 && icmp4`, "! 7 10.0.0.5:80 asks for a port and the packet is icmp"},
		{`--to 10.0.0.5 eth.type == 0x88cc`, "! 0 a packet of type 0x88cc has no address 10.0.0.5"},
		{`--to 10.0.0.5 ip6`, "! 0 the packet is IPv6 and its destination 10.0.0.5 is not"},
		{`--to vm2/icmp6 ip4`, "! vm2/icmp6 asks for icmp6 and the packet is IPv4"},
		// Partly given parts, and values that agree with them.
		{`--to 10.0.0.5 ip4.dst == 10.0.0.0/24`, "icmp 10.0.0.3 > 10.0.0.5 echo request id 1 ttl 64"},
		{`--to 10.0.0.5 ip4.dst == 10.0.1.0/24`, "! 0 the packet goes to 10.0.1.0 and not to 10.0.0.5"},
		{`ip4.src == 10.0.0.0/8 && ip4.dst == 10.9.9.9`, "icmp 10.0.0.3 > 10.9.9.9 echo request id 1 ttl 64"},
		{`ip4.src == 192.168.0.0/16 && ip4.dst == 10.9.9.9`, "icmp 192.168.0.0 > 10.9.9.9 echo request id 1 ttl 64"},
		{`--to 10.0.0.5 ip4.src[0..7] == 3`, "icmp 10.0.0.3 > 10.0.0.5 echo request id 1 ttl 64"},
		{`--to fd00::5 nd_na`, "icmp6 fd00::3 > fd00::5 neighbour advertisement for fd00::3 ttl 255"},
		{`ip4 && tcp`, "! the packet has no destination address: give --to, or ip4.dst"},
		{`--to fd00::5 arp`, "! fd00::5 has no IPv4 address to ask for"},
	} {
		mf, err := made(c.in)
		got := mf.Packet.String()
		var se *SyntaxError
		if errors.As(err, &se) {
			got = "! " + string('0'+byte(se.Off)) + " " + se.Msg
		} else if err != nil {
			got = "! " + err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestFillMACs(t *testing.T) {
	for in, want := range map[string]string{
		`--to 10.0.0.5`:                              "0a:00:00:00:00:fe",
		`--to 224.1.2.3`:                             "01:00:5e:01:02:03",
		`--to 255.255.255.255`:                       "ff:ff:ff:ff:ff:ff",
		`--to ff02::1`:                               "33:33:00:00:00:01",
		`--to 10.0.0.5 arp`:                          "ff:ff:ff:ff:ff:ff",
		`--to 10.0.0.5 arp.op == 2`:                  "0a:00:00:00:00:fe",
		`--to fd00::5 nd_ns`:                         "33:33:ff:00:00:05",
		`--to 10.0.0.5 eth.dst == 00:00:00:00:00:07`: "00:00:00:00:00:07",
		`ip4.mcast && ip4.dst == 239.1.2.3`:          "01:00:5e:01:02:03",
		`eth.mcast && ip4.dst == 10.0.0.5`:           "01:00:00:00:00:00",
		`mldv2`:                                      "33:33:00:00:00:16",
		`igmp && ip4.dst == 224.0.0.22`:              "01:00:5e:00:00:16",
		`ip4 && !eth.mcast && ip4.dst == 10.0.0.5`:   "0a:00:00:00:00:fe",
	} {
		mf, err := made(in)
		if err != nil || mf.Packet.EthDst.String() != want || mf.Packet.EthSrc != vm1().MAC {
			t.Errorf("%s: %v > %v, %v", in, mf.Packet.EthSrc, mf.Packet.EthDst, err)
		}
	}
}

// TestFillMissing: the hint says what to give if a value is unknown.
func TestFillMissing(t *testing.T) {
	to := Destination{Target: Target{Text: "1.1.1.1", Kind: TargetIP, Addr: netip.MustParseAddr("1.1.1.1")}}
	for _, c := range []struct {
		from Endpoint
		hop  packet.MAC
		want string
	}{
		{Endpoint{Port: "p"}, hop, "p has no IPv4 address: give ip4.src"},
		{Endpoint{Port: "p", Addrs: vm1().Addrs}, hop, "p has no MAC address: give eth.src"},
		{vm1(), packet.MAC{}, "no MAC address is known for the next hop to 1.1.1.1: give eth.dst"},
	} {
		mf := Microflow{}
		if err := Fill(&mf, c.from, to, FillOptions{NextHop: c.hop}); err == nil || err.Error() != c.want {
			t.Errorf("%v", err)
		}
	}
}

// TestFillAll leaves a packet from bytes alone.
func TestFillAll(t *testing.T) {
	mf, err := FromHex("ffffffffffff0a000000000108060001080006040001" + "0a00000000010a000003" + "0000000000000a000005")
	if err != nil {
		t.Fatal(err)
	}
	before := mf.Packet.String()
	if err := Fill(&mf, vm1(), Destination{}, FillOptions{}); err != nil || mf.Packet.String() != before || mf.InPort != "vm1" {
		t.Errorf("%v: %v", mf.Packet, err)
	}
}

func TestMark(t *testing.T) {
	_, err := Parse(`inport == "p1" && tpc.dst == 80`, Options{})
	var se *SyntaxError
	if !errors.As(err, &se) {
		t.Fatal(err)
	}
	want := `inport == "p1" && tpc.dst == 80` + "\n" + strings.Repeat(" ", 18) + "^"
	if se.Mark() != want {
		t.Errorf("\n%s", se.Mark())
	}
	long := &SyntaxError{In: strings.Repeat("ü", 200) + "x" + strings.Repeat("y", 200), Off: 400}
	lines := strings.Split(long.Mark(), "\n")
	if caret := strings.Index(lines[1], "^"); []rune(lines[0])[caret] != 'x' || len([]rune(lines[0])) > 130 {
		t.Errorf("\n%s", long.Mark())
	}
	multi := &SyntaxError{In: "a\nb\tc\nd", Off: 4}
	if multi.Mark() != "b c\n  ^" {
		t.Errorf("\n%s", multi.Mark())
	}
}

// TestFamily: the family resolves an ambiguity between IPv4 and IPv6 only.
func TestFamily(t *testing.T) {
	for in, family := range map[string]int{"tcp.dst == 80": 4, "icmp": 6, "udp && ip.ttl == 3": 6} {
		mf, err := Parse(in, Options{Family: family})
		if err != nil || (mf.Packet.EthType == packet.EthIPv6) != (family == 6) {
			t.Errorf("%s: %v, %v", in, mf.Packet, err)
		}
	}
	if _, err := Parse("tcp.dst == {80, 81}", Options{Family: 4}); err == nil || !strings.Contains(err.Error(), "ambiguous") {
		t.Error(err)
	}
	if mf, err := Parse("arp", Options{Family: 4}); err != nil || !mf.Packet.IsARP() {
		t.Error(mf, err)
	}
}

// TestUnused: given values that a packet does not have are listed.
func TestUnused(t *testing.T) {
	for in, want := range map[string]string{
		`inport == "vm1" && ip4 && tcp.dst == 80`:                                                       "",
		`inport == "vm1" && !ct.trk && reg0 == 0 && flags == 0`:                                         "",
		`inport == "vm1" && ct.est && !ct.new`:                                                          "ct_state=est|trk",
		`inport == "vm1" && reg0 == 1 && reg1 == 0 && reg9 == 2`:                                        "reg9, reg0",
		`inport == "vm1" && flags.loopback && outport == "vm2"`:                                         "flags, outport",
		`inport == "vm1" && ct_mark.blocked && ct_label == 7`:                                           "ct_label, ct_mark",
		`--of-flow in_port=vm1,tcp,ct_state=+trk+est,ct_nw_src=1.2.3.4,reg0=1,metadata=0,recirc_id=0x5`: "ct_state=est|trk, ct_nw_src, recirc_id, reg0",
	} {
		mf, err := Microflow{}, error(nil)
		if flow, ok := strings.CutPrefix(in, "--of-flow "); ok {
			mf, err = FromOpenFlow(flow)
		} else {
			mf, err = Parse(in, Options{})
		}
		if got := strings.Join(mf.Unused(), ", "); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
		}
	}
}

// TestAddressChoice: of several addresses the global one is used, in any order.
func TestAddressChoice(t *testing.T) {
	from := vm1()
	from.Addrs = append([]netip.Addr{netip.MustParseAddr("fe80::3")}, from.Addrs...)
	to := Destination{Target: Target{Text: "fd00::9", Kind: TargetIP, Addr: netip.MustParseAddr("fd00::9")}}
	mf := Microflow{}
	if err := Fill(&mf, from, to, FillOptions{NextHop: hop}); err != nil || mf.Packet.Src.String() != "fd00::3" {
		t.Errorf("from %v, %v", mf.Packet.Src, err)
	}
	to.Addr = netip.MustParseAddr("fe80::9")
	mf = Microflow{}
	if err := Fill(&mf, from, to, FillOptions{NextHop: hop}); err != nil || mf.Packet.Src.String() != "fe80::3" {
		t.Errorf("from %v, %v", mf.Packet.Src, err)
	}
	// A port without addresses: the other end determines the family.
	named := Destination{Target: Target{Text: "vm2", Name: "vm2"}, Endpoint: vm2()}
	mf = Microflow{}
	if err := Fill(&mf, Endpoint{Port: "p", MAC: hop}, named, FillOptions{NextHop: hop}); err == nil || err.Error() != "p has no IPv4 address: give ip4.src" {
		t.Errorf("a port without addresses: %v", err)
	}
	none := Destination{Target: Target{Text: "vm9", Name: "vm9"}}
	mf = Microflow{}
	if err := Fill(&mf, vm1(), none, FillOptions{}); err == nil || !strings.HasPrefix(err.Error(), "vm9 has no IP address") {
		t.Errorf("to a port without addresses: %v", err)
	}
}
