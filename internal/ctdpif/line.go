package ctdpif

import (
	"fmt"
	"strconv"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

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
	Extra               string // what a newer OVS prints after all that, from its comma on
}

// Tuple is one direction. OVS prints ports for every protocol but ICMP, even
// those that have none; Bare is a tuple printed without.
type Tuple struct {
	ctstate.Tuple
	Bare bool
}

// Counters are a direction's packets and bytes (-s); the userspace datapath has none.
type Counters struct{ Packets, Bytes uint64 }

// TCP is the protocol information of a TCP connection. Without -m only State
// is there: the later of the two, and coalesced, so that it says little.
type TCP struct {
	Verbose             bool
	State               State
	Orig, Reply         State
	HasWScale           bool
	WScaleOrig, WScaleR uint8
	FlagsOrig, FlagsRpl uint32
}

// SCTP is the protocol information of an SCTP connection.
type SCTP struct {
	State              uint8
	VTagOrig, VTagRepl uint32
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

// protocols with a name (ct_dpif_format_ipproto); others are numbers.
var protocols = [...]struct {
	num  uint8
	name string
}{{6, "tcp"}, {17, "udp"}, {1, "icmp"}, {58, "icmpv6"}, {132, "sctp"}, {136, "udplite"}, {33, "dccp"}, {2, "igmp"}}

func (s State) String() string { return enumString(tcpStates[:], uint8(s)) }

func enumString(names []string, v uint8) string {
	if int(v) < len(names) {
		return names[v]
	}
	return "[" + strconv.Itoa(int(v)) + "]"
}

// Entry is the line as the model has it.
func (l *Line) Entry() ctstate.Entry {
	e := ctstate.Entry{
		Zone: l.Zone, ID: l.ID, Orig: l.Orig.Tuple, Reply: l.Reply.Tuple, Status: l.Status,
		Timeout: l.Timeout, HasTimeout: l.HasTimeout, Mark: l.Mark, Label: l.Label, Helper: l.Helper,
		Source: ctstate.FromUserspace,
	}
	if l.TCP != nil && l.TCP.Verbose {
		e.TCP = &ctstate.TCPInfo{
			State: ctstate.TCPState(l.TCP.Orig), StateReply: ctstate.TCPState(l.TCP.Reply),
			FlagsOrig: uint8(l.TCP.FlagsOrig), FlagsReply: uint8(l.TCP.FlagsRpl),
			WScaleOrig: l.TCP.WScaleOrig, WScaleRepl: l.TCP.WScaleR,
		}
	}
	if l.SCTP != nil {
		e.SCTP = &ctstate.SCTPInfo{State: l.SCTP.State, VTagOrig: l.SCTP.VTagOrig, VTagRepl: l.SCTP.VTagRepl}
	}
	if l.Parent != nil {
		e.Master = &l.Parent.Tuple
	}
	return e
}

// String prints the line as OVS does.
func (l *Line) String() string { return string(l.Append(nil)) }

// Append appends what String returns.
func (l *Line) Append(b []byte) []byte {
	b = appendProto(b, l.Proto)
	b = l.Orig.append(append(b, ",orig=("...))
	b = append(l.CountOrig.append(b), ')')
	if l.HasReply {
		b = l.Reply.append(append(b, ",reply=("...))
		b = append(l.CountRpl.append(b), ')')
	}
	if l.Start != "" {
		b = append(append(b, ",start="...), l.Start...)
	}
	if l.Stop != "" {
		b = append(append(b, ",stop="...), l.Stop...)
	}
	if l.HasID {
		b = strconv.AppendUint(append(b, ",id="...), uint64(l.ID), 10)
	}
	if l.Zone != 0 {
		b = strconv.AppendUint(append(b, ",zone="...), uint64(l.Zone), 10)
	}
	if l.HasStatus {
		b = appendFlags(append(b, ",status="...), statusFlags[:], uint32(l.Status))
	}
	if l.HasTimeout {
		b = strconv.AppendUint(append(b, ",timeout="...), uint64(l.Timeout), 10)
	}
	if l.Mark != 0 {
		b = strconv.AppendUint(append(b, ",mark="...), uint64(l.Mark), 10)
	}
	if l.Label.Hi != 0 {
		b = fmt.Appendf(b, ",labels=0x%x%016x", l.Label.Hi, l.Label.Lo)
	} else if l.Label.Lo != 0 {
		b = fmt.Appendf(b, ",labels=0x%x", l.Label.Lo)
	}
	if l.TCP != nil || l.SCTP != nil {
		b = append(b, ",protoinfo=("...)
		if l.TCP != nil {
			b = l.TCP.append(b)
		} else {
			b = append(append(b, "state="...), enumString(sctpStates[:], l.SCTP.State)...)
			b = fmt.Appendf(b, ",vtag_orig=%d,vtag_reply=%d", l.SCTP.VTagOrig, l.SCTP.VTagRepl)
		}
		b = append(b, ')')
	}
	if l.Helper != "" {
		b = append(append(b, ",helper="...), l.Helper...)
	}
	if l.Parent != nil {
		b = append(l.Parent.append(append(b, ",parent=("...)), ')')
	}
	return append(b, l.Extra...)
}

func appendProto(b []byte, p uint8) []byte {
	for _, n := range protocols {
		if n.num == p {
			return append(b, n.name...)
		}
	}
	return strconv.AppendUint(b, uint64(p), 10)
}

func (t *Tuple) append(b []byte) []byte {
	b = t.Src.Addr().AppendTo(append(b, "src="...))
	b = t.Dst.Addr().AppendTo(append(b, ",dst="...))
	switch {
	case t.Bare:
	case t.Proto == ctstate.ProtoICMP || t.Proto == ctstate.ProtoICMPv6:
		b = fmt.Appendf(b, ",id=%d,type=%d,code=%d", t.ICMPID, t.ICMPType, t.ICMPCode)
	default:
		b = strconv.AppendUint(append(b, ",sport="...), uint64(t.Src.Port()), 10)
		b = strconv.AppendUint(append(b, ",dport="...), uint64(t.Dst.Port()), 10)
	}
	return b
}

func (c Counters) append(b []byte) []byte {
	if c == (Counters{}) {
		return b
	}
	return fmt.Appendf(b, ",packets=%d,bytes=%d", c.Packets, c.Bytes)
}

func (t *TCP) append(b []byte) []byte {
	if !t.Verbose {
		return append(append(b, "state="...), t.State.String()...)
	}
	b = append(append(b, "state_orig="...), t.Orig.String()...)
	b = append(append(b, ",state_reply="...), t.Reply.String()...)
	if t.HasWScale {
		b = fmt.Appendf(b, ",wscale_orig=%d,wscale_reply=%d", t.WScaleOrig, t.WScaleR)
	}
	b = appendFlags(append(b, ",flags_orig="...), tcpFlags[:], t.FlagsOrig)
	return appendFlags(append(b, ",flags_reply="...), tcpFlags[:], t.FlagsRpl)
}

// appendFlags is format_flags: names joined by "|", what has none as one
// number at the end, "0" for nothing.
func appendFlags(b []byte, names []string, v uint32) []byte {
	if v == 0 {
		return append(b, '0')
	}
	first := true
	sep := func() {
		if !first {
			b = append(b, '|')
		}
		first = false
	}
	for i, n := range names {
		if v&(1<<i) != 0 {
			sep()
			b = append(b, n...)
			v &^= 1 << i
		}
	}
	if v != 0 {
		sep()
		b = fmt.Appendf(b, "0x%x", v)
	}
	return b
}
