// Package packet contains the headers of one packet that tracing needs, as typed fields without
// payload.
package packet

import (
	"net/netip"
)

// MAC is an Ethernet address. It is comparable.
type MAC [6]byte

// VLAN is one 802.1Q or 802.1ad tag.
type VLAN struct {
	// EtherType of the tag, as a number
	TPID uint16 `json:"tpid"`
	VID  uint16 `json:"vid" jsonschema:"minimum=0,maximum=4095"`        // VLAN id
	PCP  uint8  `json:"pcp,omitempty" jsonschema:"minimum=0,maximum=7"` // priority; absent when 0
}

// MPLS is one label stack entry.
type MPLS struct {
	Label uint32 `json:"label" jsonschema:"minimum=0,maximum=1048575"` // label value
	TC    uint8  `json:"tc" jsonschema:"minimum=0,maximum=7"`          // traffic class
	TTL   uint8  `json:"ttl"`                                          // of this label
	BOS   bool   `json:"bos"`                                          // bottom of the stack
}

// ParseMPLS splits a label stack entry into its fields (RFC 3032).
func ParseMPLS(entry uint32) MPLS {
	return MPLS{Label: entry >> 12, TC: uint8(entry>>9) & 7, BOS: entry>>8&1 == 1, TTL: uint8(entry)}
}

// Inner is the packet that an ICMP error quotes: its addresses, protocol and ports, or ICMP type,
// code and id.
type Inner struct {
	Proto    uint8      `json:"proto"`               // number of the IP protocol
	Src      netip.Addr `json:"src"`                 // source address
	Dst      netip.Addr `json:"dst"`                 // destination address
	SrcPort  uint16     `json:"sport,omitempty"`     // source port; absent when 0
	DstPort  uint16     `json:"dport,omitempty"`     // destination port; absent when 0
	ICMPType uint8      `json:"icmp_type,omitempty"` // absent when 0
	ICMPCode uint8      `json:"icmp_code,omitempty"` // absent when 0
	ICMPID   uint16     `json:"icmp_id,omitempty"`   // absent when 0
}

// Packet is a packet's headers. Fields that do not apply to EthType and Proto are zero.
type Packet struct {
	EthSrc  MAC    `json:"eth_src"`
	EthDst  MAC    `json:"eth_dst"`
	EthType uint16 `json:"eth_type"`         // behind the VLAN tags
	NoEth   bool   `json:"no_eth,omitempty"` // no Ethernet header: Open vSwitch's packet_type=(1,EthType)
	VLANs   []VLAN `json:"vlans,omitempty"`  // outermost first
	MPLS    []MPLS `json:"mpls,omitempty"`
	NSH     *NSH   `json:"nsh,omitempty"`

	Src   netip.Addr `json:"src"`
	Dst   netip.Addr `json:"dst"`
	Proto uint8      `json:"proto,omitempty"`
	TTL   uint8      `json:"ttl,omitempty"` // in IPv6 the hop limit
	TOS   uint8      `json:"tos,omitempty"` // DSCP and ECN together
	Frag  Frag       `json:"frag,omitempty"`
	Label uint32     `json:"flow_label,omitempty"` // of IPv6, 20 bits

	SrcPort  uint16   `json:"sport,omitempty"` // TCP, UDP, SCTP
	DstPort  uint16   `json:"dport,omitempty"`
	TCPFlags TCPFlags `json:"tcp_flags,omitempty"`

	ICMPType uint8  `json:"icmp_type,omitempty"` // ICMP, ICMPv6 and IGMP
	ICMPCode uint8  `json:"icmp_code,omitempty"`
	ICMPID   uint16 `json:"icmp_id,omitempty"`
	HasID    bool   `json:"has_icmp_id,omitempty"` // ICMPID was given
	// IDChosen reports whether ICMPID was not given but chosen; a connection's own id may replace
	// it.
	IDChosen bool   `json:"icmp_id_chosen,omitempty"`
	Inner    *Inner `json:"inner,omitempty"`

	// ARP. Src and Dst are the sender's and the target's IP address, as in Open vSwitch; ARPOp is
	// the operation.
	ARPOp  uint16 `json:"arp_op,omitempty"`
	ARPSHA MAC    `json:"arp_sha"`
	ARPTHA MAC    `json:"arp_tha"`

	// Neighbour discovery.
	NDTarget netip.Addr `json:"nd_target"`
	NDSLL    MAC        `json:"nd_sll"`
	NDTLL    MAC        `json:"nd_tll"`

	// Length is the length in bytes of the frame without its Ethernet header and VLAN tags; 0 when
	// unknown.
	Length int `json:"length,omitempty"`
}
