package node

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"path/filepath"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
)

// namespace returns ovs-vswitchd's network namespace.
func (s *Service) namespace() (nodens.NetNS, error) {
	if s.opt.NetNS != "" {
		return nodens.OfPath(s.opt.NetNS), nil
	}
	// The number in the pid file can be stale or of another pid namespace; the daemon is the holder of
	// the file's lock.
	return nodens.OfPIDFile(filepath.Join(s.opt.RunDir, "ovs-vswitchd.pid"))
}

// tunnelSources sets the source address of each tunnel that the kernel chooses among several encap
// addresses, and the encap addresses that no interface has. What cannot be read stays empty.
func (s *Service) tunnelSources(info *Info) {
	if len(info.EncapIPs) == 0 {
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
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{NetNS: nodens.ToEnter(f)})
	if err != nil {
		return
	}
	defer conn.Close()
	for _, text := range info.EncapIPs {
		if own, err := netip.ParseAddr(text); err == nil && !isLocal(conn, own) {
			info.AwayIPs = append(info.AwayIPs, own.Unmap().String())
		}
	}
	if len(info.EncapIPs) < 2 {
		return
	}
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

// isLocal reports whether the kernel accepts packets to an address as local.
func isLocal(conn *netlink.Conn, a netip.Addr) bool {
	msg, err := routeTo(conn, a)
	if err != nil {
		return !errors.Is(err, unix.ENETUNREACH) // after any other refusal it is unknown
	}
	return msg[7] == unix.RTN_LOCAL // rtm_type
}

// routeSource asks for the route to dst, as a tunnel device does (ip_tunnel's and geneve's route
// look-up), and returns its preferred source.
func routeSource(conn *netlink.Conn, dst netip.Addr) (netip.Addr, bool) {
	msg, err := routeTo(conn, dst)
	if err != nil {
		return netip.Addr{}, false
	}
	list, err := netlink.NewAttributeDecoder(msg[unix.SizeofRtMsg:])
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

// routeTo returns the kernel's route to a destination: a struct rtmsg and its attributes.
func routeTo(conn *netlink.Conn, dst netip.Addr) ([]byte, error) {
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: unix.RTA_DST, Data: dst.AsSlice()}})
	if err != nil {
		return nil, err
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
	if err != nil {
		return nil, err
	}
	if len(replies) != 1 || len(replies[0].Data) < unix.SizeofRtMsg {
		return nil, errors.New("the kernel's answer to a route request is not a route")
	}
	return replies[0].Data, nil
}
