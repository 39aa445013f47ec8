package session

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
)

// Result is the result of a handshake, for each of its alternatives.
type Result struct {
	Proto        uint8
	Alternatives []Alternative
	Unplayed     int // alternatives that were not played to their end
	// Cut reports that an error ended the handshake: the last of Alternatives has what was found
	// before, and is broken by the error.
	Cut bool
	// Events are the packets that were sent and the remarks between them, in their order.
	Events []Event

	Captured bool                  // a captured exchange was replayed, no handshake played
	Frames   map[*driver.Trace]int // of a replay: the frame of each packet
}

// Event is a packet that was sent, or a remark for a person.
type Event struct {
	Sent   *driver.Trace // nil for a remark
	Remark string
}

// Alternative is a handshake for one combination of the undetermined choices.
type Alternative struct {
	Packets []*driver.Trace
	Choices []engine.Choice
	Broken  *Break // nil: established
	// Verdict is that of the packet that broke it; of an established session, that of the first
	// packet.
	Verdict engine.Verdict
	World   driver.World

	// Of a replay.
	Differs      *Difference // nil: no difference
	Undetermined bool        // an end is unknown: it ends before the capture does
}

// Break is where a handshake broke, and why.
type Break struct {
	Label string // of the packet
	Why   string // in words; empty where End is the reason
	// End is the branch by which the packet ended instead of arriving; nil where Why is the reason.
	End  *driver.Branch
	Sent *driver.Trace // the packet of a replay; of a handshake it is the last one
}

// Through counts the alternatives that go through.
func (r *Result) Through() int {
	n := 0
	for _, a := range r.Alternatives {
		if a.Broken == nil {
			n++
		}
	}
	return n
}

// Undetermined reports whether it is unknown if the handshake goes through: some alternatives go
// through and others do not, or some were not played, or not to their end.
//
// Of a replay it reports that no alternative agrees with the whole capture, and some might.
func (r *Result) Undetermined() bool {
	switch {
	case r.Cut:
		return true
	case r.Captured:
		return r.Shown().Undetermined || r.Unplayed > 0 && r.Shown().Differs != nil
	}
	n := r.Through()
	return r.Unplayed > 0 || n > 0 && n < len(r.Alternatives)
}

// Shown returns the alternative that stands for the handshake: the one that an error ended, else
// the first that breaks, else the first. For a replay it is the first that agrees with the whole
// capture, else one that might, else the one that agrees longest. The zero Alternative where there
// is none.
func (r *Result) Shown() Alternative {
	switch {
	case r.Cut:
		return r.Alternatives[len(r.Alternatives)-1]
	case r.Captured:
		return r.longest()
	}
	for _, a := range r.Alternatives {
		if a.Broken != nil {
			return a
		}
	}
	if len(r.Alternatives) == 0 {
		return Alternative{}
	}
	return r.Alternatives[0]
}

// longest is Shown for a replay.
func (r *Result) longest() Alternative {
	var best Alternative
	for i, a := range r.Alternatives {
		if i == 0 || a.rank() > best.rank() || a.rank() == best.rank() && a.Differs != nil && a.Differs.Frame > best.Differs.Frame {
			best = a
		}
	}
	return best
}

// rank orders the alternatives of a replay: those that agree are best.
func (a Alternative) rank() int {
	switch {
	case a.Differs != nil:
		return 0
	case a.Undetermined:
		return 1
	}
	return 2
}
