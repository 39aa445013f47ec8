package ofreplay

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

// As Open vSwitch 3.1.0 prints it: a packet goes into a tunnel, whose outer packet br-phy hands to
// a controller, and is then handed to one itself.
const overTunnel = `Flow: udp,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=0,nw_ecn=0,nw_ttl=64,nw_frag=no,tp_src=1000,tp_dst=7

bridge("br-int")
----------------
 0. udp,in_port=1,tp_dst=7, priority 100, cookie 0x1
    set_field:0x7->reg1
    resubmit(,40)
    40. priority 32768, cookie 0x2
            set_field:0x5->tun_id
            output:10
             -> output to native tunnel
             -> tunneling to 1.1.2.92 via br-phy
             -> tunneling from aa:55:aa:55:00:01 1.1.2.88 to aa:55:aa:55:00:92 1.1.2.92

        bridge("br-phy")
        ----------------
         0. priority 32768, cookie 0x3
            controller(reason=no_match)
    resubmit(,41)
41. priority 32768, cookie 0x4
    controller(reason=action)

Final flow: udp,reg1=0x7,tun_id=0x5,in_port=1,vlan_tci=0x0000,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=0,nw_ecn=0,nw_ttl=64,nw_frag=no,tp_src=1000,tp_dst=7
Megaflow: recirc_id=0,eth,udp,in_port=1,nw_ecn=0,nw_frag=no,tp_dst=7
Datapath actions: userspace(pid=0,controller(reason=1,dont_send=0,continuation=0,recirc_id=2,rule_cookie=0x4,controller_id=0,max_len=65535))
`

func follow(t *testing.T, text string) (places []Place, lookups map[uint64]string) {
	t.Helper()
	tr, err := oftrace.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	r := Follow(tr.Sections[0], Start{})
	lookups = map[uint64]string{}
	for n, f := range r.Lookups {
		lookups[n.Table.Cookie] = f.String()
	}
	return r.Places, lookups
}

// After a native tunnel's header, the bridge below sees the outer packet; after that bridge,
// actions apply to the packet itself again.
func TestReplayBesideATunnel(t *testing.T) {
	places, lookups := follow(t, overTunnel)
	if got, ok := lookups[3]; ok {
		t.Errorf("br-phy is said to have been asked about %s", got)
	}
	for _, cookie := range []uint64{1, 2, 4} {
		if got := lookups[cookie]; !strings.Contains(got, "udp_dst=7") {
			t.Errorf("cookie %#x was asked about %q", cookie, got)
		}
	}
	if !strings.Contains(lookups[4], "reg1=0x7") {
		t.Errorf("registers behind the tunnel: %s", lookups[4])
	}
	if len(places) != 2 || places[0].Lost != "behind a tunnel's header another packet goes on" || places[1].Lost != "" {
		t.Errorf("%+v", places)
	}
}

// A Flow line with a field of the second tag is from an Open vSwitch that reads the packet behind
// it (made by 3.1.0 with other_config:vlan-limit=2).
func TestReplayBehindTwoTags(t *testing.T) {
	_, lookups := follow(t, `Flow: tcp,in_port=1,dl_vlan=10,dl_vlan_pcp=0,dl_vlan1=20,dl_vlan_pcp1=1,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=1.1.1.1,nw_dst=2.2.2.2,nw_tos=0,nw_ecn=0,nw_ttl=64,nw_frag=no,tp_src=1,tp_dst=2,tcp_flags=syn

bridge("br0")
-------------
 0. priority 32768, cookie 0x1
    strip_vlan
    resubmit(,1)
 1. priority 32768, cookie 0x2
    drop

Final flow: tcp,in_port=1,dl_vlan=20,dl_vlan_pcp=1,vlan_tci1=0x0000,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=1.1.1.1,nw_dst=2.2.2.2,nw_tos=0,nw_ecn=0,nw_ttl=64,nw_frag=no,tp_src=1,tp_dst=2,tcp_flags=syn
Megaflow: recirc_id=0,eth,ip,in_port=1,nw_frag=no
Datapath actions: drop
`)
	const rest = ",tcp,nw_src=1.1.1.1,nw_dst=2.2.2.2,nw_tos=0,nw_ecn=0,nw_ttl=64,tcp_src=1,tcp_dst=2,tcp_flags=syn"
	const macs = "dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,"
	if want := macs + "dl_vlan=10,dl_vlan_pcp=0,dl_vlan1=20,dl_vlan_pcp1=1" + rest; lookups[1] != want {
		t.Errorf("%s, want %s", lookups[1], want)
	}
	if want := macs + "dl_vlan=20,dl_vlan_pcp=1" + rest; lookups[2] != want {
		t.Errorf("%s, want %s", lookups[2], want)
	}
}
