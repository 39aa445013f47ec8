package cases

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// bonds returns cases in which a bond of two cables replaces hv1's cable to the provider network,
// or to the underlay. The bond ends at a bridge of hv4 that acts as the switch.
func bonds(b builder) []probe.Case {
	const provider, tunnel = "bond of a provider bridge", "bond under the tunnel bridge"
	type mode struct {
		name, options string // of the bond on hv1
		lacp          bool
	}
	modes := []mode{
		{"backup", "bond_mode=active-backup", false},
		{"slb", "bond_mode=balance-slb", false},
		{"tcp", "bond_mode=balance-tcp lacp=active other_config:lacp-time=fast", true},
		{"lb-output", "bond_mode=balance-tcp lacp=active other_config:lacp-time=fast other_config:lb-output-action=true", true},
	}
	netdev := ""
	if b.t.Datapath == lab.Userspace {
		netdev = " -- set bridge br-leaf datapath_type=netdev"
	}
	of := func(c probe.Case, bond lab.Bond, m mode, network string) probe.Case {
		far := " -- add-port br-leaf " + bond.Switch[0] + " -- add-port br-leaf " + bond.Switch[1]
		if m.lacp {
			far = " -- add-bond br-leaf leaf " + bond.Switch[0] + " " + bond.Switch[1] + " bond_mode=balance-slb lacp=active other_config:lacp-time=fast"
		}
		c.Setup = []string{
			"@hv4 ovs-vsctl add-br br-leaf" + netdev + " -- add-port br-leaf " + bond.Uplink + far,
			"@hv1 ovs-vsctl del-port " + bond.Bridge + " " + bond.Single + " -- add-bond " + bond.Bridge + " bond0 " + bond.Members[0] + " " + bond.Members[1] + " " + m.options,
		}
		if m.lacp {
			for _, member := range bond.Members {
				c.Setup = append(c.Setup, "@until @hv1 ovs-vsctl --bare --columns=_uuid find interface name="+member+" lacp_current=true")
			}
		}
		c.Setup = append(c.Setup, "@forget "+network, "@sleep 1s")
		// The switch goes before hv1 has its cable again: hv1 would learn its own MAC on that cable
		// from a frame that the switch still floods, and be unreachable until it sends.
		c.Cleanup = []string{
			"@hv1 ovs-vsctl del-port " + bond.Bridge + " bond0", "@hv4 ovs-vsctl del-br br-leaf",
			"@hv1 ovs-vsctl add-port " + bond.Bridge + " " + bond.Single, "@forget " + network,
		}
		return c
	}
	var all []probe.Case
	for _, m := range modes {
		all = append(all,
			of(handshake("bond-provider-"+m.name, provider, b.tcp("prov-p1", "ext4", 80), "external hv1"), lab.ProviderBond, m, "physnet1"),
			of(handshake("bond-provider-in-"+m.name, provider, b.tcp("ext4", "prov-p1", 80), "prov-p1", "hv1"), lab.ProviderBond, m, "physnet1"))
		for _, c := range []probe.Case{
			handshake("bond-tunnel-"+m.name, tunnel, b.tcp("sw0-p1", "sw1-p2", 8080), "sw1-p2"),
			one("bond-tunnel-broadcast-"+m.name, tunnel, with(b.udp("sw0-p1", "10.0.0.255", 7), func(p *probe.Packet) { p.EthDst = broadcastMAC }), "sw0-p2, sw0-p3"),
		} {
			c.Only = lab.Userspace
			all = append(all, of(c, lab.TunnelBond, m, "underlay"))
		}
	}
	return all
}
