package diagnose

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// outcome returns whether the request of a session arrives, and whether its answer comes back; nil
// if that is not determined.
func (j *judge) outcome(r *report.Report) (reaches, answered *bool) {
	yes, no := true, false
	if len(r.Packets) == 0 {
		return nil, nil
	}
	request := r.Packets[0]
	arrived := func(b *report.Branch) bool {
		switch b.Verdict {
		case engine.Delivered:
			return j.Port == "" || b.End.Port == j.Port
		case engine.External, engine.Host:
			return true
		}
		return false
	}
	own := ownBranches(request)
	some := slices.ContainsFunc(own, func(b *report.Branch) bool {
		return arrived(b) && (j.Port == "" || b.Verdict == engine.Delivered) // outside is not at the port
	})
	all := some && !slices.ContainsFunc(own, func(b *report.Branch) bool { return !arrived(b) })
	unknown := slices.ContainsFunc(own, func(b *report.Branch) bool { return b.Verdict == engine.Unknown || goesOn(b) })
	switch {
	case all || some && request.Flood:
		reaches = &yes
	case !some && !unknown:
		return &no, &no
	}
	s := r.Session
	switch {
	case s == nil:
		return reaches, nil
	case s.Established && isTrue(reaches):
		answered = &yes
	case s.Established, s.Verdict == engine.Unknown, reaches == nil:
	default:
		answered = &no
	}
	return reaches, answered
}

// goesOn reports whether a packet that waits for an address goes on at once, because OVN itself
// answers.
func goesOn(b *report.Branch) bool {
	return b.Reason != nil && b.Reason.Where["answered"] != ""
}

// ownBranches returns the branches of the packet itself, without the copies that mirrors make.
func ownBranches(p *report.Packet) []*report.Branch {
	return slices.DeleteFunc(slices.Clone(p.Branches), func(b *report.Branch) bool { return b.Mirror != "" })
}

func isTrue(b *bool) bool { return b != nil && *b }

func isFalse(b *bool) bool { return b != nil && !*b }

// broken returns the packet that broke a session, and the branches by which it ended; nil if none
// did.
func broken(r *report.Report) (*report.Packet, []*report.Branch) {
	if r.Session == nil || r.Session.Established || len(r.Packets) == 0 {
		return nil, nil
	}
	p := r.Packets[len(r.Packets)-1]
	var out []*report.Branch
	for _, b := range ownBranches(p) {
		if b.Verdict != engine.Delivered && b.Verdict != engine.External && b.Verdict != engine.Host {
			out = append(out, b)
		}
	}
	slices.SortStableFunc(out, func(a, b *report.Branch) int { return int(a.Verdict) - int(b.Verdict) })
	return p, out
}
