package packet

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Header is a packet's headers; what does not apply is absent.
type Header struct {
	// source MAC address
	EthSrc string `json:"eth_src,omitempty"`
	// destination MAC address
	EthDst  string `json:"eth_dst,omitempty"`
	EthType string `json:"eth_type,omitempty" jsonschema:"pattern=^0x[0-9a-f]+$"` // "0x0800"
	// the outermost tag's id
	VLAN *int `json:"vlan,omitempty" jsonschema:"minimum=0,maximum=4095"`
	// the outermost tag's priority; absent when 0
	VLANPCP *int `json:"vlan_pcp,omitempty" jsonschema:"minimum=0,maximum=7"`
	// all tags, where there are several
	VLANs []VLAN `json:"vlans,omitempty"`
	// the label stack, the outermost first
	MPLS []MPLS `json:"mpls,omitempty"`

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
	// of a fragment: the datagram's first, or a later one
	IPFrag string `json:"ip_frag,omitempty" jsonschema:"enum=first,enum=later"`
	// IPv6 flow label; absent when 0
	IPLabel string `json:"ip_label,omitempty" jsonschema:"pattern=^0x[0-9a-f]+$"`

	// source port of TCP, UDP or SCTP
	L4Src *int `json:"l4_src,omitempty" jsonschema:"minimum=0,maximum=65535"`
	// destination port of TCP, UDP or SCTP
	L4Dst *int `json:"l4_dst,omitempty" jsonschema:"minimum=0,maximum=65535"`
	// TCPFlags are the flags that are set, "syn|ack"; "0" for none.
	TCPFlags string `json:"tcp_flags,omitempty" jsonschema:"pattern=^(0|((fin|syn|rst|psh|ack|urg|ece|cwr|ns|0x[0-9a-f]+)([|]|$))+)$"`

	// of ICMP or ICMPv6
	ICMPType *int `json:"icmp_type,omitempty" jsonschema:"minimum=0,maximum=255"`
	// of ICMP or ICMPv6
	ICMPCode *int `json:"icmp_code,omitempty" jsonschema:"minimum=0,maximum=255"`
	// of a query, where it is known
	ICMPID *int `json:"icmp_id,omitempty" jsonschema:"minimum=0,maximum=65535"`
	// of an ICMP error: the packet that it is about
	Inner *Inner `json:"inner,omitempty"`

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

	// address that a neighbour solicitation or advertisement is about
	NDTarget string `json:"nd_target,omitempty"`
	NDSLL    string `json:"nd_sll,omitempty"` // its source link-layer address
	NDTLL    string `json:"nd_tll,omitempty"` // its target link-layer address

	// bytes after the Ethernet header, where they are known
	Length int `json:"length,omitempty" jsonschema:"minimum=0,maximum=65535"`
}

// Header gives the packet in the shape of the tool's JSON.
func (p Packet) Header() Header {
	h := Header{
		EthSrc:  p.EthSrc.String(),
		EthDst:  p.EthDst.String(),
		EthType: fmt.Sprintf("0x%04x", p.EthType),
		MPLS:    p.MPLS,
		Length:  p.Length,
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
		p.ipHeader(&h)
	case p.IsARP():
		h.ARPOp = number(p.ARPOp)
		h.ARPSPA, h.ARPTPA = addrText(p.Src), addrText(p.Dst)
		h.ARPSHA, h.ARPTHA = p.ARPSHA.String(), p.ARPTHA.String()
	}
	return h
}

func (p Packet) ipHeader(h *Header) {
	h.IPSrc, h.IPDst = addrText(p.Src), addrText(p.Dst)
	h.IPProto, h.IPTTL = ProtoName(p.Proto), number(p.TTL)
	if p.TOS != 0 {
		h.IPTOS = number(p.TOS)
	}
	if p.Frag != FragNo {
		h.IPFrag = p.Frag.String()
	}
	if p.Label != 0 {
		h.IPLabel = fmt.Sprintf("0x%05x", p.Label)
	}
	switch {
	case p.HasPorts():
		h.L4Src, h.L4Dst = number(p.SrcPort), number(p.DstPort)
		if p.Proto == ProtoTCP {
			h.TCPFlags = openflow.FormatTCPFlags(p.TCPFlags)
		}
	case p.Frag == FragLater:
	case p.IsICMP(), p.IsICMPv6():
		h.ICMPType, h.ICMPCode = number(p.ICMPType), number(p.ICMPCode)
		if p.HasID && p.IsQuery() {
			h.ICMPID = number(p.ICMPID)
		}
		h.Inner = p.Inner
		if p.IsND() {
			h.NDTarget = addrText(p.NDTarget)
			h.NDSLL, h.NDTLL = macText(p.NDSLL), macText(p.NDTLL)
		}
	}
}

