package packet

import (
	"fmt"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Fields gives the packet as flow text for ofproto/trace: parse_ofp_exact_flow (lib/ofp-flow.c) wants prerequisites
// first, no masks, each field once and the names of the protocol (udp_src, not tp_src). Unsayable
// tells what such a text has no words for.
func (p Packet) Fields() []openflow.Field { return p.fields(1) }

// FieldsBehindTags is Fields where Open vSwitch looks behind two tags (other_config:vlan-limit),
// which a Flow line shows that names the second one: dl_vlan1, or vlan_tci1=0x0000 for none.
func (p Packet) FieldsBehindTags() []openflow.Field { return p.fields(2) }

func (p Packet) fields(limit int) []openflow.Field {
	f := fieldList{}
	f.add("dl_src", p.EthSrc.String())
	f.add("dl_dst", p.EthDst.String())
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
		// With other_config:vlan-limit=1, the default, flow_extract takes an inner tag for the Ethernet type.
		f.hex("dl_type", uint64(p.VLANs[limit].TPID))
	case p.EthType == EthIPv4:
		f.ip(p, "ip", "")
	case p.EthType == EthIPv6:
		f.ip(p, "ipv6", "6")
	case p.IsARP():
		f.arp(p)
	case p.EthType == EthMPLS || p.EthType == EthMPLSM:
		f.mpls(p)
	case p.EthType != 0:
		f.hex("dl_type", uint64(p.EthType))
		f.nsh(p.NSH)
	}
	return f.list
}

// Flow gives the packet entering at inPort, an OpenFlow port's number or name; empty leaves in_port out.
func (p Packet) Flow(inPort string) openflow.Flow {
	var list []openflow.Field
	if inPort != "" {
		list = append(list, openflow.Field{Name: "in_port", Value: inPort})
	}
	return openflow.Flow{Fields: append(list, p.Fields()...)}
}

// What Unsayable says of ICMP.
const (
	UnsayableID    = "ICMP id"
	UnsayableInner = "packet quoted by ICMP"
)

// Unsayable names the parts of the packet that Fields leaves out because flow text has no words for them.
func (p Packet) Unsayable() []string {
	var out []string
	if len(p.VLANs) > 0 && p.VLANs[0].TPID != 0 && p.VLANs[0].TPID != EthVLAN {
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
	if p.IsIGMP() && p.Frag != FragLater && (p.ICMPType != 0 || p.ICMPCode != 0) {
		out = append(out, "IGMP type and code")
	}
	if p.HasID && p.IsQuery() && p.Frag != FragLater {
		out = append(out, UnsayableID)
	}
	if p.Inner != nil {
		out = append(out, UnsayableInner)
	}
	return out
}

type fieldList struct{ list []openflow.Field }

func (f *fieldList) add(name, value string) {
	f.list = append(f.list, openflow.Field{Name: name, Value: value})
}
func (f *fieldList) num(name string, v uint64) { f.add(name, strconv.FormatUint(v, 10)) }
func (f *fieldList) hex(name string, v uint64) { f.add(name, fmt.Sprintf("%#04x", v)) }

func (f *fieldList) ip(p Packet, word, suffix string) {
	switch {
	case p.Proto == ProtoTCP || p.Proto == ProtoUDP || p.Proto == ProtoSCTP:
		f.add(ProtoName(p.Proto)+suffix, "")
	case p.IsICMP() || p.IsICMPv6():
		f.add(ProtoName(p.Proto), "")
	default:
		f.add(word, "")
		f.num("nw_proto", uint64(p.Proto))
	}
	src, dst := "nw_src", "nw_dst"
	if suffix != "" {
		src, dst = "ipv6_src", "ipv6_dst"
	}
	if p.Src.IsValid() {
		f.add(src, openflow.FormatAddr(p.Src))
	}
	if p.Dst.IsValid() {
		f.add(dst, openflow.FormatAddr(p.Dst))
	}
	if suffix != "" && p.Label != 0 {
		f.add("ipv6_label", fmt.Sprintf("%#05x", p.Label))
	}
	f.num("nw_tos", uint64(p.TOS&0xfc))
	f.num("nw_ecn", uint64(p.TOS&3))
	f.num("nw_ttl", uint64(p.TTL))
	if p.Frag != FragNo {
		f.add("nw_frag", p.Frag.String())
	}
	if p.Frag != FragLater { // a later fragment has no transport header (miniflow_extract)
		f.transport(p)
	}
}

func (f *fieldList) transport(p Packet) {
	switch {
	case p.HasPorts():
		name := ProtoName(p.Proto)
		f.num(name+"_src", uint64(p.SrcPort))
		f.num(name+"_dst", uint64(p.DstPort))
		if p.Proto == ProtoTCP {
			// Always given: without any flag conntrack takes the segment for invalid.
			f.add("tcp_flags", openflow.FormatTCPFlags(p.TCPFlags&0xfff))
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
			f.add("nd_target", openflow.FormatAddr(p.NDTarget))
		}
		if p.ICMPType == ICMPv6NS && !p.NDSLL.IsZero() {
			f.add("nd_sll", p.NDSLL.String())
		}
		if p.ICMPType == ICMPv6NA && !p.NDTLL.IsZero() {
			f.add("nd_tll", p.NDTLL.String())
		}
	}
}

func (f *fieldList) arp(p Packet) {
	if p.EthType == EthRARP {
		f.add("rarp", "")
	} else {
		f.add("arp", "")
	}
	if p.ARPOp <= 0xff { // miniflow_extract keeps operations of one byte only
		f.num("arp_op", uint64(p.ARPOp))
	}
	if p.Src.IsValid() {
		f.add("arp_spa", openflow.FormatAddr(p.Src))
	}
	if p.Dst.IsValid() {
		f.add("arp_tpa", openflow.FormatAddr(p.Dst))
	}
	f.add("arp_sha", p.ARPSHA.String())
	f.add("arp_tha", p.ARPTHA.String())
}

func (f *fieldList) mpls(p Packet) {
	f.hex("dl_type", uint64(p.EthType))
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
