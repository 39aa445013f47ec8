package ofreplay

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
)

// asked returns the packet that was looked up in the second table of a trace, which is the packet
// after the action lines, or nothing.
func asked(t *testing.T, flow string, lines ...string) string {
	t.Helper()
	text := "Flow: " + flow + "\n\nbridge(\"br0\")\n-------------\n 0. priority 32768\n"
	for _, l := range append(lines, "resubmit(,8)") {
		text += "    " + l + "\n"
	}
	text += "     8. priority 32768\n            drop\n\nFinal flow: unchanged\nMegaflow: recirc_id=0\nDatapath actions: drop\n"
	tr, err := oftrace.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for n, f := range Follow(tr.Sections[0], Start{}).Lookups {
		if n.Table.ID == 8 {
			f.Del("metadata", "reg0", "tun_id")
			p, err := openflow.ToPacket(f)
			if err != nil {
				t.Fatal(err)
			}
			return p.String()
		}
	}
	return ""
}

// TestFollow checks that an action of OpenFlow 1.0 is replayed, and that the packet is unknown
// after an unknown action.
func TestFollow(t *testing.T) {
	const flow = "tcp,in_port=1,vlan_tci=0x0000,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=8,nw_ecn=1,nw_ttl=64,nw_frag=no,tp_src=1,tp_dst=80,tcp_flags=syn"
	const plain = "tcp 10.0.0.1:1 > 10.0.0.2:80 [syn] ttl 64"
	for _, c := range []struct{ line, want string }{
		{"mod_nw_src:9.9.9.9", "tcp 9.9.9.9:1 > 10.0.0.2:80 [syn] ttl 64"}, {"mod_nw_dst:9.9.9.9", "tcp 10.0.0.1:1 > 9.9.9.9:80 [syn] ttl 64"},
		{"mod_tp_src:7", "tcp 10.0.0.1:7 > 10.0.0.2:80 [syn] ttl 64"}, {"mod_tp_dst:7", "tcp 10.0.0.1:1 > 10.0.0.2:7 [syn] ttl 64"},
		{"mod_nw_ttl:9", "tcp 10.0.0.1:1 > 10.0.0.2:80 [syn] ttl 9"}, {"dec_ttl", "tcp 10.0.0.1:1 > 10.0.0.2:80 [syn] ttl 63"},
		{"mod_vlan_vid:5", "vlan 5 " + plain}, {"set_vlan_vid:5", plain}, {"push_vlan:0x8100", "vlan 0 " + plain},
		{"output:2", plain}, {"NORMAL", plain}, {"LOCAL", plain}, {"set_queue:5", plain}, {"write_metadata:0x5/0xff", plain}, {"set_tunnel:0x5", plain},
		{"note:00.01", plain}, {"meter:1", plain},
		{"bundle_load(eth_src,0,hrw,ofport,NXM_NX_REG0[],members:1,2)", ""}, {"multipath(eth_src,50,modulo_n,1,0,NXM_NX_REG0[])", ""},
		{"set_mpls_ttl(9)", ""}, {"set_mpls_label(9)", ""}, {"set_mpls_tc(1)", ""}, {"dec_mpls_ttl", ""}, {"push_mpls:0x8847", ""},
		{"encap(nsh(md_type=1))", ""}, {"mod_nw_src:nine", ""}, {"mod_tp_src:70000", ""}, {"frobnicate:1", ""}, {"frobnicate", ""}, {"mod_nw_new:5", ""},
		{"write_metadata:x", ""}, {"set_field:5->nothing", ""}, {"debug_recirc", ""},
	} {
		if got := asked(t, flow, c.line); got != c.want {
			t.Errorf("%s: got %q, want %q", c.line, got, c.want)
		}
	}
	for _, lines := range [][]string{{"push_vlan:0x8100", "set_vlan_vid:5"}, {"push_vlan:0x8100", "set_field:4101->vlan_vid"}, {"mod_vlan_pcp:3", "mod_vlan_vid:5"}} {
		if got := asked(t, flow, lines...); got != "vlan 5 "+plain {
			t.Errorf("%s: %q", lines, got)
		}
	}
	const udp6 = "udp6,in_port=1,vlan_tci=0x0000,ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=64,nw_frag=no,tp_src=1,tp_dst=80"
	if got := asked(t, udp6, "mod_nw_src:9.9.9.9"); got != "udp [fd00::1]:1 > [fd00::2]:80 ttl 64" {
		t.Errorf("an IPv4 address for an IPv6 packet: %q", got)
	}
}

