package question

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Why answers why the session that the packet begins does not go through. It is played over the
// live entries, and as if there were none; with AsNew or AsLive only that one. A port or next hop
// without which no packet can be sent is an answer too, and no error. The caller closes the run.
// With an error, the answer is what was found before it, or nil where that is nothing.
func (j *Judged) Why(ctx context.Context, r *deployment.Run) (*report.WhyReport, error) {
	e, err := j.resolve(ctx, r)
	in := diagnose.Input{NB: r.NB, SB: r.SB, Of: r.Databases} // of the zone of the port, once that is known
	if err != nil {
		return j.refused(ctx, r, in, err)
	}
	r.Warn(e.warnings...)
	e.exchange = nil // a capture gives the first packet; what is asked is what becomes of a session now
	r.Driver.Backend = j.q.Backend
	in.Question, in.Port = j.asked(e.start.Port, e.packet), e.expect.port
	if !j.q.AsNew {
		if in.Live, err = j.played(ctx, r, e, false); err != nil {
			in.Cut = err
			return partialWhy(ctx, in, err)
		}
	}
	if !j.q.AsLive {
		if in.New, err = j.played(ctx, r, e, true); err != nil {
			if in.Live == nil {
				in.Cut = err
			} else { // the session over the live entries is an answer without it
				in.New, in.Warnings = nil, append(in.Warnings, "what becomes of a new connection is unknown: "+err.Error())
			}
			return partialWhy(ctx, in, err)
		}
	}
	if in.Live != nil && in.New != nil {
		if in.Standing, err = standing(ctx, r, e, &in); err != nil {
			in.Warnings = append(in.Warnings, "a live connection of the client was not compared: "+err.Error())
		}
	}
	onWay(ctx, r, &in)
	if err := ctx.Err(); err != nil {
		in.Warnings = append(in.Warnings, "not all that stands on the way was looked at: "+err.Error())
		return partialWhy(ctx, in, err)
	}
	return diagnose.Why(ctx, in), nil
}

// partialWhy is the answer of what was found before an error, which it returns too; nil where that
// is nothing.
func partialWhy(ctx context.Context, in diagnose.Input, err error) (*report.WhyReport, error) {
	if in.Live == nil && in.New == nil {
		return nil, err
	}
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = late(ctx)
		defer cancel()
	}
	return diagnose.Why(ctx, in), err
}

// played plays the session, over the live entries or as if there were none. With an error, the
// report is of what was found before it, or nil.
func (j *Judged) played(ctx context.Context, r *deployment.Run, e *entry, asNew bool) (*report.Report, error) {
	r.Driver.AsNew = asNew
	a := &asking{entry: e, run: r, asLive: j.q.AsLive}
	ans, err := a.session(ctx, j.q.Close)
	if ans == nil {
		return nil, err
	}
	return ans.Report, err
}

// asked is the question in words.
func (j *Judged) asked(from string, p packet.Packet) report.WhyQuestion {
	q := report.WhyQuestion{From: from, To: j.q.To, Proto: packet.ProtoName(p.Proto)}
	if q.To == "" {
		q.To = p.Dst.String()
	}
	q.Text = fmt.Sprintf("why does %s not reach %s, or the answer not come back?", q.From, q.To)
	return q
}

// refused answers a question whose packet cannot be sent, by the error that says why. It returns
// any other error.
func (j *Judged) refused(ctx context.Context, r *deployment.Run, in diagnose.Input, err error) (*report.WhyReport, error) {
	ref, ok := Unsent(err)
	if !ok {
		return nil, err
	}
	ref.Port = cmp.Or(ref.Port, j.q.From, j.given.InPort)
	var p packet.Packet
	var hop *noHopError
	if errors.As(err, &hop) {
		p = j.unsent(hop.packet)
	}
	ref.Packet = report.HeaderOf(p)
	in.Question = j.asked(cmp.Or(j.q.From, ref.Port), p)
	if in.Question.Proto == "0" {
		in.Question.Proto = j.q.Proto
	}
	made := publish.New(r.Driver.Infos())
	return diagnose.Refused(ctx, in, ref, r.Warnings(), made.Versions), nil
}

// unsent completes a packet without a next hop by what the question says of its protocol.
func (j *Judged) unsent(p packet.Packet) packet.Packet {
	proto, _ := protoOf(j.q.Proto)
	if proto == 0 && j.dest.HasPort {
		proto = packet.ProtoTCP
	}
	p.Proto = cmp.Or(p.Proto, j.dest.Proto, proto, packet.ProtoICMP)
	p.DstPort = cmp.Or(p.DstPort, j.dest.Port)
	return p
}
