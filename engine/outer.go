package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// payload is the packet that a native tunnel's outer packet carries. From tnl_push on, the state's
// own headers are the outer packet's: later actions of that list, of lists nested in it and of its
// recirculations change the outer packet (lib/dpif-netdev.c: push_tnl_action). Nothing changes the
// payload before the far end removes the outer header.
type payload struct {
	state         // the packet at the tnl_push; its tun is the outer header as the receiver sees it
	port   Port   // the tunnel port
	out    Port   // the outer packet's in_port, which netdev_push_header sets (lib/netdev.c)
	push   int    // number of the tnl_push; all copies of one outer packet have the same
	mirror string // the mirror whose copy it is; empty for no copy
	hashed bool   // the outer source port is a hash of the payload, and so unknown
}

// tunnelPush adds a native tunnel's header to the packet. The rest of the list applies to the outer
// packet; the payload's end depends on whether that is sent. Releases before 2.8 sent the outer
// packet to out_port themselves; since then the translation contains its output
// (ofproto/ofproto-dpif-xlate.c: native_tunnel_output).
func (r *run) tunnelPush(w *world, it *item, a odp.TnlPush) (done bool) {
	port, ok := r.engine.Ports.ByDatapath(a.TnlPort)
	if !ok {
		r.leaf(w, *it, Leaf{Kind: LeafUnknown, Why: "tunnel through datapath port " + a.TnlPort + ", which is not among the node's ports"})
		return true
	}
	if it.pkt.inside != nil {
		r.leaf(w, *it, Leaf{Kind: LeafUnknown, Why: "tunnel " + port.Name + " would carry another tunnel's packet, which is not followed"})
		return true
	}
	r.pushes++
	h := a.Header
	in := &payload{state: it.pkt, port: port, push: r.pushes, mirror: it.seg.mirrored(port), hashed: h.Proto == packet.ProtoUDP && h.UDPSrc == 0}
	in.out, _ = r.engine.Ports.ByDatapath(a.OutPort)
	in.tun = &Tunnel{ID: h.VNI, TTL: h.TTL, TPDst: h.UDPDst, Src: h.Src, Dst: h.Dst, Options: tunnelOptions(h.Options)}
	outer, err := outerPacket(h, it.pkt)
	if err != nil {
		r.leaf(w, *it, Leaf{Kind: LeafUnknown, Why: "the header of tunnel " + port.Name + " could not be read: " + err.Error()})
		return true
	}
	it.pkt = state{pkt: outer, inside: in, hashOver: hashedFields(outer) + " around " + it.pkt.hashOver}
	it.produced, it.pushed = false, true
	return false
}

// outerPacket returns the outer packet that a tnl_push makes from st.
func outerPacket(h odp.TunnelHeader, st state) (packet.Packet, error) {
	p := packet.Packet{EthType: packet.EthIPv4, Src: h.Src, Dst: h.Dst, Proto: h.Proto, TTL: h.TTL, TOS: h.TOS, SrcPort: h.UDPSrc, DstPort: h.UDPDst}
	if h.Src.Is6() {
		p.EthType = packet.EthIPv6
	}
	if n, assumed := st.frameLen(); !assumed && h.Size > ethHeader {
		p.Length = n + int(h.Size) - ethHeader
	}
	var err error
	if p.EthSrc, err = packet.ParseMAC(h.EthSrc); err != nil {
		return p, err
	}
	p.EthDst, err = packet.ParseMAC(h.EthDst)
	return p, err
}

// ethHeader is the length of an Ethernet header.
const ethHeader = 14

