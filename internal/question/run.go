package question

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/microflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/session"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Entries is what is done with the conntrack entries that packets leave. The zero value begins with
// none and writes none.
type Entries struct {
	Before driver.World // what earlier runs have left
	// Keep adds a warning where only the first of several alternatives was committed.
	Keep bool
	// Kernel writes the entries to the nodes' kernels; nil leaves them in the overlay.
	Kernel *driver.CommitOptions
}

// Answer is the result of a question.
type Answer struct {
	Report *report.Report
	After  *driver.World   // what the first alternative leaves; nil where no packet was traced
	Trace  *driver.Trace   // of the one packet that was traced; nil for a session
	Sent   []*driver.Trace // of all packets, those of every alternative of a session
	Target string          // logical port of Question.To, where the packet should end; may be empty
}

// asking is a question that is being answered.
type asking struct {
	*entry
	run     *deployment.Run
	entries Entries
	asLive  bool // Question.AsLive
}

// Begin returns a context for connecting to the databases and for Answer: what the question begins
// with is asked while the connection is being made. It is for one Answer.
func (j *Judged) Begin(ctx context.Context) context.Context {
	return ovn.First(ctx, j.beginning())
}

// beginning is what the question asks whatever the answers are. A session does not use the keys:
// its packets are named one after the other.
func (j *Judged) beginning() ovn.Beginning {
	b := ovn.Beginning{Keys: !j.session}
	if from := cmp.Or(j.q.From, j.in); from != "" {
		b.Ports = append(b.Ports, from)
	}
	switch {
	case j.q.To == "":
	case j.dest.Kind == microflow.TargetIP:
		b.Addresses = true
	default:
		b.Ports = append(b.Ports, j.dest.Name)
	}
	return b
}

// Answer finds the ports and the packet, and traces it or plays its session. The caller closes the
// run. With an error, the answer is what was found before it, or nil where that is nothing.
func (j *Judged) Answer(ctx context.Context, r *deployment.Run, entries Entries) (*Answer, error) {
	ctx = ovsdb.WithAhead(ctx)
	r.SB.WantBeginning(ctx, j.beginning())
	e, err := j.resolve(ctx, r)
	if err != nil {
		return nil, err
	}
	r.Warn(e.warnings...)
	r.Driver.Backend, r.Driver.AsNew = j.q.Backend, j.q.AsNew
	a := &asking{entry: e, run: r, entries: entries, asLive: j.q.AsLive}
	if j.session {
		return a.session(ctx, j.q.Close)
	}
	return a.trace(ctx)
}

// lastNames bounds the questions that name what is known of a trace that was cut short.
const lastNames = 2 * time.Second

// late returns a context for those questions, whether ctx has ended or not.
func late(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), lastNames)
}

// partial is the answer of a trace that ended with an error: what was found before; nil if that is
// nothing. It leaves no entries.
func (a *asking) partial(ctx context.Context, sent *driver.Trace) *Answer {
	if len(sent.Hops) == 0 {
		return nil
	}
	ctx, cancel := late(ctx)
	defer cancel()
	rep := a.report(func(rep *report.Report) { a.run.Publisher.Trace(ctx, rep, sent) })
	a.expect.judge(rep)
	return &Answer{Report: rep, Trace: sent, Target: a.expect.port}
}

// trace follows one packet. With an error, the answer is what was found before it, or nil.
func (a *asking) trace(ctx context.Context) (*Answer, error) {
	a.run.Driver.Ended = a.run.Publisher.Prepare
	sent, err := a.run.Driver.Send(ctx, a.entries.Before, a.start, a.packet, a.label, "original")
	a.run.Driver.Ended = nil
	if err != nil {
		return a.partial(ctx, sent), err
	}
	if err := a.demand(sent); err != nil {
		return nil, err
	}
	rep := a.report(func(rep *report.Report) { a.run.Publisher.Trace(ctx, rep, sent) })
	a.expect.judge(rep)
	ans := &Answer{Report: rep, Trace: sent, Sent: []*driver.Trace{sent}, Target: a.expect.port}
	if len(sent.Outcomes) == 0 {
		return ans, nil
	}
	ans.After = &sent.Outcomes[0].World
	if len(sent.Outcomes) > 1 && a.entries.Keep {
		rep.Warnings = append(rep.Warnings, "the first of several alternatives was committed; --lb-backend picks another")
	}
	if a.entries.Kernel != nil {
		_, warnings, err := a.run.Driver.Commit(ctx, *ans.After, *a.entries.Kernel)
		if err != nil {
			ans.After = nil
			return ans, err // what becomes of the packet is known all the same
		}
		rep.Warnings = append(rep.Warnings, warnings...)
	}
	return ans, nil
}