func number[T ~uint8 | ~uint16](v T) *int {
	n := int(v)
	return &n
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return openflow.FormatAddr(a)
}

func macText(m MAC) string {
	if m.IsZero() {
		return ""
	}
	return m.String()
}

// String is the packet on one line for people: tcp 10.0.0.3:46982 > 30.0.0.10:80 [syn] ttl 64.
func (p Packet) String() string {
	var b strings.Builder
	for _, v := range p.VLANs {
		fmt.Fprintf(&b, "vlan %d ", v.VID)
	}
	switch {
	case p.IsIP():
		p.ipText(&b)
	case p.IsARP():
		p.arpText(&b)
	case len(p.MPLS) > 0:
		fmt.Fprintf(&b, "mpls label %d ttl %d %s > %s", p.MPLS[0].Label, p.MPLS[0].TTL, p.EthSrc, p.EthDst)
	case p.NSH != nil:
		fmt.Fprintf(&b, "nsh spi %#x si %d ttl %d %s > %s", p.NSH.SPI, p.NSH.SI, p.NSH.TTL, p.EthSrc, p.EthDst)
	default:
		fmt.Fprintf(&b, "eth 0x%04x %s > %s", p.EthType, p.EthSrc, p.EthDst)
	}
	return b.String()
}

func (p Packet) ipText(b *strings.Builder) {
	name := ProtoName(p.Proto)
	if name[0] >= '0' && name[0] <= '9' {
		name = "ip proto " + name
	}
	fmt.Fprintf(b, "%s %s > %s", name, p.end(p.Src, p.SrcPort), p.end(p.Dst, p.DstPort))
	switch {
	case p.Frag == FragLater:
	case p.Proto == ProtoTCP:
		fmt.Fprintf(b, " [%s]", openflow.FormatTCPFlags(p.TCPFlags))
	case p.IsICMP(), p.IsICMPv6():
		p.icmpText(b)
	}
	if p.Frag != FragNo {
		fmt.Fprintf(b, " %s fragment", p.Frag)
	}
	fmt.Fprintf(b, " ttl %d", p.TTL)
}

// end is one end of an IP packet, with its port where there are ports.
func (p Packet) end(a netip.Addr, port uint16) string {
	text := addrText(a)
	if text == "" {
		text = "?"
	}
	if !p.HasPorts() {
		return text
	}
	if a.Is6() {
		text = "[" + text + "]"
	}
	return fmt.Sprintf("%s:%d", text, port)
}

func (p Packet) icmpText(b *strings.Builder) {
	switch {
	case p.IsND():
		word := "solicitation"
		if p.ICMPType == ICMPv6NA {
			word = "advertisement"
		}
		fmt.Fprintf(b, " neighbour %s for %s", word, addrText(p.NDTarget))
		return
	case p.IsEcho() && (p.ICMPType == ICMPEchoRequest || p.ICMPType == ICMPv6EchoRequest):
		b.WriteString(" echo request")
	case p.IsEcho():
		b.WriteString(" echo reply")
	case p.ICMPCode == 0:
		fmt.Fprintf(b, " type %d", p.ICMPType)
	default:
		fmt.Fprintf(b, " type %d code %d", p.ICMPType, p.ICMPCode)
	}
	if p.HasID && p.IsQuery() {
		fmt.Fprintf(b, " id %d", p.ICMPID)
	}
	if in := p.Inner; in != nil {
		outer := Packet{EthType: p.EthType, Proto: in.Proto}
		fmt.Fprintf(b, " about %s %s > %s", ProtoName(in.Proto), outer.end(in.Src, in.SrcPort), outer.end(in.Dst, in.DstPort))
	}
}

func (p Packet) arpText(b *strings.Builder) {
	word := "arp"
	if p.EthType == EthRARP {
		word = "rarp"
	}
	switch {
	case p.EthType == EthARP && p.ARPOp == 1:
		fmt.Fprintf(b, "arp who-has %s tell %s", addrText(p.Dst), addrText(p.Src))
	case p.EthType == EthARP && p.ARPOp == 2:
		fmt.Fprintf(b, "arp %s is-at %s to %s", addrText(p.Src), p.ARPSHA, addrText(p.Dst))
	default:
		fmt.Fprintf(b, "%s op %d %s > %s", word, p.ARPOp, addrText(p.Src), addrText(p.Dst))
	}
}
