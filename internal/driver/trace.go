package driver

import (
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// Trace is the way and the ends of one packet. It is data, without the names of tables and the
// texts of a report: internal/publish makes those.
type Trace struct {
	Label     string // what the packet is called: "SYN"; later packets know its choices by it
	Direction string // original or reply
	Start     Start  // where the packet entered
	Packet    packet.Packet
	Hops      []*Hop // in the order in which they were made
	// Outcomes are exclusive alternatives; they share the branches that ended before they parted.
	Outcomes []Outcome
	Branches []*Branch // those of all outcomes, each once
	Asides   []*Branch // the ends of packets that OVN sends beside the traced one, each once
	Verdict  engine.Verdict
	Flood    bool // the packet was multiplied by design: Verdict is its best branch's
	// Warnings are reasons why the trace may be less than certain, in the order in which they were
	// found.
	Warnings []string
	// LateWarnings are those of the questions asked after the packet had ended: where else its
	// connection is known, who will answer its address request.
	LateWarnings []string
}

// Hop is a visit of the packet to a chassis.
type Hop struct {
	Chassis     string
	Bridge      string // where it entered
	Integration string // the bridge of the chassis that OVN programs
	InPort      string
	Via         string            // vif, tunnel, physical, patch or controller
	Tunnel      *HopTunnel        // that it came by; nil for any other way
	Segments    []*engine.Segment // as the node returned them
	Remarks     map[int][]string  // side effects in a segment, by its index
	Zones       map[uint16]string // names of conntrack zones; nil where they are unknown
}

// HopTunnel is the tunnel between two hops.
type HopTunnel struct {
	Type     string // geneve, vxlan, ...
	Src, Dst netip.Addr
	// IPsec is what protects its packets, as configured at the sender; empty for a tunnel without
	// IPsec.
	IPsec string
}

// Step is a segment on a branch's way: indexes in Trace.Hops and Hop.Segments.
type Step struct{ Hop, Segment int }

// Outcome is one combination of the undetermined choices.
type Outcome struct {
	Choices  []engine.Choice
	Branches []*Branch
	Asides   []*Branch // ends of packets that OVN sends beside the traced one
	World    World
}

// Branch is one end of the packet.
type Branch struct {
	Verdict engine.Verdict
	Chassis string // where it ends
	Port    string // logical port, interface or bridge; empty where it ends at none
	Network string // provider network that it left by
	Packet  packet.Packet
	Choices []engine.Choice
	Cause   *Cause // what decided the end; nil for a delivered packet
	Hops    []int  // indexes in Trace.Hops
	Way     []Step
	Made    string // which packet of OVN's own this is: "tcp_reset", "arp"; empty for the traced one
	// Mirror is the mirror whose copy this is; such a branch does not count for the verdict.
	Mirror string
	// Outside reports that the packet left by a physical port for somebody OVN does not own.
	Outside bool
	// Ignored reports that the packet ended at a bridge's own port with another unicast MAC than that
	// port's: a copy that the bridge floods, which the host's stack does not take (eth_type_trans:
	// PACKET_OTHERHOST).
	Ignored bool
	// Held is where the packet, a fragment, waits for the others: its end takes effect only after
	// every fragment of its datagram has arrived. Nil where it does not depend on them.
	Held *Held
}

// Kind returns at what the branch ends: port, host, external, controller, drop or unknown.
func (b *Branch) Kind() string {
	switch b.Verdict {
	case engine.Dropped:
		return "drop"
	case engine.Controller:
		return "controller"
	case engine.Host:
		return "host"
	case engine.External:
		return "external"
	case engine.Delivered:
		return "port"
	case engine.Rejected:
		switch {
		case b.Outside:
			return "external"
		case b.Port != "":
			return "port" // the sender's, where the refusal arrives
		}
		return "controller"
	}
	return "unknown"
}

// Held is the ct() action where a fragment first waits for the others of its datagram.
type Held struct {
	Chassis string
	Zone    uint16
}

// Cause is what decided a branch's end.
type Cause struct {
	Chassis string
	// Why is the reason in words; empty where the look-up is the whole reason.
	Why    string
	Lookup *Lookup // that decided; nil where none did
	// Punted reports that the look-up handed the packet to ovn-controller.
	Punted    bool
	Elsewhere *Elsewhere // where else the packet's connection is known; nil: nowhere, or not searched
	Outlook   Outlook    // who will answer what the packet waits for
	Awaits    netip.Addr // address that ovn-controller asks for, which the packet waits for; zero: none
	MTU       uint32     // limit in bytes that the packet exceeds; 0 where that is not the reason
	Fault     Fault      // what is missing between chassis; the zero Fault where that is not the reason
}

// Fault is what is missing for a packet to get from one chassis to another.
type Fault struct {
	Kind    FaultKind
	Chassis string // where it is missing
	Network string // provider network, of FaultNoBridgeMapping
}

// FaultKind is the kind of a Fault.
type FaultKind uint8

// The kinds of fault.
const (
	FaultNone            FaultKind = iota
	FaultNoTunnel                  // the chassis takes no packets of the tunnel
	FaultNoBridgeMapping           // the chassis has no bridge for the provider network
)

// Lookup is a table look-up on a branch's way: its place, and the hit itself.
type Lookup struct {
	Step
	Index int // in the segment's Tables
	Hit   engine.TableHit
}

// Elsewhere is a connection that has entries, but none where the packet was looked up.
type Elsewhere struct {
	Missed Zone // where it was looked up last
	Known  []Known
}

// Zone is a conntrack zone of a chassis.
type Zone struct {
	Chassis string
	ID      uint16
	Name    string // empty when unknown
}

// Known is an entry in a zone that the packet was not looked up in.
type Known struct {
	Zone
	Entry ctstate.Entry
}
