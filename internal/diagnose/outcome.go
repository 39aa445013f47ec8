package diagnose

import (
	"fmt"
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
	unknown := slices.ContainsFunc(ownBranches(request), func(b *report.Branch) bool { return b.Verdict == engine.Unknown || goesOn(b) })
	some, all := false, len(request.Branches) > 0
	for _, branches := range alternatives(request) {
		arrives, everywhere := j.arrives(branches)
		some = some || arrives
		all = all && (everywhere || arrives && request.Flood)
	}
	switch {
	case some && all:
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

// arrives reports whether a packet with these branches arrives at the port that is asked for, or,
// where none is, anywhere; and whether all of its branches do, of which those outside of OVN are no
// obstacle.
func (j *judge) arrives(branches []*report.Branch) (arrives, everywhere bool) {
	everywhere = true
	for _, b := range branches {
		switch b.Verdict {
		case engine.Delivered:
			there := j.Port == "" || b.End.Port == j.Port
			arrives, everywhere = arrives || there, everywhere && there
		case engine.External, engine.Host:
			arrives = arrives || j.Port == "" // outside is not at the port
		default:
			everywhere = false
		}
	}
	return arrives, arrives && everywhere
}

// alternatives returns the branches of a packet itself by the ways in which its undetermined
// choices can fall: a branch that depends on fewer of them is part of several. Without such choices
// there is one.
func alternatives(p *report.Packet) [][]*report.Branch {
	own := ownBranches(p)
	var all [][]string // the choices of each branch
	for _, b := range own {
		all = append(all, open(b))
	}
	within := func(a, b []string) bool {
		return !slices.ContainsFunc(a, func(c string) bool { return !slices.Contains(b, c) })
	}
	var out [][]*report.Branch
	for i, choices := range all {
		part := false // of another alternative
		for k, o := range all {
			part = part || within(choices, o) && (len(o) > len(choices) || k < i)
		}
		if part {
			continue
		}
		var branches []*report.Branch
		for k, o := range all {
			if within(o, choices) {
				branches = append(branches, own[k])
			}
		}
		out = append(out, branches)
	}
	return out
}

// open returns the choices that lead to a branch and that the packet does not decide, each as text.
func open(b *report.Branch) []string {
	var out []string
	for _, c := range b.Choices {
		if text := fmt.Sprintf("%s is %s", c.Kind, c.Chosen); !c.Determined && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
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
