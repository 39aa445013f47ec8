package diagnose

import (
	"context"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// unsettled reports whether the session over the live entries could not be followed to its end,
// although the one of a new connection could: what is not known is which entries there are, as in
// an archive without them.
func (j *judge) unsettled() bool {
	if j.Live == nil || j.New == nil {
		return false
	}
	p, ends := broken(j.Live)
	if p == nil || len(ends) == 0 || slices.ContainsFunc(ends, func(b *report.Branch) bool { return b.Verdict != engine.Unknown }) {
		return false
	}
	reaches, answered := j.outcome(j.New)
	return isFalse(reaches) || answered != nil
}

// supposed returns what breaks a new connection, or may, where the live session is unsettled, and
// then why that is. The traces' causes hold for a connection without entries.
func (j *judge) supposed(ctx context.Context) []report.Finding {
	out := j.ranked(ctx, j.New, nil)
	for _, f := range j.causes(ctx, j.New) {
		for i := range out {
			if out[i].Code == f.Code && out[i].Text == f.Text {
				out[i].Certainty = report.ConfidencePossible
				out[i].Evidence = append(out[i].Evidence, "of a new connection: which entries there are is not known")
			}
		}
	}
	for _, f := range j.causes(ctx, j.Live) {
		out = add(out, f)
	}
	return sorted(out)
}
