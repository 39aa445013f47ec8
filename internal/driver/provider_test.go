package driver

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

func TestPhysicalPort(t *testing.T) {
	phys := func(name, bond string, active bool) node.Port {
		return node.Port{Port: engine.Port{Name: name, Bridge: "br-ex", Kind: engine.PortPhysical, Bond: bond}, Active: active}
	}
	for _, c := range []struct {
		name  string
		ports []node.Port
		want  string
		ok    bool
	}{
		{"one", []node.Port{phys("eth1", "", false)}, "eth1", true},
		{"none", nil, "its bridge br-ex has no physical port", false},
		{"two", []node.Port{phys("eth1", "", false), phys("eth2", "", false)}, "its bridge br-ex has several physical ports: eth1, eth2", false},
		{"bond", []node.Port{phys("eth1", "bond0", false), phys("eth2", "bond0", true)}, "eth2", true},
		{"bond without an active member", []node.Port{phys("eth1", "bond0", false), phys("eth2", "bond0", false)}, "eth1", true},
		{"bond and another", []node.Port{phys("eth1", "bond0", false), phys("eth2", "bond0", true), phys("eth3", "", false)}, "its bridge br-ex has several physical ports: eth2, eth3", false},
	} {
		p, err := physicalPort(&node.Info{BridgeMappings: map[string]string{"physnet1": "br-ex"}, Ports: c.ports}, "physnet1")
		if c.ok && (p.Name != c.want || err != nil) || !c.ok && (err == nil || err.Error() != c.want) {
			t.Errorf("%s: port %q, %v", c.name, p.Name, err)
		}
	}
}
