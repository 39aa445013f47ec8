package driver

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// The fields of a receiver's flow for each encapsulation (ovn controller/physical.c:
// put_encapsulation): Geneve has the logical ports in an option, VXLAN the outport in its key, STT
// both ports in its key of 64 bits.
func TestTunnelFields(t *testing.T) {
	option := []engine.TunnelOption{{Class: 0x0102, Type: 0x80, Data: []byte{0, 1, 0, 2}}, {Class: 0xffff, Type: 1, Data: []byte{255, 255, 255, 255}}}
	addr := netip.MustParseAddr
	for _, c := range []struct {
		name, src string
		tun       engine.Tunnel
		want      string
	}{
		{"geneve", "172.31.0.1", engine.Tunnel{ID: 5, Dst: addr("172.31.0.2"), Options: option}, "[tun_id=0x5 tun_src=172.31.0.1 tun_dst=172.31.0.2 tun_metadata0=0x10002]"},
		{"vxlan", "172.31.0.1", engine.Tunnel{ID: 0x2005, Dst: addr("172.31.0.2")}, "[tun_id=0x2005 tun_src=172.31.0.1 tun_dst=172.31.0.2]"},
		{"stt", "172.31.0.1", engine.Tunnel{ID: 0x1<<40 | 0x2<<24 | 5, Dst: addr("172.31.0.2")}, "[tun_id=0x10002000005 tun_src=172.31.0.1 tun_dst=172.31.0.2]"},
		{"IPv6", "fd31::1", engine.Tunnel{ID: 5, Dst: addr("fd31::2")}, "[tun_id=0x5 tun_ipv6_src=fd31::1 tun_ipv6_dst=fd31::2]"},
	} {
		var got []string
		for _, f := range tunnelFields(&c.tun, addr(c.src)) {
			got = append(got, f.Name+"="+f.Value)
		}
		if g := fmt.Sprint(got); g != c.want {
			t.Errorf("%s: %s, want %s", c.name, g, c.want)
		}
	}
}
