package ctstate

import (
	"context"
	"net/netip"
)

// Action is one ct() datapath action.
type Action struct {
	Commit, Force         bool
	Zone                  uint16
	Mark, MarkMask        uint32
	Label, LabelMask      Label
	Helper, TimeoutPolicy string
	NAT                   *NAT
}

// NAT is the nat() part of a ct() action.
type NAT struct {
	Src, Dst                 bool // neither: nat() alone
	MinAddr, MaxAddr         netip.Addr
	MinPort, MaxPort         uint16
	Persistent, Hash, Random bool
}

// Frag tells what part of a datagram a packet is (nw_frag).
type Frag uint8

// What part of a datagram a packet is.
const (
	FragNo Frag = iota
	FragFirst
	FragLater
)

// Packet is what conntrack sees of a packet. IP false means neither IPv4 nor IPv6.
type Packet struct {
	IP       bool
	Tuple    Tuple
	TCPFlags uint16 // FIN 1, SYN 2, RST 4, PSH 8, ACK 0x10, URG 0x20, ...
	Frag     Frag
	HasID    bool   // Tuple.ICMPID was given, not assumed
	Inner    *Tuple // ICMP errors: the packet the error speaks of, as quoted
	Redirect bool   // an ICMPv6 redirect that carries the redirected packet, in Inner
	HopLimit uint8  // IPv6; 0 when unknown
	Length   int    // bytes at L3; 0 when unknown
	// InWindow reports that the TCP sequence numbers, which are not given, are known to be what the
	// connection expects.
	InWindow bool
}

// Conn is the conntrack reference a packet carries between ct() actions (skb->_nfct)
// together with the key's ct fields. The zero Conn is an untracked packet. Values, not
// pointers: a clone copies it.
type Conn struct {
	Attached  bool // an entry (confirmed or not) is attached
	Zone      uint16
	Entry     Entry // as attached; Status&Confirmed tells whether it is in a table
	Reply     bool  // direction of the packet in Entry
	Related   bool  // ctinfo is RELATED(_REPLY)
	NewInfo   bool  // ctinfo is NEW
	State     State // the key's ct_state
	Mark      uint32
	Label     Label
	KeyZone   uint16
	OrigTuple *Tuple // the key's original tuple; nil when absent
	// TimeoutPolicy is the policy an unconfirmed entry was made with.
	TimeoutPolicy string
}

// keyOnly is c without its connection: what the flow key still tells of it.
func (c Conn) keyOnly() Conn {
	return Conn{State: c.State, Mark: c.Mark, Label: c.Label, KeyZone: c.KeyZone, OrigTuple: c.OrigTuple}
}

// Certainty says how sure an answer is.
type Certainty uint8

// How sure an answer is, the best first.
const (
	Exact        Certainty = iota // follows from entries read
	Predicted                     // the kernel's deterministic choice, computed
	Assumed                       // holds for an in-window packet, a plausible chunk, ...
	Undetermined                  // nobody outside can know; Why tells
)

// Range is what a port or address that cannot be known lies in.
type Range struct {
	What     string // "nat-port", "icmp-id", "nat-address"
	Min, Max uint16
	MinAddr  netip.Addr
	MaxAddr  netip.Addr
}

// Result is what one ct() action did to a packet.
type Result struct {
	Conn      Conn   // carry to the next action
	Packet    Packet // rewritten by NAT
	Looked    bool   // a table was asked (false: cached)
	Found     Source
	Hit       *Entry // the entry found, as found
	Reply     bool   // direction of the hit
	NATed     bool   // packet changed
	Committed *Entry // the entry this action leaves in the table (new or updated)
	Updated   *Entry // the hit as this packet's passing leaves it (SEEN_REPLY, TCP state, timeout), commit or not; nil when unchanged
	Deleted   *Entry // an entry this action removes (force, reopen, RST)
	Dropped   bool   // the action drops the packet (table full, zone limit, NAT exhausted)
	Absorbed  bool   // a later fragment: swallowed by reassembly
	Awaits    bool   // a fragment: what is told happens once all of its datagram has come
	Certainty Certainty
	Ranges    []Range // undetermined choices
	Why       []string
	// Alternatives, where there are any, are all that the action can have done: the rest of the
	// Result is the first one's.
	Alternatives []Alternative
}

// Tracker answers ct() actions: the kernel's conntrack or the userspace datapath's.
type Tracker interface {
	// Do runs one ct() action for a packet that carries conn.
	Do(ctx context.Context, tbl Table, conn Conn, p Packet, a Action) (Result, error)
	// Clear is ct_clear.
	Clear(conn Conn) Conn
	// Rewritten is what a packet still carries when a set() action has changed its addresses or ports.
	Rewritten(conn Conn) Conn
}
