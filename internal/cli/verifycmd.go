package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/verify"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/watch"
)

// verifyCmd predicts, sends one packet, and compares.
func (a *app) verifyCmd() *cobra.Command {
	v := &verification{app: a}
	cmd := &cobra.Command{
		Use:   "verify [flags] [MICROFLOW]",
		Short: "Predict, then let one real packet go, and compare",
		Long: `Traces a packet, then lets ovn-controller send it (inject-pkt) at its logical port, and captures where it comes out: at the
ports where it is predicted, and at the port of --to. On the kernel's datapath the conntrack entries that it should leave
are looked up too.

THIS SENDS ONE REAL PACKET: the workload behind the port where it arrives receives it, and it leaves conntrack entries. On
a terminal the command asks first; --yes answers for scripts. Unless the packet names its source port, a free one is chosen,
so that no other packet is taken for it.

Exit status: 0 prediction and reality agree; 1 they differ; 2 bad usage, or a packet that cannot be sent; 3 something
could not be reached or was not permitted; 4 not determined.`,
		Example: `  ovn-ct-trace verify --from sw0-p1 --to 30.0.0.10:80/tcp`,
		Args:    argCount(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			v.q.arguments(args)
			return v.run(cmd.Context())
		},
	}
	v.add(cmd)
	v.q.add(cmd)
	f := cmd.Flags()
	f.BoolVarP(&v.yes, "yes", "y", false, "send the packet without asking")
	f.DurationVar(&v.wait, "wait", 2*time.Second, "how long to wait for the packet where it should, or should not, come out")
	for _, name := range []string{"expect", "as-new", "lb-backend", "icmp-inner", "len"} { // do not apply to a real packet
		f.Lookup(name).Hidden = true
	}
	return cmd
}

// verification is one run of the command.
type verification struct {
	*app
	common
	q    questionFlags
	yes  bool
	wait time.Duration
}

// check refuses invalid values, and a run that could not ask.
func (v *verification) check() error {
	if err := v.common.check(); err != nil {
		return err
	}
	for name, given := range map[string]bool{"--expect": v.q.Expect != "", "--as-new": v.q.AsNew, "--lb-backend": v.q.Backend != "",
		"--icmp-inner": v.q.ICMPInner != "", "--len": v.q.Length != 0} {
		if given {
			return usage.Errorf("leave it out", "%s does not apply to a real packet", name)
		}
	}
	if v.wait <= 0 || v.wait >= v.timeout {
		return usage.Errorf("--wait 2s", "--wait %v is not between 0 and --timeout (%v)", v.wait, v.timeout)
	}
	if in, ok := v.in.(*os.File); !v.yes && (!ok || !term.IsTerminal(int(in.Fd()))) {
		return usage.Errorf("--yes sends it", "verify sends one real packet, and standard input is no terminal to ask at")
	}
	return nil
}

func (v *verification) run(ctx context.Context) error {
	if err := v.check(); err != nil {
		return err
	}
	if _, err := v.q.Judge(false); err != nil {
		return err
	}
	return v.common.run(ctx, func(bounded context.Context, run *deployment.Run) error {
		return v.sendAndCompare(ctx, bounded, run)
	})
}

// sendAndCompare predicts, asks the user (for whom bounded does not run out), sends and compares.
// Where something breaks, it prints what is known by then.
func (v *verification) sendAndCompare(ctx, bounded context.Context, run *deployment.Run) error {
	ans, injected, err := v.predict(bounded, run)
	if err != nil {
		return v.broken(nil, ans, "not sent: the prediction is not complete", err)
	}
	plan, why, err := v.plan(bounded, run, ans)
	if failure.KindOf(err) == failure.Unreachable {
		return v.broken(nil, ans, "not sent", err)
	} else if err != nil {
		return err
	}
	res := &verify.Result{Verdict: verify.Verdict{Why: []string{"not sent: " + why}}}
	if plan != nil {
		if err := v.ask(ctx, ans); err != nil { // without a time limit
			return err
		}
		if res, err = v.compare(ctx, watch.Of(run), plan); err != nil {
			what := "not compared"
			if res == nil {
				what = "not sent"
			}
			return v.broken(res, ans, what, err)
		}
	}
	if !injected.Chosen && ans.Trace.Packet.HasPorts() {
		res.Warnings = append(res.Warnings, "the source port was given: another packet of the same connection would be taken for this one")
	} else if !ans.Trace.Packet.HasPorts() && !ans.Trace.Packet.IsQuery() {
		res.Warnings = append(res.Warnings, "the packet has no ports: another packet between the same addresses would be taken for this one")
	}
	return v.answer(res, ans)
}

// tries bounds how often another source port is tried.
const tries = 5

// predict traces the packet, with a source port that no connection has where the question names
// none.
func (v *verification) predict(ctx context.Context, run *deployment.Run) (*question.Answer, *question.Injected, error) {
	for i := 1; ; i++ {
		judged, err := v.q.Judge(false)
		if err != nil {
			return nil, nil, err
		}
		injected := &question.Injected{SrcPort: ephemeral()}
		judged.ForInjection(injected)
		ans, err := judged.Answer(ctx, run, question.Entries{})
		if err != nil || !injected.Chosen || verify.IsNew(ans.Trace) || i == tries {
			return ans, injected, err
		}
	}
}

