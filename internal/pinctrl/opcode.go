package pinctrl

import "strconv"

// Opcode is enum action_opcode of OVN's include/ovn/actions.h: the first word of the
// userdata of each packet that OVN's flows punt.
type Opcode uint32

// Opcodes, in OVN's order. Numbers never changed from 20.03 to 26.03; new ones were only appended.
const (
	OpARP Opcode = iota
	OpPutARP
	OpPutDHCPOpts
	OpNDNA
	OpPutND
	OpPutDHCPv6Opts
	OpDNSLookup
	OpLog
	OpPutNDRAOpts
	OpNDNS
	OpICMP
	OpTCPReset
	OpNDNARouter
	OpPutICMP4FragMTU
	OpICMP4Error
	OpEvent
	OpIGMP
	OpBindVport
	OpHandleSvcCheck
	OpDHCP6Server
	OpICMP6Error
	OpPutICMP6FragMTU
	OpReject
	OpBFDMsg
	OpSCTPAbort
	OpPutFDB
	OpActivationStrategy
	OpSplitBufAction
	OpDHCPRelayReqChk
	OpDHCPRelayRespChk
	OpPutICMP4InnerIP4Src
	numOpcodes
)

// args is the kind of data after the action header.
type args uint8

const (
	argsNone   args = iota
	argsNested      // OpenFlow actions
	argsResult      // OXM header and bit offset of a result, then options
	argsOther       // a format of the opcode's own
)

// ops describes each opcode by its name in logical flows, its first release and its arguments.
var ops = [numOpcodes]struct {
	name  string
	since string
	args  args
}{
	OpARP:                 {"arp", "20.03", argsNested},
	OpPutARP:              {"put_arp", "20.03", argsNone},
	OpPutDHCPOpts:         {"put_dhcp_opts", "20.03", argsResult},
	OpNDNA:                {"nd_na", "20.03", argsNested},
	OpPutND:               {"put_nd", "20.03", argsNone},
	OpPutDHCPv6Opts:       {"put_dhcpv6_opts", "20.03", argsResult},
	OpDNSLookup:           {"dns_lookup", "20.03", argsResult},
	OpLog:                 {"log", "20.03", argsOther},
	OpPutNDRAOpts:         {"put_nd_ra_opts", "20.03", argsResult},
	OpNDNS:                {"nd_ns", "20.03", argsNested},
	OpICMP:                {"icmp", "20.03", argsNested}, // icmp4 and icmp6
	OpTCPReset:            {"tcp_reset", "20.03", argsNested},
	OpNDNARouter:          {"nd_na_router", "20.03", argsNested},
	OpPutICMP4FragMTU:     {"put_icmp4_frag_mtu", "20.03", argsOther}, // unused since 24.09
	OpICMP4Error:          {"icmp4_error", "20.03", argsNested},
	OpEvent:               {"trigger_event", "20.03", argsOther},
	OpIGMP:                {"igmp", "20.03", argsNone},
	OpBindVport:           {"bind_vport", "20.03", argsOther},
	OpHandleSvcCheck:      {"handle_svc_check", "20.03", argsNone},
	OpDHCP6Server:         {"handle_dhcpv6_reply", "20.06", argsNone},
	OpICMP6Error:          {"icmp6_error", "20.09", argsNested},
	OpPutICMP6FragMTU:     {"put_icmp6_frag_mtu", "20.09", argsOther}, // unused since 24.09
	OpReject:              {"reject", "20.12", argsNested},
	OpBFDMsg:              {"handle_bfd_msg", "21.03", argsNone},
	OpSCTPAbort:           {"sctp_abort", "21.03", argsNested},
	OpPutFDB:              {"put_fdb", "21.03", argsNone},
	OpActivationStrategy:  {"activation_strategy", "22.06", argsOther},
	OpSplitBufAction:      {"split_buf_action", "24.03", argsOther}, // MG_SPLIT_BUF in 24.03 and 24.09
	OpDHCPRelayReqChk:     {"dhcp_relay_req_chk", "24.09", argsResult},
	OpDHCPRelayRespChk:    {"dhcp_relay_resp_chk", "24.09", argsResult},
	OpPutICMP4InnerIP4Src: {"put_icmp4_inner_ip4_src", "main", argsOther},
}

// String returns the action's name in logical flows, or "opcode N" for an unknown one.
func (o Opcode) String() string {
	if o < numOpcodes {
		return ops[o].name
	}
	return "opcode " + strconv.FormatUint(uint64(o), 10)
}

// Since returns the first OVN release with this opcode; empty for an unknown one.
func (o Opcode) Since() string {
	if o < numOpcodes {
		return ops[o].since
	}
	return ""
}

func (o Opcode) args() args {
	if o < numOpcodes {
		return ops[o].args
	}
	return argsOther
}
