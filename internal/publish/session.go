package publish

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/session"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Session adds a handshake to a report: the packets of the alternative that stands for it, and how
// each alternative ended; or a replay, of which it is the alternative that agrees best.
func (p *Publisher) Session(ctx context.Context, r *report.Report, res *session.Result) {
	s := &sessionWriting{Result: res, packets: map[*driver.Trace]*report.Packet{}}
	var warnings remarks
	for _, e := range res.Events {
		if e.Sent == nil {
			warnings.add(e.Remark)
			continue
		}
		pkt, more := p.packet(ctx, e.Sent)
		pkt.Frame = res.Frames[e.Sent]
		s.packets[e.Sent] = pkt
		warnings.add(more...)
	}
	r.Warnings = append(r.Warnings, warnings...)
	for _, t := range res.Shown().Packets {
		r.Packets = append(r.Packets, s.packets[t])
	}
	if d := res.Shown().Differs; d != nil {
		s.packets[d.Sent].Differs = s.difference(d)
	}
	r.Session = s.session()
	r.Verdict = worst(r.Packets)
	if res.Undetermined() {
		r.Verdict = engine.Unknown
	}
}

// sessionWriting is a handshake's report being made.
type sessionWriting struct {
	*session.Result
	packets map[*driver.Trace]*report.Packet
}

// session is the public form of a handshake.
func (s *sessionWriting) session() *report.Session {
	out := &report.Session{Proto: packet.ProtoName(s.Proto)}
	if len(s.Alternatives) == 0 {
		return out
	}
	shown := s.alternative(s.Shown())
	out.Established, out.BrokenAt, out.Why, out.Verdict = shown.Established, shown.BrokenAt, shown.Why, shown.Verdict
	switch {
	case s.Undetermined() && (s.Captured || s.Cut):
		out.Established, out.Verdict = false, engine.Unknown
	case s.Undetermined():
		out.Established, out.BrokenAt, out.Verdict = false, "", engine.Unknown
		out.Why = s.undetermined(shown)
	}
	if len(s.Alternatives) > 1 && !s.Captured {
		for _, a := range s.Alternatives {
			out.Alternatives = append(out.Alternatives, s.alternative(a))
		}
	}
	return out
}

// undetermined returns why it is unknown whether a handshake goes through.
func (s *sessionWriting) undetermined(shown report.SessionAlternative) string {
	through, played := s.Through(), len(s.Alternatives)
	switch {
	case through > 0 && through < played:
		return fmt.Sprintf("established in %d of %d alternatives, else broken at %s: %s", through, played, shown.BrokenAt, shown.Why)
	case through > 0:
		// One of those that were not played may break.
		return fmt.Sprintf("%d alternatives were played and go through, %d more were not played", played, s.Unplayed)
	}
	return fmt.Sprintf("%d alternatives were played and are broken, %d more were not played; the first is broken at %s: %s",
		played, s.Unplayed, shown.BrokenAt, shown.Why)
}

// alternative is the public form of one alternative.
func (s *sessionWriting) alternative(a session.Alternative) report.SessionAlternative {
	out := report.SessionAlternative{Choices: a.Choices, Established: a.Broken == nil, Verdict: a.Verdict}
	if b := a.Broken; b != nil {
		out.BrokenAt, out.Why = b.Label, b.Why
		if b.End != nil {
			out.Why = s.failure(cmp.Or(b.Sent, a.Packets[len(a.Packets)-1]), b.End)
		}
	}
	if d := a.Differs; d != nil {
		out.Established, out.BrokenAt, out.Why = false, d.Sent.Label, s.difference(d)
	}
	return out
}

// difference returns, in one line, how a capture and the prediction of a packet differ.
func (s *sessionWriting) difference(d *session.Difference) string {
	predicted := d.Predicted
	if d.End != nil {
		predicted = s.failure(d.Sent, d.End)
	}
	return d.What + "; predicted: " + predicted
}

// failure returns, in one line, how a packet ended instead of arriving.
func (s *sessionWriting) failure(t *driver.Trace, end *driver.Branch) string {
	text := end.Verdict.String()
	if end.Chassis != "" {
		text += " on " + end.Chassis
	}
	i := slices.Index(t.Branches, end)
	if r := s.packets[t].Branches[i].Reason; r != nil && r.Text != "" {
		text += ": " + r.Text
	}
	return text
}
