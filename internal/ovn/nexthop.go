package ovn

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// NextHop is the Ethernet destination that a guest would give a packet.
type NextHop struct {
	MAC  string
	Kind string // "peer", "router", "multicast" or "broadcast"
	Port string // the logical port that owns the MAC; empty for a group, or for a host outside OVN
	// Net is the network of the switch through which the hop is reached: the guest sends from its
	// address there. It is zero if no router port has such a network.
	Net netip.Prefix
}

// NoNextHopError is the error of a next hop whose MAC address is unknown.
type NoNextHopError struct {
	Port string
	Dst  netip.Addr
	Why  string
	// OnLink is true if the address is on a subnet of the port's switch: the guest asks for it, and
	// nobody has it.
	OnLink bool
}

// Error returns the port, the destination and the reason.
func (e *NoNextHopError) Error() string {
	return fmt.Sprintf("no next hop from %s to %s: %s", e.Port, e.Dst, e.Why)
}

// Failure returns failure.Input: the user can give the address.
func (e *NoNextHopError) Failure() (failure.Kind, string) {
	return failure.Input, "say where the guest sends it: eth.dst == MAC"
}

// NextHop returns the MAC address to which the guest behind a port sends a packet for dst: the
// owner's on the same subnet, otherwise that of the router that DHCP gives it, or of the router
// port on its switch. nb may be nil; DHCP, and addresses that a router has by NAT or load
// balancing, are then unknown.
func (s *SB) NextHop(ctx context.Context, p *PortBinding, dst netip.Addr, nb *NB) (NextHop, error) {
	dst = dst.Unmap()
	if h, ok := groupMAC(dst); ok {
		return h, nil
	}
	dp, err := s.DatapathByUUID(ctx, p.Datapath)
	if err != nil {
		return NextHop{}, err
	}
	if dp.IsRouter {
		// The packet is taken as it arrives at the router: addressed to this port.
		for _, a := range p.Addrs() {
			return NextHop{MAC: a.MAC, Kind: "router", Port: p.LogicalPort}, nil
		}
		return NextHop{}, &NoNextHopError{Port: p.LogicalPort, Dst: dst, Why: "the router port has no MAC address"}
	}
	routers, err := s.routersOn(ctx, p.Datapath)
	if err != nil {
		return NextHop{}, err
	}
	for _, r := range routers {
		if r.isBroadcast(dst) {
			return NextHop{MAC: "ff:ff:ff:ff:ff:ff", Kind: "broadcast", Net: networkOf(routers, dst)}, nil
		}
	}
	if h, ok, err := s.neighbour(ctx, p.Datapath, routers, dst); err != nil || ok {
		return h, err
	}
	// IPv4's link-local addresses follow the routes like any other address: DHCP may give a route
	// to a metadata service at one.
	onLink := networkOf(routers, dst).IsValid() || dst.Is6() && dst.IsLinkLocalUnicast()
	if onLink || p.Type == "localnet" {
		if h, ok, err := nb.routerHolds(ctx, routers, dst); err != nil || ok {
			h.Net = networkOf(routers, dst)
			return h, err
		}
		if h, ok, err := s.learned(ctx, routers, dst); err != nil || ok {
			return h, err
		}
		if onLink {
			return NextHop{}, &NoNextHopError{Port: p.LogicalPort, Dst: dst, Why: fmt.Sprintf("the address is on the subnet of %s and no port there has it", dp.Name), OnLink: true}
		}
	}
	via, err := nb.dhcpRouter(ctx, p.LogicalPort, dst)
	if err != nil {
		return NextHop{}, err
	}
	if via.IsValid() {
		return s.viaDHCP(ctx, p, dst, via, routers)
	}
	return s.defaultRouter(ctx, p, dst, dp.Name, routers, nb)
}

// neighbour returns the router port, or other port, that answers for an address on the switch.
func (s *SB) neighbour(ctx context.Context, datapath ovsdb.UUID, routers []attachedRouter, ip netip.Addr) (NextHop, bool, error) {
	for _, r := range routers {
		if mac, ok := r.owns(ip); ok {
			return NextHop{MAC: mac, Kind: "router", Port: r.lrp.LogicalPort, Net: networkOf(routers, ip)}, true, nil
		}
	}
	h, ok, err := s.peerOn(ctx, datapath, ip)
	h.Net = networkOf(routers, ip)
	return h, ok, err
}

