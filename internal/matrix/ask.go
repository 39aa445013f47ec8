package matrix

import (
	"context"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// The questions in progress over all chassis. Each holds the descriptions of some two chassis, which
// have a port for every other chassis, about a kilobyte each: so there are fewer in a larger
// deployment.
const (
	maxWorkers = 512
	minWorkers = 16
	heldPorts  = 200_000
)

// workers returns how many questions may be in progress in a deployment of so many chassis.
func workers(chassis int) int {
	return min(maxWorkers, max(minWorkers, heldPorts/2/max(1, chassis)))
}

// Asker asks the questions of a list.
type Asker struct {
	Shared   *deployment.Shared // with its Gate
	InFlight int                // questions in progress of each chassis on which packets enter
	AsNew    bool               // as if no live conntrack entry existed
	// Skip reports whether a question is left out; may be nil.
	Skip func(Question) bool
}

// Ask asks all questions and passes each answer to take, one at a time, in the order in which they
// come. It returns the error of take or of the list, or ctx' own once it has ended; the answers
// before are complete.
func (a *Asker) Ask(ctx context.Context, list *Checked, take func(*report.MatrixAnswer) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ls, release := newLanes(ctx)
	defer release()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer ls.close()
		for q, err := range list.Each() {
			if err != nil {
				cancel(err)
				return
			}
			if a.Skip != nil && a.Skip(q) {
				continue
			}
			if !ls.put(list.enters[named{q.From, q.Network}], q) {
				return
			}
		}
	})
	answers := make(chan *report.MatrixAnswer)
	var asking sync.WaitGroup
	for range min(workers(list.chassis), a.InFlight*list.lanes(), max(1, list.Count)) {
		asking.Go(func() {
			for {
				q, done, ok := ls.take(a.InFlight)
				if !ok {
					return
				}
				ans := a.one(ctx, q)
				done()
				if ctx.Err() != nil && ans.Error != nil {
					return // its error is the end of the run
				}
				select {
				case answers <- ans:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() {
		asking.Wait()
		close(answers)
	}()
	for ans := range answers {
		if ctx.Err() != nil {
			continue
		}
		if err := take(ans); err != nil {
			cancel(err)
		}
	}
	wg.Wait()
	return context.Cause(ctx)
}

// lanes returns the number of chassis on which packets enter; at least 1.
func (c *Checked) lanes() int {
	seen := map[any]bool{}
	for _, chassis := range c.enters {
		seen[chassis] = true
	}
	return max(1, len(seen))
}

// one asks a question. An error is an answer too, with what was found before it.
func (a *Asker) one(ctx context.Context, q Question) *report.MatrixAnswer {
	out := &report.MatrixAnswer{
		Schema: report.Schema, N: q.N, Line: q.Line, From: q.From, To: q.To, At: q.At, Network: q.Network, Expect: q.Expect, AsNew: a.AsNew,
	}
	var rep *report.Report
	j, err := q.asked(a.AsNew).Judge(false)
	if err == nil {
		run := a.Shared.Run()
		var ans *question.Answer
		if ans, err = j.Answer(ctx, run, question.Entries{}); ans != nil {
			rep = ans.Report
		}
		_ = run.Close(ctx) // ends what the question began ahead of time; the nodes are the Shared's
	}
	settle(out, rep, err)
	return out
}

// settle writes what was found into an answer. With an error the report is of what was found before
// it, or nil.
func settle(out *report.MatrixAnswer, rep *report.Report, err error) {
	if rep != nil {
		fill(out, rep)
	}
	if err != nil {
		refuse(out, err)
	}
}

// fill writes a report of one packet into an answer.
func fill(out *report.MatrixAnswer, r *report.Report) {
	out.Verdict, out.Expectation, out.Warnings = r.Verdict, *r.Expectation, r.Warnings
	if len(out.Warnings) == 0 {
		out.Warnings = nil
	}
	for _, p := range r.Packets {
		out.Entered, out.Header, out.Flood = &p.From, &p.Header, p.Flood
		for _, b := range p.Branches {
			if b.Mirror == "" {
				out.Ends = append(out.Ends, report.MatrixEnd{Verdict: b.Verdict, End: b.End, Header: b.Header, Choices: b.Choices, Reason: b.Reason})
			}
		}
	}
}

// refuse writes an error into an answer. A packet that cannot be sent does not arrive: it counts as
// dropped, where it would begin.
func refuse(out *report.MatrixAnswer, err error) {
	out.Expectation.Text = expected(out.Expect)
	if ref, ok := question.Unsent(err); ok {
		out.Unsent, out.Verdict = true, engine.Dropped
		out.Expectation.Met = out.Expect == engine.Dropped.String()
		where := map[string]string{}
		if ref.Port != "" {
			where["port"] = ref.Port
		}
		if ref.Chassis != "" {
			where["chassis"] = ref.Chassis
		}
		out.Ends = []report.MatrixEnd{{
			Verdict: engine.Dropped, End: report.End{Kind: report.EndDrop, Chassis: ref.Chassis},
			Reason: &report.Reason{Text: ref.Text, Code: ref.Code, Chassis: ref.Chassis, Where: where},
		}}
		return
	}
	out.Verdict = engine.Unknown
	kind := report.MatrixErrorInput
	switch failure.KindOf(err) {
	case failure.Unreachable:
		kind = report.MatrixErrorUnreachable
	case failure.Undetermined:
		kind = report.MatrixErrorUndetermined
	}
	out.Error = &report.MatrixError{Kind: kind, Text: err.Error()}
}

// expected returns an expectation in words.
func expected(verdict string) string {
	if verdict == "" {
		return engine.Delivered.String()
	}
	return verdict
}
