package driver

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// ovnOption is OVN's Geneve option: class and type of the one that carries the logical ports' keys.
const (
	ovnOptionClass = 0x0102
	ovnOptionType  = 0x80
)

// tunnel finds the chassis and port at the tunnel's far end.
func (e *ending) tunnel(ctx context.Context) (arrival, error) {
	leaf, here := e.leaf, e.from.chassis
	tun := leaf.Tunnel
	if tun == nil || !tun.Dst.IsValid() {
		return arrival{}, unknown("output to tunnel %s without a tunnel destination", leaf.Port.Name)
	}
	peer, info, err := e.peer(ctx, tun.Dst)
	if err != nil {
		return arrival{}, err
	}
	from := senders(tun, e.at.info, leaf.Port.Type)
	src := sourceOf(tun, e.at.info, from)
	if !src.IsValid() {
		return arrival{}, unknown("chassis %s has several tunnel addresses, and which of them its routes choose for %s could not be asked", here, tun.Dst)
	}
	port, ok := tunnelPort(info, leaf.Port.Type, src, tun)
	if deaf := *tun; !ok && tun.TPDst != 0 {
		deaf.TPDst = 0
		if p, other := tunnelPort(info, leaf.Port.Type, src, &deaf); other {
			return arrival{}, lost(peer, "%s of %s takes no packets for UDP port %d, to which %s sends", p.Name, peer, tun.TPDst, here).noTunnel(peer)
		}
	}
	if !ok {
		return arrival{}, unknown("chassis %s has no %s port for the tunnel from %s", peer, leaf.Port.Type, src).noTunnel(peer)
	}
	if why := lostAtReceiver(peer, info, port, tun); why != "" {
		return arrival{}, lost(peer, "%s", why).noTunnel(peer)
	}
	req := engine.Request{Bridge: port.Bridge, InPort: port.OFPort, Packet: leaf.Packet, InPortDatapath: port.Datapath}
	req.Metadata = tunnelFields(tun, src)
	t := &HopTunnel{Type: leaf.Port.Type, Src: src, Dst: tun.Dst, IPsec: ipsecOf(from)}
	e.protection(here, peer, t, ipsecOf([]node.Port{port}))
	return arrival{chassis: peer, req: req, inPort: port.Name, via: "tunnel", tunnel: t}, nil
}

// peer returns the chassis that has a tunnel address, and reaches its node.
func (e *ending) peer(ctx context.Context, addr netip.Addr) (name string, info *node.Info, err error) {
	sb, err := e.Southbound(ctx, e.from.chassis)
	if err != nil {
		return "", nil, err
	}
	peer, err := e.byEndpoint(ctx, sb, addr)
	var missing *ovn.NotFoundError
	switch {
	case errors.As(err, &missing):
		return "", nil, unknown("no chassis of the Southbound database has the tunnel address %s", addr)
	case err != nil:
		return "", nil, err
	case peer.IsVTEP():
		return "", nil, unknown("chassis %s is a VTEP gateway: what its hardware does cannot be traced", peer.Name)
	}
	e.remember(peer)
	_, info, err = e.node(ctx, peer.Name)
	return peer.Name, info, err
}

// protection warns that a trace does not see whether an encrypted tunnel works.
func (s *sending) protection(from, to string, t *HopTunnel, far string) {
	switch {
	case t.IPsec != far:
		s.warn("the tunnel from %s to %s is set up for IPsec differently at its ends (%s, %s): its packets may be lost",
			from, to, cmp.Or(t.IPsec, "none"), cmp.Or(far, "none"))
	case t.IPsec != "":
		s.warn("the tunnel from %s to %s is set up for IPsec: whether its security associations are up is unknown", from, to)
	}
}

func (d *Driver) remember(c *ovn.Chassis) {
	if d.chassis == nil {
		d.chassis = map[string]*ovn.Chassis{}
	}
	if d.chassis[c.Name] == nil {
		d.chassis[c.Name] = c
	}
}

// senders returns the ports by which a node may have sent a tunnel packet: all ports of one type
// share the datapath's port.
func senders(tun *engine.Tunnel, info *node.Info, typ string) []node.Port {
	var out []node.Port
	for _, p := range info.Ports {
		if p.Kind != engine.PortTunnel || p.Type != typ || !sameAddr(p.Options["remote_ip"], tun.Dst) {
			continue
		}
		if local := p.Options["local_ip"]; local == "" || !tun.Src.IsValid() || sameAddr(local, tun.Src) {
			out = append(out, p)
		}
	}
	return out
}

