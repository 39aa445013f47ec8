package node

import (
	"fmt"
	"testing"
)

func TestListeners(t *testing.T) {
	// The output of Open vSwitch 3.1.0.
	got := parseListeners(`Listening ports:
gre_sys (1) : eth(dst=aa:55:aa:55:00:01),eth_type(0x0800),ipv4(dst=1.1.2.88,proto=47,frag=no)
genev_sys_6081 (6081) : eth(dst=aa:55:aa:55:00:01),eth_type(0x0800),ipv4(dst=1.1.2.88,proto=17,frag=no),udp(dst=6081)
vxlan_sys_4789 (4789) : eth(dst=aa:55:aa:55:00:01),eth_type(0x86dd),ipv6(dst=2001:cafe::88,proto=17,frag=no),udp(dst=4789)
`)
	if text := fmt.Sprint(got); text != "[{1 1.1.2.88 0} {6081 1.1.2.88 6081} {4789 2001:cafe::88 4789}]" {
		t.Error(text)
	}
	if got := parseListeners("Listening ports:\n"); got == nil || len(got) != 0 {
		t.Errorf("no listeners: %#v", got)
	}
}

// After the address is removed from br-phy, there is no listener.
func TestListenersOfARealOVS(t *testing.T) {
	o := userspaceOVS(t)
	listeners := func() []Listener {
		info, err := service(t, Options{RunDir: o.RunDir}).Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return info.Listeners
	}
	if got := listeners(); got != nil {
		t.Errorf("without tunnels: %v", got)
	}
	tunnels(t, o)
	if got := listeners(); len(got) != 2 {
		t.Errorf("%v", got)
	}
	o.Appctl("ovs/route/del", "1.1.2.0/24")
	o.Appctl("ovs/route/del", "2001:cafe::/64")
	o.Appctl("ovs/route/del", "7.7.7.0/24")
	if got := listeners(); got == nil || len(got) != 0 {
		t.Errorf("address gone: %#v", got)
	}
}
