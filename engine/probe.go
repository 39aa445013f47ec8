package engine

import (
	"context"
	"errors"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/oftrace"
)

// flowText is one request to ofproto/trace.
type flowText struct {
	bridge, flow string
	actions      string // not empty: packet-out
}

func lost(sec oftrace.Section) bool { return sec.Failed == oftrace.ContextLost }

// probe runs one request and returns its first section: the sections after it depend on
// ofproto/trace's own guesses about conntrack.
func (r *run) probe(ctx context.Context, f flowText) (oftrace.Section, error) {
	all, err := r.sections(ctx, f)
	return all[0], err
}

// sections runs one request and returns all its sections, of which there is always a first.
func (r *run) sections(ctx context.Context, f flowText) ([]oftrace.Section, error) {
	var text string
	var err error
	if f.actions != "" {
		text, err = r.engine.OVS.TracePacketOut(ctx, f.bridge, f.flow, f.actions)
	} else {
		text, err = r.engine.OVS.Trace(ctx, f.bridge, f.flow)
	}
	if err != nil {
		return []oftrace.Section{{}}, &TraceError{Bridge: f.bridge, Flow: f.flow, Err: err}
	}
	tr, err := oftrace.Parse(text)
	if len(tr.Sections) == 0 {
		var refused *oftrace.ReplyError
		if errors.As(err, &refused) && refused.Kind != oftrace.ReplyOther {
			return []oftrace.Section{{}}, &TraceError{Bridge: f.bridge, Flow: f.flow, Err: err}
		}
		// Neither a trace nor a refusal: the packet's end is unknown.
		return []oftrace.Section{{Parent: -1, Flow: f.flow}}, nil
	}
	// A later section that is cut short does not matter; the first one records it itself.
	return tr.Sections, nil
}
