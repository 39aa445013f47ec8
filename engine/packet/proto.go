package packet

import "strconv"

// IP protocols that the model knows by name.
const (
	ProtoICMP = 1
	ProtoIGMP = 2
	ProtoTCP  = 6
	ProtoUDP  = 17
	// ProtoFragment is the protocol of every later fragment of IPv6, to Open vSwitch.
	ProtoFragment = 44
	ProtoICMPv6   = 58
	ProtoSCTP     = 132
)

// ICMP and ICMPv6 types by their use here.
const (
	ICMPEchoReply    = 0
	ICMPUnreachable  = 3
	ICMPEchoRequest  = 8
	ICMPTimeExceeded = 11

	ICMPv6Unreachable  = 1
	ICMPv6TooBig       = 2
	ICMPv6TimeExceeded = 3
	ICMPv6EchoRequest  = 128
	ICMPv6EchoReply    = 129
	ICMPv6RS           = 133
	ICMPv6RA           = 134
	ICMPv6NS           = 135
	ICMPv6NA           = 136
)

// Ethernet types that the model knows by name.
const (
	EthIPv4  = 0x0800
	EthARP   = 0x0806
	EthRARP  = 0x8035
	EthIPv6  = 0x86dd
	EthMPLS  = 0x8847
	EthMPLSM = 0x8848 // multicast
	EthNSH   = 0x894f

	EthVLAN = 0x8100 // an 802.1Q tag
	EthQinQ = 0x88a8 // an 802.1ad tag

	// EthNone is the type of an 802.2 frame that has none (FLOW_DL_TYPE_NONE).
	EthNone = 0x05ff
	// EthMin is the least value that is a type and not a length (ETH_TYPE_MIN).
	EthMin = 0x0600
)

// IsIP reports whether the packet is IPv4 or IPv6.
func (p Packet) IsIP() bool { return p.EthType == EthIPv4 || p.EthType == EthIPv6 }

// IsARP reports whether the packet is ARP or RARP, which share their fields.
func (p Packet) IsARP() bool { return p.EthType == EthARP || p.EthType == EthRARP }

// IsICMP reports whether the packet is ICMP over IPv4.
func (p Packet) IsICMP() bool { return p.EthType == EthIPv4 && p.Proto == ProtoICMP }

// IsICMPv6 reports whether the packet is ICMPv6 over IPv6.
func (p Packet) IsICMPv6() bool { return p.EthType == EthIPv6 && p.Proto == ProtoICMPv6 }

// IsIGMP reports whether the packet is IGMP, whose type and code are in ICMPType and ICMPCode.
func (p Packet) IsIGMP() bool { return p.EthType == EthIPv4 && p.Proto == ProtoIGMP }

// IsND reports whether the packet is a neighbour solicitation or advertisement (is_nd, lib/flow.h).
func (p Packet) IsND() bool {
	return p.IsICMPv6() && p.Frag != FragLater && p.ICMPCode == 0 &&
		(p.ICMPType == ICMPv6NS || p.ICMPType == ICMPv6NA)
}

// HasPorts reports whether SrcPort and DstPort apply.
func (p Packet) HasPorts() bool {
	return p.IsIP() && p.Frag != FragLater && (p.Proto == ProtoTCP || p.Proto == ProtoUDP || p.Proto == ProtoSCTP)
}

// IsEcho reports whether the packet is an echo request or reply of its family.
func (p Packet) IsEcho() bool {
	return p.Frag != FragLater &&
		(p.IsICMP() && (p.ICMPType == ICMPEchoRequest || p.ICMPType == ICMPEchoReply) ||
			p.IsICMPv6() && (p.ICMPType == ICMPv6EchoRequest || p.ICMPType == ICMPv6EchoReply))
}

// IsQuery reports whether the packet is an ICMP request or reply with an ICMPID in its header
// (icmp_pkt_to_tuple, icmpv6_pkt_to_tuple).
func (p Packet) IsQuery() bool {
	if p.IsICMP() {
		switch p.ICMPType {
		case 0, 8, 13, 14, 15, 16, 17, 18:
			return true
		}
	}
	return p.IsICMPv6() && (p.ICMPType == ICMPv6EchoRequest || p.ICMPType == ICMPv6EchoReply)
}

// IsQueryReply reports whether the packet answers an ICMP query.
func (p Packet) IsQueryReply() bool {
	if p.IsICMP() {
		switch p.ICMPType {
		case 0, 14, 16, 18:
			return true
		}
	}
	return p.IsICMPv6() && p.ICMPType == ICMPv6EchoReply
}

// IsICMPError reports whether the packet is an ICMP or ICMPv6 error, which quotes the packet that
// caused it (nf_conntrack_icmpv4_error of the kernel, extract_l4_icmp of lib/conntrack.c).
func (p Packet) IsICMPError() bool {
	if p.IsICMP() {
		switch p.ICMPType {
		case 3, 4, 5, 11, 12:
			return true
		}
	}
	return p.IsICMPv6() && p.ICMPType >= 1 && p.ICMPType <= 4
}

// ProtoName is the word for an IP protocol in JSON and text: tcp, udp, sctp, icmp, icmp6, igmp, or
// the number.
func ProtoName(proto uint8) string {
	switch proto {
	case ProtoICMP:
		return "icmp"
	case ProtoIGMP:
		return "igmp"
	case ProtoTCP:
		return "tcp"
	case ProtoUDP:
		return "udp"
	case ProtoICMPv6:
		return "icmp6"
	case ProtoSCTP:
		return "sctp"
	}
	return strconv.Itoa(int(proto))
}
