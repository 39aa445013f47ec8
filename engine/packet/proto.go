package packet

import "strconv"

// IP protocols that the model knows by name.
const (
	ProtoICMP = 1
	ProtoIGMP = 2
	ProtoTCP  = 6
	ProtoUDP  = 17
	// ProtoFragment is the protocol that Open vSwitch gives every later fragment of IPv6.
	ProtoFragment = 44
	ProtoICMPv6   = 58
	ProtoSCTP     = 132
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

	// EthNone is the type of an 802.2 frame without an Ethernet type (FLOW_DL_TYPE_NONE).
	EthNone = 0x05ff
	// EthMin is the smallest value that is a type and not a length (ETH_TYPE_MIN).
	EthMin = 0x0600
)

// IsIP reports whether the packet is IPv4 or IPv6.
func (p Packet) IsIP() bool { return p.EthType == EthIPv4 || p.EthType == EthIPv6 }

// IsARP reports whether the packet is ARP or RARP, which share their fields.
func (p Packet) IsARP() bool { return p.EthType == EthARP || p.EthType == EthRARP }

// IsIGMP reports whether the packet is IGMP, whose type and code are in ICMPType and ICMPCode.
func (p Packet) IsIGMP() bool { return p.EthType == EthIPv4 && p.Proto == ProtoIGMP }

// HasPorts reports whether SrcPort and DstPort apply.
func (p Packet) HasPorts() bool {
	return p.IsIP() && p.Frag != FragLater && (p.Proto == ProtoTCP || p.Proto == ProtoUDP || p.Proto == ProtoSCTP)
}

// ProtoName returns the name of an IP protocol in JSON and text: tcp, udp, sctp, icmp, icmp6, igmp,
// or the number.
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
