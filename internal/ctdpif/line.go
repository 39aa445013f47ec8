package ctdpif

import "github.com/ovn-ct-trace/ovn-ct-trace/ctstate"

// Line is one connection as ct_dpif_format_entry prints it, or one expectation
// (ct_dpif_format_exp_entry), which has no reply direction.
type Line struct {
	Proto               uint8
	Orig, Reply         Tuple
	HasReply            bool
	CountOrig, CountRpl Counters
	Start, Stop         string // as printed, in the daemon's time zone
	HasID               bool   // -m
	ID                  uint32
	Zone                uint16
	HasStatus           bool // -m
	Status              ctstate.Status
	HasTimeout          bool // -s
	Timeout             uint32
	Mark                uint32
	Label               ctstate.Label
	TCP                 *TCP
	SCTP                *SCTP
	Helper              string
	Parent              *Tuple
	// Layout lists the items as they were read, if their order is not OVS's or some are unknown.
	Layout []Item
}

// Item is an item of a line or of its protocol information: Key for a known item, Text for an
// unknown one.
type Item struct{ Key, Text string }

// Tuple is one direction. OVS prints ports for every protocol but ICMP, even for protocols without
// ports; Bare is set if it printed none.
type Tuple struct {
	ctstate.Tuple
	Bare bool
}

// Counters are a direction's packets and bytes (-s); the userspace datapath has none.
type Counters struct{ Packets, Bytes uint64 }

// TCP is the protocol information of a TCP connection. Without -m only State is printed: the later
// of the two states, with several states merged into one, too coarse for the model.
type TCP struct {
	Verbose             bool
	State               State
	Orig, Reply         State
	HasWScale           bool
	WScaleOrig, WScaleR uint8
	FlagsOrig, FlagsRpl uint32
	Layout              []Item // as Line.Layout
}

// SCTP is the protocol information of an SCTP connection.
type SCTP struct {
	State              uint8
	VTagOrig, VTagRepl uint32
	Layout             []Item // as Line.Layout
}

// State is a TCP state of the userspace datapath, CT_DPIF_TCPS_*.
type State uint8

var tcpStates = [...]string{
	"CLOSED", "LISTEN", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "CLOSE_WAIT",
	"FIN_WAIT_1", "CLOSING", "LAST_ACK", "FIN_WAIT_2", "TIME_WAIT", "MAX_NUM",
}

var sctpStates = [...]string{
	"CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT",
	"SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT", "HEARTBEAT_ACKED", "MAX_NUM",
}

var statusFlags = [...]string{
	"EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED", "SRC_NAT", "DST_NAT", "SEQ_ADJUST",
	"SRC_NAT_DONE", "DST_NAT_DONE", "DYING", "FIXED_TIMEOUT", "TEMPLATE", "UNTRACKED",
}

var tcpFlags = [...]string{
	"WINDOW_SCALE", "SACK_PERM", "CLOSE_INIT", "BE_LIBERAL", "DATA_UNACKNOWLEDGED", "MAXACK_SET",
}

// protocols that OVS prints by name (ct_dpif_format_ipproto); it prints others as numbers.
var protocols = [...]struct {
	num  uint8
	name string
}{{6, "tcp"}, {17, "udp"}, {1, "icmp"}, {58, "icmpv6"}, {132, "sctp"}, {136, "udplite"}, {33, "dccp"}, {2, "igmp"}}

// Entry returns the line as an entry of the model.
func (l *Line) Entry() ctstate.Entry {
	e := ctstate.Entry{
		Zone: l.Zone, ID: l.ID, Orig: l.Orig.Tuple, Reply: l.Reply.Tuple, Status: l.Status,
		Timeout: l.Timeout, HasTimeout: l.HasTimeout, Mark: l.Mark, Label: l.Label, Helper: l.Helper,
		Source: ctstate.FromUserspace,
	}
	if l.TCP != nil && l.TCP.Verbose {
		e.UserTCP = &ctstate.UserTCPInfo{
			Orig: ctstate.UserTCPState(l.TCP.Orig), Reply: ctstate.UserTCPState(l.TCP.Reply),
			FlagsOrig: uint8(l.TCP.FlagsOrig), FlagsReply: uint8(l.TCP.FlagsRpl),
			WScaleOrig: l.TCP.WScaleOrig, WScaleRepl: l.TCP.WScaleR,
		}
	}
	if l.SCTP != nil {
		// CT_DPIF_SCTP_STATE_* has no NONE before CLOSED.
		e.SCTP = &ctstate.SCTPInfo{State: ctstate.SCTPState(l.SCTP.State) + ctstate.SCTPClosed, VTagOrig: l.SCTP.VTagOrig, VTagRepl: l.SCTP.VTagRepl}
	}
	if l.Parent != nil {
		e.Master = &l.Parent.Tuple
	}
	return e
}
