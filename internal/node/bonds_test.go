package node

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// bondShow is the output of ovs-appctl bond/show, Open vSwitch 3.1.0, with two bonds of which one
// has lb-output-action.
const bondShow = `---- bf ----
bond_mode: balance-tcp
bond may use recirculation: yes, Recirc-ID : 1
bond-hash-basis: 0
lb_output action: disabled, bond-id: -1
lacp_status: negotiated
active member mac: aa:55:aa:55:00:18(f2)

member f1: enabled
  may_enable: true

---- bn ----
bond_mode: balance-tcp
bond may use recirculation: yes, Recirc-ID : 2
bond-hash-basis: 0
lb_output action: enabled, bond-id: 2
lacp_status: negotiated

member n1: enabled
  active member
  may_enable: true

member n2: enabled
  may_enable: true

`

func TestBonds(t *testing.T) {
	got := parseBondShow(bondShow)
	if d := cmp.Diff(map[uint32]string{2: "bn"}, got); d != "" {
		t.Error(d)
	}
	port := func(name, bond, backer string, active bool) Port {
		return Port{Port: engine.Port{Name: name, Datapath: name, Bond: bond}, Backer: backer, Active: active}
	}
	info := &Info{Bonds: got, Ports: []Port{
		port("f1", "bf", "netdev@ovs-netdev", false), port("n1", "bn", "netdev@ovs-netdev", false),
		port("x", "", "netdev@ovs-netdev", false), port("n2", "bn", "netdev@ovs-netdev", true), port("n3", "bn", "system@ovs-system", true),
	}}
	var names []string
	for _, p := range info.On("netdev@ovs-netdev").Members(2) {
		names = append(names, p.Name)
	}
	if d := cmp.Diff([]string{"n2", "n1"}, names); d != "" {
		t.Error(d)
	}
	for _, id := range []uint32{0, 1, 3} {
		if m := info.On("netdev@ovs-netdev").Members(id); m != nil {
			t.Errorf("bond %d is %v", id, m)
		}
	}
}
