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

// segment is one translation, and what is needed to run it again when its recirculation ids have
// died.
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
	ordinal int                          // which of the parent's recirculations this resumes; afresh: none
	flow    func(recirc uint32) flowText // the request that enters it by a live recirculation id
}

// program is what a segment's translation has the datapath do.
type program struct {
	actions odp.Actions
	ids     []uint32 // recirculation ids in this text's order, as parsed
	live    []uint32 // the same as the newest run printed them
	shape   string   // actions with the ids taken out: a second run must print the same
}

// fate is what is known of a packet's end without its datapath actions.
type fate struct {
	failed  string       // the translation failed, and why
	unknown string       // why nothing is known of what becomes of the packet
	lost    []lostOutput // outputs to tunnels that no action stands for
}

// taught is a segment that is traced over lessons.
type taught struct {
	start *openflow.Flow // what a detour began with; nil: by the parent's place
	from  *flowText      // a detour's own request
	ahead int            // how much further on in pub.Tables the look-ups of a detour's section are
}

// note leaves a remark on the segment, once.
func (s *segment) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, n := range s.pub.Notes {
		if n == text {
			return
		}
	}
	s.pub.Notes = append(s.pub.Notes, text)
}

// assume notes something that was not given, once.
func (s *segment) assume(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(s.pub.Assumed, text) {
		s.pub.Assumed = append(s.pub.Assumed, text)
	}
}

func (s *segment) slowText() string { return strings.Join(s.section.SlowPath, "; ") }
