package render

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// headerText is a packet on one line, as packet.Packet.String prints it.
func headerText(h report.Header) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if h.VLAN != nil {
		add("vlan %d", *h.VLAN)
	}
	switch {
	case h.IPSrc != "" || h.IPDst != "":
		add("%s %s > %s", protoText(h.IPProto), source(h), destination(h))
		switch {
		case h.TCPFlags != "":
			add("[%s]", h.TCPFlags)
		case h.ICMPType != nil:
			parts = append(parts, icmpText(h)...)
		}
		if h.IPFrag != "" {
			add("%s fragment", h.IPFrag)
		}
		if h.IPTTL != nil {
			add("ttl %d", *h.IPTTL)
		}
	case h.ARPOp != nil:
		parts = append(parts, arpText(h))
	default:
		add("eth %s %s > %s", orNone(h.EthType), orNone(h.EthSrc), orNone(h.EthDst))
	}
	return strings.Join(parts, " ")
}

// protoText returns a protocol's name; a number gets the prefix "ip proto".
func protoText(proto string) string {
	if proto == "" {
		return "ip"
	}
	if proto[0] >= '0' && proto[0] <= '9' {
		return "ip proto " + proto
	}
	return proto
}

// headerDetails are the parts that headerText leaves out.
func headerDetails(h report.Header) string {
	text := "no Ethernet header"
	if h.EthSrc != "" || h.EthDst != "" {
		text = orNone(h.EthSrc) + " > " + orNone(h.EthDst)
	}
	if h.IPTOS != nil {
		text += fmt.Sprintf(", tos 0x%02x", *h.IPTOS)
	}
	if h.VLANPCP != nil {
		text += fmt.Sprintf(", vlan priority %d", *h.VLANPCP)
	}
	if len(h.VLANs) > 1 {
		text += fmt.Sprintf(", inner vlan %d", h.VLANs[1].VID)
	}
	if h.Length > 0 {
		text += fmt.Sprintf(", %d bytes", h.Length)
	}
	return text
}

func source(h report.Header) string      { return endpoint(h.IPSrc, h.L4Src) }
func destination(h report.Header) string { return endpoint(h.IPDst, h.L4Dst) }

// endpoint returns an address with its port; an IPv6 address has brackets only if a port follows.
func endpoint[N int | uint16](addr string, port *N) string {
	if addr == "" {
		addr = "?"
	}
	if port == nil {
		return addr
	}
	if a, err := netip.ParseAddr(addr); err == nil && a.Is6() {
		addr = "[" + addr + "]"
	}
	return addr + ":" + strconv.Itoa(int(*port))
}

func icmpText(h report.Header) []string {
	var parts []string
	six := h.IPProto == "icmp6"
	switch t := *h.ICMPType; {
	case h.NDTarget != "":
		word := "solicitation"
		if t == packet.ICMPv6NA {
			word = "advertisement"
		}
		return []string{"neighbour", word, "for", h.NDTarget}
	case !six && t == packet.ICMPEchoRequest, six && t == packet.ICMPv6EchoRequest:
		parts = append(parts, "echo request")
	case !six && t == packet.ICMPEchoReply, six && t == packet.ICMPv6EchoReply:
		parts = append(parts, "echo reply")
	default:
		parts = append(parts, fmt.Sprintf("type %d", t))
		if h.ICMPCode != nil && *h.ICMPCode != 0 {
			parts = append(parts, fmt.Sprintf("code %d", *h.ICMPCode))
		}
	}
	if h.ICMPID != nil {
		parts = append(parts, fmt.Sprintf("id %d", *h.ICMPID))
	}
	if in := h.Inner; in != nil {
		p := packet.Packet{EthType: packet.EthIPv4, Proto: in.Proto, Src: in.Src, Dst: in.Dst, SrcPort: in.SrcPort, DstPort: in.DstPort}
		if in.Src.Is6() {
			p.EthType = packet.EthIPv6
		}
		q := report.HeaderOf(p)
		parts = append(parts, "about "+protoText(q.IPProto)+" "+source(q)+" > "+destination(q))
	}
	return parts
}

func arpText(h report.Header) string {
	switch *h.ARPOp {
	case 1:
		return "arp who-has " + h.ARPTPA + " tell " + h.ARPSPA
	case 2:
		return "arp " + h.ARPSPA + " is-at " + h.ARPSHA + " to " + h.ARPTPA
	}
	return fmt.Sprintf("arp op %d %s > %s", *h.ARPOp, h.ARPSPA, h.ARPTPA)
}

// tupleText returns one direction of a connection as text.
func tupleText(t report.Tuple) string {
	text := protoText(t.Proto) + " " + endpoint(t.Src, t.Sport) + " > " + endpoint(t.Dst, t.Dport)
	if t.ICMPType != nil {
		text += fmt.Sprintf(" type %d", *t.ICMPType)
		if t.ICMPCode != nil && *t.ICMPCode != 0 {
			text += fmt.Sprintf(" code %d", *t.ICMPCode)
		}
	}
	if t.ICMPID != nil {
		text += fmt.Sprintf(" id %d", *t.ICMPID)
	}
	return text
}

// mirrored reports whether b is a with source and destination exchanged: a connection without NAT.
func mirrored(a, b report.Tuple) bool {
	return a.Src == b.Dst && a.Dst == b.Src && same(a.Sport, b.Dport) && same(a.Dport, b.Sport) && same(a.ICMPID, b.ICMPID)
}

func same[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
