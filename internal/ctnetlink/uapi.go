package ctnetlink

// Message types: subsystem << 8 | message (uapi/linux/netfilter/nfnetlink.h,
// nfnetlink_conntrack.h).
const (
	msgCTNew     = 0x100
	msgCTGet     = 0x101
	msgCTDelete  = 0x102
	msgExpectGet = 0x201
)

// Netlink header flags and types (uapi/linux/netlink.h).
const (
	nlmRequest      = 0x1
	nlmMulti        = 0x2
	nlmAck          = 0x4
	nlmDumpIntr     = 0x10
	nlmDumpFiltered = 0x20
	nlmCapped       = 0x100
	nlmAckTLVs      = 0x200
	nlmDump         = 0x300
	nlmExcl         = 0x200
	nlmCreate       = 0x400

	nlmsgError = 2
	nlmsgDone  = 3
	nlmsgHdr   = 16
	nfgenHdr   = 4

	nlmsgErrAttrMsg = 1 // NLMSGERR_ATTR_MSG

	nlaNested   = 0x8000
	nlaTypeMask = 0x3fff
)

// enum ctattr_type.
const (
	ctaTupleOrig   = 1
	ctaTupleReply  = 2
	ctaStatus      = 3
	ctaProtoInfo   = 4
	ctaHelp        = 5
	ctaNATSrc      = 6
	ctaTimeout     = 7
	ctaMark        = 8
	ctaCountOrig   = 9
	ctaCountReply  = 10
	ctaID          = 12
	ctaNATDst      = 13
	ctaTupleMaster = 14
	ctaZone        = 18
	ctaTimestamp   = 20
	ctaMarkMask    = 21
	ctaLabels      = 22
	ctaLabelsMask  = 23
	ctaSynproxy    = 24
	ctaFilter      = 25
	ctaStatusMask  = 26
)

// enum ctattr_tuple, ctattr_ip, ctattr_l4proto.
const (
	ctaTupleIP    = 1
	ctaTupleProto = 2
	ctaTupleZone  = 3

	ctaIPv4Src = 1
	ctaIPv4Dst = 2
	ctaIPv6Src = 3
	ctaIPv6Dst = 4

	ctaProtoNum        = 1
	ctaProtoSrcPort    = 2
	ctaProtoDstPort    = 3
	ctaProtoICMPID     = 4
	ctaProtoICMPType   = 5
	ctaProtoICMPCode   = 6
	ctaProtoICMPv6ID   = 7
	ctaProtoICMPv6Type = 8
	ctaProtoICMPv6Code = 9
)

// enum ctattr_protoinfo, ctattr_protoinfo_tcp, ctattr_protoinfo_sctp.
const (
	ctaProtoInfoTCP  = 1
	ctaProtoInfoSCTP = 3

	ctaTCPState      = 1
	ctaTCPWScaleOrig = 2
	ctaTCPWScaleRepl = 3
	ctaTCPFlagsOrig  = 4
	ctaTCPFlagsReply = 5

	ctaSCTPState    = 1
	ctaSCTPVTagOrig = 2
	ctaSCTPVTagRepl = 3
)

// enum ctattr_help, ctattr_nat, ctattr_protonat, ctattr_tstamp, ctattr_counters,
// ctattr_synproxy, ctattr_filter.
const (
	ctaHelpName = 1

	ctaNATv4Min   = 1
	ctaNATv4Max   = 2
	ctaNATProto   = 3
	ctaNATv6Min   = 4
	ctaNATv6Max   = 5
	ctaNATPortMin = 1
	ctaNATPortMax = 2

	ctaTimestampStart = 1

	ctaCountersPackets = 1
	ctaCountersBytes   = 2

	ctaSynproxyISN   = 1
	ctaSynproxyITS   = 2
	ctaSynproxyTSOff = 3

	ctaFilterOrigFlags  = 1
	ctaFilterReplyFlags = 2
)

// enum ctattr_expect, ctattr_expect_nat and NF_CT_EXPECT_* flags.
const (
	ctaExpectMaster   = 1
	ctaExpectTuple    = 2
	ctaExpectMask     = 3
	ctaExpectTimeout  = 4
	ctaExpectHelpName = 6
	ctaExpectZone     = 7
	ctaExpectFlags    = 8
	ctaExpectNAT      = 10

	ctaExpectNATDir   = 1
	ctaExpectNATTuple = 2

	expectPermanent = 0x1
	expectInactive  = 0x2
)

// The members of a tuple that a CTA_FILTER compares: CTA_FILTER_F_CTA_* of the kernel's private
// nf_internals.h. They are stable since 5.8, because user space sends them in the attribute.
const (
	filterIPSrc     = 1 << 0
	filterIPDst     = 1 << 1
	filterZone      = 1 << 2
	filterProtoNum  = 1 << 3
	filterSrcPort   = 1 << 4
	filterDstPort   = 1 << 5
	filterICMPType  = 1 << 6
	filterICMPCode  = 1 << 7
	filterICMPv6Typ = 1 << 9
	filterICMPv6Cod = 1 << 10
)
