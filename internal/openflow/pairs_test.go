package openflow

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet/packettest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
)

// valuesOf gives names of fields two values, the first other than zero.
var valuesOf = map[string][2]string{
	"dl_src": {"02:00:00:00:00:01", "00:00:00:00:00:00"}, "eth_src": {"02:00:00:00:00:01", "00:00:00:00:00:00"},
	"dl_dst": {"02:00:00:00:00:02", "00:00:00:00:00:00"}, "eth_dst": {"02:00:00:00:00:02", "00:00:00:00:00:00"},
	"packet_type": {"(1,0x800)", "(0,0)"},
	"dl_type":     {"0x800", "0"}, "eth_type": {"0x86dd", "0"},
	"dl_vlan": {"5", "0"}, "vlan_vid": {"0x1005", "0"}, "vlan_tci": {"0x7005", "0x1000"}, "dl_vlan_pcp": {"3", "0"}, "vlan_pcp": {"2", "0"},
	"nw_src": {"10.0.0.1", "0.0.0.0"}, "ip_src": {"10.0.0.1", "0.0.0.0"}, "arp_spa": {"10.0.0.1", "0.0.0.0"},
	"nw_dst": {"10.0.0.2", "0.0.0.0"}, "ip_dst": {"10.0.0.2", "0.0.0.0"}, "arp_tpa": {"10.0.0.2", "0.0.0.0"},
	"ipv6_src": {"fd00::1", "::"}, "ipv6_dst": {"fd00::2", "::"}, "ipv6_label": {"0x12345", "0"},
	"nw_proto": {"6", "0"}, "ip_proto": {"17", "0"}, "nw_tos": {"4", "0"}, "ip_dscp": {"32", "0"}, "nw_ecn": {"1", "0"}, "ip_ecn": {"2", "0"},
	"nw_ttl": {"64", "0"}, "nw_frag": {"first", "no"}, "ip_frag": {"first", "no"},
	"arp_op": {"2", "0"}, "arp_sha": {"02:00:00:00:00:03", "00:00:00:00:00:00"}, "arp_tha": {"02:00:00:00:00:04", "00:00:00:00:00:00"},
	"tp_src": {"80", "0"}, "tcp_src": {"81", "0"}, "udp_src": {"82", "0"}, "sctp_src": {"83", "0"},
	"tp_dst": {"80", "0"}, "tcp_dst": {"81", "0"}, "udp_dst": {"82", "0"}, "sctp_dst": {"83", "0"}, "tcp_flags": {"syn|ack", "0"},
	"icmp_type": {"3", "0"}, "icmp_code": {"1", "0"}, "icmpv6_type": {"128", "0"}, "icmpv6_code": {"1", "0"},
	"nd_target": {"fd00::9", "::"}, "nd_sll": {"02:00:00:00:00:05", "00:00:00:00:00:00"}, "nd_tll": {"02:00:00:00:00:06", "00:00:00:00:00:00"},
	"mpls_label": {"100", "0"}, "mpls_tc": {"3", "0"}, "mpls_bos": {"1", "0"}, "mpls_ttl": {"9", "0"},
	"nsh_flags": {"1", "0"}, "nsh_mdtype": {"1", "0"}, "nsh_np": {"3", "0"}, "nsh_spi": {"0x123", "0"}, "nsp": {"0x124", "0"},
	"nsh_si": {"9", "0"}, "nsi": {"8", "0"}, "nsh_c1": {"7", "0"}, "nshc1": {"6", "0"}, "nsh_ttl": {"63", "0"},
	"in_port": {"1", "0"}, "in_port_oxm": {"1", "0"}, "pkt_mark": {"1", "0"}, "metadata": {"0x5", "0"}, "tun_id": {"5", "0"}, "tunnel_id": {"6", "0"},
	"tun_src": {"1.1.1.1", "0.0.0.0"}, "tun_gbp_id": {"7", "0"}, "ct_mark": {"1", "0"}, "ct_zone": {"1", "0"}, "ct_state": {"trk", "0"},
	"reg0": {"1", "0"}, "reg1": {"1", "0"}, "reg2": {"1", "0"}, "reg4": {"1", "0"},
	"xreg0": {"0x100000000", "1"}, "xreg1": {"1", "0x100000000"}, "xxreg0": {"0x1000000000000000000000001", "0x10000000000000000"}, "xxreg1": {"1", "0"},
}

