package probe

import (
	"context"
	"errors"
	"fmt"
)

// runSession predicts a whole handshake on empty tables, then sends it.
func (r *Runner) runSession(ctx context.Context, c Case, res *Result, worse func(Outcome, ...string)) error {
	first := *c.Steps[0].Packet
	var pred *Prediction
	if r.Tool != "" {
		var err error
		pred, err = r.Predict(ctx, "session", first, c.Args...)
		if pred != nil {
			res.Tool += pred.Took
		}
		if err != nil {
			worse(Disagree, fmt.Sprintf("session: %v", err))
			pred = nil
		}
	}
	var rec *recorded
	if c.Recording != nil && r.Tool != "" {
		var err error
		rec, err = r.record(ctx, first.From, *c.Recording)
		defer rec.close()
		if err != nil {
			return err
		}
	}
	played, err := r.play(ctx, first)
	unanswered := c.Steps[0].Maybe && errors.Is(err, errNobody)
	if err != nil && !unanswered {
		return err
	}
	if r.Tool == "" {
		for _, p := range played {
			fmt.Fprintf(r.Out, " %s from %s\n%s", p.packet, p.packet.From, p.real)
		}
	}
	want := len(sessionLabels(first.Proto))
	established := len(played) == want && played[want-1].arrived
	broken := ""
	if !established {
		broken = sessionLabels(first.Proto)[len(played)-1]
	}
	if c.Expect != "" {
		got := "established"
		if !established {
			got = broken
		}
		if got != c.Expect {
			worse(Disagree, fmt.Sprintf("the expected end is wrong: wanted %s, really %s", c.Expect, got))
		}
	}
	if rec != nil {
		differences, took, err := r.reread(ctx, c, rec, played)
		res.Tool += took
		for _, d := range differences {
			worse(Disagree, d)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case pred == nil:
	case unanswered: // the prediction takes it that somebody outside answers
		r.comparePlayed(&pred.Report, played, worse)
	default:
		r.compareSession(pred, played, established, worse)
		if pred.Report.Verdict != "unknown" { // an unknown session has no more to compare
			for _, m := range c.Steps[0].Explanation.missing(&pred.Report, len(played)-1) {
				worse(Disagree, m)
			}
		}
	}
	return nil
}

// sessionLabels returns the labels of the packets of a handshake.
func sessionLabels(proto string) []string {
	if proto == "tcp" {
		return []string{"SYN", "SYN-ACK", "ACK"}
	}
	return []string{"request", "response"}
}

// playedPacket is a packet of a handshake that was sent.
type playedPacket struct {
	packet  Packet
	real    *Reality
	arrived bool
}

// play sends the packets of the handshake, up to the first that does not arrive.
func (r *Runner) play(ctx context.Context, first Packet) ([]playedPacket, error) {
	var out []playedPacket
	p := first
	for i := range sessionLabels(first.Proto) {
		marker := r.Stamp(&p)
		real, err := r.Send(ctx, p, marker, 1)
		if err != nil {
			return out, err
		}
		pp := playedPacket{packet: p, real: real, arrived: len(real.Ends) > 0}
		if pp.arrived && i%2 == 1 {
			pp.arrived = isReplyTo(first, real.Ends[0].Frame.Header)
		}
		out = append(out, pp)
		if !pp.arrived {
			return out, nil
		}
		if i+1 < len(sessionLabels(first.Proto)) {
			if p, err = r.answer(real, p, ""); err != nil {
				return out, err
			}
			if i%2 == 1 { // the client's, like its first
				p.TTL, p.TOS = first.TTL, first.TOS
			}
		}
	}
	return out, nil
}

// isReplyTo reports whether h is the header of the answer that the client waits for.
func isReplyTo(first Packet, h Header) bool {
	ok := h["ip_src"] == canonical("ip_src", first.Dst) && h["ip_dst"] == canonical("ip_dst", first.Src)
	if first.Sport != 0 {
		ok = ok && h["l4_dst"] == fmt.Sprint(first.Sport) && h["l4_src"] == fmt.Sprint(first.Dport)
	}
	return ok
}

func (r *Runner) compareSession(pred *Prediction, played []playedPacket, established bool, worse func(Outcome, ...string)) {
	rep := &pred.Report
	if rep.Session == nil {
		worse(Disagree, "the report has no session")
		return
	}
	if rep.Verdict == "unknown" {
		worse(Unknown, "session predicted unknown")
		return
	}
	if rep.Session.Established != established {
		worse(Disagree, fmt.Sprintf("established predicted %v (broken at %q), really %v after %d packets", rep.Session.Established, rep.Session.BrokenAt, established, len(played)))
		return
	}
	if !established {
		i := len(played) - 1
		if i >= len(rep.Packets) || rep.Packets[i].Label != rep.Session.BrokenAt {
			worse(Disagree, fmt.Sprintf("broken_at predicted %q, really packet %d", rep.Session.BrokenAt, i+1))
			return
		}
	}
	r.comparePlayed(rep, played, worse)
	if want := map[bool]int{true: 0, false: 1}[established]; pred.Status != want {
		worse(Disagree, fmt.Sprintf("session established=%v with exit status %d", established, pred.Status))
	}
}

// comparePlayed compares each packet that was sent with its prediction.
func (r *Runner) comparePlayed(rep *Report, played []playedPacket, worse func(Outcome, ...string)) {
	for i, p := range played {
		if i >= len(rep.Packets) {
			break
		}
		if len(alternatives(&rep.Packets[i])) > 1 {
			break // from here on the session and the reality may follow different alternatives
		}
		o, diff := Compare(&rep.Packets[i], p.real)
		for _, d := range diff {
			worse(o, fmt.Sprintf("%s: %s", rep.Packets[i].Label, d))
		}
		worse(o)
	}
}
