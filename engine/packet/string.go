package packet

import (
	"fmt"
	"net/netip"
	"strings"
)

// String returns the packet on one line, for people: "tcp 10.0.0.3:46982 > 30.0.0.10:80 [syn] ttl
// 64".
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
		fmt.Fprintf(b, " [%s]", p.TCPFlags)
	case p.IsICMP(), p.IsICMPv6():
		p.icmpText(b)
	}
	if p.Frag != FragNo {
		fmt.Fprintf(b, " %s fragment", p.Frag)
	}
	fmt.Fprintf(b, " ttl %d", p.TTL)
}

// end returns the text of one end of an IP packet, with its port if the packet has ports.
func (p Packet) end(a netip.Addr, port uint16) string {
	text := FormatAddr(a)
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
		fmt.Fprintf(b, " neighbour %s for %s", word, FormatAddr(p.NDTarget))
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
		fmt.Fprintf(b, "arp who-has %s tell %s", FormatAddr(p.Dst), FormatAddr(p.Src))
	case p.EthType == EthARP && p.ARPOp == 2:
		fmt.Fprintf(b, "arp %s is-at %s to %s", FormatAddr(p.Src), p.ARPSHA, FormatAddr(p.Dst))
	default:
		fmt.Fprintf(b, "%s op %d %s > %s", word, p.ARPOp, FormatAddr(p.Src), FormatAddr(p.Dst))
	}
}