// TestPairsOfNames gives ofproto/trace every pair of field names that one packet may have. If a
// pair gives one member of struct flow twice, both must refuse it; else both must read the same
// packet.
func TestPairsOfNames(t *testing.T) {
	ask := tracer(startDummy(t))
	refused, same := 0, 0
	for _, word := range []string{"", "ip,", "tcp,", "ipv6,", "icmp6,", "icmp6,icmpv6_type=135,",
		"arp,", "mpls,", "dl_type=0x894f,", "packet_type=(1,0x800),", "packet_type=(1,0x86dd),icmp6,"} {
		var parts [2][]string
		for name, values := range valuesOf {
			for i, v := range values {
				if _, no := ask(word + name + "=" + v); no == "" {
					parts[i] = append(parts[i], name+"="+v)
				}
			}
		}
		for _, a := range append(parts[0], parts[1]...) {
			typed := word != "" || strings.HasPrefix(a, "dl_type") || strings.HasPrefix(a, "eth_type")
			for _, b := range parts[0] {
				in := word + a + "," + b
				printed, no := ask(in)
				if strings.Contains(no, "prerequisites") || typed && strings.HasPrefix(b, "packet_type=(1,") {
					continue // the order of fields is free here, and fields of one type do not become those of another
				}
				if compareText(t, in, printed, no); no != "" {
					refused++
				} else {
					same++
				}
			}
		}
	}
	t.Logf("%d pairs are refused, %d are the same packet", refused, same)
	if refused < 500 || same < 5000 {
		t.Errorf("only %d pairs are refused and %d compared", refused, same)
	}
}

// tracer returns what ofproto/trace prints as Flow for a text, or its refusal.
func tracer(d *dummy.OVS) func(text string) (flow, refusal string) {
	return func(text string) (flow, refusal string) {
		out, err := d.Call(context.Background(), "ofproto/trace", "br0", text)
		if err != nil {
			return "", err.Error()
		}
		flow, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimLeft(out, "\n"), "Flow: "), "\n")
		return flow, ""
	}
}

// compareText reads a flow as a user writes it, and compares the packet with Open vSwitch's.
func compareText(t *testing.T, in, printed, refusal string) {
	t.Helper()
	flow, _ := Read(in)
	got, err := ToPacket(flow)
	if refusal != "" {
		if err == nil {
			t.Errorf("%q: read as %v; Open vSwitch: %s", in, got, refusal)
		}
		return
	}
	if err != nil {
		t.Errorf("%q: %v; Open vSwitch: %s", in, err, printed)
		return
	}
	theirs, err := Parse(printed)
	if err != nil {
		t.Fatal(err)
	}
	want, err := ToPacket(theirs)
	if err != nil {
		t.Errorf("%s: %v", printed, err)
		return
	}
	unprinted(&got)
	unprinted(&want)
	if diff := cmp.Diff(want, got, cmpAddr); diff != "" {
		t.Errorf("%q: -want +got\n%s", in, diff)
	}
}

