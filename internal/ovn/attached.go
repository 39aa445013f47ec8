package ovn

import (
	"context"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// attachedRouter is a router's port on a switch.
type attachedRouter struct {
	lsp, lrp *PortBinding
	addrs    []Addr // the router port's, with the networks' lengths
}

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

// owns returns the MAC address that answers for an address of the router port itself or of
// nat_addresses, whose entries have the form "MAC IP... [is_chassis_resident(...)]".
func (r attachedRouter) owns(ip netip.Addr) (mac string, ok bool) {
	for _, a := range slices.Concat(r.addrs, parseAddrs(r.lsp.NATAddresses)) {
		if a.has(ip) {
			return a.MAC, true
		}
	}
	return "", false
}

// isBroadcast reports whether ip is the last address of an IPv4 network of the router port.
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

func sameFamily(a, b netip.Addr) bool { return a.Is4() == b.Is4() }

// networkOf returns the network of a router port on the switch that contains the address; zero for
// none.
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

// attachedTypes are the types of a switch's ports to routers.
var attachedTypes = []string{"patch", "l3gateway"}

// routersOn lists the router ports attached to a switch.
func (s *SB) routersOn(ctx context.Context, datapath ovsdb.UUID) ([]attachedRouter, error) {
	lsps, err := s.PortsOfDatapath(ctx, datapath, attachedTypes...)
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
