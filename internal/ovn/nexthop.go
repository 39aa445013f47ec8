package ovn

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// NextHop is the Ethernet destination a guest would put on a packet.
type NextHop struct {
	MAC  string
	Kind string // "peer", "router", "multicast" or "broadcast"
	Port string // the logical port that owns the MAC; empty for a group, or for what is beyond OVN
	// Net is the network on the switch by which it is reached, of which the guest takes its own address;
	// zero where no router tells.
	Net netip.Prefix
}

// NoNextHopError tells why no MAC address could be found.
type NoNextHopError struct {
	Port string
	Dst  netip.Addr
	Why  string
}

// Error names the port, the destination and the reason.
func (e *NoNextHopError) Error() string {
	return fmt.Sprintf("no next hop from %s to %s: %s", e.Port, e.Dst, e.Why)
}

// NextHop finds the MAC address to which the guest behind a port sends a
// packet for dst: the owner's own on the same subnet, otherwise that of the
// router it has from DHCP, or of the router port on its switch. nb may be nil;
// with it, DHCP is known, and addresses that a router holds by NAT or load balancing.
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
		// The packet is seen as it arrives at the router: addressed to this port.
		for _, a := range p.Addrs() {
			return NextHop{MAC: a.MAC, Kind: "router", Port: p.LogicalPort}, nil
		}
		return NextHop{}, &NoNextHopError{p.LogicalPort, dst, "the router port has no MAC address"}
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
	// IPv4's link-local addresses go by the routes like any other: DHCP tells the way to a metadata service there.
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
			return NextHop{}, &NoNextHopError{p.LogicalPort, dst, fmt.Sprintf("the address is on the subnet of %s and no port there has it", dp.Name)}
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

// neighbour is who answers for an address on the switch: a router's port or another port.
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

// viaDHCP is the router that DHCP told the guest of.
func (s *SB) viaDHCP(ctx context.Context, p *PortBinding, dst, via netip.Addr, routers []attachedRouter) (NextHop, error) {
	h, ok, err := s.neighbour(ctx, p.Datapath, routers, via)
	if err == nil && !ok {
		h, ok, err = s.learned(ctx, routers, via)
	}
	if err == nil && !ok {
		err = &NoNextHopError{p.LogicalPort, dst, fmt.Sprintf("DHCP gives it the router %s, and no port of its switch has that address", via)}
	}
	return h, err
}

// defaultRouter is the guest's default route: the router port whose network
// holds the guest's own address, for IPv6 one that advertises itself.
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
		return NextHop{}, &NoNextHopError{p.LogicalPort, dst, fmt.Sprintf("no port of %s has the address, and no router with an address of its kind is attached", network)}
	case 1:
		return NextHop{MAC: fit[0].addrs[0].MAC, Kind: "router", Port: fit[0].lrp.LogicalPort}, nil
	}
	var names []string
	for _, r := range fit {
		names = append(names, r.lrp.LogicalPort)
	}
	return NextHop{}, &NoNextHopError{p.LogicalPort, dst, "several routers are on the subnet (" + strings.Join(names, ", ") + "), and DHCP or router advertisements do not tell which"}
}

// fitting are the routers of an address' family, of these the ones that are on a network of the guest.
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

// networkOf is the network of a router port on the switch that an address is in; zero for none.
func networkOf(routers []attachedRouter, ip netip.Addr) netip.Prefix {
	for _, r := range routers {
		for _, a := range r.addrs {
			for _, n := range a.IPs {
				if n.Contains(ip) {
					return n.Masked()
				}
			}
		}
	}
	return netip.Prefix{}
}

// learned finds the MAC address of somebody beyond OVN, such as a host on a provider network, that one of the
// routers on the switch has learned or was told of.
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

// attachedRouter is a router's port on a switch.
type attachedRouter struct {
	lsp, lrp *PortBinding
	addrs    []Addr // the router port's, with the networks' lengths
}

func sameFamily(a, b netip.Addr) bool { return a.Is4() == b.Is4() }

