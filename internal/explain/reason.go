package explain

import (
	"context"
	"strings"
)

// Reason says why a packet ended at a table hit.
type Reason struct {
	Kind    Kind
	Subject Subject
	Stage   string
	Flow    *LogicalFlow
	NB      *NBRow
	Text    string
	Nearest string // the flow that came nearest to taking the packet; may be empty
}

// Reason returns the reason of a packet that ended at a hit; text is the reason as far as it is
// known without the databases. Two kinds of hit get another text: a logical flow that drops, and a
// drop without a logical flow (see beyond). A logical flow that does not drop keeps the text with
// port keys replaced by names; any other hit keeps it as it is.
func (n *Names) Reason(ctx context.Context, at At, text string) (Reason, error) {
	s := n.seen[at]
	if s == nil {
		return Reason{Text: text}, nil
	}
	e, name := n.explainer, s.named
	if name.Flow == nil {
		beyond, err := e.beyond(ctx, n.chassis, s)
		if beyond.text != "" {
			text = beyond.text
		}
		return Reason{Kind: beyond.kind, Subject: beyond.subject, Text: text}, err
	}
	r := Reason{Stage: name.Stage, Flow: name.Flow, NB: name.NB, Text: text}
	var err error
	if !drops(name.Flow.Actions) && !rejects(name.Flow.Actions) {
		r.Text, err = e.portNames(ctx, text)
		return r, err
	}
	f, err := e.factsAt(ctx, s)
	if err != nil {
		return r, err
	}
	if s.eval != nil && name.NB == nil && s.eval.named.Flow != nil && drops(s.eval.named.Flow.Actions) {
		// The rule is unknown: the flow that decided explains more than the one that drops.
		name.Flow = s.eval.named.Flow
	}
	r.read(name.why(f))
	if err := e.routerPort(ctx, &r, f); err != nil {
		return r, err
	}
	away, err := e.away(ctx, n.chassis, s)
	if err != nil {
		return r, err
	}
	if away != nil {
		r.read(reading{away.kind(), name.textAway(f, away), Subject{Datapath: name.Flow.Datapath, Port: away.port, Chassis: away.on}})
		return r, nil
	}
	if strings.Contains(name.Stage, "_acl") && s.hit.Metadata != 0 {
		err = e.nearest(ctx, n.chassis, &r, s, name.Flow)
		return r, err
	}
	if away, err = e.awayBefore(ctx, n.chassis, s); away != nil {
		r.Nearest = away.nearest()
		if away.kind() == KindLBElsewhere {
			r.Kind, r.Subject.Port, r.Subject.Chassis = KindLBElsewhere, away.port, away.on
		}
	}
	return r, err
}

// read sets why the packet ended.
func (r *Reason) read(w reading) { r.Kind, r.Text, r.Subject = w.kind, w.text, w.subject }

// nearest adds to the reason of a packet that an ACL stage drops: the rule that came nearest to
// letting it through, or why conntrack cannot know its connection there.
func (e *Explainer) nearest(ctx context.Context, chassis string, r *Reason, s *seen, from *LogicalFlow) error {
	if s.eval != nil && s.eval.named.Flow != nil {
		from = s.eval.named.Flow
	}
	untracked, by, err := e.untracked(ctx, s, from)
	if err != nil {
		return err
	}
	if untracked != "" {
		if r.Kind = KindUntracked; r.NB == nil {
			r.NB = by // what drops the answer is no rule's
		}
		r.Text += "; " + untracked
		return nil
	}
	miss, err := e.NearestMiss(ctx, chassis, s.hit.Metadata, from.Pipeline, from.TableID, from.Priority, s.packet())
	if err != nil {
		return err
	}
	if miss.Nearest != nil && miss.Nearest.UUID != from.UUID {
		r.Nearest = miss.String()
	}
	return nil
}

func rejects(actions string) bool { return strings.Contains(actions, "reject {") }
