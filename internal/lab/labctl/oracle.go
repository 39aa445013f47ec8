package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/cases"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// cmdCases runs cases in the lab of this instance.
func cmdCases(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("cases", flag.ContinueOnError)
	tool := fs.String("tool", "", "the built command; without it reality alone is recorded")
	pattern := fs.String("case", "", "names to run (regular expression)")
	results := fs.String("results", "", "write all judgements to this file, as JSON")
	settle := fs.Duration("settle", 400*time.Millisecond, "nothing seen for so long: the packet is through")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	re, err := regexp.Compile(*pattern)
	if err != nil {
		return err
	}
	l, err := lab.Attach(lab.Base(), os.Stderr)
	if err != nil {
		return err
	}
	r := &probe.Runner{Lab: l, Tool: *tool, Out: os.Stdout, Settle: *settle}
	if err := r.Open(ctx); err != nil {
		return err
	}
	defer r.Close()
	all := cases.All(l.Topo)
	var run []probe.Case
	for _, c := range all {
		if c.Name == *pattern {
			run = []probe.Case{c}
			break
		}
		if re.MatchString(c.Name) {
			run = append(run, c)
		}
	}
	if len(run) == 0 {
		return fmt.Errorf("no case %q", *pattern)
	}
	count := map[string]int{}
	var done []probe.Result
	for i, c := range run {
		if ctx.Err() != nil {
			break
		}
		fmt.Printf("oracle: %3d/%d %-34s ", i+1, len(run), c.Name)
		if *tool == "" {
			fmt.Println()
		}
		res := r.RunCase(ctx, c)
		fmt.Printf("%-8s %5.1f s (tool %.1f s)\n", res.Outcome, res.Took.Seconds(), res.Tool.Seconds())
		for _, w := range res.Why {
			fmt.Printf("        %s\n", w)
		}
		count[res.Outcome]++
		done = append(done, res)
	}
	if *results != "" {
		b, err := json.MarshalIndent(done, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(*results, b, 0o644); err != nil {
			return err
		}
	}
	disagree := count["disagree"] + len(run) - len(done)
	fmt.Printf("oracle: cases=%d agree=%d unknown=%d disagree=%d\n", len(run), count["agree"], count["unknown"], disagree)
	if disagree > 0 {
		return &guest.ExitError{Code: 1}
	}
	return nil
}
