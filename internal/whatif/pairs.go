package whatif

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Pair is a question about a new connection.
type Pair struct {
	Text   string // as it was asked
	Judged *question.Judged
	From   string
	To     string
}

// pairEnd is what becomes of a new connection.
type pairEnd struct {
	works, unknown bool
	proto          string
	end            report.WhatIfEnd
	server         passage // of its first packet: where that arrives, without ports
}

// askPairs plays every pair's session in the copy as it is. Routers learn the addresses that OVN
// itself answers for, and the session is played again: it then goes on, or ends where the address
// leads, as at a port that is disabled.
func (t *task) askPairs(ctx context.Context, p *passer) ([]pairEnd, error) {
	out := make([]pairEnd, 0, len(t.Pairs))
	for i, pair := range t.Pairs {
		if i%50 == 0 {
			t.Say(fmt.Sprintf("asking %d of %d pairs", i, len(t.Pairs)))
		}
		ans, err := p.play(ctx, func() (*question.Answer, error) { return pair.Judged.Answer(ctx, p.run, question.Entries{}) })
		switch {
		case err == nil:
			end := endOfSession(ans.Report)
			if len(ans.Sent) > 0 {
				end.server = withoutPorts(passageOf(ans.Sent[0], func(string) bool { return false }))
			}
			out = append(out, end)
		default:
			why, gone := cannotEnter(err)
			if !gone {
				return nil, err
			}
			out = append(out, pairEnd{end: report.WhatIfEnd{Verdict: engine.Dropped, Text: why}})
		}
	}
	return out, nil
}

// play plays a session until its packets wait for no address that OVN itself answers for.
func (p *passer) play(ctx context.Context, session func() (*question.Answer, error)) (*question.Answer, error) {
	for {
		ans, err := session()
		if err != nil {
			return ans, err
		}
		more := false
		for _, sent := range ans.Sent {
			learned, err := p.learns(ctx, sent)
			if err != nil {
				return nil, err
			}
			more = more || learned
		}
		if !more {
			return ans, nil
		}
	}
}

// endOfSession reads the report of a session.
func endOfSession(r *report.Report) pairEnd {
	out := pairEnd{unknown: r.Verdict == engine.Unknown, end: report.WhatIfEnd{Verdict: r.Verdict, Text: render.Headline(r)}}
	if s := r.Session; s != nil {
		out.works, out.proto = s.Established, s.Proto
		out.end.Verdict, out.end.Label = s.Verdict, s.BrokenAt
		out.unknown = s.Verdict == engine.Unknown
	}
	if len(r.Packets) == 0 {
		return out
	}
	deciding := r.Packets[0]
	for _, p := range r.Packets {
		if p.Label == out.end.Label {
			deciding = p
		}
	}
	for _, b := range deciding.Branches {
		if b.Verdict == deciding.Verdict && b.Mirror == "" {
			out.end.Chassis, out.end.Port, out.end.Reason = b.End.Chassis, b.End.Port, b.Reason
			// It waits for an address: whether somebody answers is not known, as of a live connection.
			out.unknown = out.unknown || !out.works && b.Verdict == engine.Controller && b.Reason != nil && b.Reason.Code == report.CodeNextHopUnresolved
			break
		}
	}
	return out
}

// withoutPorts returns a passage in which places have no ports and identifiers: each session has its
// own.
func withoutPorts(p passage) passage {
	for _, way := range p.ways {
		for i := range way {
			at := &way[i]
			at.src, at.dst, at.id = netip.AddrPortFrom(at.src.Addr(), 0), netip.AddrPortFrom(at.dst.Addr(), 0), 0
		}
	}
	return p
}

// comparePairs asks the pairs with the change, and reports those that are different.
func (t *task) comparePairs(ctx context.Context, p *passer) error {
	after, err := t.askPairs(ctx, p)
	if err != nil {
		return err
	}
	for i, pair := range t.Pairs {
		was, is := &t.pairs[i], &after[i]
		fate := pairFate(was, is)
		count(&t.out.Counts.Pairs, fate)
		if fate == report.FateUnknown && was.works && is.works {
			is.end.Text = choiceText + "where it arrives: " + is.end.Text
		}
		if fate != report.FateGoesOn && fate != report.FateBroken {
			t.out.Pairs = append(t.out.Pairs, report.WhatIfPair{Fate: fate, Text: pair.Text, From: pair.From, To: pair.To, Proto: cmp.Or(was.proto, is.proto), Before: was.end, After: is.end})
		}
	}
	return nil
}

// pairFate compares a pair before and after a change.
func pairFate(before, after *pairEnd) report.Fate {
	switch {
	case before.unknown || after.unknown:
		return report.FateUnknown
	case before.works && !after.works:
		return report.FateDies
	case !before.works && after.works:
		return report.FateRevives
	case !before.works:
		return report.FateBroken
	}
	switch same, certain := after.server.same(&before.server); {
	case len(after.server.ways) == 0 && len(before.server.ways) == 0:
	case !certain:
		return report.FateUnknown // what a hash decides
	case !same:
		return report.FateMoves
	}
	return report.FateGoesOn
}
