package node

import (
	"encoding/binary"
	"net/netip"
	"path/filepath"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
)

// namespace is ovs-vswitchd's network namespace.
func (s *Service) namespace() (nodens.NetNS, error) {
	if s.opt.NetNS != "" {
		return nodens.OfPath(s.opt.NetNS), nil
	}
	// The number in the pid file can be of another pid namespace, or stale; who holds the file's lock is the daemon.
	return nodens.OfPIDFile(filepath.Join(s.opt.RunDir, "ovs-vswitchd.pid"))
}

// tunnelSources fills in from which of several own addresses the kernel sends a tunnel's packets. What cannot be found out stays
// empty.
func (s *Service) tunnelSources(info *Info) {
	if len(info.EncapIPs) < 2 {
		return
	}
	ns, err := s.namespace()
	if err != nil {
		return
	}
	f, err := ns.Open()
	if err != nil {
		return
	}
	defer f.Close()
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{NetNS: int(f.Fd())})
	if err != nil {
		return
	}
	defer conn.Close()
	for i := range info.Ports {
		p := &info.Ports[i]
		remote, err := netip.ParseAddr(p.Options["remote_ip"])
		if p.Kind != engine.PortTunnel || p.Options["local_ip"] != "" || err != nil {
			continue
		}
		if src, ok := routeSource(conn, remote); ok {
			p.Source = src.String()
		}
	}
}

// routeSource asks for the route to dst, as a tunnel device does (ip_tunnel's and geneve's route look-up), and gives its
// preferred source.
func routeSource(conn *netlink.Conn, dst netip.Addr) (netip.Addr, bool) {
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: unix.RTA_DST, Data: dst.AsSlice()}})
	if err != nil {
		return netip.Addr{}, false
	}
	head := make([]byte, unix.SizeofRtMsg)
	head[0], head[1] = unix.AF_INET, uint8(dst.BitLen())
	if dst.Is6() {
		head[0] = unix.AF_INET6
	}
	replies, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETROUTE, Flags: netlink.Request},
		Data:   append(head, attrs...),
	})
	if err != nil || len(replies) != 1 || len(replies[0].Data) < unix.SizeofRtMsg {
		return netip.Addr{}, false
	}
	list, err := netlink.NewAttributeDecoder(replies[0].Data[unix.SizeofRtMsg:])
	if err != nil {
		return netip.Addr{}, false
	}
	list.ByteOrder = binary.NativeEndian
	for list.Next() {
		if list.Type() == unix.RTA_PREFSRC {
			return netip.AddrFromSlice(list.Bytes())
		}
	}
	return netip.Addr{}, false
}
