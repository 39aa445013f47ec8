package openflow

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
)

var cmpAddr = cmpopts.EquateComparable(netip.Addr{})

// text prints a flow for the command line of ofproto/trace.
func text(f Flow) string {
	parts := make([]string, len(f.Fields))
	for i, fd := range f.Fields {
		parts[i] = fd.Name
		if fd.Value != "" {
			parts[i] += "=" + fd.Value
		}
	}
	return strings.Join(parts, ",")
}

// said returns the part of the packet that flow text can express.
func said(p packet.Packet) packet.Packet {
	p.ICMPID, p.HasID, p.Inner, p.Length = 0, false, nil, 0
	if p.IsIGMP() {
		p.ICMPType, p.ICMPCode = 0, 0
	}
	if len(p.VLANs) > 0 {
		first := p.VLANs[0]
		first.TPID = packet.EthVLAN
		if len(p.VLANs) > 1 {
			return packet.Packet{EthSrc: p.EthSrc, EthDst: p.EthDst, EthType: p.VLANs[1].TPID, VLANs: []packet.VLAN{first}}
		}
		p.VLANs = []packet.VLAN{first}
	}
	if len(p.MPLS) > 1 {
		p.MPLS = p.MPLS[:1]
	}
	return p
}

func TestFieldsRoundTrip(t *testing.T) {
	for _, p := range packettest.Generate(1, 500) {
		got, err := ToPacket(FlowOf(p, "1"))
		if err != nil {
			t.Fatalf("%s: %v", text(FlowOf(p, "1")), err)
		}
		if diff := cmp.Diff(said(p), got, cmpAddr); diff != "" {
			t.Fatalf("%s: -want +got\n%s", text(FlowOf(p, "1")), diff)
		}
		if len(p.VLANs) > 0 {
			continue // a tag is part of the Ethernet header
		}
		p.NoEth, p.EthSrc, p.EthDst = true, packet.MAC{}, packet.MAC{}
		if got, err = ToPacket(FlowOf(p, "1")); err != nil {
			t.Fatalf("%s: %v", text(FlowOf(p, "1")), err)
		}
		if diff := cmp.Diff(said(p), got, cmpAddr); diff != "" {
			t.Fatalf("%s: -want +got\n%s", text(FlowOf(p, "1")), diff)
		}
	}
}

// TestDummy gives generated packets to a real ofproto/trace: the Flow that it prints must be the
// same packet.
func TestDummy(t *testing.T) {
	d := startDummy(t)
	for _, p := range packettest.Generate(2, 200) {
		in := text(FlowOf(p, "p1"))
		printed := tracedFlow(t, d, in)
		flow, err := Parse(printed)
		if err != nil {
			t.Fatalf("%s: %v", printed, err)
		}
		got, err := ToPacket(flow)
		if err != nil {
			t.Fatalf("%s: %v", printed, err)
		}
		want := said(p)
		if !want.IsICMPv6() || !want.IsND() {
			want.NDSLL, want.NDTLL = packet.MAC{}, packet.MAC{}
		}
		if diff := cmp.Diff(want, got, cmpAddr); diff != "" {
			t.Errorf("given   %s\nprinted %s\n-want +got\n%s", in, printed, diff)
		}
	}
}

