package ctstate

import "strconv"

// Source tells which table an entry was read from.
type Source uint8

// The tables an entry can come from.
const (
	FromNone Source = iota
	FromKernel
	FromUserspace
	FromOverlay
)

var sourceNames = [...]string{"none", "kernel", "userspace", "overlay"}

// String gives the table's name: "none", "kernel", "userspace" or "overlay".
func (s Source) String() string { return nameOf(int(s), sourceNames[:]) }

// MarshalText writes the text of String.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String writes.
func (s *Source) UnmarshalText(b []byte) error {
	for i, name := range sourceNames {
		if string(b) == name {
			*s = Source(i)
			return nil
		}
	}
	return &SyntaxError{In: string(b), Msg: "unknown table"}
}

func nameOf(i int, names []string) string {
	if i < len(names) {
		return names[i]
	}
	return strconv.Itoa(i)
}

// TCPInfo is the TCP part of an entry's protocol information. State and flags
// are the kernel's numbers (uapi/linux/netfilter/nf_conntrack_tcp.h). For the userspace
// datapath StateReply is the reply peer's own state and State the original peer's,
// as CT_DPIF_TCPS_* numbers.
type TCPInfo struct {
	State      TCPState `json:"state"`
	StateReply TCPState `json:"state_reply,omitempty"`
	FlagsOrig  uint8    `json:"flags_orig,omitempty"`
	FlagsReply uint8    `json:"flags_reply,omitempty"`
	WScaleOrig uint8    `json:"wscale_orig,omitempty"`
	WScaleRepl uint8    `json:"wscale_reply,omitempty"`
	// Last is what the kernel remembers of the last packet; it exports none of it, so only entries of
	// the model's own making have it.
	Last TCPLast `json:"last,omitzero"`
}

// TCPLast is struct ip_ct_tcp's last_index, last_dir and last_flags.
type TCPLast struct {
	Known        bool  `json:"known,omitempty"`
	Index        uint8 `json:"index,omitempty"` // enum tcp_bit_set
	Reply        bool  `json:"reply,omitempty"`
	ChallengeAck bool  `json:"challenge_ack,omitempty"` // IP_CT_EXP_CHALLENGE_ACK
	SimOpen      bool  `json:"sim_open,omitempty"`      // IP_CT_TCP_SIMULTANEOUS_OPEN
}

// TCPState is a connection's TCP state, enum tcp_conntrack.
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

// String gives the kernel's name of the state (nf_conntrack_proto_tcp.c: tcp_conntrack_names).
func (s TCPState) String() string { return nameOf(int(s), tcpStateNames[:]) }

// The flags of CTA_PROTOINFO_TCP_FLAGS_*, IP_CT_TCP_FLAG_*.
const (
	TCPFlagWindowScale = 0x01
	TCPFlagSackPerm    = 0x02
	TCPFlagCloseInit   = 0x04
	TCPFlagBeLiberal   = 0x08
	TCPFlagDataUnacked = 0x10
	TCPFlagMaxAckSet   = 0x20
)

// The userspace datapath's TCP states, CT_DPIF_TCPS_*.
const (
	UserTCPClosed TCPState = iota
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

// UserspaceName gives OVS's name of the state when it is a CT_DPIF_TCPS_* number.
func (s TCPState) UserspaceName() string { return nameOf(int(s), userTCPNames[:]) }

// ParseUserspaceTCPState reads a name of CT_DPIF_TCPS_*.
func ParseUserspaceTCPState(in string) (TCPState, bool) {
	for i, name := range userTCPNames {
		if in == name {
			return TCPState(i), true
		}
	}
	return 0, false
}

// SCTPInfo is the SCTP part of an entry's protocol information.
type SCTPInfo struct {
	State    uint8  `json:"state"`
	VTagOrig uint32 `json:"vtag_orig,omitempty"`
	VTagRepl uint32 `json:"vtag_reply,omitempty"`
}

// Entry is one connection as a table holds it.
type Entry struct {
	Zone       uint16    `json:"zone"`
	ID         uint32    `json:"id,omitempty"` // CTA_ID; 0 where the table has none
	Orig       Tuple     `json:"orig"`
	Reply      Tuple     `json:"reply"`
	Status     Status    `json:"status"`
	Timeout    uint32    `json:"timeout"`               // seconds left
	HasTimeout bool      `json:"has_timeout,omitempty"` // offloaded entries export none
	Mark       uint32    `json:"mark"`
	Label      Label     `json:"label"`
	TCP        *TCPInfo  `json:"tcp,omitempty"`
	SCTP       *SCTPInfo `json:"sctp,omitempty"`
	Helper     string    `json:"helper,omitempty"`
	Master     *Tuple    `json:"master,omitempty"` // original tuple of the master connection
	Source     Source    `json:"source"`
	// Created is when the connection began (unix seconds, CTA_TIMESTAMP_START or the overlay's clock); 0 when unknown.
	Created int64 `json:"created,omitempty"`
	// NATSrc and NATDst tell the userspace datapath's nat_action of the connection.
	NATSrc bool `json:"nat_src,omitempty"`
	NATDst bool `json:"nat_dst,omitempty"`
	// Unknown is what is not known of the entry, beyond what its other fields say.
	Unknown Unknown `json:"unknown,omitzero"`
}

// Direction tells which direction of the entry t is: ok is false when it is neither. A tuple equal to both
// (a connection to itself) is taken as the reply, which the kernel finds first because it hashes it last.
func (e *Entry) Direction(t Tuple) (reply, ok bool) {
	if e.Reply == t {
		return true, true
	}
	return false, e.Orig == t
}
