package driver

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
)

// tunnelUDP are the UDP ports that tunnels use without dst_port (lib/netdev-vport.c:
// set_tunnel_config).
var tunnelUDP = map[string]uint16{"geneve": 6081, "vxlan": 4789}

// listens reports whether a tunnel port takes packets for a UDP port; udp is 0 where it is unknown.
func listens(p node.Port, udp uint16) bool {
	own := tunnelUDP[p.Type]
	if n, err := strconv.ParseUint(p.Options["dst_port"], 10, 16); err == nil && own != 0 {
		own = uint16(n)
	}
	return own == 0 || udp == 0 || own == udp
}

// lostAtReceiver returns why the chassis at a tunnel's far end does not decapsulate its packets;
// nothing where it does, or where that could not be asked.
func lostAtReceiver(chassis string, info *node.Info, p node.Port, tun *engine.Tunnel) string {
	dst := tun.Dst.Unmap()
	if p.DatapathType() == "system" {
		if slices.Contains(info.AwayIPs, dst.String()) {
			return fmt.Sprintf("no interface of %s has the tunnel address %s", chassis, tun.Dst)
		}
		return ""
	}
	if info.Listeners == nil {
		return ""
	}
	for _, l := range info.Listeners {
		if l.Datapath == p.Datapath && l.Addr == dst && (l.UDP == 0 || tun.TPDst == 0 || l.UDP == tun.TPDst) {
			return ""
		}
	}
	return fmt.Sprintf("Open vSwitch on %s takes no %s packets for %s (tnl/ports/show -v): the address is not on a port of its bridges", chassis, p.Type, tun.Dst)
}