// ephemeral returns a port of the range that hosts choose from (RFC 6335, section 6).
func ephemeral() uint16 { return 49152 + uint16(rand.IntN(65536-49152)) }

// plan returns what is sent and watched for; nil, and why, if there is nothing to compare.
func (v *verification) plan(ctx context.Context, run *deployment.Run, ans *question.Answer) (plan *verify.Plan, why string, err error) {
	nodes := watch.Of(run)
	target, err := v.target(ctx, nodes, ans.Target)
	if err != nil {
		return nil, "", err
	}
	var bad *verify.Error
	plan, err = verify.PlanOf(ans.Trace, target)
	if errors.As(err, &bad) {
		return nil, bad.Why, nil
	}
	if err == nil {
		err = plan.Prepare(ans.Trace.Start)
	}
	if errors.As(err, &bad) {
		err = &usage.Error{Msg: err.Error(), Err: err}
	}
	return plan, "", err
}

// broken prints what is known where an error ended the run, and returns the error: the prediction,
// as far as there is one, and what was seen if the packet was sent (res, else nil).
func (v *verification) broken(res *verify.Result, ans *question.Answer, what string, err error) error {
	if ans == nil {
		return err
	}
	if res == nil {
		res = &verify.Result{}
	}
	res.Agrees, res.Why = nil, append(res.Why, what+": "+err.Error())
	return errors.Join(v.answer(res, ans), err)
}

// compare sends the packet and compares. With an error it returns what was seen of the packet
// before it; nil if it was not sent. A node that fails in the call may have sent it.
func (v *verification) compare(ctx context.Context, nodes watch.Nodes, plan *verify.Plan) (*verify.Result, error) {
	ctx, cancel := v.bound(ctx)
	defer cancel()
	w, err := plan.Begin(ctx, nodes, v.timeout+time.Minute)
	if err != nil {
		return nil, err
	}
	defer closeLate(ctx, func(ctx context.Context) error { w.End(ctx); return nil })
	res := &verify.Result{Microflow: plan.Injection.Microflow, Watched: plan.Watch}
	if err := plan.Injection.Send(ctx, nodes); err != nil {
		return res, err
	}
	var lost int
	if res.Seen, lost, err = w.Collect(ctx, v.wait); err != nil {
		return res, err
	}
	res.Verdict = plan.Judge(res.Seen)
	if lost > 0 {
		res.Agrees, res.Why = nil, append(res.Why, fmt.Sprintf("%d frames that may be the packet were not captured", lost))
		return res, nil
	}
	var unasked []string
	if res.Looked, unasked, err = plan.Outcomes[res.Outcome].LookUp(ctx, nodes); err != nil {
		return res, err
	}
	for _, why := range unasked {
		res.Warnings = append(res.Warnings, "conntrack entries were not compared on "+why)
	}
	plan.JudgeEntries(&res.Verdict, res.Looked)
	return res, nil
}

// target returns the place of the port where the packet should end; the zero Place if there is none
// that can be watched.
func (v *verification) target(ctx context.Context, nodes watch.Nodes, port string) (verify.Place, error) {
	if port == "" {
		return verify.Place{}, nil
	}
	pb, err := nodes.SB.PortByName(ctx, port)
	if err != nil || pb.Chassis.IsZero() {
		return verify.Place{}, err
	}
	row, err := nodes.SB.ChassisByUUID(ctx, pb.Chassis)
	if err != nil {
		return verify.Place{}, err
	}
	return verify.Place{Chassis: row.Name, Port: port}, nil
}

// ask asks whether the packet may be sent, unless --yes has answered.
func (v *verification) ask(ctx context.Context, ans *question.Answer) error {
	if v.yes {
		return nil
	}
	fmt.Fprintf(v.err, "This sends one real packet at %s on %s: %v\npredicted: %s\nSend it? [y/N] ", ans.Trace.Start.Port, ans.Trace.Start.Chassis,
		ans.Trace.Packet, render.Headline(ans.Report))
	type reply struct {
		line string
		err  error
	}
	ch := make(chan reply, 1)
	go func() { // a read of a terminal cannot be interrupted; it ends with the program
		line, err := bufio.NewReader(v.in).ReadString('\n')
		ch <- reply{line, err}
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case r := <-ch:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return r.err
		}
		switch strings.ToLower(strings.TrimSpace(r.line)) {
		case "y", "yes":
			return nil
		}
	}
	return usage.Errorf("", "nothing was sent")
}

// answer prints the result and sets the exit status.
func (v *verification) answer(res *verify.Result, ans *question.Answer) error {
	out := res.Report(ans.Report)
	switch {
	case out.Agrees == nil:
		v.status = exitUnknown
	case !*out.Agrees:
		v.status = exitNotAsAsked
	}
	if v.output == "json" {
		return render.VerifyJSON(v.out, out)
	}
	return render.Verify(v.out, out, v.renderOptions(&v.common))
}
