package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// cmdInsideWhy puts faults into the lab, one after the other; why must name each, and find that
// what it prints as the mending command mends it.
func cmdInsideWhy(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("why", flag.ContinueOnError)
	pattern := fs.String("case", "", "faults to put into the lab, by name (regular expression)")
	show := fs.Bool("show", false, "print why's answers")
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
	if err := r.LearnMACs(ctx); err != nil {
		return err
	}
	w := &whyRun{Runner: r, show: *show}
	total, wrong := 0, 0
	for _, f := range faults(r.Lab.Topo) {
		if !re.MatchString(f.name) {
			continue
		}
		total++
		began := time.Now()
		err := w.judge(ctx, f.fault)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		verdict := "right"
		if err != nil {
			verdict = "wrong"
			wrong++
		}
		fmt.Printf("why: %-24s %s %5.1f s\n", f.name, verdict, time.Since(began).Seconds())
		if err != nil {
			fmt.Printf("        %v\n", err)
		}
	}
	fmt.Printf("why: faults=%d right=%d wrong=%d\n", total, total-wrong, wrong)
	if wrong > 0 || total == 0 {
		return &guest.ExitError{Code: 1}
	}
	return nil
}

// whyRun judges faults in a lab.
type whyRun struct {
	*probe.Runner
	show bool
}

// judge puts a fault into the lab, asks, mends it, and asks again.
func (w *whyRun) judge(ctx context.Context, f fault) (err error) {
	if err := errors.Join(w.Lab.Settle(ctx), w.Flush()); err != nil {
		return err
	}
	if f.packet != nil {
		if _, err := w.Send(ctx, *f.packet, w.Stamp(f.packet), 1); err != nil {
			return err
		}
	}
	defer func() {
		err = errors.Join(err, w.do(context.WithoutCancel(ctx), f.back))
	}()
	if err := w.do(ctx, f.change); err != nil {
		return err
	}
	answer, status, err := w.ask(ctx, f.ask)
	if err != nil {
		return err
	}
	if err := f.named(answer, status); err != nil {
		return err
	}
	if !f.mends {
		return nil
	}
	for _, command := range answer.Causes[0].Mend {
		if err := w.mend(ctx, command); err != nil {
			return err
		}
	}
	if err := w.Lab.Settle(ctx); err != nil {
		return err
	}
	answer, status, err = w.ask(ctx, f.ask)
	if err == nil && (status != 0 || len(answer.Causes) > 0) {
		err = fmt.Errorf("after %q: status %d, causes %+v", answer.Question.Text, status, answer.Causes)
	}
	return err
}

// named returns an error unless an answer names the fault.
func (f fault) named(a *report.WhyReport, status int) error {
	var got []string
	for _, c := range a.Causes {
		got = append(got, string(c.Code))
	}
	switch {
	case len(got) < len(f.codes) || strings.Join(got[:len(f.codes)], " ") != strings.Join(f.codes, " "):
		return fmt.Errorf("causes %q, want %q", got, f.codes)
	case !strings.Contains(a.Causes[0].Text, f.object):
		return fmt.Errorf("the cause is %q, which does not name %q", a.Causes[0].Text, f.object)
	case status != 1:
		return fmt.Errorf("exit status %d, want 1", status)
	case f.works != (a.Answered != nil && *a.Answered):
		return fmt.Errorf("answered %v", a.Answered)
	case len(a.Causes[0].Mend) == 0 && f.codes[0] != "no-route":
		return errors.New("no command mends it")
	case len(a.Causes[0].Evidence) == 0 && a.Causes[0].NB == nil && len(a.Causes[0].Where) == 0:
		return errors.New("there is no evidence")
	}
	return nil
}

// do runs commands in the lab, and waits until the chassis have followed.
func (w *whyRun) do(ctx context.Context, commands []string) error {
	for _, c := range commands {
		if strings.HasPrefix(c, "@hv") { // what it changes must be there
			if err := w.Lab.Settle(ctx); err != nil {
				return err
			}
		}
		if err := w.Lab.Do(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
	}
	return w.Lab.Settle(ctx)
}

// ask runs why, and returns its answer and exit status.
func (w *whyRun) ask(ctx context.Context, args []string) (*report.WhyReport, int, error) {
	if w.show {
		cmd := exec.CommandContext(ctx, builtTool, append(append([]string{"why"}, reach(builtTool)...), args...)...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		_ = cmd.Run() // the status is that of the run below
	}
	var a report.WhyReport
	status, err := ask(ctx, w.Lab, &a, "why", args...)
	return &a, status, err
}

// mend runs a command that why prints, where its comment says.
func (w *whyRun) mend(ctx context.Context, command string) error {
	env, argv := w.Lab.CentralEnv(), []string{"/bin/sh", "-c", command}
	for _, c := range w.Lab.Topo.Chassis {
		if _, where, _ := strings.Cut(command, "# on "); where == c.Name {
			env, argv = w.Lab.ChassisEnv(c.Name), append([]string{"ip", "netns", "exec", c.Name}, argv...)
		}
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(append(os.Environ(), env...), w.Lab.Bin.Env()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, out)
	}
	return nil
}
