package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/cases"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// natCheck is one run of the check.
type natCheck struct {
	lab    *lab.Lab
	runner *probe.Runner
	failed int
}

// cmdInsideNAT runs the tool's nat: it must be silent after healthy traffic, and find each fault
// that is made.
func cmdInsideNAT(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("nat", flag.ContinueOnError)
	each := fs.Int("each", 1, "maximum number of healthy cases of a feature; 0: all")
	pattern := fs.String("case", "", "cases and faults to run, by name (regular expression)")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	re, err := regexp.Compile(*pattern)
	if err != nil {
		return err
	}
	r, err := openProbe(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	r.Out = io.Discard
	l := r.Lab
	n := natCheck{lab: l, runner: r}
	schema, err := l.NBSchema()
	if err != nil {
		return err
	}
	healthy := cases.Healthy(cases.All(l.Topo))
	if *each > 0 {
		healthy = probe.Each(healthy, *each)
	}
	count := 0
	for _, c := range healthy {
		if !re.MatchString(c.Name) || !schema.Has(c.Needs) || c.Only != "" && c.Only != l.Topo.Datapath {
			continue
		}
		count++
		n.healthy(ctx, c)
	}
	faults := 0
	for _, f := range cases.NATFaults(l.Topo) {
		if !re.MatchString(f.Code) {
			continue
		}
		if f.Until != "" && schema.Has(f.Until) {
			fmt.Printf("nat: left out: %s: this release of OVN cannot have it\n", f.Code)
			continue
		}
		faults++
		n.fault(ctx, f)
	}
	if *pattern == "" {
		n.say("unreachable", n.unreachable(ctx))
	}
	fmt.Printf("nat: healthy=%d faults=%d failed=%d\n", count, faults, n.failed)
	if n.failed > 0 || ctx.Err() != nil {
		return &guest.ExitError{Code: 1}
	}
	return nil
}

func (n *natCheck) say(name string, err error) {
	if err != nil {
		n.failed++
		fmt.Printf("nat: %s: %v\n", name, err)
	}
}

// nat runs the command. It returns the answer and the exit status.
func (n *natCheck) nat(ctx context.Context, args ...string) (*report.FindingsReport, int, error) {
	var answer report.FindingsReport
	status, err := ask(ctx, n.lab, &answer, "nat", args...)
	if err != nil {
		return nil, status, err
	}
	return &answer, status, nil
}

// healthy runs a case, after which nat must report no error and no warning.
func (n *natCheck) healthy(ctx context.Context, c probe.Case) {
	if err := n.send(ctx, c); err != nil {
		n.say(c.Name, err)
		return
	}
	answer, status, err := n.nat(ctx)
	if err == nil && status != 0 {
		err = fmt.Errorf("exit status %d in a healthy lab", status)
	}
	n.say(c.Name, err)
	if answer != nil {
		for _, f := range answer.Findings {
			if f.Severity != report.SeverityInfo {
				n.say(c.Name, errors.New(show(&f)))
			}
		}
	}
}

// send runs the packets of a case. On a busy machine a packet may take longer than the runner
// waits: then it runs them again.
func (n *natCheck) send(ctx context.Context, c probe.Case) error {
	var why []string
	for range 3 {
		res := n.runner.RunCase(ctx, c)
		if res.Outcome != probe.Disagree.String() {
			return nil
		}
		why = res.Why
		c.Setup = nil // it is done
	}
	return fmt.Errorf("the packets do not end as they should: %s", strings.Join(why, "; "))
}

func show(f *report.Finding) string {
	return fmt.Sprintf("%s %s: %s %v\n    %s", f.Severity, f.Code, f.Text, f.Where, strings.Join(append(f.Evidence, f.Mend...), "\n    "))
}

// fault makes a fault, which nat must find.
func (n *natCheck) fault(ctx context.Context, f cases.NATFault) {
	began := time.Now()
	cleanup := f.Case.Cleanup
	f.Case.Cleanup = nil
	defer func() {
		for _, cmd := range cleanup {
			n.say(f.Code+": clean-up", n.lab.Do(context.WithoutCancel(ctx), cmd))
		}
		n.say(f.Code+": clean-up", n.lab.Settle(context.WithoutCancel(ctx)))
	}()
	if err := n.send(ctx, f.Case); err != nil {
		n.say(f.Code, err)
		return
	}
	for _, cmd := range f.Break {
		if err := n.lab.Do(ctx, cmd); err != nil {
			n.say(f.Code, err)
			return
		}
	}
	answer, status, err := n.nat(ctx)
	if err != nil {
		n.say(f.Code, err)
		return
	}
	if status != 1 {
		n.say(f.Code, fmt.Errorf("exit status %d, not 1", status))
	}
	found := n.judge(&f, answer)
	if found == nil || !f.Mended {
		return
	}
	n.say(f.Code, n.mend(ctx, &f, found))
	fmt.Printf("nat: %-24s %4.1f s\n", f.Code, time.Since(began).Seconds())
}

// judge returns the finding of a fault: it must have all that the fault says, and be the only error
// or warning.
func (n *natCheck) judge(f *cases.NATFault, answer *report.FindingsReport) *report.Finding {
	var found *report.Finding
	for i := range answer.Findings {
		g := &answer.Findings[i]
		switch {
		case string(g.Code) == f.Code && found == nil:
			found = g
		case g.Severity != report.SeverityInfo:
			n.say(f.Code, errors.New("also found: "+show(g)))
		}
	}
	if found == nil {
		n.say(f.Code, errors.New("not found"))
		return nil
	}
	text := show(found)
	for _, part := range f.Says {
		if !strings.Contains(text, part) {
			n.say(f.Code, fmt.Errorf("%q is missing in: %s", part, text))
		}
	}
	return found
}

// mend runs the commands of a finding, as a person would; the finding must be gone.
func (n *natCheck) mend(ctx context.Context, f *cases.NATFault, found *report.Finding) error {
	for _, cmd := range found.Mend {
		program, rest, _ := strings.Cut(cmd, " ")
		switch program {
		case "ovn-nbctl":
			cmd = rest
		case "ovn-sbctl":
			cmd = "@sb " + rest
		default:
			cmd = "@" + found.Where["chassis"] + " " + cmd
		}
		if err := n.lab.Do(ctx, cmd); err != nil {
			return err
		}
	}
	answer, _, err := n.nat(ctx)
	if err != nil {
		return err
	}
	for i := range answer.Findings {
		if g := &answer.Findings[i]; string(g.Code) == f.Code {
			return errors.New("still found after its commands were run: " + show(g))
		}
	}
	return nil
}

// unreachable asks with one chassis that cannot be reached: the answer names it, and the status is
// 3.
func (n *natCheck) unreachable(ctx context.Context) error {
	answer, status, err := n.nat(ctx, "--node", "hv2=exec:false")
	if err != nil {
		return err
	}
	if status != 3 {
		return fmt.Errorf("exit status %d, not 3", status)
	}
	for _, f := range answer.Findings {
		if f.Code == report.CodeChassisUnreachable && f.Where["chassis"] == "hv2" {
			return nil
		}
	}
	return errors.New("chassis hv2 is not named")
}
