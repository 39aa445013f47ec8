package ctstate

import (
	"context"
	"net/netip"
)

// Tracker models ct() actions: those of the kernel ([Kernel]) or of the userspace datapath
// ([Userspace]).
type Tracker interface {
	// Do runs one ct() action for a packet that carries conn. It changes neither the table nor its
	// arguments; [Overlay.Apply] records what it did. The error is a *[LookupError] if the table
	// could not be read; the Result then contains what was found before it.
	Do(ctx context.Context, tbl Table, conn Conn, p Packet, a Action) (Result, error)
	// Clear returns what a packet that carries conn carries after ct_clear.
	Clear(conn Conn) Conn
	// Rewritten returns what a packet that carries conn carries after a set() action has changed
	// its addresses or ports.
	Rewritten(conn Conn) Conn
}

// Action is one ct() datapath action: OVS_ACTION_ATTR_CT with its OVS_CT_ATTR_*.
type Action struct {
	Commit, Force    bool // Force needs Commit (OVS_CT_ATTR_FORCE_COMMIT)
	Zone             uint16
	Mark, MarkMask   uint32 // a commit writes the bits in MarkMask to the entry
	Label, LabelMask Label
	Helper           string // "ftp", ...; "" for none
	TimeoutPolicy    string // name of a policy in Kernel.Policies; "" for the namespace's timeouts
	NAT              *NAT   // nil without nat()
}

// NAT is the nat() part of a ct() action: OVS_CT_ATTR_NAT with its OVS_NAT_ATTR_*.
type NAT struct {
	Src, Dst         bool       // at most one; neither is nat() alone
	MinAddr, MaxAddr netip.Addr // the range; both invalid for no address, MaxAddr invalid for one address
	MinPort, MaxPort uint16     // the range; both 0 for no port, MaxPort 0 for one port
	Persistent       bool       // NF_NAT_RANGE_PERSISTENT
	Hash, Random     bool       // NF_NAT_RANGE_PROTO_RANDOM, NF_NAT_RANGE_PROTO_RANDOM_FULLY
}

// Frag is the part of a datagram that a packet contains (OVS_FRAG_TYPE_*).
type Frag uint8

// The values of Frag.
const (
	FragNo    Frag = iota // a whole datagram
	FragFirst             // the first fragment
	FragLater             // a later fragment, without an L4 header
)

// Packet is the part of a packet that conntrack uses.
type Packet struct {
	IP       bool   `json:"ip"` // IPv4 or IPv6; conntrack ignores other packets
	Tuple    Tuple  `json:"tuple,omitzero"`
	TCPFlags uint16 `json:"tcp_flags,omitempty"` // as in the header: FIN 1, SYN 2, ...
	Frag     Frag   `json:"frag,omitempty"`
	HasID    bool   `json:"has_id,omitempty"`    // Tuple.ICMPID is given, not assumed
	Inner    *Tuple `json:"inner,omitempty"`     // of an ICMP error: the packet that it quotes
	Redirect bool   `json:"redirect,omitempty"`  // an ICMPv6 redirect that quotes Inner
	HopLimit uint8  `json:"hop_limit,omitempty"` // IPv6; 0 when unknown
	Length   int    `json:"length,omitempty"`    // bytes from the IP header on; 0 when unknown
	// InWindow reports whether the TCP sequence numbers, which are not given, are known to be those
	// that the connection expects.
	InWindow bool `json:"in_window,omitempty"`
}

// Conn is the conntrack reference that a packet carries between ct() actions (skb->_nfct, or struct
// conn of Open vSwitch's struct pkt_metadata) together with the ct fields of its flow key. The zero
// Conn is an untracked packet. It is a value: a clone of the packet gets a copy.
type Conn struct {
	// Attached reports whether the packet has an entry. If so it is Entry, in Zone, and Info is the
	// packet's ctinfo. The entry is in a table if its status has Confirmed.
	Attached bool   `json:"attached,omitempty"`
	Zone     uint16 `json:"zone,omitempty"`
	Entry    Entry  `json:"entry,omitzero"`
	Info     CTInfo `json:"info,omitempty"`
	// State, Mark, Label, KeyZone and OrigTuple are the flow key's ct_state, ct_mark, ct_label,
	// ct_zone and original tuple; OrigTuple is nil where the key has none.
	State     State  `json:"state,omitempty"`
	Mark      uint32 `json:"mark,omitempty"`
	Label     Label  `json:"label,omitzero"`
	KeyZone   uint16 `json:"key_zone,omitempty"`
	OrigTuple *Tuple `json:"orig_tuple,omitempty"`
	// TimeoutPolicy is the timeout policy of an unconfirmed entry.
	TimeoutPolicy string `json:"timeout_policy,omitempty"`
}

// keyOnly returns c without its connection: the flow key alone.
func (c Conn) keyOnly() Conn {
	return Conn{State: c.State, Mark: c.Mark, Label: c.Label, KeyZone: c.KeyZone, OrigTuple: c.OrigTuple}
}