func (r attachedRouter) contains(ip netip.Addr) bool {
	for _, a := range r.addrs {
		for _, n := range a.IPs {
			if n.Contains(ip) {
				return true
			}
		}
	}
	return false
}

func (r attachedRouter) hasFamily(ip netip.Addr) bool {
	if ip.Is6() {
		return true // every router port has a link-local address
	}
	for _, a := range r.addrs {
		for _, n := range a.IPs {
			if sameFamily(n.Addr(), ip) {
				return true
			}
		}
	}
	return false
}

// owns gives the MAC that answers for an address of the router port itself or
// of nat_addresses, whose entries read "MAC IP... [is_chassis_resident(...)]".
func (r attachedRouter) owns(ip netip.Addr) (mac string, ok bool) {
	for _, a := range slices.Concat(r.addrs, parseAddrs(r.lsp.NATAddresses)) {
		if a.has(ip) {
			return a.MAC, true
		}
	}
	return "", false
}

// has reports an address that is listed, or the link-local one that IPv6 makes
// of the MAC address (RFC 4291 appendix A), which the database does not list.
func (a Addr) has(ip netip.Addr) bool {
	return slices.ContainsFunc(a.IPs, func(n netip.Prefix) bool { return n.Addr() == ip }) ||
		ip.Is6() && ip.IsLinkLocalUnicast() && ip == linkLocal(a.MAC)
}

func linkLocal(mac string) netip.Addr {
	m, err := net.ParseMAC(mac)
	if err != nil || len(m) != 6 {
		return netip.Addr{}
	}
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}

// isBroadcast reports the last address of an IPv4 network of the router port.
func (r attachedRouter) isBroadcast(ip netip.Addr) bool {
	for _, a := range r.addrs {
		for _, n := range a.IPs {
			if !ip.Is4() || !n.Contains(ip) || n.Bits() > 30 {
				continue
			}
			b := ip.As4()
			host := uint32(1)<<(32-n.Bits()) - 1
			if binary.BigEndian.Uint32(b[:])&host == host {
				return true
			}
		}
	}
	return false
}

// routersOn lists the router ports attached to a switch.
func (s *SB) routersOn(ctx context.Context, datapath ovsdb.UUID) ([]attachedRouter, error) {
	lsps, err := s.PortsOfDatapath(ctx, datapath, "patch", "l3gateway")
	if err != nil {
		return nil, err
	}
	var alt []ovsdb.Query
	byPeer := map[string]*PortBinding{}
	for _, p := range lsps {
		if peer := p.Peer(); peer != "" {
			byPeer[peer] = p
			alt = append(alt, portBindings.Equal("logical_port", peer))
		}
	}
	lrps, err := s.ports(ctx, alt...)
	if err != nil {
		return nil, err
	}
	var out []attachedRouter
	for _, lrp := range lrps {
		if addrs := lrp.Addrs(); len(addrs) > 0 {
			out = append(out, attachedRouter{lsp: byPeer[lrp.LogicalPort], lrp: lrp, addrs: addrs})
		}
	}
	return out, nil
}

