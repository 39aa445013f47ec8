package pinctrl

import (
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Sizes of headers.
const (
	ip4Len, ip6Len = 20, 40
	icmpLen        = 8
	tcpLen         = 20
	sctpAbortLen   = 12 + 4
	ndLen          = 24 + 8 // with one link-layer address option
	arpLen         = 28
	ethLen         = 14
	icmp4Max       = 576 - ethLen - ip4Len - icmpLen // pinctrl_handle_icmp's room for the quoted packet
	icmp6Max       = 1280 - ethLen - ip6Len - icmpLen
	ttlReset       = 63
	ttlICMP        = 255
	rstAck         = packet.FlagRST | packet.FlagACK
)

// compose starts an IP packet as pinctrl_compose_ipv4 and _ipv6 do: from pkt's sender, or with
// loopback back to it. The type of service ends up zero although IP_DSCP_CS6 is written
// first: packet_set_ipv4 overwrites it.
func compose(pkt packet.Packet, proto, ttl uint8, loopback bool) packet.Packet {
	p := packet.Packet{EthSrc: pkt.EthSrc, EthDst: pkt.EthDst, EthType: pkt.EthType, Src: pkt.Src, Dst: pkt.Dst, Proto: proto, TTL: ttl}
	if loopback {
		p.EthSrc, p.EthDst, p.Src, p.Dst = p.EthDst, p.EthSrc, p.Dst, p.Src
	}
	p.Length = ip4Len
	if pkt.EthType == packet.EthIPv6 {
		p.Length = ip6Len
	}
	return p
}

// composeReset is the packet of pinctrl_handle_tcp_reset. Its ports are swapped with and without
// loopback.
func composeReset(pkt packet.Packet, loopback bool) packet.Packet {
	p := compose(pkt, packet.ProtoTCP, ttlReset, loopback)
	p.SrcPort, p.DstPort, p.TCPFlags = pkt.DstPort, pkt.SrcPort, rstAck
	p.Length += tcpLen
	return p
}

// composeAbort is the packet of pinctrl_handle_sctp_abort.
func composeAbort(pkt packet.Packet, loopback bool) packet.Packet {
	p := compose(pkt, packet.ProtoSCTP, ttlReset, loopback)
	p.SrcPort, p.DstPort = pkt.DstPort, pkt.SrcPort
	p.Length += sctpAbortLen
	return p
}

// composeICMP is the packet of pinctrl_handle_icmp: destination unreachable, quoting the packet.
func (r Responder) composeICMP(pkt packet.Packet, setCode, loopback bool, mtu *uint32) packet.Packet {
	four := pkt.EthType == packet.EthIPv4
	proto, room := uint8(packet.ProtoICMPv6), icmp6Max
	if four {
		proto, room = packet.ProtoICMP, icmp4Max
	}
	p := compose(pkt, proto, ttlICMP, loopback)
	if r.Release.before(21, 12) { // it passed those of ip_flow
		p.TOS, p.Label = pkt.TOS, pkt.Label
	}
	port := setCode && pkt.Proto == packet.ProtoUDP
	switch {
	case four:
		p.ICMPType, p.ICMPCode = packet.ICMPUnreachable, 1
		if port {
			p.ICMPCode = 3
		}
		if mtu != nil {
			p.ICMPCode = 4
		}
	default:
		p.ICMPType, p.ICMPCode = packet.ICMPv6Unreachable, 1
		if port {
			p.ICMPCode = 4
		}
		if mtu != nil {
			p.ICMPType, p.ICMPCode = packet.ICMPv6TooBig, 0
		}
	}
	p.Inner = quote(pkt)
	p.VLANs = outerTag(pkt)
	if pkt.Length == 0 {
		p.Length = 0
	} else {
		p.Length += icmpLen + min(pkt.Length, room)
	}
	return p
}

// quote returns the part of a packet that an ICMP error quotes.
func quote(p packet.Packet) *packet.Inner {
	return &packet.Inner{Proto: p.Proto, Src: p.Src, Dst: p.Dst, SrcPort: p.SrcPort, DstPort: p.DstPort,
		ICMPType: p.ICMPType, ICMPCode: p.ICMPCode, ICMPID: p.ICMPID}
}

// outerTag returns the outermost VLAN tag, the only one that pinctrl pushes again.
func outerTag(p packet.Packet) []packet.VLAN {
	if len(p.VLANs) == 0 {
		return nil
	}
	return []packet.VLAN{{TPID: packet.EthVLAN, VID: p.VLANs[0].VID, PCP: p.VLANs[0].PCP}}
}

// composeARP is the packet of pinctrl_handle_arp: a request whose target the nested actions fill
// in.
func composeARP(pkt packet.Packet) packet.Packet {
	p := packet.Packet{EthSrc: pkt.EthSrc, EthDst: pkt.EthDst, EthType: packet.EthARP, ARPOp: 1, ARPSHA: pkt.EthSrc,
		Src: pkt.Src, Dst: pkt.Dst, VLANs: outerTag(pkt), Length: arpLen}
	if pkt.EthType != packet.EthIPv4 {
		p.Src, p.Dst = netip.IPv4Unspecified(), netip.IPv4Unspecified()
	}
	return p
}

// composeNS is OVS's compose_nd_ns: a neighbour solicitation to the solicited-node group of target.
func composeNS(pkt packet.Packet, src, target netip.Addr) packet.Packet {
	t := target.As16()
	group := [16]byte{0: 0xff, 1: 0x02, 11: 1, 12: 0xff, 13: t[13], 14: t[14], 15: t[15]}
	return packet.Packet{EthSrc: pkt.EthSrc, EthDst: packet.MAC{0x33, 0x33, 0xff, t[13], t[14], t[15]}, EthType: packet.EthIPv6,
		Src: src, Dst: netip.AddrFrom16(group), Proto: packet.ProtoICMPv6, TTL: 255,
		ICMPType: packet.ICMPv6NS, NDTarget: target, NDSLL: pkt.EthSrc, Length: ip6Len + ndLen}
}

// linkLocal is OVS's in6_generate_lla.
func linkLocal(m packet.MAC) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}

// composeNA is OVS's compose_nd_na as pinctrl_handle_nd_na calls it.
func composeNA(pkt packet.Packet) packet.Packet {
	return packet.Packet{EthSrc: pkt.EthDst, EthDst: pkt.EthSrc, EthType: packet.EthIPv6, Src: pkt.NDTarget, Dst: pkt.Src,
		Proto: packet.ProtoICMPv6, TTL: 255, ICMPType: packet.ICMPv6NA, NDTarget: pkt.NDTarget, NDTLL: pkt.EthDst, Length: ip6Len + ndLen}
}
