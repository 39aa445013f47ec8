package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/campaign"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
)

// openCampaign returns a runner of faults in the lab of this instance; the caller calls done.
func openCampaign(ctx context.Context) (r *campaign.Runner, done func(), err error) {
	p, err := openProbe(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &campaign.Runner{Lab: p.Lab, Probe: p, Out: os.Stdout}, p.Close, nil
}

// cmdFault makes or mends a fault of docs/debugging.md in the lab of this instance.
func cmdFault(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("fault", flag.ContinueOnError)
	mend := fs.Bool("mend", false, "mend the fault instead of making it")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	if fs.NArg() != 1 {
		for _, e := range campaign.Examples(base()) {
			fmt.Fprintf(os.Stderr, "  %-20s %s\n", e.Name, e.Instance.What)
		}
		return errors.New("fault: want one of these names")
	}
	e, err := campaign.FindExample(base(), fs.Arg(0))
	if err != nil {
		return err
	}
	r, done, err := openCampaign(ctx)
	if err != nil {
		return err
	}
	defer done()
	if *mend {
		return r.Mend(ctx, e.Instance)
	}
	if err := r.Make(ctx, e.Instance); err != nil {
		return err
	}
	fmt.Println(e.Instance.What)
	return nil
}

// debuggingPage is the page whose examples are checked.
const debuggingPage = "docs/debugging.md"

// cmdDebugging checks the examples of docs/debugging.md in the lab: each fault is made, and the
// command that finds it must print what the page says. With -update it writes what they print now
// into the page.
func cmdDebugging(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("debugging", flag.ContinueOnError)
	update := fs.Bool("update", false, "write the present output into the page")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	page := filepath.Join(s.cfg.Checkout, debuggingPage)
	argv := []string{remoteBin + "/labctl", "inside-debugging", "-page", page}
	if !*update {
		return s.result(ctx, argv...)
	}
	var out bytes.Buffer
	cmd := guest.Command{Argv: append(argv, "-update"), Dir: s.cfg.Checkout, Env: passEnv(), Stdout: &out, Stderr: os.Stderr}
	if err := s.in.Run(ctx, cmd); err != nil {
		return err
	}
	return os.WriteFile(page, out.Bytes(), 0o644)
}

// cmdInsideDebugging makes the faults and runs the commands. With -update it prints the page with
// what they print now.
func cmdInsideDebugging(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("inside-debugging", flag.ContinueOnError)
	page := fs.String("page", debuggingPage, "the page")
	tool := fs.String("tool", builtTool, "the command to run")
	update := fs.Bool("update", false, "print the page with the present output")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	text, err := os.ReadFile(*page)
	if err != nil {
		return err
	}
	runs, err := consoleBlocks(string(text))
	if err != nil {
		return err
	}
	r, done, err := openCampaign(ctx)
	if err != nil {
		return err
	}
	defer done()
	differ, documented := 0, map[string]bool{}
	for _, run := range runs {
		e, err := campaign.FindExample(r.Lab.Topo, run.fault)
		if err != nil {
			return err
		}
		documented[e.Name] = true
		got, err := runExample(ctx, r, e, *tool, run.command)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
		if *update {
			text = []byte(strings.Replace(string(text), run.block, run.with(got), 1))
			continue
		}
		if same := anyNumbers(got) == anyNumbers(run.output); !same {
			differ++
			fmt.Printf("debugging: %s: the output of %q differs\n--- %s\n%s+++ now\n%s", e.Name, run.command, *page, run.output, got)
		} else {
			fmt.Printf("debugging: %s ok\n", e.Name)
		}
	}
	for _, e := range campaign.Examples(r.Lab.Topo) {
		if !documented[e.Name] {
			return fmt.Errorf("%s does not have %s", *page, e.Name)
		}
	}
	if *update {
		os.Stdout.Write(text)
	}
	if differ > 0 {
		return &guest.ExitError{Code: 1}
	}
	return nil
}

// runExample makes a fault, runs the command that finds it, and mends the fault. It returns what
// the command prints.
func runExample(ctx context.Context, r *campaign.Runner, e campaign.Example, tool, command string) (out string, err error) {
	defer func() { err = errors.Join(err, r.Mend(ctx, e.Instance)) }()
	if err := r.Make(ctx, e.Instance); err != nil {
		return "", err
	}
	argv, err := lab.SplitWords(command)
	if err != nil {
		return "", err
	}
	argv = append(append([]string{argv[0], "--color", "never"}, reach(tool)...), argv[1:]...)
	run, err := r.Lab.RunTool(ctx, tool, argv...)
	if err != nil {
		return "", err
	}
	if run.Status > 1 { // 1: a cause or finding is named
		return "", fmt.Errorf("%s: exit status %d: %s", command, run.Status, run.Stderr)
	}
	if run.Stderr != "" {
		fmt.Fprintln(os.Stderr, run.Stderr)
	}
	return string(run.Out), nil
}
