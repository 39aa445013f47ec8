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
	// Layout lists the items as they were read, if Append would otherwise print them differently:
	// because of their order, or because some are unknown.
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

func (s State) String() string { return enumString(tcpStates[:], uint8(s)) }

func enumString(names []string, v uint8) string {
	if int(v) < len(names) {
		return names[v]
	}
	return "[" + strconv.Itoa(int(v)) + "]"
}

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

// String prints the line as OVS does.
func (l *Line) String() string { return string(l.Append(nil)) }

// Append appends the text that String returns.
func (l *Line) Append(b []byte) []byte {
	return appendItems(appendProto(b, l.Proto), l, lineItems[:], l.Layout)
}

// item describes one kind of item: its key, whether OVS prints it for v, and how to read and print
// its value.
type item[T any] struct {
	key   string
	shown func(v *T) bool
	read  func(p *parser, v *T)
	put   func(b []byte, v *T) []byte
}

// appendItems appends the items of v, each after a comma, in the order of layout, or in OVS's order
// if layout is empty.
func appendItems[T any](b []byte, v *T, items []item[T], layout []Item) []byte {
	for i := range items {
		if it := &items[i]; layout == nil && it.shown(v) {
			b = it.put(append(append(append(b, ','), it.key...), '='), v)
		}
	}
	for _, x := range layout {
		b = append(b, ',')
		if x.Key == "" {
			b = append(b, x.Text...)
		}
		for i := range items {
			if it := &items[i]; it.key == x.Key {
				b = it.put(append(append(b, it.key...), '='), v)
			}
		}
	}
	return b
}

// appendEnclosed is appendItems in parentheses, without the comma before the first item.
func appendEnclosed[T any](b []byte, v *T, items []item[T], layout []Item) []byte {
	at := len(b)
	b = appendItems(b, v, items, layout)
	if len(b) > at {
		b[at] = '('
	} else {
		b = append(b, '(')
	}
	return append(b, ')')
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

// appendFlags is format_flags: names joined by "|", then the bits without a name as one number; "0"
// if no bit is set.
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
