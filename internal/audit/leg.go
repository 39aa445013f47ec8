package audit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
)

// leg is an entry with the owner of its zone.
type leg struct {
	*connection.Record
	owner inventory.ZoneOwner
	owned bool          // the inventory has the owner
	after ctstate.Tuple // of a packet of the original direction, behind the entry's NAT
}

func newLeg(inv *inventory.Inventory, r *connection.Record) leg {
	l := leg{Record: r, after: connection.After(&r.Entry)}
	l.owner, l.owned = inv.Zone(r.ZoneName)
	return l
}

// dnat and snat report whether the entry translates the destination's or the source's address or
// port.
func (l *leg) dnat() bool { return l.after.Dst != l.Entry.Orig.Dst }
func (l *leg) snat() bool { return l.after.Src != l.Entry.Orig.Src }

// portless reports whether the table does not export the entry's ports, although its protocol has
// some: the userspace datapath's, for SCTP. What translates such an entry is unknown.
func (l *leg) portless() bool {
	o := &l.Entry.Orig
	return ctstate.HasPorts(o.Proto) && o.Src.Port() == 0 && o.Dst.Port() == 0
}

// ends reports whether the entry is about to go by itself, whatever packets come: its TCP
// connection or SCTP association is closing or has been reset.
func (l *leg) ends() bool { return ends(&l.Entry) }

func ends(e *ctstate.Entry) bool {
	switch {
	case e.TCP != nil:
		return e.TCP.State >= ctstate.TCPFinWait && e.TCP.State <= ctstate.TCPClose
	case e.UserTCP != nil:
		u := e.UserTCP
		return max(u.Orig, u.Reply) > ctstate.UserTCPEstablished || u.Orig == ctstate.UserTCPClosed
	case e.SCTP != nil:
		s := e.SCTP.State
		return s == ctstate.SCTPClosed || s >= ctstate.SCTPShutdownSent && s <= ctstate.SCTPShutdownAckSent
	}
	return false
}

// established reports whether both ends of a TCP connection have opened it and none has closed it.
func established(e *ctstate.Entry) bool {
	switch {
	case e.TCP != nil:
		return e.TCP.State == ctstate.TCPEstablished && e.Status&ctstate.Assured != 0
	case e.UserTCP != nil:
		return e.UserTCP.Orig == ctstate.UserTCPEstablished && e.UserTCP.Reply == ctstate.UserTCPEstablished
	}
	return false
}

// zone returns the zone by its number and, if known, its owner: "zone 7 (lr0_snat)".
func (l *leg) zone() string {
	s := "zone " + strconv.Itoa(int(l.Entry.Zone))
	if l.ZoneName != "" {
		s += " (" + l.ZoneName + ")"
	}
	return s
}

// where returns the place of the entry, and the router or port whose zone it is.
func (l *leg) where() map[string]string {
	out := map[string]string{"chassis": l.Chassis, "zone": strconv.Itoa(int(l.Entry.Zone))}
	if l.ZoneName != "" {
		out["zone_name"] = l.ZoneName
	}
	switch {
	case l.owner.Router != nil:
		out["router"] = l.owner.Router.Name
	case l.owner.Port != nil:
		out["port"] = l.owner.Port.Name
	}
	return out
}

// evidence returns the entry on one line.
func (l *leg) evidence() string {
	e := &l.Entry
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", l.Chassis, l.zone(), e.Orig)
	if l.after != e.Orig {
		fmt.Fprintf(&b, " => %s", strings.TrimPrefix(l.after.String(), ctstate.ProtoName(e.Orig.Proto)+" "))
	}
	if s := connection.StateOf(e); s != "" {
		b.WriteString(", " + s)
	}
	if e.Status&ctstate.Assured != 0 {
		b.WriteString(", assured")
	}
	if e.HasTimeout {
		fmt.Fprintf(&b, ", %d s left", e.Timeout)
	}
	return b.String()
}

// flush returns the command that removes the entry, to be run on its chassis. dpctl/flush-conntrack
// takes the original tuple.
func (l *leg) flush() string { return connection.FlushCommand(l.Entry.Zone, l.Entry.Orig) }
