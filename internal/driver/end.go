package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// branch makes a branch of a leaf; leaf is nil where the driver itself ends the way.
func (s *sending) branch(a arrival, leaf *engine.Leaf, v engine.Verdict, end report.End, why string) Branch {
	p := a.req.Packet
	choices := a.choices
	if leaf != nil {
		p = leaf.Packet
		choices = append(choices[:len(choices):len(choices)], leaf.Choices...)
	}
	b := &report.Branch{Verdict: v, End: end, Header: p.Header(), Choices: choices, Hops: a.hops, Generated: a.gen}
	if why != "" {
		b.Reason = &report.Reason{Text: why, Chassis: end.Chassis}
	}
	b.Held = a.waits(leaf)
	b.Segments = a.through(leaf)
	if leaf != nil {
		b.Mirror = leaf.Mirror
	}
	return Branch{Branch: b, Packet: p, Chassis: end.Chassis, Port: end.Port}
}

// waits tells where a fragment first waits for the others of its datagram, nil where it does not.
func (a arrival) waits(leaf *engine.Leaf) *report.Held {
	if a.held != nil || leaf == nil || leaf.Held == nil {
		return a.held
	}
	return &report.Held{Chassis: a.chassis, Zone: leaf.Held.Zone}
}

// through lists the segments on the way to a leaf.
func (a arrival) through(leaf *engine.Leaf) [][2]int {
	segs := a.segs[:len(a.segs):len(a.segs)]
	if leaf != nil && len(a.hops) > 0 {
		for _, seg := range leaf.Path {
			segs = append(segs, [2]int{a.hops[len(a.hops)-1], seg})
		}
	}
	return segs
}

// end turns a leaf on a node into a branch, or into an arrival on the next node.
func (s *sending) end(ctx context.Context, t *track, a arrival, h *hop, leaf engine.Leaf) error {
	add := func(v engine.Verdict, kind, port, why string) {
		b := s.branch(a, &leaf, v, report.End{Kind: report.EndKind(kind), Chassis: a.chassis, Port: port}, why)
		switch {
		case v == engine.Rejected && a.why != nil:
			b.Reason = a.why
		case v != engine.Delivered && leaf.Mirror == "":
			s.reason(&b, h, leaf)
		}
		if v == engine.External && leaf.Port != nil {
			b.Network = networkOf(h.info, leaf.Port.Bridge)
		}
		t.keep(a, b)
	}
	onward := func(next arrival) arrival {
		next.hops, next.depth, next.segs, next.held = a.hops, a.depth+1, a.through(&leaf), a.waits(&leaf)
		own := next.choices // of the arrival alone
		next.choices = append(a.choices[:len(a.choices):len(a.choices)], leaf.Choices...)
		next.choices = append(next.choices, own...)
		if next.gen == "" {
			next.gen, next.reject, next.aside, next.why = a.gen, a.reject, a.aside, a.why
		}
		if next.ask == nil {
			next.ask = a.ask
		}
		return next
	}
	forward := func(next arrival) { t.pending = append(t.pending, onward(next)) }
	switch leaf.Kind {
	case engine.LeafUnknown:
		add(engine.Unknown, "unknown", "", leaf.Why)
	case engine.LeafDrop:
		add(engine.Dropped, "drop", "", leaf.Why)
	case engine.LeafController:
		return s.controller(ctx, t, a, h, leaf, add, forward)
	case engine.LeafOutput:
		if leaf.Mirror != "" {
			return s.mirrored(ctx, a, leaf, add)
		}
		switch leaf.Port.Kind {
		case engine.PortVIF:
			port, err := s.logicalPort(ctx, a.chassis, leaf)
			if err != nil {
				return err
			}
			if a.reject {
				add(engine.Rejected, "port", port, "")
				return nil
			}
			add(engine.Delivered, "port", port, "")
		case engine.PortHost:
			add(engine.Host, "host", leaf.Port.Name, cmp.Or(leaf.Why, "the bridge's own port: the host's stack takes it"))
		case engine.PortTunnel:
			next, why, err := s.tunnel(ctx, a, h, leaf)
			if err != nil {
				return err
			}
			if why != "" && next.chassis != "" {
				b := s.branch(a, &leaf, engine.Dropped, report.End{Kind: "drop", Chassis: next.chassis}, why)
				t.keep(a, b)
				return nil
			}
			if why != "" {
				add(engine.Unknown, "unknown", leaf.Port.Name, why)
				return nil
			}
			forward(next)
		default:
			return s.physical(ctx, t, a, h, leaf, add, onward)
		}
	}
	return nil
}

