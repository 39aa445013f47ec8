package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
)

// ipBatch runs lines of ip(8) commands in a namespace, in one process.
func ipBatch(ctx context.Context, netns string, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	argv := []string{"ip"}
	if netns != "" {
		argv = append(argv, "-n", netns)
	}
	_, err := Command(ctx, nil, strings.Join(lines, "\n")+"\n", append(argv, "-batch", "-")...)
	return err
}

// physBridge returns the name of the Linux bridge for a physical network.
func physBridge(network string) string { return "br-" + network }

// PhysLeg returns the name of the instance's end of the cable between a chassis and a physical
// network, where the chassis' frames are captured.
func PhysLeg(chassis, network string) string { return chassis + "-" + network }

// UnderlayLeg returns the name of the instance's end of a chassis' cable to the underlay.
func UnderlayLeg(chassis string) string { return chassis + "-ul" }

// network makes every namespace, cable and bridge.
func (l *Lab) network(ctx context.Context) error {
	var root []string
	add := func(format string, a ...any) { root = append(root, fmt.Sprintf(format, a...)) }
	inside := map[string][]string{}
	in := func(ns, format string, a ...any) { inside[ns] = append(inside[ns], fmt.Sprintf(format, a...)) }
	netns := func(n string) {
		l.state.Netns = append(l.state.Netns, n)
		add("netns add %s", n)
		in(n, "link set lo up")
	}
	bridge := func(n string) {
		l.state.Links = append(l.state.Links, n)
		add("link add %s type bridge", n)
		add("link set %s up", n)
	}
	bridge(underlayBridge)
	for _, z := range l.Topo.allZones() {
		if z.On == "" {
			add("addr add %s/24 dev %s", z.IP, underlayBridge)
		}
	}
	add("addr add fd31::254/64 dev %s nodad", underlayBridge)
	for _, n := range l.Topo.Networks() {
		bridge(physBridge(n))
	}
	for _, c := range l.Topo.Chassis {
		netns(c.Name)
		add("link add %s mtu %s type veth peer name %s mtu %s netns %s", UnderlayLeg(c.Name), underlayMTU, underlayPort, underlayMTU, c.Name)
		add("link set %s master %s up", UnderlayLeg(c.Name), underlayBridge)
		if l.Topo.userspace() {
			// The tunnel bridge has the addresses and answers ARP for them.
			in(c.Name, "link set %s arp off up", underlayPort)
		} else {
			inside[c.Name] = append(inside[c.Name], c.addAddresses(underlayPort)...)
		}
		for _, n := range sortedKeys(c.Mappings) {
			add("link add %s type veth peer name %s netns %s", PhysLeg(c.Name, n), n, c.Name)
			add("link set %s master %s up", PhysLeg(c.Name, n), physBridge(n))
			in(c.Name, "link set %s up", n)
		}
	}
	root = append(root, l.Topo.layCables(in)...)
	for _, v := range l.Topo.VIFs {
		if v.Parent != "" {
			continue // uses its parent's cable
		}
		netns(v.Port)
		in(v.Chassis, "link add %s type veth peer name e0 netns %s", v.Port, v.Port)
		in(v.Chassis, "link set %s up", v.Port)
		in(v.Port, "link set e0 address %s up", v.MAC)
	}
	for _, h := range l.Topo.Hosts {
		netns(h.Name)
		add("link add h-%s type veth peer name e0 netns %s", h.Name, h.Name)
		add("link set h-%s master %s up", h.Name, physBridge(h.Network))
		in(h.Name, "link set e0 address %s up", h.MAC)
	}
	if err := l.save(); err != nil {
		return err
	}
	if err := ipBatch(ctx, "", root); err != nil {
		return err
	}
	// Chassis before VIFs, because cables belong to the chassis. IPv6 is disabled where the kernel
	// would send packets by itself.
	for _, ns := range l.state.Netns {
		if err := l.silence(ns); err != nil {
			return err
		}
		if err := ipBatch(ctx, ns, inside[ns]); err != nil {
			return err
		}
	}
	if err := l.plainFramesEverywhere(); err != nil {
		return err
	}
	return l.quietBridges(ctx)
}

// silence disables what would send packets by itself in a namespace. On a chassis only the underlay
// may have IPv6.
func (l *Lab) silence(ns string) error {
	settings := []string{"net.ipv6.conf.default.disable_ipv6=1"}
	chassis := slices.ContainsFunc(l.Topo.Chassis, func(c Chassis) bool { return c.Name == ns })
	if chassis && !l.Topo.userspace() {
		settings = append(settings, "net.ipv6.conf."+underlayPort+".disable_ipv6=0")
		settings = append(settings, patience...)
	} else { // a userspace chassis has its addresses on the tunnel bridge, which is added later
		settings = append(settings, "net.ipv6.conf.all.disable_ipv6=1")
	}
	// Written directly: sysctl(8) would need two more processes for each of the many namespaces.
	return nodens.OfPath("/run/netns/" + ns).Do(func() error {
		for _, s := range settings {
			key, value, _ := strings.Cut(s, "=")
			if err := os.WriteFile("/proc/sys/"+strings.ReplaceAll(key, ".", "/"), []byte(value), 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}

// quietBridges prevents the physical bridges from sending packets, and adds the outside hosts to
// their forwarding tables, as if they had sent frames.
func (l *Lab) quietBridges(ctx context.Context) error {
	for _, n := range l.Topo.Networks() {
		for k, v := range map[string]string{"bridge/multicast_snooping": "0", "bridge/stp_state": "0"} {
			if err := os.WriteFile(filepath.Join("/sys/class/net", physBridge(n), k), []byte(v), 0o644); err != nil {
				return err
			}
		}
		os.WriteFile("/proc/sys/net/ipv6/conf/"+physBridge(n)+"/disable_ipv6", []byte("1"), 0o644)
	}
	for _, c := range l.Topo.Chassis {
		for _, n := range sortedKeys(c.Mappings) {
			os.WriteFile("/proc/sys/net/ipv6/conf/"+PhysLeg(c.Name, n)+"/disable_ipv6", []byte("1"), 0o644)
		}
	}
	for _, c := range l.Topo.Cables {
		if leg := c.Leg(); leg != "" {
			os.WriteFile("/proc/sys/net/ipv6/conf/"+leg+"/disable_ipv6", []byte("1"), 0o644)
		}
	}
	for _, h := range l.Topo.Hosts {
		os.WriteFile("/proc/sys/net/ipv6/conf/h-"+h.Name+"/disable_ipv6", []byte("1"), 0o644)
		if _, err := Command(ctx, nil, "", "bridge", "fdb", "add", h.MAC, "dev", "h-"+h.Name, "master", "static"); err != nil {
			return err
		}
	}
	return nil
}
