package session

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
)

// Result is what became of the handshake, of every alternative of it.
type Result struct {
	Proto        uint8
	Alternatives []Alternative
	Unplayed     int // alternatives that were not played to their end
	// Events are the packets that were sent and what was noted between them, in their order.
	Events []Event
}

// Event is a packet that was sent, or a remark for a person.
type Event struct {
	Sent   *driver.Trace // nil for a remark
	Remark string
}

// Alternative is a handshake for one way in which the undetermined choices can fall.
type Alternative struct {
	Packets []*driver.Trace
	Choices []engine.Choice
	Broken  *Break // nil: established
	// Verdict is how the packet ended that broke it; of an established session, how the first
	// packet did.
	Verdict engine.Verdict
	World   driver.World
}

// Break is where a handshake broke, and why.
type Break struct {
	Label string // of the packet
	Why   string // in words; empty where End tells it
	// End is the branch by which the packet ended instead of arriving; nil where Why tells it.
	End *driver.Branch
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

// Undetermined reports whether it depends on a choice if the handshake goes through: some
// alternatives do and others do not, or some were not played.
func (r *Result) Undetermined() bool {
	n := r.Through()
	return r.Unplayed > 0 || n > 0 && n < len(r.Alternatives)
}

// Shown returns the alternative that stands for the handshake: the first that breaks, else the
// first. The zero Alternative where there is none.
func (r *Result) Shown() Alternative {
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
