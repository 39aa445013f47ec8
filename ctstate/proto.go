package ctstate

import "strconv"

// IP protocol numbers that the model knows by name.
const (
	ProtoICMP    = 1
	ProtoTCP     = 6
	ProtoUDP     = 17
	ProtoDCCP    = 33
	ProtoGRE     = 47
	ProtoICMPv6  = 58
	ProtoSCTP    = 132
	ProtoUDPLite = 136
)

// protoNames are the names of OVS's conntrack text (lib/ct-dpif.c: ct_dpif_format_ipproto).
var protoNames = map[uint8]string{
	ProtoICMP: "icmp", ProtoTCP: "tcp", ProtoUDP: "udp", ProtoDCCP: "dccp", ProtoGRE: "gre",
	ProtoICMPv6: "icmpv6", ProtoSCTP: "sctp", ProtoUDPLite: "udplite",
}

// ProtoName returns a protocol's name, or its number in decimal.
func ProtoName(proto uint8) string {
	if name, ok := protoNames[proto]; ok {
		return name
	}
	return strconv.Itoa(int(proto))
}

// ParseProto reads a protocol's name, or its number in decimal.
func ParseProto(in string) (proto uint8, ok bool) {
	for n, name := range protoNames {
		if in == name {
			return n, true
		}
	}
	n, err := strconv.ParseUint(in, 10, 8)
	return uint8(n), err == nil
}

// HasPorts reports whether the protocol's tuples have ports in the kernel (nf_ct_get_tuple). In the
// userspace datapath fewer protocols have ports, depending on its release.
func HasPorts(proto uint8) bool {
	switch proto {
	case ProtoTCP, ProtoUDP, ProtoUDPLite, ProtoSCTP, ProtoDCCP:
		return true
	}
	return false
}

func isICMP(proto uint8) bool { return proto == ProtoICMP || proto == ProtoICMPv6 }

// ICMP types (uapi/linux/icmp.h).
const (
	icmpEchoReply      = 0
	icmpDestUnreach    = 3
	icmpSourceQuench   = 4
	icmpRedirect       = 5
	icmpEcho           = 8
	icmpTimeExceeded   = 11
	icmpParameterProb  = 12
	icmpTimestamp      = 13
	icmpTimestampReply = 14
	icmpInfoRequest    = 15
	icmpInfoReply      = 16
	icmpAddress        = 17
	icmpAddressReply   = 18 // also NR_ICMP_TYPES: conntrack knows no higher type
)

// ICMPv6 types (uapi/linux/icmpv6.h).
const (
	icmpv6DestUnreach     = 1
	icmpv6ParamProb       = 4
	icmpv6InfoMsg         = 128 // ICMPV6_INFOMSG_MASK: lower ones are errors
	icmpv6EchoRequest     = 128
	icmpv6EchoReply       = 129
	icmpv6MLDQuery        = 130
	icmpv6MLDReport       = 131
	icmpv6MLDDone         = 132
	icmpv6RouterSolicit   = 133
	icmpv6RouterAdvert    = 134
	icmpv6NeighSolicit    = 135
	icmpv6NeighAdvert     = 136
	icmpv6Redirect        = 137
	icmpv6NIQuery         = 139
	icmpv6NIReply         = 140
	icmpv6MLD2Report      = 143
	icmpv6MRDAdvert       = 151
	icmpv6MRDSolicitation = 152
)

// icmpPartner returns the type that answers an ICMP type (nf_conntrack_proto_icmp.c and
// nf_conntrack_proto_icmpv6.c: invmap); ok is false if there is none.
func icmpPartner(proto, typ uint8) (partner uint8, ok bool) {
	if proto == ProtoICMP {
		switch typ {
		case icmpEchoReply:
			return icmpEcho, true
		case icmpEcho:
			return icmpEchoReply, true
		case icmpTimestamp, icmpInfoRequest, icmpAddress:
			return typ + 1, true
		case icmpTimestampReply, icmpInfoReply, icmpAddressReply:
			return typ - 1, true
		}
		return 0, false
	}
	switch typ {
	case icmpv6EchoRequest, icmpv6NIQuery:
		return typ + 1, true
	case icmpv6EchoReply, icmpv6NIReply:
		return typ - 1, true
	}
	return 0, false
}

// icmpIsError is icmp_is_err (include/linux/icmp.h), which Open vSwitch's extract_l4_icmp has too.
func icmpIsError(typ uint8) bool {
	switch typ {
	case icmpDestUnreach, icmpSourceQuench, icmpRedirect, icmpTimeExceeded, icmpParameterProb:
		return true
	}
	return false
}