// outerOutput sends the outer packet out of a port. Whatever port that is, the payload has one end,
// the tunnel's far side: one of the ports that the underlay floods to reaches it. Only a packet
// that goes to the host's own port alone ends there.
func (r *run) outerOutput(w *world, it item, port Port) (mirror string) {
	in := it.pkt.inside
	if mirror = it.seg.mirrored(port); mirror != "" {
		r.leaf(w, it, Leaf{Kind: LeafOutput, Port: &port, Mirror: mirror})
		return mirror
	}
	before := slices.IndexFunc(w.leaves, func(l Leaf) bool { return l.push == in.push })
	if port.Kind == PortHost {
		if before < 0 {
			r.leaf(w, it, Leaf{Kind: LeafOutput, Port: &port, push: in.push, Why: fmt.Sprintf("the %s packet to %s goes to the host's stack by %s", in.port.Type, in.tun.Dst, port.Name)})
		}
		return ""
	}
	if before >= 0 && w.leaves[before].Port.Kind != PortHost {
		return in.mirror // a further copy of an outer packet that has been sent
	}
	if before >= 0 {
		w.leaves = slices.Delete(slices.Clone(w.leaves), before, before+1) // another world may share them
	}
	r.tunnelled(w, it)
	return in.mirror
}

// tunnelled ends the payload at its tunnel: the outer packet is on its way.
func (r *run) tunnelled(w *world, it item) {
	in := it.pkt.inside
	r.leaf(w, it, Leaf{Kind: LeafOutput, Port: &in.port, Mirror: in.mirror, push: in.push})
	w.leaves = it.seg.copyBefore(w.leaves, in.port)
}

// unsent ends a list that pushed a tunnel's header and then did not send the outer packet.
func (r *run) unsent(w *world, it item) {
	in := it.pkt.inside
	if in.out.Bridge != "" && in.out.Bridge == r.engine.Invented {
		r.leaf(w, it, Leaf{Kind: LeafUnknown, Why: fmt.Sprintf("not collected: whether the %s packet to %s leaves", in.port.Type, in.tun.Dst)})
		return
	}
	where := ""
	if in.out.Bridge != "" {
		where = " of " + in.out.Bridge
	}
	r.leaf(w, it, Leaf{Kind: LeafDrop, Why: fmt.Sprintf("the %s packet to %s leaves by no port%s", in.port.Type, in.tun.Dst, where)})
}

// outerCT runs a ct() on an outer packet whose source port is unknown: the entry that it finds or
// makes is then unknown too. The packet's way is known only if nothing later depends on the answer.
func (r *run) outerCT(w *world, it *item, a odp.CT) (done bool) {
	if len(recircIDs(it.actions)) > 0 || a.NAT != nil {
		r.leaf(w, *it, Leaf{Kind: LeafUnknown, Why: fmt.Sprintf("conntrack: zone %d is asked about the %s packet, whose UDP source port is a hash that cannot be known",
			a.Zone, it.pkt.inside.port.Type)})
		return true
	}
	it.seg.note("zone %d tracks the %s packet: its entry is not followed, as the UDP source port is a hash that cannot be known", a.Zone, it.pkt.inside.port.Type)
	return false
}

// afresh translates an outer packet from its in_port: recirc(0), which follows a tunnel header if
// the packet was truncated (ofproto/ofproto-dpif-xlate.c: native_tunnel_output, truncate).
func (r *run) afresh(ctx context.Context, w *world, it item, st state) error {
	if st.inside == nil || st.inside.out.Bridge == "" {
		r.leaf(w, it, Leaf{Kind: LeafUnknown, Why: "recirc(0) of a packet that no tunnel header was put around"})
		return nil
	}
	mk := func(uint32) flowText {
		bridge, in := r.origin(st)
		return flowText{bridge: bridge, flow: openflow.FlowOf(st.pkt, in.Value).String()}
	}
	sec, err := r.ask(ctx, mk(0))
	if err != nil {
		return err
	}
	seg, err := r.keep(ctx, it.seg, afresh, st, mk, sec, "packet")
	if err != nil {
		return err
	}
	r.enter(w, seg, st, it.path, it.choices, it.level+1)
	return nil
}

// afresh is the ordinal of a segment that has a parent and resumes none of its recirculations.
const afresh = -1

// origin returns the bridge and in_port of a packet in the datapath.
func (r *run) origin(st state) (bridge string, inPort openflow.Field) {
	bridge, port := r.req.Bridge, r.req.InPort
	if in := st.inside; in != nil && in.out.Bridge != "" {
		bridge, port = in.out.Bridge, in.out.OFPort
	}
	return bridge, openflow.Field{Name: "in_port", Value: fmt.Sprint(port)}
}
