package engine

import (
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
)

// hashOf returns a name for the hash that a hash() action computes: on one node, hashes of the same
// name have the same value.
//
// l4 is the hash that the packet already has. Both datapaths compute it from the headers of the
// arriving packet, for the look-up (net/openvswitch/datapath.c: ovs_dp_process_packet,
// skb_get_hash; lib/dpif-netdev-dpcls.h: dpif_netdev_packet_get_rss_hash_orig_pkt), and keep it
// through NAT; a packet from another port may have a hash from the sender's socket or the network
// device. sym_l4 is computed from the present headers (lib/odp-execute.c: OVS_HASH_ALG_SYM_L4).
func (r *run) hashOf(st state, a odp.Hash) string {
	switch {
	case st.inside != nil:
		// A tunnel's source port is itself a hash of the inner packet (lib/netdev-native-tnl.c:
		// netdev_tnl_get_src_port).
		return fmt.Sprintf("%s(%d) port %d tunnel %s", a.Alg, a.Basis, r.req.InPort, st.hashOver)
	case a.Alg == "sym_l4":
		return fmt.Sprintf("sym_l4(%d) %s", a.Basis, symmetricFields(st.pkt))
	case r.req.Resume != "":
		// Sent by packet-out: there is no look-up, and so no hash, before it recirculates.
		return fmt.Sprintf("%s(%d) packet-out %s > %s", a.Alg, a.Basis, st.hashOver, hashedFields(st.pkt))
	}
	return fmt.Sprintf("%s(%d) port %d %s", a.Alg, a.Basis, r.req.InPort, st.hashOver)
}

// rehash records that a set() has changed headers of the kernel's hash (net/openvswitch/actions.c:
// skb_clear_hash).
func (s *state) rehash() { s.hashOver += " > " + hashedFields(s.pkt) }

// hashedFields lists the headers that a hash over one direction of a connection may depend on.
func hashedFields(p packet.Packet) string {
	s := ""
	for _, v := range p.VLANs {
		s += fmt.Sprintf("vlan %d ", v.VID)
	}
	if !p.IsIP() {
		return s + fmt.Sprintf("%v %v 0x%04x %d %v %v", p.EthSrc, p.EthDst, p.EthType, p.ARPOp, p.Src, p.Dst)
	}
	s += fmt.Sprintf("%v %v %d", p.Src, p.Dst, p.Proto)
	switch {
	case p.Frag == packet.FragLater:
		return s + " later"
	case p.Frag == packet.FragFirst:
		s += " first"
	}
	return s + fmt.Sprintf(" %d %d %d %d %d", p.SrcPort, p.DstPort, p.ICMPType, p.ICMPCode, p.ICMPID)
}

// symmetricFields lists the headers that a symmetric hash depends on, in the same order for both
// directions of a connection (lib/flow.c: flow_hash_symmetric_l3l4; net/core/flow_dissector.c:
// __skb_get_hash_symmetric).
func symmetricFields(p packet.Packet) string {
	ends := []string{p.EthSrc.String(), p.EthDst.String()}
	kind := int(p.EthType)
	switch {
	case !p.IsIP():
	case p.Frag == packet.FragNo && !p.IsICMP() && !p.IsICMPv6():
		ends, kind = []string{fmt.Sprintf("%v %d", p.Src, p.SrcPort), fmt.Sprintf("%v %d", p.Dst, p.DstPort)}, int(p.Proto)
	default:
		ends, kind = []string{p.Src.String(), p.Dst.String()}, int(p.Proto)
	}
	slices.Sort(ends)
	return fmt.Sprintf("%s %s %d", ends[0], ends[1], kind)
}