// viaDHCP returns the router that DHCP gives the guest.
func (s *SB) viaDHCP(ctx context.Context, p *PortBinding, dst, via netip.Addr, routers []attachedRouter) (NextHop, error) {
	h, ok, err := s.neighbour(ctx, p.Datapath, routers, via)
	if err == nil && !ok {
		h, ok, err = s.learned(ctx, routers, via)
	}
	if err == nil && !ok {
		err = &NoNextHopError{Port: p.LogicalPort, Dst: dst, Why: fmt.Sprintf("DHCP gives it the router %s, and no port of its switch has that address", via)}
	}
	return h, err
}

// defaultRouter returns the guest's default route: the router port whose network contains the
// guest's own address, and for IPv6 one that advertises itself.
func (s *SB) defaultRouter(ctx context.Context, p *PortBinding, dst netip.Addr, network string, routers []attachedRouter, nb *NB) (NextHop, error) {
	fit := fitting(p, dst, routers)
	if len(fit) > 1 && dst.Is6() {
		var err error
		if fit, err = nb.advertising(ctx, fit); err != nil {
			return NextHop{}, err
		}
	}
	switch len(fit) {
	case 0:
		return NextHop{}, &NoNextHopError{Port: p.LogicalPort, Dst: dst, Why: fmt.Sprintf("no port of %s has the address, and no router with an address of its kind is attached", network)}
	case 1:
		return NextHop{MAC: fit[0].addrs[0].MAC, Kind: "router", Port: fit[0].lrp.LogicalPort}, nil
	}
	var names []string
	for _, r := range fit {
		names = append(names, r.lrp.LogicalPort)
	}
	return NextHop{}, &NoNextHopError{Port: p.LogicalPort, Dst: dst, Why: "several routers are on the subnet (" + strings.Join(names, ", ") + "), and DHCP or router advertisements do not tell which"}
}

// fitting returns the routers with an address of dst's family: those on a network of the guest, or
// all if there are none.
func fitting(p *PortBinding, dst netip.Addr, routers []attachedRouter) []attachedRouter {
	var fit, near []attachedRouter
	for _, r := range routers {
		if !r.hasFamily(dst) {
			continue
		}
		fit = append(fit, r)
		for _, a := range p.Addrs() {
			if slices.ContainsFunc(a.IPs, func(ip netip.Prefix) bool { return r.contains(ip.Addr()) && sameFamily(ip.Addr(), dst) }) {
				near = append(near, r)
				break
			}
		}
	}
	if len(near) > 0 {
		return near
	}
	return fit
}

// learned returns the MAC address of a host outside OVN, such as one on a provider network, if one
// of the routers on the switch has learned it or has a Static_MAC_Binding for it.
func (s *SB) learned(ctx context.Context, routers []attachedRouter, ip netip.Addr) (NextHop, bool, error) {
	var qs []ovsdb.Query
	for _, table := range []string{"Static_MAC_Binding", "MAC_Binding"} {
		for _, r := range routers {
			qs = append(qs, ovsdb.From(table, "mac").Equal("logical_port", r.lrp.LogicalPort).Equal("ip", ip.String()))
		}
	}
	res, err := s.Select(ctx, qs...)
	if err != nil {
		return NextHop{}, false, err
	}
	for _, rows := range res {
		for _, r := range rows {
			return NextHop{MAC: strings.ToLower(r.Str("mac")), Kind: "peer", Net: networkOf(routers, ip)}, true, nil
		}
	}
	return NextHop{}, false, nil
}

// peerOn returns the port of a switch that owns an address. It reads only the mac column of that
// switch's ports.
func (s *SB) peerOn(ctx context.Context, datapath ovsdb.UUID, ip netip.Addr) (NextHop, bool, error) {
	all, err := s.owners(ctx, "owners on "+datapath.String(), addressRows.Equal("datapath", datapath))
	if err != nil {
		return NextHop{}, false, err
	}
	for _, o := range all {
		for _, a := range o.addrs {
			if a.has(ip) {
				return NextHop{MAC: a.MAC, Kind: "peer", Port: o.port}, true, nil
			}
		}
	}
	return NextHop{}, false, nil
}

// groupMAC maps broadcast and multicast addresses (RFC 1112 section 6.4, RFC 2464 section 7).
func groupMAC(ip netip.Addr) (NextHop, bool) {
	b := ip.AsSlice()
	switch {
	case ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return NextHop{MAC: "ff:ff:ff:ff:ff:ff", Kind: "broadcast"}, true
	case ip.Is4() && ip.IsMulticast():
		return NextHop{MAC: fmt.Sprintf("01:00:5e:%02x:%02x:%02x", b[1]&0x7f, b[2], b[3]), Kind: "multicast"}, true
	case ip.Is6() && ip.IsMulticast():
		return NextHop{MAC: fmt.Sprintf("33:33:%02x:%02x:%02x:%02x", b[12], b[13], b[14], b[15]), Kind: "multicast"}, true
	}
	return NextHop{}, false
}
