package engine

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
)

// state is a packet in the datapath: its headers, and the other fields of the skb's key.
type state struct {
	pkt  packet.Packet
	conn ctstate.Conn
	tun  *Tunnel // set for sending
	mark uint32  // skb_mark
	prio uint32  // skb_priority
	// hashOver lists the headers that the packet's hash depends on. hash names a hash that waits
	// for its recirculation. dp is the value in use (dp_hash) and dpOf its name. The world's
	// Carried contains what is known of the value.
	hashOver, hash, dpOf string
	dp                   uint32
	// piece says which fragment a reassembled datagram was: the datagram is fragmented again at its
	// output.
	piece  packet.Frag
	held   *Hold
	inside *payload // the packet that a native tunnel's outer packet carries; nil for any other packet
}

// apply runs a header-changing action (net/openvswitch/actions.c: execute_set_action,
// execute_masked_set_action, push_vlan ...).
func (s *state) apply(a odp.Action) error {
	switch a := a.(type) {
	case odp.Set:
		return s.set(a.Key)
	case odp.PushVLAN:
		tpid := a.TPID
		if tpid == 0 {
			tpid = 0x8100
		}
		s.pkt.VLANs = append([]packet.VLAN{{TPID: tpid, VID: a.VID, PCP: a.PCP}}, s.pkt.VLANs...)
	case odp.PopVLAN:
		if len(s.pkt.VLANs) > 0 {
			s.pkt.VLANs = append([]packet.VLAN(nil), s.pkt.VLANs[1:]...)
		}
	case odp.PushMPLS:
		s.pkt.MPLS = append([]packet.MPLS{{Label: a.Label, TC: a.TC, TTL: a.TTL, BOS: a.BOS}}, s.pkt.MPLS...)
	case odp.PopMPLS:
		if len(s.pkt.MPLS) > 0 {
			s.pkt.MPLS = append([]packet.MPLS(nil), s.pkt.MPLS[1:]...)
		}
		if len(s.pkt.MPLS) == 0 {
			s.pkt.EthType = a.EthType
		}
	case odp.PushEth:
		s.pkt.NoEth = false
		return s.setEth(a.Src, a.Dst)
	case odp.PopEth:
		s.pkt.EthSrc, s.pkt.EthDst, s.pkt.NoEth = packet.MAC{}, packet.MAC{}, true
	}
	return nil
}

func (s *state) setEth(src, dst string) error {
	var err error
	if s.pkt.EthSrc, err = packet.ParseMAC(src); err != nil {
		return err
	}
	s.pkt.EthDst, err = packet.ParseMAC(dst)
	return err
}

// set applies one set(key).
func (s *state) set(k odp.Key) error {
	if k.Name == "tunnel" {
		s.tun = tunnelOf(k.Tunnel)
		return nil
	}
	for _, f := range k.Fields {
		if err := s.setField(k.Name, f); err != nil {
			return fmt.Errorf("set(%s(%s=%s)): %w", k.Name, f.Name, f.Value, err)
		}
	}
	return nil
}

func (s *state) setField(key string, f odp.KeyField) error {
	p := &s.pkt
	switch key + "." + f.Name {
	case "eth.src":
		return setMAC(&p.EthSrc, f)
	case "eth.dst":
		return setMAC(&p.EthDst, f)
	case "vlan.vid", "vlan.pcp":
		if len(p.VLANs) == 0 {
			return fmt.Errorf("the packet has no VLAN tag")
		}
		p.VLANs = append([]packet.VLAN(nil), p.VLANs...)
		if f.Name == "vid" {
			return setUint(&p.VLANs[0].VID, f)
		}
		return setUint(&p.VLANs[0].PCP, f)
	case "ipv4.src", "ipv6.src", "arp.sip":
		return setAddr(&p.Src, f)
	case "ipv4.dst", "ipv6.dst", "arp.tip":
		return setAddr(&p.Dst, f)
	case "ipv4.tos", "ipv6.tclass":
		return setUint(&p.TOS, f)
	case "ipv4.ttl", "ipv6.hlimit":
		return setUint(&p.TTL, f)
	case "ipv6.label":
		return setUint(&p.Label, f)
	case "ipv4.proto", "ipv6.proto", "ipv4.frag", "ipv6.frag":
		return nil // read-only in the datapath
	case "tcp.src", "udp.src", "sctp.src":
		return setUint(&p.SrcPort, f)
	case "tcp.dst", "udp.dst", "sctp.dst":
		return setUint(&p.DstPort, f)
	case "icmp.type", "icmpv6.type":
		return setUint(&p.ICMPType, f)
	case "icmp.code", "icmpv6.code":
		return setUint(&p.ICMPCode, f)
	case "arp.op":
		return setUint(&p.ARPOp, f)
	case "arp.sha":
		return setMAC(&p.ARPSHA, f)
	case "arp.tha":
		return setMAC(&p.ARPTHA, f)
	case "nd.target":
		return setAddr(&p.NDTarget, f)
	case "nd.sll":
		return setMAC(&p.NDSLL, f)
	case "nd.tll":
		return setMAC(&p.NDTLL, f)
	case "nd_ext.nd_reserved", "nd_ext.nd_options_type":
		return nil // not among the headers a trace follows
	case "mpls.label", "mpls.tc", "mpls.ttl", "mpls.bos":
		return setMPLS(p, f)
	case "skb_priority.":
		return setUint(&s.prio, f)
	case "skb_mark.":
		return setUint(&s.mark, f)
	}
	return fmt.Errorf("field not understood")
}

