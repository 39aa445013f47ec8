package whatif

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// live is a live connection, and its client's next packet.
type live struct {
	conn   connection.Connection
	port   string // logical port at which the packet enters; empty where that is unknown
	at     string // chassis of a packet from a provider network; empty: the one that answers for its MAC
	packet packet.Packet
	why    string // why the packet is unknown
	before both
	after  both
	group  *group
	// of is the connection that was last traced in the place of this one; nil: this one was.
	of  *live
	was *report.WhatIfEnd // of the packet that does not arrive before the change; nil: both do

	client, server string // owners, in words
}

// closing reports whether both ends have closed a connection: no packet of it is to come.
func closing(c *connection.Connection) bool {
	for _, r := range c.Legs {
		if u := r.Entry.UserTCP; u != nil {
			// The datapath has a state for each end: one that is ahead does not close the other.
			if u.Orig >= ctstate.UserTCPClosing && u.Reply >= ctstate.UserTCPClosing {
				return true
			}
			continue
		}
		switch connection.StateOf(&r.Entry) {
		case "TIME_WAIT", "CLOSE", "CLOSED", "LAST_ACK", "SHUTDOWN_ACK_SENT":
			return true
		}
	}
	return false
}

// oneWay reports whether nothing has answered the connection, as far as the tables say.
func oneWay(c *connection.Connection) bool {
	for i := range c.Legs {
		if answered, known := connection.Answered(&c.Legs[i].Entry); answered || !known {
			return false
		}
	}
	return true
}

// clients finds where the packets of connections enter, by what the databases say of addresses.
type clients struct {
	run *deployment.Run
	inv *inventory.Inventory

	ports map[string]*ovn.PortBinding
	hops  map[hopKey]packet.MAC
}

// hopKey is a destination of a port's packets.
type hopKey struct {
	port string
	dst  netip.Addr
}

func newClients(run *deployment.Run, inv *inventory.Inventory) *clients {
	return &clients{run: run, inv: inv, ports: map[string]*ovn.PortBinding{}, hops: map[hopKey]packet.MAC{}}
}

// place sets where the next packet of a connection's client enters, and its headers. What cannot be
// known is said in why; an error is one of the databases.
func (c *clients) place(ctx context.Context, l *live) error {
	t := l.conn.Orig()
	l.packet = packetOf(&l.conn)
	owner, n := c.client(l)
	switch {
	case n > 1:
		l.why = fmt.Sprintf("%d ports have its source address %s, and none of its zones says which it is", n, t.Src.Addr())
		return nil
	case n == 0:
		return c.outside(l)
	}
	l.port = owner.Name
	if err := c.fromVIF(ctx, l, owner); err != nil {
		var none *ovn.NoNextHopError
		var missing *ovn.NotFoundError
		if !errors.As(err, &none) && !errors.As(err, &missing) {
			return err
		}
		l.why = err.Error()
	}
	return nil
}

// packetOf returns the next packet of a connection's client, without its MAC addresses.
func packetOf(c *connection.Connection) packet.Packet {
	t := c.Orig()
	p := packet.Packet{EthType: packet.EthIPv4, Src: t.Src.Addr(), Dst: t.Dst.Addr(), Proto: t.Proto, TTL: 64,
		SrcPort: t.Src.Port(), DstPort: t.Dst.Port(), ICMPType: t.ICMPType, ICMPCode: t.ICMPCode, ICMPID: t.ICMPID, HasID: true}
	if t.Src.Addr().Is6() {
		p.EthType = packet.EthIPv6
	}
	switch t.Proto {
	case ctstate.ProtoICMP, ctstate.ProtoICMPv6:
		p.SrcPort, p.DstPort = 0, 0
	case ctstate.ProtoTCP:
		p.HasID, p.TCPFlags = false, packet.FlagACK
		if oneWay(c) {
			p.TCPFlags = packet.FlagSYN // the client sends it again
		}
	default:
		p.HasID = false
	}
	return p
}

// client returns the port that has the connection's source address: the owner of its first zone, of
// another, or the only one with the address. n is how many may be it; 0 for a client outside of
// OVN.
func (c *clients) client(l *live) (port *inventory.Port, n int) {
	src := l.conn.Orig().Src.Addr()
	var found []*inventory.Port
	for _, o := range c.inv.Owners(src) {
		if o.Port != nil && o.Port.Router == nil {
			found = append(found, o.Port)
		}
	}
	for _, leg := range l.conn.Legs {
		if i := slices.IndexFunc(found, func(p *inventory.Port) bool { return p.Name == leg.ZoneName }); i >= 0 {
			return found[i], 1
		}
	}
	if len(found) == 1 {
		return found[0], 1
	}
	return nil, len(found)
}

