package report

import (
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Header contains a packet's headers; a field that does not apply is absent.
type Header struct {
	// source MAC address; absent if the packet has no Ethernet header
	EthSrc string `json:"eth_src,omitempty"`
	// destination MAC address; absent if the packet has no Ethernet header
	EthDst  string `json:"eth_dst,omitempty"`
	EthType string `json:"eth_type,omitempty" jsonschema:"pattern=^0x[0-9a-f]+$"` // "0x0800"
	// the outermost tag's id
	VLAN *int `json:"vlan,omitempty" jsonschema:"minimum=0,maximum=4095"`
	// the outermost tag's priority; absent when 0
	VLANPCP *int `json:"vlan_pcp,omitempty" jsonschema:"minimum=0,maximum=7"`
	// all tags, if there are several
	VLANs []packet.VLAN `json:"vlans,omitempty"`
	// the label stack, the outermost first
	MPLS []packet.MPLS `json:"mpls,omitempty"`

	// source IPv4 or IPv6 address
	IPSrc string `json:"ip_src,omitempty"`
	// destination IPv4 or IPv6 address
	IPDst string `json:"ip_dst,omitempty"`
	// "tcp", "icmp6", or the number
	IPProto string `json:"ip_proto,omitempty"`
	// TTL or hop limit
	IPTTL *int `json:"ip_ttl,omitempty" jsonschema:"minimum=0,maximum=255"`
	// DSCP and ECN together; absent when 0
	IPTOS *int `json:"ip_tos,omitempty" jsonschema:"minimum=0,maximum=255"`
	// for a fragment: whether it is the datagram's first or a later one
	IPFrag string `json:"ip_frag,omitempty" jsonschema:"enum=first,enum=later"`
	// IPv6 flow label; absent when 0
	IPLabel string `json:"ip_label,omitempty" jsonschema:"pattern=^0x[0-9a-f]+$"`

	// source port of TCP, UDP or SCTP
	L4Src *int `json:"l4_src,omitempty" jsonschema:"minimum=0,maximum=65535"`
	// destination port of TCP, UDP or SCTP
	L4Dst *int `json:"l4_dst,omitempty" jsonschema:"minimum=0,maximum=65535"`
	// TCPFlags are the flags that are set, "syn|ack"; "0" for none.
	TCPFlags string `json:"tcp_flags,omitempty" jsonschema:"pattern=^(0|((fin|syn|rst|psh|ack|urg|ece|cwr|ns|0x[0-9a-f]+)([|]|$))+)$"`

	// type of ICMP or ICMPv6
	ICMPType *int `json:"icmp_type,omitempty" jsonschema:"minimum=0,maximum=255"`
	// code of ICMP or ICMPv6
	ICMPCode *int `json:"icmp_code,omitempty" jsonschema:"minimum=0,maximum=255"`
	// id of a query, if it is known
	ICMPID *int `json:"icmp_id,omitempty" jsonschema:"minimum=0,maximum=65535"`
	// for an ICMP error: the packet that it quotes
	Inner *packet.Inner `json:"inner,omitempty"`

	// 1 request, 2 reply
	ARPOp *int `json:"arp_op,omitempty" jsonschema:"minimum=0,maximum=65535"`
	// sender's IP address
	ARPSPA string `json:"arp_spa,omitempty"`
	// target's IP address
	ARPTPA string `json:"arp_tpa,omitempty"`
	// sender's MAC address
	ARPSHA string `json:"arp_sha,omitempty"`
	// target's MAC address
	ARPTHA string `json:"arp_tha,omitempty"`

	// target address of a neighbour solicitation or advertisement
	NDTarget string `json:"nd_target,omitempty"`
	NDSLL    string `json:"nd_sll,omitempty"` // its source link-layer address
	NDTLL    string `json:"nd_tll,omitempty"` // its target link-layer address

	// number of bytes after the Ethernet header, if it is known
	Length int `json:"length,omitempty" jsonschema:"minimum=0,maximum=65535"`
}

// HeaderOf returns a packet's headers in the form of the tool's JSON.
func HeaderOf(p packet.Packet) Header {
	h := Header{
		EthType: fmt.Sprintf("0x%04x", p.EthType),
		MPLS:    p.MPLS,
		Length:  p.Length,
	}
	if !p.NoEth {
		h.EthSrc, h.EthDst = p.EthSrc.String(), p.EthDst.String()
	}
	if len(p.VLANs) > 0 {
		h.VLAN = number(p.VLANs[0].VID)
		if p.VLANs[0].PCP != 0 {
			h.VLANPCP = number(p.VLANs[0].PCP)
		}
	}
	if len(p.VLANs) > 1 {
		h.VLANs = p.VLANs
	}
	switch {
	case p.IsIP():
		h.ip(p)
	case p.IsARP():
		h.ARPOp = number(p.ARPOp)
		h.ARPSPA, h.ARPTPA = packet.FormatAddr(p.Src), packet.FormatAddr(p.Dst)
		h.ARPSHA, h.ARPTHA = p.ARPSHA.String(), p.ARPTHA.String()
	}
	return h
}

// ip sets the fields of IPv4 and IPv6 packets.
func (h *Header) ip(p packet.Packet) {
	h.IPSrc, h.IPDst = packet.FormatAddr(p.Src), packet.FormatAddr(p.Dst)
	h.IPProto, h.IPTTL = packet.ProtoName(p.Proto), number(p.TTL)
	if p.TOS != 0 {
		h.IPTOS = number(p.TOS)
	}
	if p.Frag != packet.FragNo {
		h.IPFrag = p.Frag.String()
	}
	if p.Label != 0 {
		h.IPLabel = fmt.Sprintf("0x%05x", p.Label)
	}
	switch {
	case p.HasPorts():
		h.L4Src, h.L4Dst = number(p.SrcPort), number(p.DstPort)
		if p.Proto == packet.ProtoTCP {
			h.TCPFlags = p.TCPFlags.String()
		}
	case p.Frag == packet.FragLater:
	case p.IsICMP(), p.IsICMPv6():
		h.ICMPType, h.ICMPCode = number(p.ICMPType), number(p.ICMPCode)
		if p.HasID && p.IsQuery() {
			h.ICMPID = number(p.ICMPID)
		}
		h.Inner = p.Inner
		if p.IsND() {
			h.NDTarget = packet.FormatAddr(p.NDTarget)
			h.NDSLL, h.NDTLL = macText(p.NDSLL), macText(p.NDTLL)
		}
	}
}

func number[T ~uint8 | ~uint16](v T) *int {
	n := int(v)
	return &n
}

func macText(m packet.MAC) string {
	if m.IsZero() {
		return ""
	}
	return m.String()
}