func setMPLS(p *packet.Packet, f odp.KeyField) error {
	if len(p.MPLS) == 0 {
		return fmt.Errorf("the packet has no MPLS label")
	}
	p.MPLS = append([]packet.MPLS(nil), p.MPLS...)
	top := &p.MPLS[0]
	switch f.Name {
	case "label":
		return setUint(&top.Label, f)
	case "tc":
		return setUint(&top.TC, f)
	case "ttl":
		return setUint(&top.TTL, f)
	}
	var bos uint8
	err := setUint(&bos, f)
	top.BOS = bos != 0
	return err
}

// masked parses a field's VALUE and MASK; whole is true if it has no mask, so that all bits count.
func masked[T any](f odp.KeyField, parse func(string) (T, error)) (value, mask T, whole bool, err error) {
	if value, err = parse(f.Value); err != nil || f.Mask == "" {
		return value, mask, true, err
	}
	mask, err = parse(f.Mask)
	return value, mask, false, err
}

// setUint sets the bits of *dst under MASK to those of VALUE.
func setUint[T uint8 | uint16 | uint32](dst *T, f odp.KeyField) error {
	size := bits.Len32(uint32(^T(0)))
	v, m, whole, err := masked(f, func(s string) (uint64, error) { return strconv.ParseUint(s, 0, size) })
	if err != nil {
		return err
	}
	if whole {
		m = uint64(^T(0))
	}
	*dst = *dst&^T(m) | T(v)&T(m)
	return nil
}

func setMAC(dst *packet.MAC, f odp.KeyField) error {
	v, m, whole, err := masked(f, packet.ParseMAC)
	if err != nil {
		return err
	}
	if whole {
		*dst = v
		return nil
	}
	for i := range dst {
		dst[i] = dst[i]&^m[i] | v[i]&m[i]
	}
	return nil
}

func setAddr(dst *netip.Addr, f odp.KeyField) error {
	v, m, whole, err := masked(f, netip.ParseAddr)
	if err != nil {
		return err
	}
	if whole {
		*dst = v
		return nil
	}
	old, val, mask := dst.AsSlice(), v.AsSlice(), m.AsSlice()
	if len(old) != len(val) || len(val) != len(mask) {
		return fmt.Errorf("address families differ")
	}
	for i := range old {
		old[i] = old[i]&^mask[i] | val[i]&mask[i]
	}
	*dst, _ = netip.AddrFromSlice(old)
	return nil
}

// tunnelOf returns the tunnel metadata of a tunnel key.
func tunnelOf(k *odp.Tunnel) *Tunnel {
	if k == nil {
		return &Tunnel{}
	}
	t := &Tunnel{ID: k.ID, TTL: k.TTL, TPDst: k.TPDst, Flags: k.Flags, Src: k.Src, Dst: k.Dst, Options: tunnelOptions(k.Geneve)}
	var rest []string
	for _, f := range k.Rest {
		rest = append(rest, f.Name+"="+f.Value)
	}
	t.Rest = strings.Join(rest, ",")
	return t
}

func tunnelOptions(in []odp.TunnelOption) []TunnelOption {
	var out []TunnelOption
	for _, o := range in {
		out = append(out, TunnelOption{Class: o.Class, Type: o.Type, Data: o.Data})
	}
	return out
}

// frameLen returns the frame's length in bytes with its Ethernet header and tags. assumed reports
// that the packet's length was not given: n is then that of a packet without payload.
func (s *state) frameLen() (n int, assumed bool) {
	l2 := 14 + 4*len(s.pkt.VLANs)
	if s.pkt.Length > 0 {
		return l2 + s.pkt.Length, false
	}
	n = 20
	if s.pkt.EthType == packet.EthIPv6 {
		n = 40
	}
	switch s.pkt.Proto {
	case ctstate.ProtoTCP:
		n += 20
	case ctstate.ProtoSCTP:
		n += 28
	default:
		n += 8
	}
	return l2 + n, true
}

// recircIDs lists the recirculation ids of a segment in the order of its text, each once. recirc(0)
// is not one: it starts again from in_port.
func recircIDs(actions odp.Actions) []uint32 {
	var ids []uint32
	odp.Walk(actions, func(a odp.Action) bool {
		if rc, ok := a.(odp.Recirc); ok && rc.ID != 0 && indexOf(ids, rc.ID) < 0 {
			ids = append(ids, rc.ID)
		}
		return true
	})
	return ids
}

func indexOf(ids []uint32, id uint32) int {
	for i, v := range ids {
		if v == id {
			return i
		}
	}
	return -1
}

// produces reports whether a list can end a branch by an output, upcall, recirculation or drop;
// mirror copies are not counted.
func (s *segment) produces(ports Ports, actions odp.Actions) bool {
	found := false
	odp.Walk(actions, func(a odp.Action) bool {
		switch a := a.(type) {
		case odp.Userspace:
			found = !sampled(a)
		case odp.Output:
			p, ok := ports.ByDatapath(a.Port)
			found = !ok || s.mirrored(p) == ""
		case odp.LbOutput, odp.TnlPush, odp.TnlPop, odp.Recirc, odp.Drop, odp.Opaque:
			found = true
		}
		return !found
	})
	return found
}
