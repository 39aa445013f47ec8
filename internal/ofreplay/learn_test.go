package ofreplay

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

func flowOf(t testing.TB, text string) openflow.Flow {
	t.Helper()
	f, err := openflow.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The learn() actions are those that OVN 23.03 and 26.03 write: hairpin answers, affinity, ECMP
// symmetric reply.
func TestLearn(t *testing.T) {
	const (
		then = "reg4=0xa000003,reg8=0x501f90,metadata=0x5,tcp,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=10.0.0.3,nw_dst=10.0.0.4,nw_ttl=64,tp_src=1000,tp_dst=8080"
		back = "metadata=0x5,tcp,nw_src=10.0.0.3,nw_dst=30.0.0.12,nw_ttl=64,tp_src=8080,tp_dst=1000"
		six  = "metadata=0x5,tcp6,ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=64,tp_src=1000,tp_dst=80"
	)
	for _, c := range []struct {
		items, then, now string
		match, actions   string
		takes, known     bool
	}{
		{"table=69,delete_learned,cookie=0x5,OXM_OF_METADATA[],eth_type=0x800,NXM_OF_IP_SRC[],ip_dst=30.0.0.12,nw_proto=6,NXM_OF_TCP_SRC[]=NXM_OF_TCP_DST[],load:0x1->NXM_NX_REG10[7]",
			then, back, "metadata=0x5,eth_type=0x800,ip_src=10.0.0.3,ip_dst=30.0.0.12,nw_proto=6,tcp_src=8080", "set_field:0x80/0x80->reg10", true, true},
		{"table=78,idle_timeout=60,delete_learned,OXM_OF_METADATA[],eth_type=0x800,NXM_OF_IP_SRC[],nw_proto=6,NXM_NX_REG8[0..15]=NXM_OF_TCP_DST[],load:0x1->NXM_NX_REG10[14],load:0xa000005->NXM_NX_REG4[],load:0x1f90->NXM_NX_REG8[0..15]",
			then, then, "metadata=0x5,eth_type=0x800,ip_src=10.0.0.3,nw_proto=6,NXM_NX_REG8[0..15]=0x1f90", "set_field:0x4000/0x4000->reg10,set_field:0xa000005->reg4,set_field:0x1f90/0xffff->reg8", true, true},
		{"NXM_OF_IP_SRC[]=NXM_OF_IP_DST[],NXM_OF_TCP_DST[]=NXM_OF_TCP_SRC[],load:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],output:NXM_OF_IN_PORT[]", "in_port=7," + then, "tcp,nw_src=10.0.0.4,nw_dst=10.0.0.3,tp_src=8080,tp_dst=1000",
			"ip_src=10.0.0.4,tcp_dst=1000", "set_field:00:00:00:00:00:01->eth_dst,output:7", true, true},
		{"eth_type=0x86dd,NXM_NX_IPV6_SRC[],load:NXM_NX_IPV6_DST[]->NXM_NX_XXREG1[]", six, six, "eth_type=0x86dd,ipv6_src=fd00::1", "set_field:0xfd000000000000000000000000000002->xxreg1", true, true},
		{"NXM_OF_IP_SRC[]", then, six, "ip_src=10.0.0.3", "", false, false},
		{"eth_type=0x800,NXM_OF_IP_SRC[]", then, six, "eth_type=0x800,ip_src=10.0.0.3", "", false, true},
		{"NXM_NX_TUN_ID[]=0x5,tcp_dst=80", then, then, "tun_id=0x5,tcp_dst=80", "", false, true},
		{"NXM_NX_TUN_ID[]=0x5", then, then, "tun_id=0x5", "", false, false},
	} {
		then := flowOf(t, c.then)
		l := Learn(openflow.SplitActions(c.items), &then)
		if l.Unknown != "" {
			t.Errorf("%s: %s", c.items, l.Unknown)
		}
		takes, known := l.Takes(flowOf(t, c.now))
		if l.Match() != c.match || strings.Join(l.Actions, ",") != c.actions || takes != c.takes || known != c.known {
			t.Errorf("%s:\n%s actions=%s\ntakes %v known %v", c.items, l.Match(), strings.Join(l.Actions, ","), takes, known)
		}
	}
	for _, bad := range []string{"load:NXM_NX_TUN_ID[]->NXM_NX_REG0[0..63]", "load:NXM_OF_IP_SRC[]->NXM_NX_REG0[0..15]", "load:1->NXM_NX_CT_STATE[]", "nothing=1",
		"NXM_NX_TUN_ID[]", "cookie=x", "limit=4", "result_dst=NXM_NX_REG0[0]", "output:NXM_NX_NOTHING[]", "load:0x1", "nw_proto=tcp"} {
		at := flowOf(t, then)
		l := Learn([]string{bad, "nw_proto=6"}, &at)
		if takes, known := l.Takes(at); l.Unknown == "" || takes || known {
			t.Errorf("%s is taken: %+v", bad, l)
		}
		if takes, known := l.Takes(flowOf(t, "udp,nw_src=10.0.0.3")); takes || !known {
			t.Errorf("%s with another protocol: %v %v", bad, takes, known)
		}
	}
	l := Learn([]string{"OXM_OF_METADATA[]", "nw_proto=6"}, nil) // the packet is unknown: its given fields still count
	if takes, known := l.Takes(flowOf(t, back)); l.Unknown == "" || takes || known {
		t.Errorf("of an unknown packet: %+v", l)
	}
	if takes, known := l.Takes(flowOf(t, "udp,metadata=0x5")); takes || !known {
		t.Errorf("of an unknown packet, another protocol: %v %v", takes, known)
	}
}

func FuzzLearn(f *testing.F) {
	f.Add("table=69,OXM_OF_METADATA[],eth_type=0x800,load:0x1->NXM_NX_REG10[7],output:NXM_OF_IN_PORT[]", "in_port=1,tcp,nw_src=10.0.0.1,tp_dst=80,metadata=0x5")
	f.Fuzz(func(t *testing.T, items, flow string) {
		at, err := openflow.Parse(flow)
		if err != nil {
			return
		}
		l := Learn(openflow.SplitActions(items), &at)
		// The printed learn() can be read, and the packet matches the flow that was learned from
		// it.
		for _, a := range l.Actions {
			if parseLine(a) == nil && !strings.HasPrefix(a, "output:") {
				t.Errorf("%q prints the action %q", items, a)
			}
		}
		if again := Learn(strings.Split(l.Match(), ","), &at); l.Match() != "" && again.Match() != l.Match() {
			t.Errorf("%q matches %q, read again %q", items, l.Match(), again.Match())
		}
	})
}
