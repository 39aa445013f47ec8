package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// whyCmd answers the question itself.
func (a *app) whyCmd() *cobra.Command {
	var c common
	var q questionFlags
	var watch bool
	cmd := &cobra.Command{
		Use:   "why [flags] [MICROFLOW]",
		Short: "Why does a request not arrive, or its answer not come back?",
		Long: `why plays the session over the live conntrack entries and as a new connection, looks at what stands on the
way, and names the cause: the rule, port, route or entry by its name, the evidence, and the command that mends it.

Exit status: 0 it arrives and the answer comes back; 1 a cause is named; 2 bad usage or input; 3 something could not
be reached or was not permitted; 4 not determined.`,
		Example: `  ovn-ct-trace why --from sw0-p1 --to sw1-p2:80/tcp
  ovn-ct-trace why --from sw0-p1 --to 30.0.0.10:80/tcp 'tcp.src == 46982'`,
		Args: argCount(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.arguments(args)
			return a.why(cmd.Context(), &c, &q, watch)
		},
	}
	c.add(cmd)
	c.addBundle(cmd)
	q.add(cmd)
	q.addClose(cmd)
	cmd.Flags().BoolVar(&watch, "watch", false, "ask again until the answer changes, at most for --timeout; prints the first answer and the last one, with -o json only the last")
	cmd.Flags().Lookup("expect").Hidden = true // the answer is whether it arrives
	return cmd
}

// whyPause is the time between two questions of --watch.
const whyPause = 2 * time.Second

// why checks the input, connects, and prints the answer. With watch it then asks until another
// answer comes or the time is over, prints the last one, and ends with its status.
func (a *app) why(ctx context.Context, c *common, q *questionFlags, watch bool) error {
	if err := c.check(); err != nil {
		return err
	}
	if q.Expect != "" {
		return usage.Errorf("leave it out, or ask session", "--expect does not apply to why, whose status says whether it works")
	}
	judged, err := q.Judge(true)
	if err != nil {
		return err
	}
	return c.with(ctx, func(bounded context.Context, d *deployment.Deployment) error {
		w, err := a.askWhy(bounded, d, judged)
		if w != nil && (err != nil || !(watch && c.output == "json")) {
			err = errors.Join(a.printWhy(c, w), err)
		}
		if err != nil || !watch {
			return err
		}
		w, err = another(bounded, w, whyPause, func() (*report.WhyReport, error) { return a.askWhy(bounded, d, judged) })
		if w == nil {
			return err
		}
		if c.output != "json" {
			fmt.Fprintln(a.out)
		}
		return errors.Join(a.printWhy(c, w), err)
	})
}

// another asks, with a pause before each time, until an answer differs from the first one, which it
// returns, or until the deadline of ctx, when it returns the last answer that came. An error of a
// question that the deadline did not end is returned, and so is another end of ctx, with what was
// found before it, or the last answer.
func another(ctx context.Context, first *report.WhyReport, pause time.Duration, ask func() (*report.WhyReport, error)) (*report.WhyReport, error) {
	last := first
	for whyKey(last) == whyKey(first) {
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		var w *report.WhyReport
		err := ctx.Err()
		if err == nil {
			w, err = ask()
		}
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil:
			return last, nil
		case err != nil:
			return cmp.Or(w, last), err
		}
		last = w
	}
	return last, nil
}

// askWhy asks with nodes of its own, so that the answer sees what has changed.
func (a *app) askWhy(ctx context.Context, d *deployment.Deployment, judged *question.Judged) (w *report.WhyReport, err error) {
	err = inRun(ctx, d, func(run *deployment.Run) error {
		w, err = judged.Why(ctx, run)
		return err
	})
	return w, err
}

// whyKey is what an answer says: whether it works, and what decides.
func whyKey(w *report.WhyReport) string {
	text := fmt.Sprint(whyStatus(w))
	for _, f := range w.Causes {
		text += " " + string(f.Code) + " " + f.Text
	}
	return text
}

// printWhy prints an answer and sets the exit status.
func (a *app) printWhy(c *common, w *report.WhyReport) error {
	a.status = whyStatus(w)
	if c.output == "json" {
		return render.WhyJSON(a.out, w)
	}
	return render.Why(a.out, w, a.renderOptions(c))
}

// whyStatus returns the exit status of an answer.
func whyStatus(w *report.WhyReport) int {
	named := false
	for _, f := range w.Causes {
		// A warning alone does not say that it does not arrive, where that is not determined.
		serious := f.Severity == report.SeverityError || f.Severity == report.SeverityWarning && w.Reaches != nil
		named = named || f.Code != report.CodeUnknown && serious
	}
	switch {
	case named:
		return exitNotAsAsked
	case w.Answered != nil && *w.Answered:
		return exitOK
	case w.Answered == nil || w.Reaches == nil:
		return exitUnknown
	}
	return exitNotAsAsked
}
