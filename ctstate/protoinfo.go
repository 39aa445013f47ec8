package ctstate

// TCPInfo is the TCP part of a kernel entry (struct ip_ct_tcp): CTA_PROTOINFO_TCP_*.
type TCPInfo struct {
	State      TCPState `json:"state"`
	FlagsOrig  uint8    `json:"flags_orig,omitempty"` // TCPFlag* of the original direction
	FlagsReply uint8    `json:"flags_reply,omitempty"`
	WScaleOrig uint8    `json:"wscale_orig,omitempty"` // window scale, 0 to 14
	WScaleRepl uint8    `json:"wscale_reply,omitempty"`
	// Last is what the kernel remembers of the last packet. The kernel does not export it, so only
	// entries that the model has made contain it.
	Last TCPLast `json:"last,omitzero"`
}

// TCPLast is struct ip_ct_tcp's last_index, last_dir and last_flags.
type TCPLast struct {
	Known        bool      `json:"known,omitempty"`
	Index        TCPBitSet `json:"index,omitempty"`
	Dir          Direction `json:"dir,omitempty"`
	ChallengeAck bool      `json:"challenge_ack,omitempty"` // IP_CT_EXP_CHALLENGE_ACK
	SimOpen      bool      `json:"sim_open,omitempty"`      // IP_CT_TCP_SIMULTANEOUS_OPEN
}

// TCPState is a connection's TCP state in the kernel: enum tcp_conntrack of
// uapi/linux/netfilter/nf_conntrack_tcp.h.
type TCPState uint8

// The kernel's TCP states.
const (
	TCPNone TCPState = iota
	TCPSynSent
	TCPSynRecv
	TCPEstablished
	TCPFinWait
	TCPCloseWait
	TCPLastAck
	TCPTimeWait
	TCPClose
	TCPSynSent2
)

var tcpStateNames = [...]string{"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT",
	"LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2"}

// String returns the kernel's name of the state (nf_conntrack_proto_tcp.c: tcp_conntrack_names), or
// its number where it has none.
func (s TCPState) String() string { return nameOf(s, tcpStateNames[:]) }

// MarshalText returns the text of String.
func (s TCPState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String returns. Other text is a *SyntaxError and sets the zero value.
func (s *TCPState) UnmarshalText(b []byte) error { return parseName(s, b, tcpStateNames[:]) }

// The flags of CTA_PROTOINFO_TCP_FLAGS_*: IP_CT_TCP_FLAG_* of nf_conntrack_tcp.h.
const (
	TCPFlagWindowScale = 0x01
	TCPFlagSackPerm    = 0x02
	TCPFlagCloseInit   = 0x04
	TCPFlagBeLiberal   = 0x08
	TCPFlagDataUnacked = 0x10
	TCPFlagMaxAckSet   = 0x20
)

// TCPBitSet is the kind of a TCP packet, as conntrack classifies it: enum tcp_bit_set of
// include/linux/netfilter/nf_conntrack_tcp.h.
type TCPBitSet uint8

// The kinds of TCP packet.
const (
	TCPSynSet    TCPBitSet = iota // TCP_SYN_SET
	TCPSynAckSet                  // TCP_SYNACK_SET
	TCPFinSet                     // TCP_FIN_SET
	TCPAckSet                     // TCP_ACK_SET
	TCPRstSet                     // TCP_RST_SET
	TCPNoneSet                    // TCP_NONE_SET
)

var tcpBitSetNames = [...]string{"SYN", "SYN-ACK", "FIN", "ACK", "RST", "packet without flags"}

// String returns the flag that decides, as in "SYN-ACK".
func (i TCPBitSet) String() string { return nameOf(i, tcpBitSetNames[:]) }

// MarshalText returns the text of String.
func (i TCPBitSet) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what String returns. Other text is a *SyntaxError and sets the zero value.
func (i *TCPBitSet) UnmarshalText(b []byte) error { return parseName(i, b, tcpBitSetNames[:]) }

// UserTCPInfo is the TCP part of an entry of the userspace datapath (lib/conntrack-tcp.c: struct
// conn_tcp), which has one state for each peer.
type UserTCPInfo struct {
	Orig       UserTCPState `json:"orig"`                 // of the peer that began the connection
	Reply      UserTCPState `json:"reply"`                // of the other
	FlagsOrig  uint8        `json:"flags_orig,omitempty"` // CT_DPIF_TCPF_*
	FlagsReply uint8        `json:"flags_reply,omitempty"`
	WScaleOrig uint8        `json:"wscale_orig,omitempty"` // window scale, 0 to 14
	WScaleRepl uint8        `json:"wscale_reply,omitempty"`
}

// peer returns the state of the peer that sends in a direction.
func (t *UserTCPInfo) peer(d Direction) *UserTCPState {
	if d == DirReply {
		return &t.Reply
	}
	return &t.Orig
}

// UserTCPState is a TCP peer's state in the userspace datapath: CT_DPIF_TCPS_* of lib/ct-dpif.h.
// The later the state, the larger the number.
type UserTCPState uint8

// The userspace datapath's TCP states.
const (
	UserTCPClosed UserTCPState = iota
	UserTCPListen
	UserTCPSynSent
	UserTCPSynRecv
	UserTCPEstablished
	UserTCPCloseWait
	UserTCPFinWait1
	UserTCPClosing
	UserTCPLastAck
	UserTCPFinWait2
	UserTCPTimeWait
)

var userTCPNames = [...]string{"CLOSED", "LISTEN", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "CLOSE_WAIT",
	"FIN_WAIT_1", "CLOSING", "LAST_ACK", "FIN_WAIT_2", "TIME_WAIT"}

// String returns Open vSwitch's name of the state (lib/ct-dpif.c: ct_dpif_tcp_state_string), or its
// number where it has none.
func (s UserTCPState) String() string { return nameOf(s, userTCPNames[:]) }

// MarshalText returns the text of String.
func (s UserTCPState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String returns. Other text is a *SyntaxError and sets the zero value.
func (s *UserTCPState) UnmarshalText(b []byte) error { return parseName(s, b, userTCPNames[:]) }

// SCTPInfo is the SCTP part of a kernel entry (struct ip_ct_sctp): CTA_PROTOINFO_SCTP_*. The
// userspace datapath has no SCTP state.
type SCTPInfo struct {
	State    SCTPState `json:"state"`
	VTagOrig uint32    `json:"vtag_orig,omitempty"` // verification tag, as ctnetlink writes it
	VTagRepl uint32    `json:"vtag_reply,omitempty"`
}

// SCTPState is an association's state in the kernel: enum sctp_conntrack of
// uapi/linux/netfilter/nf_conntrack_sctp.h.
type SCTPState uint8

// The kernel's SCTP states.
const (
	SCTPNone SCTPState = iota
	SCTPClosed
	SCTPCookieWait
	SCTPCookieEchoed
	SCTPEstablished
	SCTPShutdownSent
	SCTPShutdownRecd
	SCTPShutdownAckSent
	SCTPHeartbeatSent
)

var sctpStateNames = [...]string{"NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT",
	"SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT"}

// String returns the kernel's name of the state (nf_conntrack_proto_sctp.c: sctp_conntrack_names),
// or its number where it has none.
func (s SCTPState) String() string { return nameOf(s, sctpStateNames[:]) }

// MarshalText returns the text of String.
func (s SCTPState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String returns. Other text is a *SyntaxError and sets the zero value.
func (s *SCTPState) UnmarshalText(b []byte) error { return parseName(s, b, sctpStateNames[:]) }