// mirrored ends a mirror's copy where it leaves the bridge: who collects it is not OVN's business.
func (s *sending) mirrored(ctx context.Context, a arrival, leaf engine.Leaf, add func(engine.Verdict, string, string, string)) error {
	why := "a copy that mirror " + leaf.Mirror + " makes"
	switch leaf.Port.Kind {
	case engine.PortVIF:
		port, err := s.logicalPort(ctx, a.chassis, leaf)
		if err != nil {
			return err
		}
		add(engine.Delivered, "port", port, why)
	case engine.PortHost:
		add(engine.Host, "host", leaf.Port.Name, why)
	default:
		if leaf.Tunnel != nil && leaf.Tunnel.Dst != "" {
			why += ", to " + leaf.Tunnel.Dst
		}
		add(engine.External, "external", leaf.Port.Name, why)
	}
	return nil
}

// logicalPort names the port that a VIF's frame belongs to: a nested container's by its tag, else the interface's own.
func (s *sending) logicalPort(ctx context.Context, chassis string, leaf engine.Leaf) (string, error) {
	if len(leaf.Packet.VLANs) == 0 {
		return leaf.Port.IfaceID, nil
	}
	sb, err := s.Southbound(ctx, chassis)
	if err != nil {
		return "", err
	}
	kids, err := sb.ChildPorts(ctx, leaf.Port.IfaceID, int64(leaf.Packet.VLANs[0].VID))
	if err != nil {
		return "", err
	}
	if len(kids) == 1 {
		return kids[0].LogicalPort, nil
	}
	return leaf.Port.IfaceID, nil
}

// ovnOption is OVN's Geneve option: class and type of the one that carries the logical ports' keys.
const (
	ovnOptionClass = 0x0102
	ovnOptionType  = 0x80
)

// tunnel finds the chassis and port at a tunnel's far end. why says what cannot be told or, where
// next names a chassis all the same, why the packet is lost there.
func (s *sending) tunnel(ctx context.Context, a arrival, h *hop, leaf engine.Leaf) (next arrival, why string, err error) {
	tun := leaf.Tunnel
	if tun == nil || tun.Dst == "" {
		return next, "output to tunnel " + leaf.Port.Name + " without a tunnel destination", nil
	}
	dst, err := netip.ParseAddr(tun.Dst)
	if err != nil {
		return next, "tunnel destination " + tun.Dst + " is not an address", nil
	}
	sb, err := s.Southbound(ctx, a.chassis)
	if err != nil {
		return next, "", err
	}
	peer, err := sb.ChassisByEncapIP(ctx, dst)
	var missing *ovn.NotFoundError
	if errors.As(err, &missing) {
		return next, "no chassis of the Southbound database has the tunnel address " + tun.Dst, nil
	}
	if err != nil {
		return next, "", err
	}
	if peer.IsVTEP() {
		return next, "chassis " + peer.Name + " is a VTEP gateway: what its hardware does cannot be traced", nil
	}
	s.remember(peer)
	_, info, err := s.node(ctx, peer.Name)
	if err != nil {
		return next, "", err
	}
	from := senders(tun, h.info, leaf.Port.Type)
	src := sourceOf(tun, h.info, from)
	if src == "" {
		return next, fmt.Sprintf("chassis %s has several tunnel addresses, and which of them its routes choose for %s could not be asked", a.chassis, tun.Dst), nil
	}
	port, ok := tunnelPort(info, leaf.Port.Type, src, tun)
	if deaf := *tun; !ok && tun.TPDst != 0 {
		deaf.TPDst = 0
		if p, other := tunnelPort(info, leaf.Port.Type, src, &deaf); other {
			return arrival{chassis: peer.Name}, fmt.Sprintf("%s of %s takes no packets for UDP port %d, to which %s sends", p.Name, peer.Name, tun.TPDst, a.chassis), nil
		}
	}
	if !ok {
		return next, fmt.Sprintf("chassis %s has no %s port for the tunnel from %s", peer.Name, leaf.Port.Type, src), nil
	}
	if why := lostAtReceiver(peer.Name, info, port, tun); why != "" {
		return arrival{chassis: peer.Name}, why, nil
	}
	req := engine.Request{Bridge: port.Bridge, InPort: port.OFPort, Packet: leaf.Packet, InPortDatapath: port.Datapath}
	req.Metadata = tunnelFields(tun, src)
	t := &report.Tunnel{Type: leaf.Port.Type, Src: src, Dst: tun.Dst, IPsec: ipsecOf(from)}
	s.protection(a.chassis, peer.Name, t, ipsecOf([]node.Port{port}))
	return arrival{chassis: peer.Name, req: req, inPort: port.Name, via: "tunnel", tunnel: t}, "", nil
}