func TestToPacket(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"in_port=vm1,tcp,nw_src=10.0.0.3,nw_dst=30.0.0.10,nw_ttl=64,tp_src=1,tp_dst=80,tcp_flags=syn",
			"tcp 10.0.0.3:1 > 30.0.0.10:80 [syn] ttl 64"},
		{"tp_dst=53 udp6 ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=9", "udp [fd00::1]:0 > [fd00::2]:53 ttl 9"},
		{"eth_type=0x800,ip_proto=6,ip_src=1.1.1.1,ip_dst=2.2.2.2,tcp_dst=443", "tcp 1.1.1.1:0 > 2.2.2.2:443 [0] ttl 0"},
		{"tcp,tcp_dst=80,reg0=0x1,ct_state=new|trk,metadata=0x2,recirc_id=0x5,eth", "tcp ?:0 > ?:80 [0] ttl 0"},
		{"dl_vlan=10,dl_vlan_pcp=3,arp,arp_op=1,arp_spa=1.1.1.1,arp_tpa=1.1.1.2", "vlan 10 arp who-has 1.1.1.2 tell 1.1.1.1"},
		{"icmp6,icmp_type=135,icmp_code=0,nd_target=fd00::9,nw_ttl=255,ipv6_src=fd00::1,ipv6_dst=ff02::1:ff00:9",
			"icmp6 fd00::1 > ff02::1:ff00:9 neighbour solicitation for fd00::9 ttl 255"},
		{"tcp,tcp_dst=80/0xffff", "tcp ?:0 > ?:80 [0] ttl 0"},

		{"tcp,tp_dst=0,tcp_dst=80", "tcp ?:0 > ?:80 [0] ttl 0"},
		{"ip,nw_proto=2,nw_src=10.0.0.3,nw_dst=224.0.0.22,nw_tos=0,nw_ttl=1,nw_frag=no,tp_src=22,tp_dst=0", "igmp 10.0.0.3 > 224.0.0.22 ttl 1"},
		{"dl_type=0x894f,nsh_flags=1,nsh_ttl=63,nsh_mdtype=1,nsh_np=3,nsh_spi=0x123456,nsh_si=255,nsh_c1=0x1,nw_proto=0,nw_ttl=0,nw_frag=no",
			"nsh spi 0x123456 si 255 ttl 63 00:00:00:00:00:00 > 00:00:00:00:00:00"},
		{"icmp6,ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=9,nw_frag=later,icmp_type=135,icmp_code=0,nd_target=fd00::9,nd_sll=00:00:00:00:00:01",
			"icmp6 fd00::1 > fd00::2 later fragment ttl 9"},
		{"vlan_tci=0x1005,dl_vlan_pcp=3,arp", "vlan 5 arp op 0  > "},

		{"tcp=5,tp_dst=80", "tcp ?:0 > ?:80 [0] ttl 0"},
		{"packet_type=(1,0x800),nw_src=10.0.0.1,nw_proto=17,nw_ttl=3,tp_dst=53", "udp 10.0.0.1:0 > ?:53 ttl 3"},
		{"icmp6,icmpv6_type=135,nd_target=fd00::9,icmpv6_code=1", "icmp6 ? > ? type 135 code 1 ttl 0"},
		{"tcp,tp_dst=80,nw_frag=later", "tcp ? > ? later fragment ttl 0"},

		{"packet_type=(1,0x800),dl_src=02:00:00:00:00:01", "!dl_src=02:00:00:00:00:01: prerequisites not met"},
		{"packet_type=(1,0x800),vlan_tci=0x1005", "!vlan_tci=0x1005: prerequisites not met"},
		{"packet_type=(2,5)", "!packet_type=(2,5): a packet is (0,0), Ethernet, or (1,ETHERTYPE)"},
		{"packet_type=1", "!packet_type=1: not (NAMESPACE,TYPE)"},
		{"icmp6,icmpv6_type=135,icmpv6_code=1,nd_target=fd00::9", "!nd_target=fd00::9: prerequisites not met"},
		{"icmp6,icmpv6_type=135,nd_target=x,icmpv6_code=1", "!nd_target=x: prerequisites not met"},
		{"tcp,tp_dst=443,tcp_dst=80", "!tcp_dst=80: field set multiple times"},
		{"ip,nw_tos=4,ip_dscp=32", "!ip_dscp=32: field set multiple times"},
		{"arp,arp_spa=1.1.1.1,nw_src=1.1.1.2", "!nw_src=1.1.1.2: field set multiple times"},
		{"icmp6,icmp_type=128,icmpv6_type=129", "!icmpv6_type=129: field set multiple times"},
		{"vlan_tci=0x3005,dl_vlan_pcp=3", "!dl_vlan_pcp=3: field set multiple times"},
		{"dl_vlan=5,vlan_vid=0x1005", "!vlan_vid=0x1005: field set multiple times"},
		{"in_port=1,in_port_oxm=2", "!in_port_oxm=2: field set multiple times"},
		{"in_port=1,in_port=2", "!in_port=2: field set multiple times"},
		{"xxreg0=0x5,xreg1=5", "!xreg1=5: field set multiple times"},
		{"reg1=5,xxreg0=0x5", "!xxreg0=0x5: field set multiple times"},
		{"reg1=0x100000000", "!reg1=0x100000000: not a number of 32 bits"},
		{"reg32=1", "!reg32=1: unknown field"}, {"reg01=1", "!reg01=1: unknown field"}, {"ct_foo=1", "!ct_foo=1: unknown field"},
		{"tun_id=1,tunnel_id=2", "!tunnel_id=2: field set multiple times"},
		{"dl_type=0x800,tcp", "!tcp: Ethernet type set multiple times"},
		{"nw_proto=6,udp", "!udp: network protocol set multiple times"},
		{"tcp,tp_dst=8_0", "!tp_dst=8_0: not a number"},

		{"tcp,nw_src=10.0.0.0/8", "!nw_src=10.0.0.0/8: a packet has values, not masks"},
		{"tcp,udp", "!udp: Ethernet type set multiple times"},
		{"tcp,dl_type=0x800", "!dl_type=0x800: Ethernet type set multiple times"},
		{"tcp,nw_dts=1.1.1.1", "!nw_dts=1.1.1.1: unknown field"},
		{"tcp,udp_dst=5", "!udp_dst=5: prerequisites not met"},
		{"tcp_dst=5", "!tcp_dst=5: prerequisites not met"},
		{"tcp,tp_dst=65536", "!tp_dst=65536: larger than 65535"},
		{"tcp,tp_dst=http", "!tp_dst=http: not a number"},
		{"tcp,nw_src=fd00::1", "!nw_src=fd00::1: not an IPv4 address"},
		{"tcp,nw_tos=1", "!nw_tos=1: the two ECN bits belong in nw_ecn"},
		{"tcp,nw_frag=yes", "!nw_frag=yes: a packet's fragment is no, first or later"},
		{"dl_src=1:2:3:4:5", "!dl_src=1:2:3:4:5: not an Ethernet address"},
		{"dl_vlan=4096", "!dl_vlan=4096: larger than 4095"},
		{"tcp,tcp_flags=+syn-ack", "!tcp_flags=+syn-ack: not TCP flags such as syn|ack"},
		{"dl_vlan=1,dl_vlan=1", "!dl_vlan=1: field set multiple times"},
	} {
		flow, err := Parse(c.in)
		if err != nil {
			t.Fatalf("%s: %v", c.in, err)
		}
		p, err := ToPacket(flow)
		got := p.String()
		if err != nil {
			got = "!" + err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestUnsayable(t *testing.T) {
	p := packet.Packet{EthType: packet.EthIPv4, VLANs: []packet.VLAN{{TPID: packet.EthQinQ, VID: 1}, {TPID: packet.EthVLAN, VID: 2}}}
	if got := strings.Join(Unsayable(p), "; "); got != "VLAN TPID 0x88a8; inner VLAN tag and what is behind it" {
		t.Error(got)
	}
	p = packet.Packet{EthType: packet.EthIPv4, Proto: packet.ProtoICMP, ICMPType: 8, HasID: true}
	if got := strings.Join(Unsayable(p), "; "); got != "ICMP id" {
		t.Error(got)
	}
}

// FuzzFieldsOf checks that the flow text of a decoded frame reads back as the same packet, as far
// as flow text can express it.
func FuzzFieldsOf(f *testing.F) {
	for _, p := range packettest.Generate(15, 100) {
		f.Add(packettest.Frame(f, p))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		p, _, err := packet.Decode(frame, len(frame))
		if err != nil {
			return
		}
		FieldsBehindTags(p)
		got, err := ToPacket(FlowOf(p, "1"))
		if err != nil {
			t.Fatalf("%x: %s: %v", frame, FlowOf(p, "1"), err)
		}
		want := said(p)
		if want.ARPOp > 0xff {
			want.ARPOp = 0
		}
		unprinted(&want)
		unprinted(&got)
		if diff := cmp.Diff(want, got, cmpAddr); diff != "" {
			t.Fatalf("%x: %s: -want +got\n%s", frame, FlowOf(p, "1"), diff)
		}
	})
}
