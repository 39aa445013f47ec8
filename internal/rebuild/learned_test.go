package rebuild

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// What a table may have learned is unknown, and nothing more: constants count, and what the
// learning flow itself says of a copied field.
func TestLearnable(t *testing.T) {
	const dump = `NXST_FLOW reply (xid=0x8):
 table=8, priority=50,metadata=0x1 actions=load:0x1->NXM_NX_REG0[],resubmit(,9)
 table=68, priority=100,ct_mark=0x2/0x2,tcp,reg1=0x1e00000b,nw_src=20.0.0.5,nw_dst=20.0.0.5,tp_dst=8080 actions=set_field:0x80/0x80->reg10,learn(table=69,delete_learned,cookie=0xdea1dbd,OXM_OF_METADATA[],eth_type=0x800,NXM_OF_IP_SRC[],ip_dst=30.0.0.11,nw_proto=6,NXM_OF_TCP_SRC[]=NXM_OF_TCP_DST[],load:0x1->NXM_NX_REG10[7])
 table=28, priority=100,tcp,metadata=0x3,nw_dst=20.0.0.3 actions=learn(table=78,idle_timeout=600,delete_learned,priority=50,OXM_OF_METADATA[],eth_type=0x800,NXM_OF_IP_SRC[],ip_dst=30.0.0.99,nw_proto=6,tcp_dst=80,load:0x1->NXM_NX_REG10[14]),clone(learn(eth_type=0x86dd,ipv6_dst=fd00::1,NXM_NX_REG0[0..15]=0x5,load:NXM_NX_REG1[0..3]->NXM_NX_REG2[0..3])),resubmit(,29)
 table=28, priority=99,tcp,metadata=0x3,nw_dst=20.0.0.4 actions=learn(table=78,idle_timeout=600,delete_learned,priority=50,OXM_OF_METADATA[],eth_type=0x800,NXM_OF_IP_SRC[],ip_dst=30.0.0.99,nw_proto=6,tcp_dst=80,load:0x1->NXM_NX_REG10[14])
`
	var got []string
	seen := map[string]bool{}
	for dumped := range strings.Lines(dump) {
		for _, l := range Learns(dumped) {
			match, actions, _ := strings.Cut(l.StandIn("why"), " actions=")
			if pinctrl.Lacking(actions) != "why" {
				t.Errorf("%s: %s", match, actions)
			}
			if !seen[match] {
				seen[match] = true
				got = append(got, match)
			}
		}
	}
	want := []string{
		"table=69,priority=32767,cookie=0xdea1dbd,eth_type=0x800,nw_src=20.0.0.5,ip_dst=30.0.0.11,nw_proto=6,tcp_src=8080",
		"table=78,priority=49,metadata=0x3,eth_type=0x800,ip_dst=30.0.0.99,nw_proto=6,tcp_dst=80",
		"table=1,priority=32767,eth_type=0x86dd,ipv6_dst=fd00::1",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// An action is known by the flow with it, by the table that it teaches, and by its text.
func TestLearns(t *testing.T) {
	const line = ` cookie=0x2a73d957, table=17, priority=100,ct_state=+new-est+trk,tcp,metadata=0xf actions=ct(commit,exec(move:NXM_OF_ETH_SRC[]->NXM_NX_CT_LABEL[32..79])),learn(table=76,idle_timeout=20,load:0x1->NXM_NX_REG10[13]),learn(cookie=0x5,NXM_OF_ETH_SRC[]),resubmit(,18)`
	got := Learns(line)
	if len(got) != 2 || Learns(" table=1 actions=drop") != nil {
		t.Fatalf("%+v", got)
	}
	for i, want := range []struct {
		table uint8
		text  string
	}{{76, "learn(table=76,idle_timeout=20,load:0x1->NXM_NX_REG10[13])"}, {1, "learn(cookie=0x5,NXM_OF_ETH_SRC[])"}} {
		if l := got[i]; l.From != 17 || l.Cookie != 0x2a73d957 || l.Table != want.table || l.Text != want.text {
			t.Errorf("%+v, want %+v", l, want)
		}
	}
}