// demand returns a *NotLiveError where the question demands a live entry for its first packet, and
// there is none.
func (a *asking) demand(first *driver.Trace) error {
	if !a.asLive {
		return nil
	}
	return live(first)
}

// session plays the handshake that the packet begins; closing is Question.Close. With an error, the
// answer is what was found before it, or nil.
func (a *asking) session(ctx context.Context, closing string) (*Answer, error) {
	if err := session.Check(a.packet); err != nil {
		return nil, &usage.Error{Msg: err.Error(), Err: err}
	}
	opt := session.Options{Close: closing}
	if a.entries.Kernel != nil {
		opt.Settle = a.settle
	}
	var res *session.Result
	var err error
	if a.exchange != nil {
		res, err = session.Replay(ctx, a.run.Driver, a.entries.Before, a.start, a.exchange, opt)
	} else {
		res, err = session.Run(ctx, a.run.Driver, a.entries.Before, a.start, a.packet, opt)
	}
	if err != nil {
		return a.partialSession(ctx, res), err
	}
	if list := res.Shown().Packets; len(list) > 0 {
		if err := a.demand(list[0]); err != nil {
			return nil, err
		}
	}
	after := res.Shown().World
	ans := &Answer{Report: a.sessionReport(ctx, res), After: &after}
	for _, e := range res.Events {
		if e.Sent != nil {
			ans.Sent = append(ans.Sent, e.Sent)
		}
	}
	return ans, nil
}

// partialSession is the answer of a session that ended with an error: what was found before; nil if
// that is nothing. It leaves no entries.
func (a *asking) partialSession(ctx context.Context, res *session.Result) *Answer {
	if !slices.ContainsFunc(res.Shown().Packets, func(t *driver.Trace) bool { return len(t.Hops) > 0 }) {
		return nil
	}
	ctx, cancel := late(ctx)
	defer cancel()
	return &Answer{Report: a.sessionReport(ctx, res)}
}

// sessionReport makes the report of a session, and holds it against what is expected.
func (a *asking) sessionReport(ctx context.Context, res *session.Result) *report.Report {
	rep := a.report(func(rep *report.Report) { a.run.Publisher.Session(ctx, rep, res) })
	a.expect.judge(rep)
	if a.exchange != nil {
		a.asCaptured(rep, res)
	}
	return rep
}

// asCaptured adds to the expectation that the capture has the predicted packets; without
// Question.Expect nothing else is expected.
func (a *asking) asCaptured(rep *report.Report, res *session.Result) {
	agrees := res.Shown().Differs == nil && !res.Undetermined()
	text := a.captured
	if a.expect.verdict != "" {
		agrees, text = agrees && rep.Expectation.Met, rep.Expectation.Text+", and "+text
	}
	rep.Expectation = &report.Expectation{Text: text, Met: agrees}
}

// report makes a report, to which write adds what was traced. The warnings of the run, including
// those added meanwhile, come before those of the packets.
func (a *asking) report(write func(*report.Report)) *report.Report {
	rep := publish.New(a.run.Driver.Infos())
	write(rep)
	rep.Warnings = append(a.run.Warnings(), rep.Warnings...)
	return rep
}

// settle writes a world's entries to the nodes' kernels; the next packet finds them there.
func (a *asking) settle(ctx context.Context, w driver.World) (driver.World, error) {
	next, warnings, err := a.run.Driver.Commit(ctx, w, *a.entries.Kernel)
	a.run.Warn(warnings...)
	return next, err
}
