package lab

import (
	"context"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
)

// Datapaths of a lab's chassis.
const (
	System    = ""          // the kernel's openvswitch module
	Userspace = "userspace" // bridges of datapath_type=netdev: any kernel can run them
)

// TunnelBridge is the bridge of a userspace chassis whose local port has the tunnel addresses.
// Native tunnels (tnl_push, tnl_pop) reach the underlay only through a bridge of the same datapath.
const TunnelBridge = "br-phy"

func (t *Topology) userspace() bool { return t.Datapath == Userspace }

// bridgeType returns the part of an ovs-vsctl command that sets the datapath of a new bridge.
func (t *Topology) bridgeType(bridge string) []string {
	if !t.userspace() {
		return nil
	}
	return []string{"--", "set", "bridge", bridge, "datapath_type=netdev"}
}

// tunnelMAC returns the MAC of a chassis' tunnel bridge.
func tunnelMAC(c Chassis) string {
	n := c.Name[len(c.Name)-1]
	return fmt.Sprintf("02:31:00:00:00:%02x", n-'0')
}

// addresses returns all underlay addresses of a chassis.
func (c Chassis) addresses() []string { return append(strings.Split(c.EncapIP, ","), c.IPs...) }

// addAddresses returns the ip(8) commands that add a chassis' underlay addresses to a device.
func (c Chassis) addAddresses(device string) []string {
	var out []string
	for _, ip := range c.addresses() {
		if strings.Contains(ip, ":") {
			out = append(out, "addr add "+ip+"/64 dev "+device+" nodad")
		} else {
			out = append(out, "addr add "+ip+"/24 dev "+device)
		}
	}
	return append(out, "link set "+device+" up")
}

// tunnelBridgeUp adds the tunnel bridge. ovs-vswitchd must be running: it creates the device for
// the addresses.
func (l *Lab) tunnelBridgeUp(ctx context.Context, c Chassis) error {
	_, err := l.On(ctx, c.Name, "ovs-vsctl", "--timeout=60", "add-br", TunnelBridge,
		"--", "set", "bridge", TunnelBridge, "datapath_type=netdev", "fail-mode=standalone", "other-config:hwaddr="+tunnelMAC(c),
		"--", "add-port", TunnelBridge, underlayPort,
		"--", "set", "interface", TunnelBridge, "mtu_request="+underlayMTU)
	if err != nil {
		return err
	}
	err = nodens.OfPath("/run/netns/" + c.Name).Do(func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/"+TunnelBridge+"/disable_ipv6", []byte("0"), 0o644)
	})
	if err != nil {
		return err
	}
	return ipBatch(ctx, c.Name, c.addAddresses(TunnelBridge))
}

// knowNeighbours adds the tunnel neighbours of every chassis. Open vSwitch drops the first packet
// to an unknown neighbour, and removes a neighbour after 15 minutes without traffic.
func (l *Lab) knowNeighbours() error {
	if !l.Topo.userspace() {
		return nil
	}
	for _, c := range l.Topo.Chassis {
		for _, peer := range l.Topo.Chassis {
			if peer.Name == c.Name {
				continue
			}
			for _, ip := range peer.addresses() {
				if _, err := l.Appctl(c.Name, "tnl/neigh/set", TunnelBridge, ip, tunnelMAC(peer)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// plainFrames disables offloads of an interface in the caller's namespace, with which Open
// vSwitch's packet sockets would receive frames without checksums or larger than the MTU.
func plainFrames(ifname string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, cmd := range []uint32{unix.ETHTOOL_SGRO, unix.ETHTOOL_SGSO, unix.ETHTOOL_STSO, unix.ETHTOOL_STXCSUM, unix.ETHTOOL_SRXCSUM} {
		value := struct{ cmd, data uint32 }{cmd: cmd}
		var req struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}
		copy(req.name[:unix.IFNAMSIZ-1], ifname)
		req.data = unsafe.Pointer(&value)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req))); errno != 0 && errno != unix.EOPNOTSUPP {
			return fmt.Errorf("%s: ethtool command 0x%x: %w", ifname, cmd, errno)
		}
	}
	return nil
}

// plainFramesEverywhere calls plainFrames for both ends of every cable of the lab.
func (l *Lab) plainFramesEverywhere() error {
	if !l.Topo.userspace() {
		return nil
	}
	for _, ns := range append([]string{""}, l.state.Netns...) {
		where := nodens.Current()
		if ns != "" {
			where = nodens.OfPath("/run/netns/" + ns)
		}
		err := where.Do(func() error {
			// Not /sys, which shows the namespace that mounted it.
			links, err := os.ReadDir("/proc/sys/net/ipv4/conf")
			if err != nil {
				return err
			}
			for _, link := range links {
				switch name := link.Name(); name {
				case "all", "default", "lo":
				default:
					if err := plainFrames(name); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
