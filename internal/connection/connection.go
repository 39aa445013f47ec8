// Package connection joins conntrack entries of all zones and chassis into connections. It is pure:
// who owns a zone or an address is said by its caller.
package connection

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
)

// Record is a conntrack entry and where it is.
type Record struct {
	Chassis  string
	ZoneName string // owner of the zone: a logical port, ROUTER_dnat, ROUTER_snat; empty if unknown
	Entry    ctstate.Entry
}

// Connection is the entries that the packets of one connection pass. Legs are in the order in which
// the packets of the original direction pass them, the client's first.
type Connection struct {
	Legs []Record
}

// Orig is the tuple with which the connection's first packet enters OVN.
func (c *Connection) Orig() ctstate.Tuple { return c.Legs[0].Entry.Orig }

// Translated is the tuple with which the connection's first packet leaves the last leg, after all
// NAT.
func (c *Connection) Translated() ctstate.Tuple { return After(&c.Legs[len(c.Legs)-1].Entry) }

// After is the tuple of a packet of the original direction behind the entry's NAT: the inverted
// reply tuple.
func After(e *ctstate.Entry) ctstate.Tuple {
	t, ok := e.Reply.Invert()
	if !ok { // an ICMP type that nothing answers: NAT has changed addresses only
		t = e.Orig
		t.Src, t.Dst = e.Reply.Dst, e.Reply.Src
	}
	return t
}
