package packet

// ICMP types (RFC 792, RFC 950).
const (
	ICMPEchoReply        = 0
	ICMPUnreachable      = 3
	ICMPSourceQuench     = 4
	ICMPRedirect         = 5
	ICMPEchoRequest      = 8
	ICMPTimeExceeded     = 11
	ICMPParameterProblem = 12
	ICMPTimestamp        = 13
	ICMPTimestampReply   = 14
	ICMPInfoRequest      = 15
	ICMPInfoReply        = 16
	ICMPMaskRequest      = 17
	ICMPMaskReply        = 18
)

// ICMPv6 types (RFC 4443, RFC 4861).
const (
	ICMPv6Unreachable      = 1
	ICMPv6TooBig           = 2
	ICMPv6TimeExceeded     = 3
	ICMPv6ParameterProblem = 4
	ICMPv6EchoRequest      = 128
	ICMPv6EchoReply        = 129
	ICMPv6RS               = 133
	ICMPv6RA               = 134
	ICMPv6NS               = 135
	ICMPv6NA               = 136
)

// IsICMP reports whether the packet is ICMP over IPv4.
func (p Packet) IsICMP() bool { return p.EthType == EthIPv4 && p.Proto == ProtoICMP }

// IsICMPv6 reports whether the packet is ICMPv6 over IPv6.
func (p Packet) IsICMPv6() bool { return p.EthType == EthIPv6 && p.Proto == ProtoICMPv6 }

// IsND reports whether the packet is a neighbour solicitation or advertisement (is_nd, lib/flow.h).
func (p Packet) IsND() bool {
	return p.IsICMPv6() && p.Frag != FragLater && p.ICMPCode == 0 &&
		(p.ICMPType == ICMPv6NS || p.ICMPType == ICMPv6NA)
}

// IsEcho reports whether the packet is an ICMP or ICMPv6 echo request or reply.
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
		case ICMPEchoReply, ICMPEchoRequest, ICMPTimestamp, ICMPTimestampReply,
			ICMPInfoRequest, ICMPInfoReply, ICMPMaskRequest, ICMPMaskReply:
			return true
		}
	}
	return p.IsICMPv6() && (p.ICMPType == ICMPv6EchoRequest || p.ICMPType == ICMPv6EchoReply)
}

// IsQueryReply reports whether the packet answers an ICMP query.
func (p Packet) IsQueryReply() bool {
	if p.IsICMP() {
		switch p.ICMPType {
		case ICMPEchoReply, ICMPTimestampReply, ICMPInfoReply, ICMPMaskReply:
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
		case ICMPUnreachable, ICMPSourceQuench, ICMPRedirect, ICMPTimeExceeded, ICMPParameterProblem:
			return true
		}
	}
	return p.IsICMPv6() && p.ICMPType >= ICMPv6Unreachable && p.ICMPType <= ICMPv6ParameterProblem
}