// fromVIF completes a packet as the guest behind a port sends it.
func (c *clients) fromVIF(ctx context.Context, l *live, port *inventory.Port) error {
	pb := c.ports[port.Name]
	if pb == nil {
		var err error
		if pb, err = c.run.SB.PortByName(ctx, port.Name); err != nil {
			return err
		}
		c.ports[port.Name] = pb
	}
	for _, a := range port.Addrs {
		if slices.Contains(a.IPs, l.packet.Src) {
			mac, err := packet.ParseMAC(a.MAC)
			if err != nil {
				return err
			}
			l.packet.EthSrc = mac
		}
	}
	key := hopKey{port.Name, l.packet.Dst}
	mac, known := c.hops[key]
	if !known {
		hop, err := c.run.SB.NextHop(ctx, pb, l.packet.Dst, c.run.NB)
		if err != nil {
			return err
		}
		if mac, err = packet.ParseMAC(hop.MAC); err != nil {
			return err
		}
		c.hops[key] = mac
	}
	l.packet.EthDst = mac
	return nil
}

// outsideMAC is the source of packets from a host that OVN does not own: nothing depends on it.
var outsideMAC = packet.MAC{0x02, 0, 0, 0, 0xfe, 0x01}

// outside finds where a packet from outside of OVN enters: the provider network of a router that
// has the connection in its zones, and the MAC address that answers there for its destination.
func (c *clients) outside(l *live) error {
	l.packet.EthSrc = outsideMAC
	for _, leg := range l.conn.Legs {
		zone, ok := c.inv.Zone(leg.ZoneName)
		if !ok {
			continue
		}
		router := zone.Router
		if zone.RouterPort != nil {
			router = zone.RouterPort.Router
		}
		if zone.Port != nil && zone.Port.Switch != nil {
			// A client beside a port, on its own provider network.
			if door := doorOf(zone.Port.Switch); door != nil && len(zone.Port.Addrs) > 0 {
				mac, err := packet.ParseMAC(zone.Port.Addrs[0].MAC)
				if err == nil && zone.Port.Has(l.packet.Dst) {
					l.port, l.packet.EthDst = door.Name, mac
					return nil
				}
			}
			continue
		}
		if router == nil {
			continue
		}
		if rp, mac := c.entrance(router, l); rp != nil {
			l.port, l.packet.EthDst = doorOf(rp.Switch).Name, mac
			return nil
		}
	}
	if l.port, l.packet.EthDst = c.floating(l); l.port == "" {
		l.why = fmt.Sprintf("nobody in OVN has its source address %s, and no router that has it in its zones is on a provider network", l.packet.Src)
	}
	return nil
}

// floating finds the provider network of a distributed floating address, which the chassis of its
// logical port translates.
func (c *clients) floating(l *live) (door string, mac packet.MAC) {
	for _, n := range c.inv.NATByExternal(l.packet.Dst) {
		if rp, mac := c.entrance(n.Router, l); rp != nil {
			return doorOf(rp.Switch).Name, mac
		}
	}
	return "", packet.MAC{}
}

// entrance returns the router's port by which the packet comes in from a provider network, and the
// MAC address to which it is sent there.
func (c *clients) entrance(router *inventory.Router, l *live) (*inventory.RouterPort, packet.MAC) {
	var best *inventory.RouterPort
	rank := 0
	for _, rp := range router.Ports {
		if rp.Switch == nil || doorOf(rp.Switch) == nil {
			continue
		}
		r := 1
		if rp.OnLink(l.packet.Dst) {
			r = 2
		}
		if rp.OnLink(l.packet.Src) {
			r += 2
		}
		if r > rank {
			best, rank = rp, r
		}
	}
	if best == nil {
		return nil, packet.MAC{}
	}
	text := best.MAC
	for _, n := range c.inv.NATByExternal(l.packet.Dst) {
		if n.Router == router && n.IsDistributed() {
			text = n.ExternalMAC
		}
	}
	mac, err := packet.ParseMAC(text)
	if err != nil {
		return nil, packet.MAC{}
	}
	return best, mac
}

// doorOf returns the port of a switch that leads to a provider network, or nil.
func doorOf(s *inventory.Switch) *inventory.Port {
	i := slices.IndexFunc(s.Ports, func(p *inventory.Port) bool { return p.Type == "localnet" })
	if i < 0 {
		return nil
	}
	return s.Ports[i]
}
