package engine

import (
	"context"
	"errors"
	"strings"

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

// laterTuple6 returns a datapath flow with the ports of ct_tuple6 named as Open vSwitch 4.0 reads
// them: tp_src and tp_dst, as those of ct_tuple4. Releases up to 3.5 read src_port and dst_port only
// (lib/odp-util.c: parse_odp_key_mask_attr__). It reports whether the flow has such a tuple.
func laterTuple6(flow string) (string, bool) {
	before, rest, ok := strings.Cut(flow, "ct_tuple6(")
	tuple, after, closed := strings.Cut(rest, ")")
	if !ok || !closed {
		return flow, false
	}
	tuple = strings.NewReplacer("src_port=", "tp_src=", "dst_port=", "tp_dst=").Replace(tuple)
	return before + "ct_tuple6(" + tuple + ")" + after, true
}

// sections runs one request and returns all its sections, of which there is always a first.
func (r *run) sections(ctx context.Context, f flowText) ([]oftrace.Section, error) {
	var text string
	var err error
	if f.actions != "" {
		text, err = r.engine.OVS.TracePacketOut(ctx, f.bridge, f.flow, f.actions)
	} else {
		text, err = r.engine.OVS.Trace(ctx, f.bridge, f.flow)
		if other, ok := laterTuple6(f.flow); ok && err != nil && oftrace.Classify(err.Error()) == oftrace.ReplySyntax {
			text, err = r.engine.OVS.Trace(ctx, f.bridge, other)
		}
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
