package lab

import "strings"

// Cables for bonds: two go from hv1 to hv4, for the provider network and for the underlay, and a
// third from there to the network itself. A case makes a bond of them on hv1, and on hv4 the switch
// at their other end: a separate bridge without a logical network.
const (
	bondChassis   = "hv1"
	switchChassis = "hv4"
)

// Bond names the interfaces of a bond that a case may build.
type Bond struct {
	Members [2]string // on hv1
	Switch  [2]string // their far ends, on hv4
	Uplink  string    // from hv4 to the network
	Single  string    // the interface of hv1 that the bond replaces
	Bridge  string    // bridge of hv1 with the bond
}

// ProviderBond and TunnelBond are the bonds for which the lab has cables.
var (
	ProviderBond = Bond{[2]string{"bp0", "bp1"}, [2]string{"lp0", "lp1"}, "lp-up", "physnet1", "br-ex"}
	TunnelBond   = Bond{[2]string{"bt0", "bt1"}, [2]string{"lt0", "lt1"}, "lt-up", underlayPort, TunnelBridge}
)

// bonds adds the cables.
func bonds(t *Topology) {
	lay := func(b Bond, far, bridge, sees, mtu string) {
		for i := range b.Members {
			t.Cables = append(t.Cables, Cable{Ends: [2]string{bondChassis + "/" + b.Members[i], switchChassis + "/" + b.Switch[i]}, MTU: mtu})
		}
		t.Cables = append(t.Cables, Cable{Ends: [2]string{switchChassis + "/" + b.Uplink, "/" + far}, Bridge: bridge, Sees: sees, MTU: mtu})
	}
	lay(ProviderBond, "bond-physnet1", physBridge("physnet1"), PhysLeg(bondChassis, "physnet1"), "1500")
	if t.userspace() { // the kernel's tunnels end at an address of the chassis, not of a bridge
		lay(TunnelBond, "bond-ul", underlayBridge, UnderlayTap(bondChassis), underlayMTU)
	}
}

// UnderlayTap returns the name of the probe's tap on a chassis' cable to the underlay.
func UnderlayTap(chassis string) string { return "underlay " + chassis }

// split returns the namespace and the interface of a cable's end.
func (c Cable) split(end int) (netns, ifname string) {
	netns, ifname, _ = strings.Cut(c.Ends[end], "/")
	return netns, ifname
}

// Leg returns the cable's end in the instance's own namespace, empty if it has none.
func (c Cable) Leg() string {
	if netns, ifname := c.split(1); netns == "" {
		return ifname
	}
	return ""
}

// layCables returns the ip(8) commands that make the cables, in the instance and in the namespaces.
func (t *Topology) layCables(in func(netns, format string, a ...any)) (root []string) {
	for _, c := range t.Cables {
		an, ai := c.split(0)
		bn, bi := c.split(1)
		line := "link add name " + ai + " mtu " + c.MTU + " netns " + an + " type veth peer name " + bi + " mtu " + c.MTU
		in(an, "link set %s arp off up", ai)
		if bn == "" {
			root = append(root, line, "link set "+bi+" master "+c.Bridge+" up")
			continue
		}
		root = append(root, line+" netns "+bn)
		in(bn, "link set %s arp off up", bi)
	}
	return root
}