// TestFlowText gives ofproto/trace flows in every shape that ofputil_parse_key_value takes.
func TestFlowText(t *testing.T) {
	ask := tracer(startDummy(t))
	texts := []string{"tcp\nnw_src=10.0.0.1\r\n\ttp_dst=80\n", "tcp,,nw_src=10.0.0.1,", "tcp,nw_src(10.0.0.1)tp_dst:80",
		"ip,nw_src(10.0.0.1", "ip,nw_src=(10.0.0.1)", "ip,nw_src((10.0.0.1))", "ip,nw_src=10.0.0.1)", "ip,nw_src(10.0.0.1)->nw_dst", "tcp,tp_dst=010",
		"tcp,tp_dst=0x10", "tcp,tp_dst=1_0", "tcp,tp_dst=0b1", "tcp,tp_dst=0o7", "tcp,tp_dst=8a", "tcp,tp_dst=", "tcp,tp_dst", "ip,nw_src", "ip,=5", "ip,:",
		"dl_src:02:00:00:00:00:01", "dl_src(02:00:00:00:00:01)", "dl_src=2:0:0:0:0:1,,ip", "ipv6,ipv6_src(fd00::1),ipv6_dst:fd00::2", "ip , nw_ttl = 5", "ip nw_ttl =5",
		"tcp=5", "tcp:5,tp_dst=80", "tcp(5)tp_dst=80", "ip=10.0.0.1/8", "tcp=6,udp=17", "icmp6=x,icmpv6_type=135,nd_target=fd00::9",
		"tcp,tp_dst=80/65535", "tcp,tp_dst=80/0xffff", "tcp,tp_dst=80/-1", "tcp,tp_dst=80/0xff", "tcp,nw_ttl=5/255", "tcp,nw_ttl=5/0xffff",
		"icmp,icmp_type=8/0xff", "mpls,mpls_label=5/0xfffff", "mpls,mpls_label=5/0xffffffff", "ip,nw_frag=FIRST", "ip,nw_frag=first/0xff",
		"tcp,tp_dst=+80", "tcp,tp_dst=+0x50", "tcp,tp_dst=++80", "tcp,tp_dst=+-80", "tcp,tp_dst=+0b1",
		"tcp,tp_dst=80,nw_frag=later", "tcp,nw_frag=later,tp_dst=80", "tcp,tp_dst=x,nw_frag=later", "dl_vlan=5,packet_type=(1,0x800)",
		"icmp6,icmpv6_type=135,nd_target=fd00::9,nd_sll=02:00:00:00:00:05,icmpv6_code=1", "icmp6,icmpv6_type=135,icmpv6_code=1,nd_target=fd00::9",
		"icmp6,icmpv6_type=135,nd_target=x,icmpv6_code=1", "icmp6,icmpv6_type=136,nd_tll=02:00:00:00:00:05,icmpv6_code=1",
		"packet_type=(1,0x800),nw_src=10.0.0.1,nw_proto=6,tp_dst=80", "packet_type(1,0x800),nw_src=10.0.0.1", "packet_type=(1,0x800)",
		"packet_type:(1,2048),tcp,tp_dst=80", "packet_type=(1,0x86dd),tcp,ipv6_src=fd00::1,tcp_dst=80", "packet_type=(1,0x800",
		"packet_type=(1, 0x800),ip", "packet_type=(1,0x10000)", "packet_type=0x10800", "packet_type=(0,0),tcp,tp_dst=80",
		"packet_type=(0,0x800),ip,nw_ttl=5", "packet_type=(1,0x800),dl_src=02:00:00:00:00:01", "dl_src=02:00:00:00:00:01,packet_type=(1,0x800)",
		"packet_type=(1,0x800),dl_vlan=5", "packet_type=(1,0x800),dl_type=0x800", "packet_type=(1,0x8847),mpls_label=5",
		"packet_type=(1,0x806),arp_op=1", "packet_type=(0,0),packet_type=(1,0x800)", "packet_type=(1,0x800),packet_type=(1,0x800)"}
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var b strings.Builder
		for i, f := range [][2]string{{"dl_src", "02:00:00:00:00:01"}, {"tcp", ""}, {"nw_src", "10.0.0.1"}, {"nw_ttl", "0x40"},
			{"tcp_src", "1000"}, {"tp_dst", "80"}, {"tcp_flags", "syn|ack"}, {"reg1", "7"}} {
			if i != 1 && r.IntN(3) == 0 {
				continue
			}
			b.WriteString(packettest.Pick(r, ",", ",", " ", "\n", ",,", " , ", "\t", "\r\n,"))
			if f[1] == "" {
				b.WriteString(f[0])
			} else {
				b.WriteString(f[0] + packettest.Pick(r, "="+f[1], "="+f[1], ":"+f[1], "("+f[1]+")", "("+f[1], "=("+f[1]+")", " = "+f[1]))
			}
		}
		texts = append(texts, b.String()+packettest.Pick(r, "", ",", "\n", ")", " ,\n"))
	}
	read := 0
	for _, in := range texts {
		printed, no := ask(in)
		if compareText(t, in, printed, no); no == "" {
			read++
		}
	}
	t.Logf("%d of %d texts are flows", read, len(texts))
	if read < 200 || read > len(texts)-200 {
		t.Errorf("%d of %d texts are flows", read, len(texts))
	}
}

// unprinted removes the difference between a printed zero address and none.
func unprinted(p *packet.Packet) {
	for _, a := range []*netip.Addr{&p.Src, &p.Dst, &p.NDTarget} {
		if a.IsUnspecified() {
			*a = netip.Addr{}
		}
	}
	if h := p.NSH; h != nil && h.MDType != 1 { // printed of metadata type 1 only
		if h.Context = [4]uint32{}; *h == (packet.NSH{}) {
			p.NSH = nil
		}
	}
}
