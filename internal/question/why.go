package question

import (
	"context"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Why answers why the session that the packet begins does not go through. It is played over the live
// entries, and as if there were none; with AsNew or AsLive only that one. The caller closes the run.
func (j *Judged) Why(ctx context.Context, r *deployment.Run) (*report.WhyReport, error) {
	e, err := j.resolve(ctx, r)
	if err != nil {
		return nil, err
	}
	r.Warn(e.warnings...)
	r.Driver.Backend = j.q.Backend
	in := diagnose.Input{Question: j.asked(e), Port: e.expect.port, NB: r.NB, SB: r.SB}
	if !j.q.AsNew {
		if in.Live, err = j.played(ctx, r, e, false); err != nil {
			return nil, err
		}
	}
	if !j.q.AsLive {
		if in.New, err = j.played(ctx, r, e, true); err != nil {
			return nil, err
		}
	}
	return diagnose.Why(ctx, in), nil
}

// played plays the session, over the live entries or as if there were none.
func (j *Judged) played(ctx context.Context, r *deployment.Run, e *entry, asNew bool) (*report.Report, error) {
	r.Driver.AsNew = asNew
	a := &asking{entry: e, run: r, asLive: j.q.AsLive}
	ans, err := a.session(ctx, j.q.Close)
	if err != nil {
		return nil, err
	}
	return ans.Report, nil
}

// asked is the question in words.
func (j *Judged) asked(e *entry) report.WhyQuestion {
	q := report.WhyQuestion{From: e.start.Port, To: j.q.To, Proto: packet.ProtoName(e.packet.Proto)}
	if q.To == "" {
		q.To = e.packet.Dst.String()
	}
	q.Text = fmt.Sprintf("why does %s not reach %s over %s, or the answer not come back?", q.From, q.To, q.Proto)
	return q
}
