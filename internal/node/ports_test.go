package node

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/dpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// TestMirrorPorts checks that a port is a mirror's output only on its own bridge, and not if other
// ports share its datapath port.
func TestMirrorPorts(t *testing.T) {
	shown := []dpif.Port{
		{Bridge: "br-int", Name: "tap0", OFPort: 1, Datapath: "2", Type: "system"},
		{Bridge: "br-ex", Name: "tap1", OFPort: 1, Datapath: "3", Type: "system"},
		{Bridge: "br-int", Name: "gre0", OFPort: 2, Datapath: "4", Type: "gre"},
		{Bridge: "br-int", Name: "gre1", OFPort: 3, Datapath: "4", Type: "gre"},
		{Bridge: "br-int", Name: "erspan0", OFPort: 4, Datapath: "5", Type: "erspan"},
	}
	mirrors := []*ovn.Mirror{
		{Name: "a", Bridge: "br-int", Output: []string{"tap0"}}, {Name: "b", Bridge: "br-int", Output: []string{"tap0"}},
		{Name: "c", Bridge: "br-int", Output: []string{"tap1"}}, {Name: "d", Bridge: "br-int", Output: []string{"gre0"}},
		{Name: "e", Bridge: "br-int", Output: []string{"erspan0"}},
		{Name: "f", Bridge: "br-int", VLAN: 7}, {Name: "g", Bridge: "br-int", Output: []string{"patch0"}}, {Name: "h"},
	}
	want := map[string]string{"tap0": "a b", "erspan0": "e"}
	for _, p := range joinPorts(shown, nil, mirrors) {
		if got := strings.Join(p.Mirrors, " "); got != want[p.Name] {
			t.Errorf("%s: %q, want %q", p.Name, got, want[p.Name])
		}
	}
	got := strings.Join(untold(mirrors, map[string]*ovn.Interface{"patch0": {Type: "patch"}, "tap0": {}}), "\n")
	if d := cmp.Diff("mirror f of br-int sends copies on VLAN 7: they cannot be distinguished from the packet's own branches\n"+
		"mirror g of br-int sends copies through patch port patch0: they cannot be distinguished from the packet's own branches", got); d != "" {
		t.Error(d)
	}
}

func TestKindsOfPorts(t *testing.T) {
	shown := []dpif.Port{
		{Backer: "system@ovs-system", Bridge: "br-int", Name: "br-int", OFPort: 65534, Datapath: "1", Type: "internal"},
		{Backer: "system@ovs-system", Bridge: "br-int", Name: "tap0", OFPort: 1, Datapath: "2", Type: "system"},
		{Backer: "system@ovs-system", Bridge: "br-int", Name: "vm-int", OFPort: 2, Datapath: "3", Type: "internal"},
		{Backer: "system@ovs-system", Bridge: "br-int", Name: "ovn-hv2-0", OFPort: 3, Datapath: "4", Type: "geneve", Text: "key=flow, remote_ip=10.0.0.2"},
		{Backer: "system@ovs-system", Bridge: "br-int", Name: "vx", OFPort: 4, Datapath: "5", Type: "vxlan"},
		{Backer: "system@ovs-system", Bridge: "br-ex", Name: "eth1", OFPort: 1, Datapath: "6", Type: "system"},
		{Backer: "system@ovs-system", Bridge: "br-ex", Name: "patch-x", OFPort: 2, Type: "patch", Text: "peer=patch-y"},
		{Backer: "netdev@ovs-netdev", Bridge: "br-dp", Name: "dpdk0", OFPort: 1, Datapath: "7", Type: "dpdk"},
		{Backer: "netdev@ovs-netdev", Bridge: "br-dp", Name: "dpdk1", OFPort: 2, Datapath: "6", Type: "dpdk"},
		{Backer: "netdev@ovs-netdev", Bridge: "br-dp", Name: "br-dp", OFPort: 65534, Datapath: "8", Type: "tap"},
		{Backer: "dummy@ovs-dummy", Bridge: "br-dm", Name: "br-dm", OFPort: 65534, Datapath: "9", Type: "dummy-internal"},
	}
	rows := map[string]*ovn.Interface{
		"tap0":      {Name: "tap0", ExternalIDs: map[string]string{"iface-id": "p1"}, MAC: "aa:bb:cc:dd:ee:ff"},
		"vm-int":    {Name: "vm-int", ExternalIDs: map[string]string{"iface-id": "p2"}},
		"ovn-hv2-0": {Name: "ovn-hv2-0", Options: map[string]string{"remote_ip": "10.0.0.3"}},
	}
	info := &Info{Bridge: "br-int", Ports: joinPorts(shown, rows, nil)}
	want := map[string]engine.PortKind{
		"br-int": engine.PortHost, "tap0": engine.PortVIF, "vm-int": engine.PortVIF, "ovn-hv2-0": engine.PortTunnel, "vx": engine.PortTunnel,
		"eth1": engine.PortPhysical, "patch-x": engine.PortPhysical, "dpdk0": engine.PortPhysical, "dpdk1": engine.PortPhysical, "br-dp": engine.PortHost, "br-dm": engine.PortHost,
	}
	if len(info.Ports) != len(want) {
		t.Fatalf("%d ports", len(info.Ports))
	}
	for _, p := range info.Ports {
		if p.Kind != want[p.Name] {
			t.Errorf("%s is %s, want %s", p.Name, p.Kind, want[p.Name])
		}
	}
	if p, ok := info.PortByIfaceID("p1"); !ok || p.Name != "tap0" || p.MAC != "aa:bb:cc:dd:ee:ff" {
		t.Errorf("p1 is %+v", p)
	}
	if _, ok := info.PortByIfaceID("p3"); ok {
		t.Error("p3 is nowhere")
	}
	if p, ok := info.PortByNumber("br-ex", 1); !ok || p.Name != "eth1" || p.DatapathType() != "system" {
		t.Errorf("br-ex 1 is %+v", p)
	}
	if p, ok := info.PortByName("br-ex", "patch-x"); !ok || p.Peer != "patch-y" {
		t.Errorf("patch-x is %+v", p)
	}
	// Options of the database have precedence over those of dpif/show, which adds missing ones.
	if p, _ := info.PortByName("br-int", "ovn-hv2-0"); p.Options["remote_ip"] != "10.0.0.3" || p.Options["key"] != "flow" {
		t.Errorf("options %v", p.Options)
	}
	for _, c := range []struct{ backer, port, want string }{
		{"system@ovs-system", "6", "eth1"},
		{"netdev@ovs-netdev", "6", "dpdk1"}, // each datapath has its own port numbers
		{"dummy@ovs-dummy", "6", ""},
		{"netdev@ovs-netdev", "dpdk0", "dpdk0"},
		{"system@ovs-system", "dpdk0", ""},
		{"system@ovs-system", "", ""},
		{"system@ovs-system", "patch-x", ""},
		{"system@ovs-system", "99", ""},
	} {
		if p, ok := info.On(c.backer).ByDatapath(c.port); ok != (c.want != "") || p.Name != c.want {
			t.Errorf("port %q of %s is %+v, want %q", c.port, c.backer, p, c.want)
		}
	}
}
