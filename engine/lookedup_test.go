package engine

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

func TestLookedUp(t *testing.T) {
	for in, want := range map[string]string{
		"udp,reg0=1,nw_src=10.0.0.1,nw_frag=first,tp_src=7,tp_dst=53": "udp,reg0=1,nw_src=10.0.0.1,nw_frag=first",
		"icmp,nw_src=10.0.0.1,nw_frag=first,icmp_type=8,icmp_code=0":  "icmp,nw_src=10.0.0.1,nw_frag=first",
		"tcp6,ipv6_src=fd00::1,nw_frag=first,tcp_src=7,tcp_dst=53":    "tcp6,ipv6_src=fd00::1,nw_frag=first",
		"udp,nw_src=10.0.0.1,nw_frag=later,tp_src=0,tp_dst=0":         "udp,nw_src=10.0.0.1,nw_frag=later",
		"udp,nw_src=10.0.0.1,nw_frag=no,tp_src=7,tp_dst=53":           "udp,nw_src=10.0.0.1,nw_frag=no,tp_src=7,tp_dst=53",
		"udp,nw_src=10.0.0.1,tp_src=7,tp_dst=53":                      "udp,nw_src=10.0.0.1,tp_src=7,tp_dst=53",
	} {
		f, err := openflow.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := lookedUp(f).String(); got != want {
			t.Errorf("%s is looked up as %s, want %s", in, got, want)
		}
		if f.String() != in {
			t.Errorf("%s was changed to %s", in, f)
		}
	}
}