// peerOn finds the port of a switch that owns an address. Only the mac column
// of that switch's ports is read.
func (s *SB) peerOn(ctx context.Context, datapath ovsdb.UUID, ip netip.Addr) (NextHop, bool, error) {
	res, err := s.Select(ctx, ovsdb.From("Port_Binding", "logical_port", "mac").Equal("datapath", datapath))
	if err != nil {
		return NextHop{}, false, err
	}
	addrs, err := s.addresses(ctx, res[0])
	if err != nil {
		return NextHop{}, false, err
	}
	for i, r := range res[0] {
		for _, a := range addrs[i] {
			if a.has(ip) {
				return NextHop{MAC: a.MAC, Kind: "peer", Port: r.Str("logical_port")}, true, nil
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

// routerHolds asks the Northbound database whether one of the routers answers
// for an address by NAT or by a load balancer's VIP.
func (n *NB) routerHolds(ctx context.Context, routers []attachedRouter, ip netip.Addr) (NextHop, bool, error) {
	for _, r := range routers {
		h, ok, err := n.HeldBy(ctx, r.lrp.LogicalPort, ip)
		if err != nil {
			return NextHop{}, false, err
		}
		if ok {
			return NextHop{MAC: cmp.Or(h.MAC, r.addrs[0].MAC), Kind: "router", Port: r.lrp.LogicalPort}, true, nil
		}
	}
	return NextHop{}, false, nil
}

// Held is what makes a router answer for an address that none of its ports has.
type Held struct {
	Router string
	What   string // "NAT external address", or "VIP of load balancer NAME"
	MAC    string // the NAT row's external_mac, lower case; empty: the router port's own
}

// HeldBy reports whether the router with the port lrp answers for an address by NAT or by a load
// balancer's VIP. A nil NB, and a router of another zone, hold nothing.
func (n *NB) HeldBy(ctx context.Context, lrp string, ip netip.Addr) (Held, bool, error) {
	if n == nil {
		return Held{}, false, nil
	}
	lr, err := n.routerOfPort(ctx, lrp)
	if err != nil || lr == nil {
		return Held{}, false, err
	}
	h := Held{Router: lr.Str("name")}
	var qs []ovsdb.Query
	for _, u := range lr.Refs("nat") {
		qs = append(qs, ovsdb.From("NAT", "external_ip", "external_mac").Row(u).Equal("external_ip", ip.String()))
	}
	lbs, err := n.loadBalancers(ctx, lr)
	if err != nil {
		return Held{}, false, err
	}
	for _, u := range lbs {
		qs = append(qs, ovsdb.From("Load_Balancer", "name", "vips").Row(u))
	}
	res, err := n.Select(ctx, qs...)
	if err != nil {
		return Held{}, false, err
	}
	for _, rows := range res {
		for _, row := range rows {
			if !row.Has("vips") {
				h.What, h.MAC = "NAT external address", strings.ToLower(row.Str("external_mac"))
				return h, true, nil
			}
			for vip := range row.Map("vips") {
				if a, ok := VIPAddr(vip); ok && a == ip {
					h.What = "VIP of load balancer " + row.Str("name")
					return h, true, nil
				}
			}
		}
	}
	return Held{}, false, nil
}

// loadBalancers are a router's own and those of its groups.
func (n *NB) loadBalancers(ctx context.Context, lr *ovsdb.Row) ([]ovsdb.UUID, error) {
	var qs []ovsdb.Query
	for _, u := range lr.Refs("load_balancer_group") {
		qs = append(qs, ovsdb.From("Load_Balancer_Group", "load_balancer").Row(u))
	}
	res, err := n.Select(ctx, qs...)
	if err != nil {
		return nil, err
	}
	out := lr.Refs("load_balancer")
	for _, rows := range res {
		for _, r := range rows {
			out = append(out, r.Refs("load_balancer")...)
		}
	}
	return out, nil
}

// routerOfPort finds the Logical_Router that has the port.
func (n *NB) routerOfPort(ctx context.Context, lrp string) (*ovsdb.Row, error) {
	res, err := n.Select(ctx, ovsdb.From("Logical_Router_Port").Equal("name", lrp))
	if err != nil || len(res[0]) == 0 {
		return nil, err
	}
	res, err = n.Select(ctx, ovsdb.From("Logical_Router", "name", "nat", "load_balancer", "load_balancer_group").Includes("ports", res[0][0].UUID()))
	if err != nil || len(res[0]) == 0 {
		return nil, err
	}
	return res[0][0], nil
}

// VIPAddr reads the address of a load balancer's VIP: IP, IP:PORT or [IP6]:PORT.
func VIPAddr(vip string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(vip); err == nil {
		return ap.Addr(), true
	}
	a, err := netip.ParseAddr(strings.Trim(vip, "[]"))
	return a, err == nil
}