// sourceOf returns the address that a tunnel packet is sent from: the one the action sets, the
// port's own, the one the node's routes choose, else the node's only encapsulation address of the
// destination's family. It returns the zero Addr where the node has several.
func sourceOf(tun *engine.Tunnel, info *node.Info, ports []node.Port) netip.Addr {
	if tun.Src.IsValid() {
		return tun.Src
	}
	for _, p := range ports {
		if src, err := netip.ParseAddr(cmp.Or(p.Options["local_ip"], p.Source)); err == nil {
			return src
		}
	}
	var own []netip.Addr
	for _, s := range info.EncapIPs {
		if ip, err := netip.ParseAddr(s); err == nil && ip.Is4() == tun.Dst.Is4() {
			own = append(own, ip)
		}
	}
	if len(own) != 1 {
		return netip.Addr{}
	}
	return own[0]
}

// ipsecOf names what protects a tunnel port's packets, by the options that ovs-monitor-ipsec reads;
// empty for a tunnel without IPsec.
func ipsecOf(ports []node.Port) string {
	for _, p := range ports {
		for _, o := range []struct{ option, name string }{
			{"psk", "pre-shared key"}, {"remote_cert", "self-signed certificate"}, {"remote_name", "CA-signed certificate"},
		} {
			if p.Options[o.option] != "" {
				return o.name
			}
		}
	}
	return ""
}

// tunnelPort finds the port on which a tunnel packet from src comes out, by the match Open vSwitch
// makes (ofproto/tunnel.c: tnl_find): a port for this key before one for all, then one for exactly
// these addresses before one with an open side. Where several bridges have such a port, the
// integration bridge's is OVN's.
func tunnelPort(info *node.Info, typ string, src netip.Addr, tun *engine.Tunnel) (node.Port, bool) {
	var best node.Port
	score := -1
	for _, p := range info.Ports {
		if p.Kind != engine.PortTunnel || p.Type != typ || p.OFPort == 0 || !listens(p, tun.TPDst) {
			continue
		}
		n := 0
		if key := cmp.Or(p.Options["in_key"], p.Options["key"], "0"); key != "flow" {
			v, err := strconv.ParseUint(key, 0, 64)
			if err != nil || v != tun.ID {
				continue
			}
			n += 8
		}
		switch remote := p.Options["remote_ip"]; {
		case sameAddr(remote, src):
			n += 4
		case remote != "flow" && remote != "":
			continue
		}
		switch local := p.Options["local_ip"]; {
		case sameAddr(local, tun.Dst):
			n += 2
		case local != "flow" && local != "":
			continue
		}
		if p.Bridge == info.Bridge {
			n++
		}
		if n > score {
			best, score = p, n
		}
	}
	return best, score >= 0
}

// sameAddr reports whether a text is an address, in any notation.
func sameAddr(text string, addr netip.Addr) bool {
	a, err := netip.ParseAddr(text)
	return err == nil && a == addr
}

// tunnelFields returns the flow's tunnel fields at the receiver (ovn controller/physical.c: the OVN
// option is tun_metadata0 in br-int's TLV map).
func tunnelFields(tun *engine.Tunnel, src netip.Addr) []engine.Field {
	f := []engine.Field{{Name: "tun_id", Value: fmt.Sprintf("0x%x", tun.ID)}}
	srcName, dstName := "tun_src", "tun_dst"
	if tun.Dst.Is6() {
		srcName, dstName = "tun_ipv6_src", "tun_ipv6_dst"
	}
	f = append(f, engine.Field{Name: srcName, Value: src.String()}, engine.Field{Name: dstName, Value: tun.Dst.String()})
	for _, o := range tun.Options {
		if o.Class == ovnOptionClass && o.Type == ovnOptionType && len(o.Data) == 4 {
			f = append(f, engine.Field{Name: "tun_metadata0", Value: fmt.Sprintf("0x%x", binary.BigEndian.Uint32(o.Data))})
		}
	}
	return f
}
