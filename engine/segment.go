package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/odp"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ofreplay"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// segment is one translation, and the data to run it again after its recirculation ids have died.
type segment struct {
	pub    *Segment
	parent *segment
	entry  state // the packet as it enters
	entrance
	section oftrace.Section // ofproto/trace's answer
	program
	fate
	replay *ofreplay.Replay // of section; nil: not replayed yet
	taught
}

// entrance is how a segment is entered.
type entrance struct {
	ordinal int                          // number of the parent's recirculation that it resumes; afresh: none
	flow    func(recirc uint32) flowText // the request that enters it by a live recirculation id
}

// program is the datapath actions of a segment's translation.
type program struct {
	actions odp.Actions
	ids     []uint32 // recirculation ids in this text's order, as parsed
	live    []uint32 // the same ids, as the newest run printed them
	shape   string   // actions with the ids taken out: a second run must print the same
}

// fate is what the trace shows of a packet's end other than by datapath actions.
type fate struct {
	failed  string       // why the translation failed; empty if it did not
	unknown string       // why the packet's end is unknown; empty if it is known
	lost    []lostOutput // outputs to tunnels without a datapath action
}

// taught is the part of a segment that is traced with lessons.
type taught struct {
	start *openflow.Flow // registers at the start of a detour; nil: those at the parent's recirculation
	from  *flowText      // a detour's own request
	ahead int            // index in pub.Tables of a detour section's first look-up
}

// note adds a remark to the segment, once.
func (s *segment) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, n := range s.pub.Notes {
		if n == text {
			return
		}
	}
	s.pub.Notes = append(s.pub.Notes, text)
}

// assume records a value that was not given, once.
func (s *segment) assume(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(s.pub.Assumed, text) {
		s.pub.Assumed = append(s.pub.Assumed, text)
	}
}

func (s *segment) slowText() string { return strings.Join(s.section.SlowPath, "; ") }
