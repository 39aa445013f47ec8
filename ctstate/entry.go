package ctstate

// Label is a 128-bit ct_label; Hi holds bits 64 to 127.
type Label struct{ Hi, Lo uint64 }

// Source tells which table an entry was read from.
type Source uint8

// The tables an entry can come from.
const (
	FromNone Source = iota
	FromKernel
	FromUserspace
	FromOverlay
)

// TCPInfo is the TCP part of an entry's protocol information. State and flags
// are the kernel's numbers (uapi/linux/netfilter/nf_conntrack_tcp.h). For the userspace
// datapath StateReply is the reply peer's own state and State the original peer's,
// as CT_DPIF_TCPS_* numbers.
type TCPInfo struct {
	State                  TCPState
	StateReply             TCPState
	FlagsOrig, FlagsReply  uint8
	WScaleOrig, WScaleRepl uint8
}

// TCPState is a connection's TCP state, enum tcp_conntrack.
type TCPState uint8

// SCTPInfo is the SCTP part of an entry's protocol information.
type SCTPInfo struct {
	State              uint8
	VTagOrig, VTagRepl uint32
}

// Entry is one connection as a table holds it.
type Entry struct {
	Zone        uint16
	ID          uint32 // CTA_ID; 0 where the table has none
	Orig, Reply Tuple
	Status      Status
	Timeout     uint32 // seconds left
	HasTimeout  bool   // offloaded entries export none
	Mark        uint32
	Label       Label
	TCP         *TCPInfo
	SCTP        *SCTPInfo
	Helper      string
	Master      *Tuple // original tuple of the master connection
	Source      Source
}
