package report

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// Delivered reports whether the packet that was asked about, which is a session's first, comes out
// at a logical port: in every branch, so whatever its undetermined choices are; of a flood, in one.
// An empty port means any.
func (r *Report) Delivered(port string) bool {
	return len(r.Packets) > 0 && r.Packets[0].Ended(port, engine.Delivered)
}

// Established reports whether the report is of a session, and its handshake goes through whatever
// its undetermined choices are.
func (r *Report) Established() bool { return r.Session != nil && r.Session.Established }

// DroppedBy reports whether a row of the Northbound database drops the packet; of a session, the
// packet that broke it. The table is its name there, such as "ACL" or "Logical_Router_Policy". The
// row is given by its name, or by its UUID, as not every row has a name. It is false where an
// undetermined choice leaves another end, and where no Northbound database was read.
func (r *Report) DroppedBy(table, row string) bool {
	return r.decidedBy(engine.Dropped, table, row)
}

// RejectedBy is DroppedBy for a row that makes OVN answer the sender with a TCP reset or an ICMP
// error.
func (r *Report) RejectedBy(table, row string) bool {
	return r.decidedBy(engine.Rejected, table, row)
}

// decidedBy reports whether the last packet ended with v in every branch, and a row decided each.
func (r *Report) decidedBy(v engine.Verdict, table, row string) bool {
	if len(r.Packets) == 0 || row == "" || !r.Session.brokenOneWay() {
		return false
	}
	p := r.Packets[len(r.Packets)-1]
	return p.Ended("", v) && !slices.ContainsFunc(p.Branches, func(b *Branch) bool {
		return b.Mirror == "" && b.Verdict == v && !b.Reason.is(table, row)
	})
}

// brokenOneWay reports whether all alternatives of a session break by the same packet for the same
// reason; true without a session.
func (s *Session) brokenOneWay() bool {
	if s == nil {
		return true
	}
	return s.BrokenAt != "" && !slices.ContainsFunc(s.Alternatives, func(a SessionAlternative) bool {
		return a.BrokenAt != s.BrokenAt || a.Why != s.Why
	})
}

// is reports whether a Northbound row is the reason.
func (r *Reason) is(table, row string) bool {
	return r != nil && r.NB != nil && r.NB.Table == table && (r.NB.Name == row || r.NB.UUID == row)
}

// Ended reports whether the packet ended with one of the verdicts: every branch did, or, where the
// packet was multiplied by design (Flood), one did and none ended better. Copies of a mirror do not
// count. Branches that were delivered must have come out at port, where one is given.
func (p *Packet) Ended(port string, verdicts ...engine.Verdict) bool {
	all, some := len(p.Branches) > 0, false
	for _, b := range p.Branches {
		if b.Mirror != "" {
			continue
		}
		if slices.Contains(verdicts, b.Verdict) && (port == "" || b.Verdict != engine.Delivered || b.End.Port == port) {
			some = true
		} else {
			all = false
		}
	}
	return all || some && p.Flood && slices.Contains(verdicts, p.Verdict)
}

// Passed returns the chassis that the packets pass, in the order in which they first reach them.
func (r *Report) Passed() []string {
	var out []string
	for _, p := range r.Packets {
		for _, h := range p.Hops {
			if !slices.Contains(out, h.Chassis) {
				out = append(out, h.Chassis)
			}
		}
	}
	return out
}
