package openflow

import (
	"fmt"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// FieldsOf returns a packet as the fields of a flow for ofproto/trace: parse_ofp_exact_flow
// (lib/ofp-flow.c) requires prerequisites first, no masks, each field once and the names of the
// protocol (udp_src, not tp_src). Unsayable lists what such a text cannot express.
func FieldsOf(p packet.Packet) []Field { return fieldsOf(p, 1) }

// FieldsBehindTags is FieldsOf for an Open vSwitch that reads two tags (other_config:vlan-limit). A
// Flow line shows that by a field of the second tag: dl_vlan1, or vlan_tci1=0x0000 for none.
func FieldsBehindTags(p packet.Packet) []Field { return fieldsOf(p, 2) }

// fieldsOf returns the fields for an Open vSwitch that reads up to limit tags.
func fieldsOf(p packet.Packet, limit int) []Field {
	f := fieldList{}
	if p.NoEth {
		f.add("packet_type", fmt.Sprintf("(1,0x%x)", p.EthType))
	} else {
		f.add("dl_src", p.EthSrc.String())
		f.add("dl_dst", p.EthDst.String())
	}
	for i, v := range p.VLANs[:min(limit, len(p.VLANs))] {
		suffix := ""
		if i > 0 {
			suffix = strconv.Itoa(i)
		}
		f.num("dl_vlan"+suffix, uint64(v.VID))
		f.num("dl_vlan_pcp"+suffix, uint64(v.PCP))
	}
	switch {
	case len(p.VLANs) > limit:
		// With other_config:vlan-limit=1, the default, flow_extract reads an inner tag as the
		// Ethernet type.
		f.hex("dl_type", uint64(p.VLANs[limit].TPID))
	case p.EthType == packet.EthIPv4:
		f.ip(p, "ip", "")
	case p.EthType == packet.EthIPv6:
		f.ip(p, "ipv6", "6")
	case p.IsARP():
		f.arp(p)
	case p.EthType == packet.EthMPLS || p.EthType == packet.EthMPLSM:
		f.mpls(p)
	case p.EthType != 0:
		f.ethType(p)
		f.nsh(p.NSH)
	}
	return f.list
}

// FlowOf returns the flow of a packet that enters at inPort, an OpenFlow port's number or name;
// with an empty inPort the flow has no in_port.
func FlowOf(p packet.Packet, inPort string) Flow {
	var list []Field
	if inPort != "" {
		list = append(list, Field{Name: "in_port", Value: inPort})
	}
	return Flow{Fields: append(list, FieldsOf(p)...)}
}

// The words of Unsayable for ICMP.
const (
	UnsayableID    = "ICMP id"
	UnsayableInner = "packet quoted by ICMP"
)

// Unsayable lists the parts of a packet that FieldsOf leaves out because flow text cannot express
// them.
func Unsayable(p packet.Packet) []string {
	var out []string
	if len(p.VLANs) > 0 && p.VLANs[0].TPID != 0 && p.VLANs[0].TPID != packet.EthVLAN {
		out = append(out, fmt.Sprintf("VLAN TPID %#04x", p.VLANs[0].TPID))
	}
	if len(p.VLANs) > 1 {
		return append(out, "inner VLAN tag and what is behind it")
	}
	if len(p.MPLS) > 1 {
		out = append(out, "inner MPLS labels")
	}
	if p.IsARP() && p.ARPOp > 0xff {
		out = append(out, "arp_op above 255")
	}
	if p.IsIGMP() && p.Frag != packet.FragLater && (p.ICMPType != 0 || p.ICMPCode != 0) {
		out = append(out, "IGMP type and code")
	}
	if p.HasID && p.IsQuery() && p.Frag != packet.FragLater {
		out = append(out, UnsayableID)
	}
	if p.Inner != nil {
		out = append(out, UnsayableInner)
	}
	return out
}

// fieldList collects fields in order.
type fieldList struct{ list []Field }

func (f *fieldList) add(name, value string) {
	f.list = append(f.list, Field{Name: name, Value: value})
}
func (f *fieldList) num(name string, v uint64) { f.add(name, strconv.FormatUint(v, 10)) }
func (f *fieldList) hex(name string, v uint64) { f.add(name, fmt.Sprintf("%#04x", v)) }

func (f *fieldList) ip(p packet.Packet, word, suffix string) {
	switch {
	case p.Proto == packet.ProtoTCP || p.Proto == packet.ProtoUDP || p.Proto == packet.ProtoSCTP:
		f.add(packet.ProtoName(p.Proto)+suffix, "")
	case p.IsICMP() || p.IsICMPv6():
		f.add(packet.ProtoName(p.Proto), "")
	default:
		f.add(word, "")
		f.num("nw_proto", uint64(p.Proto))
	}
	src, dst := "nw_src", "nw_dst"
	if suffix != "" {
		src, dst = "ipv6_src", "ipv6_dst"
	}
	if p.Src.IsValid() {
		f.add(src, packet.FormatAddr(p.Src))
	}
	if p.Dst.IsValid() {
		f.add(dst, packet.FormatAddr(p.Dst))
	}
	if suffix != "" && p.Label != 0 {
		f.add("ipv6_label", fmt.Sprintf("%#05x", p.Label))
	}
	f.num("nw_tos", uint64(p.TOS&0xfc))
	f.num("nw_ecn", uint64(p.TOS&3))
	f.num("nw_ttl", uint64(p.TTL))
	if p.Frag != packet.FragNo {
		f.add("nw_frag", p.Frag.String())
	}
	if p.Frag != packet.FragLater { // a later fragment has no transport header (miniflow_extract)
		f.transport(p)
	}
}

func (f *fieldList) transport(p packet.Packet) {
	switch {
	case p.HasPorts():
		name := packet.ProtoName(p.Proto)
		f.num(name+"_src", uint64(p.SrcPort))
		f.num(name+"_dst", uint64(p.DstPort))
		if p.Proto == packet.ProtoTCP {
			// Always given: conntrack considers a segment without any flag invalid.
			f.add("tcp_flags", (p.TCPFlags & packet.AllTCPFlags).String())
		}
	case p.IsICMP():
		f.num("icmp_type", uint64(p.ICMPType))
		f.num("icmp_code", uint64(p.ICMPCode))
	case p.IsICMPv6():
		f.num("icmpv6_type", uint64(p.ICMPType))
		f.num("icmpv6_code", uint64(p.ICMPCode))
		if !p.IsND() {
			return
		}
		if p.NDTarget.IsValid() {
			f.add("nd_target", packet.FormatAddr(p.NDTarget))
		}
		if p.ICMPType == packet.ICMPv6NS && !p.NDSLL.IsZero() {
			f.add("nd_sll", p.NDSLL.String())
		}
		if p.ICMPType == packet.ICMPv6NA && !p.NDTLL.IsZero() {
			f.add("nd_tll", p.NDTLL.String())
		}
	}
}

func (f *fieldList) arp(p packet.Packet) {
	if p.EthType == packet.EthRARP {
		f.add("rarp", "")
	} else {
		f.add("arp", "")
	}
	if p.ARPOp <= 0xff { // miniflow_extract keeps operations of one byte only
		f.num("arp_op", uint64(p.ARPOp))
	}
	if p.Src.IsValid() {
		f.add("arp_spa", packet.FormatAddr(p.Src))
	}
	if p.Dst.IsValid() {
		f.add("arp_tpa", packet.FormatAddr(p.Dst))
	}
	f.add("arp_sha", p.ARPSHA.String())
	f.add("arp_tha", p.ARPTHA.String())
}

// ethType gives the Ethernet type as a number; packet_type has given that of a packet without
// Ethernet header.
func (f *fieldList) ethType(p packet.Packet) {
	if !p.NoEth {
		f.hex("dl_type", uint64(p.EthType))
	}
}

func (f *fieldList) mpls(p packet.Packet) {
	f.ethType(p)
	if len(p.MPLS) == 0 {
		return
	}
	top := p.MPLS[0]
	bos := uint64(0)
	if top.BOS {
		bos = 1
	}
	f.num("mpls_label", uint64(top.Label))
	f.num("mpls_tc", uint64(top.TC))
	f.num("mpls_bos", bos)
	f.num("mpls_ttl", uint64(top.TTL))
}
