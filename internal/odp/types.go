// Package odp reads and prints datapath actions and flow keys as Open vSwitch
// writes them (lib/odp-util.c), into a closed set of types.
package odp

import (
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// Action is one datapath action; the set of types in this file is closed, and an unknown action is
// an Opaque.
type Action interface {
	String() string
	append([]byte) []byte
	action()
}

// Actions is a list of datapath actions; the empty list prints as "drop".
type Actions []Action

// Output sends the packet to a datapath port, by number or (with --names) by name.
type Output struct{ Port string }

// Drop is the explicit drop action. (The empty list prints the same word: Parse("drop") gives an
// empty list.)
type Drop struct{}

// LbOutput sends the packet to a member of a bond, by a hash.
type LbOutput struct{ Bond uint32 }

// Trunc truncates the packet at the next output to MaxLen bytes.
type Trunc struct{ MaxLen uint32 }

// Meter passes the packet through a meter.
type Meter struct{ ID uint32 }

// TnlPop decapsulates to a tunnel port.
type TnlPop struct{ Port string }

// TnlPush encapsulates natively (userspace tunnels). Header contains the parts that tracing needs;
// Text is the header(...) as printed.
type TnlPush struct {
	TnlPort, OutPort string
	Header           TunnelHeader
	Text             string
}

// TunnelHeader is the outer header of a TnlPush.
type TunnelHeader struct {
	Size           uint64 // of the whole header, in bytes
	Type           uint64 // of the header, OVS_VPORT_TYPE_*
	EthSrc, EthDst string
	Src, Dst       netip.Addr
	TTL, TOS       uint8
	Proto          uint8
	UDPSrc, UDPDst uint16
	Kind           string // "geneve", "vxlan", "gre", "erspan", "gtpu", "srv6"
	VNI            uint64
	Options        []TunnelOption
}

// TunnelOption is one Geneve option; Len is in bytes, Data its value, big endian, Len long.
type TunnelOption struct {
	Class uint16
	Type  uint8
	Len   uint8
	Data  []byte
}

// Userspace is an upcall.
type Userspace struct {
	PID           uint64
	Controller    *Controller // controller(...)
	SlowPath      []string    // slow_path(reasons)
	Kind          string      // "controller", "slow_path", "sFlow", "flow_sample", "ipfix", "userdata" or ""
	Text          string      // udata as printed, without the leading comma
	WithActions   bool
	TunnelOutPort string
}

// Controller is the user cookie of an upcall for a controller action.
type Controller struct {
	Reason       uint32
	DontSend     bool
	Continuation bool
	RecircID     uint32
	RuleCookie   uint64
	ControllerID uint32
	MaxLen       uint32
}

// Recirc repeats the datapath's look-up with a recirculation id.
type Recirc struct{ ID uint32 }

// Hash computes a packet's dp_hash.
type Hash struct {
	Alg   string // "l4", "sym_l4" or another name as printed
	Basis uint32
}

// Set rewrites header fields.
type Set struct{ Key Key }

// Key is one flow key attribute, NAME(fields) or NAME(value).
type Key struct {
	Name   string
	Fields []KeyField
	// Tunnel is the typed form of tunnel(...), with values but not masks; printing uses it only if
	// there are no Fields.
	Tunnel *Tunnel
	// Encap contains the keys in encap(...).
	Encap Keys
	// Text is an item that is not NAME(...); the other fields are then empty.
	Text string
}

// KeyField is one field of a key; Name is empty if the key is a bare value (skb_mark(0x1)). Mask is
// empty if the whole field is matched or set. A field printed NAME(...), such as flags(df|csum),
// has a Value that starts with "(".
type KeyField struct{ Name, Value, Mask string }

// Tunnel is a tunnel(...) key.
type Tunnel struct {
	ID       uint64
	HasID    bool
	Src, Dst netip.Addr
	TOS, TTL uint8
	TPSrc    uint16
	TPDst    uint16
	Geneve   []TunnelOption
	Flags    []string   // df, csum, key, oam
	Rest     []KeyField // other items as printed: vxlan(...), erspan(...), gtpu(...)
}

// PushEth adds an Ethernet header.
type PushEth struct{ Src, Dst string }

// PopEth removes the Ethernet header.
type PopEth struct{}

// PushVLAN adds a VLAN tag.
type PushVLAN struct {
	TPID                    uint16 // 0x8100 when not printed
	VID                     uint16
	PCP                     uint8
	CFI                     bool // false when printed cfi=0
	HasTPID, HasVID, HasPCP bool
}

// PopVLAN removes a VLAN tag.
type PopVLAN struct{}

// PushMPLS adds an MPLS label; Add is add_mpls.
type PushMPLS struct {
	Label   uint32
	TC, TTL uint8
	BOS     bool
	EthType uint16
	Add     bool
}

// PopMPLS removes an MPLS label.
type PopMPLS struct{ EthType uint16 }

// Sample runs actions for a fraction of the packets.
type Sample struct {
	Percent string // as printed, without the sign
	Actions Actions
}

// Clone runs actions on a copy.
type Clone struct{ Actions Actions }

// CT passes the packet through conntrack.
type CT struct {
	Commit, Force    bool
	Zone             uint16
	HasMark          bool
	Mark, MarkMask   uint32
	HasLabel         bool
	Label, LabelMask openflow.U128
	Helper, Timeout  string
	NAT              *NAT
	Bare             bool // printed without parentheses
}

// NAT is the nat part of a CT.
type NAT struct {
	Src, Dst                 bool
	MinAddr, MaxAddr         netip.Addr
	MinPort, MaxPort         uint16
	Persistent, Hash, Random bool
	Err                      string // nat(error: ...) or nat(range error), as printed
}

// CTClear makes the packet untracked.
type CTClear struct{}

// PushNSH adds an NSH header; Text is the field list as printed.
type PushNSH struct{ Text string }

// PopNSH removes an NSH header.
type PopNSH struct{}

// CheckPktLen branches by the packet's length in bytes.
type CheckPktLen struct {
	Size   uint32
	GT, LE Actions
}

// DecTTL decrements the TTL; LE1 runs if the TTL was at most 1.
type DecTTL struct{ LE1 Actions }

// PSample passes a copy to the kernel's packet sampler.
type PSample struct {
	Group  uint32
	Cookie string // hex digits without 0x; empty for none
}

// Opaque is an action this package does not know, as printed.
type Opaque struct{ Text string }