// protection warns of what a trace does not see of an encrypted tunnel.
func (s *sending) protection(from, to string, t *report.Tunnel, far string) {
	switch {
	case t.IPsec != far:
		s.warn("the tunnel from %s to %s is set up for IPsec differently at its ends (%s, %s): its packets may be lost",
			from, to, cmp.Or(t.IPsec, "none"), cmp.Or(far, "none"))
	case t.IPsec != "":
		s.warn("the tunnel from %s to %s is set up for IPsec: whether its security associations are up is not known", from, to)
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

// senders are the ports by which a node may have sent a tunnel packet: the datapath's own port is shared by all of one type.
func senders(tun *engine.Tunnel, info *node.Info, typ string) []node.Port {
	var out []node.Port
	for _, p := range info.Ports {
		if p.Kind != engine.PortTunnel || p.Type != typ || !sameAddr(p.Options["remote_ip"], tun.Dst) {
			continue
		}
		if local := p.Options["local_ip"]; local == "" || tun.Src == "" || sameAddr(local, tun.Src) {
			out = append(out, p)
		}
	}
	return out
}

// sourceOf is the address a tunnel packet is sent from: as set, the port's own, what the node's routes choose, else the node's one
// encapsulation address of the destination's family. It is empty where that leaves several.
func sourceOf(tun *engine.Tunnel, info *node.Info, ports []node.Port) string {
	if tun.Src != "" {
		return tun.Src
	}
	for _, p := range ports {
		if src := cmp.Or(p.Options["local_ip"], p.Source); src != "" {
			return src
		}
	}
	dst, _ := netip.ParseAddr(tun.Dst)
	var own []string
	for _, s := range info.EncapIPs {
		if ip, err := netip.ParseAddr(s); err == nil && ip.Is4() == dst.Is4() {
			own = append(own, s)
		}
	}
	if len(own) != 1 {
		return ""
	}
	return own[0]
}

// ipsecOf names what a tunnel port's packets are to be protected by (ovs-monitor-ipsec reads these options); empty for a tunnel
// in clear.
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
func tunnelPort(info *node.Info, typ, src string, tun *engine.Tunnel) (node.Port, bool) {
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

// sameAddr compares addresses that may be written in different ways.
func sameAddr(a, b string) bool {
	x, err := netip.ParseAddr(a)
	if err != nil {
		return false
	}
	y, err := netip.ParseAddr(b)
	return err == nil && x == y
}

// tunnelFields are the flow's tunnel fields at the receiver (ovn controller/physical.c: the OVN option is
// tun_metadata0 in br-int's TLV map).
func tunnelFields(tun *engine.Tunnel, src string) []engine.Field {
	f := []engine.Field{{Name: "tun_id", Value: fmt.Sprintf("0x%x", tun.ID)}}
	srcName, dstName := "tun_src", "tun_dst"
	if ip, err := netip.ParseAddr(tun.Dst); err == nil && ip.Is6() {
		srcName, dstName = "tun_ipv6_src", "tun_ipv6_dst"
	}
	if src != "" {
		f = append(f, engine.Field{Name: srcName, Value: src})
	}
	f = append(f, engine.Field{Name: dstName, Value: tun.Dst})
	for _, o := range tun.Options {
		if o.Class == ovnOptionClass && o.Type == ovnOptionType {
			if v, err := strconv.ParseUint(o.Data, 16, 32); err == nil {
				f = append(f, engine.Field{Name: "tun_metadata0", Value: fmt.Sprintf("0x%x", v)})
			}
		}
	}
	return f
}
