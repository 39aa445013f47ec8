package rebuild

import (
	"strings"
	"testing"
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
	for line := range strings.Lines(learnable(dump, "br-int")) {
		match, actions, _ := strings.Cut(line, " actions=")
		if !strings.HasPrefix(actions, "controller(") {
			t.Errorf("%s: %s", match, actions)
		}
		got = append(got, match)
	}
	want := []string{
		"table=69,priority=32767,eth_type=0x800,nw_src=20.0.0.5,ip_dst=30.0.0.11,nw_proto=6,tcp_src=8080",
		"table=78,priority=49,metadata=0x3,eth_type=0x800,ip_dst=30.0.0.99,nw_proto=6,tcp_dst=80",
		"table=1,priority=32767,eth_type=0x86dd,ipv6_dst=fd00::1",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