// TestFollowOVS gives random action lists to ofproto/trace, and compares its final flow with the
// replay.
func TestFollowOVS(t *testing.T) {
	o := dummy.Start(t)
	o.Vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath-type=dummy", "protocols=OpenFlow10")
	o.AddPorts("br0", map[string]int{"p1": 1, "p2": 2})
	r := rand.New(rand.NewPCG(5, 5))
	actions := []string{"mod_dl_src:02:00:00:00:00:07", "mod_dl_dst:02:00:00:00:00:08", "mod_nw_src:9.9.9.9", "mod_nw_dst:8.8.8.8", "mod_nw_tos:40",
		"mod_nw_ecn:2", "mod_nw_ttl:9", "mod_tp_src:1000", "mod_tp_dst:2000", "mod_vlan_vid:5", "mod_vlan_pcp:3", "strip_vlan", "dec_ttl",
		"set_field:7->reg3", "set_field:1.2.3.4->ip_src", "set_field:32->nw_tos", "set_field:3->nw_ecn", "set_tunnel:5",
		"output:2", "set_queue:1", "note:01", "move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[]", "move:NXM_OF_IP_TOS[0..1]->NXM_NX_REG4[0..1]",
		"multipath(eth_src,50,modulo_n,1,0,NXM_NX_REG0[])", "bundle_load(eth_src,0,hrw,ofport,NXM_NX_REG0[],members:1,2)", "learn(table=9,hard_timeout=1,NXM_OF_ETH_DST[])"}
	packets := []string{"tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=8,nw_ecn=1,nw_ttl=64,tcp_src=1,tcp_dst=80,tcp_flags=syn",
		"dl_vlan=7,udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,udp_src=1,udp_dst=80", "icmp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,icmp_type=8",
		"ip,nw_proto=47,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64", "tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,nw_frag=later"}
	var flows strings.Builder
	const programs = 150
	for i := range programs {
		var list []string
		for range 1 + r.IntN(5) {
			list = append(list, actions[r.IntN(len(actions))])
		}
		if i%8 == 0 {
			list = append(list, "push_mpls:0x8847")
		}
		for _, p := range packets { // what the action needs
			word := strings.TrimPrefix(p, "dl_vlan=7,")
			word, _, _ = strings.Cut(word, ",")
			if strings.Contains(p, "nw_proto=47") {
				word = "ip,nw_proto=47"
			}
			fmt.Fprintf(&flows, "table=0,priority=%d,in_port=%d,%s,actions=%s,resubmit(,8)\n", 5+len(word), i+10, word, strings.Join(list, ","))
		}
	}
	flows.WriteString("table=8,actions=drop\n")
	o.AddFlows("br0", flows.String())
	followed, lost := 0, 0
	for i := range programs {
		for _, p := range packets {
			out := o.Appctl("ofproto/trace", "br0", fmt.Sprintf("in_port=%d,%s", i+10, p))
			tr, err := oftrace.Parse(out)
			if err != nil {
				t.Fatal(err)
			}
			w := newWalker(tr.Sections[0], Start{})
			w.list(tr.Sections[0].Nodes, true)
			if w.m.lost != "" {
				if lost++; !strings.Contains(out, "mpls") && !strings.Contains(out, "bundle_load") && !strings.Contains(out, "multipath") && !strings.Contains(p, "icmp") && !strings.Contains(p, "47") {
					t.Errorf("lost: %s\n%s", w.m.lost, out)
				}
				continue
			}
			followed++
			final, err := openflow.Parse(tr.Sections[0].FinalFlow)
			if err != nil {
				t.Fatal(err)
			}
			want, err := openflow.ToPacket(final)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, w.m.pkt, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-Open vSwitch +replayed\n%s\n%s", diff, out)
			}
			if diff := cmp.Diff(RegistersOf(final).Fields(), w.m.regs.Fields()); diff != "" {
				t.Errorf("registers -Open vSwitch +replayed\n%s\n%s", diff, out)
			}
		}
	}
	t.Logf("%d replayed, %d lost", followed, lost)
	if followed < 200 || lost < 50 {
		t.Errorf("%d replayed, %d lost", followed, lost)
	}
}
