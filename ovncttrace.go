// Package ovncttrace answers where a packet that enters OVN at a logical port really ends, what
// connection tracking and NAT do to it, which rule decided, and whether the reply comes back. It
// sends no packet: it runs ofproto/trace on every node that the packet would pass, and reads the
// nodes' own conntrack entries.
//
// It is the command ovn-ct-trace as a library. A report.Report has what the command prints with -o
// json, and methods for the assertions of tests:
//
//	d, err := ovncttrace.Open(ctx, ovncttrace.Options{
//		SB: "tcp:10.0.0.1:6642", NB: "tcp:10.0.0.1:6641",
//		NodeCommand: "ssh root@{hostname} ovn-ct-trace node stdio",
//	})
//	...
//	r, err := d.Trace(ctx, ovncttrace.Question{From: "sw0-p1", To: "sw1-p2:80/tcp"})
//	...
//	if !r.Delivered("sw1-p2") {
//		t.Errorf("%s", ovncttrace.Text(r))
//	}
//
// Nothing is changed in the deployment. Entries that the packets of a session would leave are kept
// for its later packets in an overlay; each question begins with an empty one.
package ovncttrace

import (
	"context"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// Deployment is a connection to a deployment's databases. The nodes are reached anew for each
// question, so that an answer sees what has changed since the last one. It is safe for concurrent
// use.
type Deployment struct {
	d       *deployment.Deployment
	timeout time.Duration
}

// Open connects to the databases. The error is an *Error: BadInput where the options are wrong,
// before anything is connected, and Unreachable where the Southbound database does not answer. A
// missing Northbound database is a warning in every report.
func Open(ctx context.Context, o Options) (*Deployment, error) {
	opt := o.internal()
	ctx, cancel := context.WithTimeout(ctx, opt.Bound())
	defer cancel()
	d, err := deployment.Open(ctx, opt)
	if err != nil {
		return nil, public(err)
	}
	return &Deployment{d: d, timeout: opt.Bound()}, nil
}

// Trace follows one packet until each of its branches has ended. The error is an *Error: BadInput
// where the question is wrong or names something that does not exist, Unreachable where a database
// or a node on the way cannot be asked, Undetermined where the trace was given up. An end that a
// trace cannot know is no error, but an unknown verdict.
//
// Where something breaks in the middle (a node is gone, the context or Options.Timeout has ended),
// the report is returned beside the error: it has what was found before. What was not followed is
// unknown, with the reason. The report is nil where nothing was found, and where the question is
// wrong.
func (d *Deployment) Trace(ctx context.Context, q Question) (*report.Report, error) {
	return d.ask(ctx, q, false)
}

// Session plays the handshake that the packet begins, then Question.Close, each packet over the
// entries that those before it would have left. A session is TCP, UDP, SCTP, or an ICMP request and
// its reply; any other packet is BadInput. A captured connection (Question.Capture) is replayed
// instead, and Report.Expectation says whether it agrees with the prediction. The report has one
// packet for each step, up to the one that broke the session. Errors are as with Trace, and so is
// the report beside an error: it ends with the packet that could not be followed,
// Report.Session.BrokenAt.
func (d *Deployment) Session(ctx context.Context, q Question) (*report.Report, error) {
	return d.ask(ctx, q, true)
}

func (d *Deployment) ask(ctx context.Context, q Question, session bool) (*report.Report, error) {
	judged, err := question.Question(q).Judge(session)
	if err != nil {
		return nil, public(err)
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	run := d.d.Run()
	ans, err := judged.Answer(ctx, run, question.Entries{})
	if cerr := run.Close(ctx); err == nil {
		err = cerr
	}
	if ans == nil {
		return nil, public(err)
	}
	return ans.Report, public(err)
}

// Close ends the connections to the databases. No question may be in progress.
func (d *Deployment) Close() error { return public(d.d.Close()) }

// Text returns a report as the command prints it as text, for the message of a failed test. For nil
// it returns an empty text.
func Text(r *report.Report) string {
	if r == nil {
		return ""
	}
	var b strings.Builder
	_ = render.Text(&b, r, render.Options{}) // a Builder does not fail
	return b.String()
}
