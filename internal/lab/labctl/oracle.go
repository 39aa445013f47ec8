package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/cases"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// cmdCases runs cases in the lab of this instance.
func cmdCases(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("cases", flag.ContinueOnError)
	tool := fs.String("tool", "", "the built command; without it only the reality is recorded")
	pattern := fs.String("case", "", "names to run (regular expression)")
	results := fs.String("results", "", "write all results to this file, as JSON")
	feature := fs.String("feature", "", "features whose cases to run (regular expression)")
	newer := fs.Bool("newer", false, "also run all cases that need a newer release than the oldest supported one")
	each := fs.Int("each", 0, "maximum number of cases of a feature, not counting those that need a newer release; 0: all")
	random := fs.Int("random", 0, "number of random cases to run instead of the listed ones")
	seed := fs.Uint64("seed", 1, "seed of the random cases")
	share := fs.String("part", "1/1", "run only part K of N of the cases: K/N")
	settle := fs.Duration("settle", 0, "a packet has ended when no frame was seen for this time; 0: depends on the datapath")
	offline := fs.String("offline", "", "also predict from archives that this script collects (scripts/sosdump.sh)")
	archives := fs.String("archives", "", "kinds of archives for -offline (regular expression)")
	once := fs.Bool("once", false, "each case is asked of every kind of archive, but not each packet")
	gathered := fs.String("gathered", "", "also predict from a must-gather that this script collects (scripts/mustgatherdump.sh)")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	mine, err := parsePart(*share)
	if err != nil {
		return err
	}
	kinds, err := regexp.Compile(*archives)
	if err != nil {
		return err
	}
	re, err := regexp.Compile(*pattern)
	if err != nil {
		return err
	}
	of, err := regexp.Compile(*feature)
	if err != nil {
		return err
	}
	l, err := lab.Attach(base(), os.Stderr)
	if err != nil {
		return err
	}
	if *settle == 0 {
		*settle = settleTime(l.Topo)
	}
	r := &probe.Runner{Lab: l, Tool: *tool, Out: os.Stdout, Settle: *settle, Once: *once}
	if *offline != "" {
		var remove func()
		r.Archives, remove = archivesOf(l, *offline, *tool)
		defer remove()
		if kinds.MatchString("bundle") {
			b := &bundler{lab: l, tool: *tool, file: "/run/ctlab-bundle.tar.zst"}
			if err := b.check(ctx); err != nil {
				return err
			}
			fmt.Println("offline: no secret is in a bundle, a dead chassis is named, an interrupted run leaves nothing")
		}
		r.Archives = slices.DeleteFunc(r.Archives, func(x probe.Archive) bool { return !kinds.MatchString(x.Kind) })
	}
	if g := (&gatherer{lab: l, script: *gathered, dir: "/run/ctlab-gathered"}); g.script != "" && kinds.MatchString("must-gather") {
		defer os.RemoveAll(g.dir)
		r.Archives = append(r.Archives, probe.Archive{Kind: "must-gather", Collect: g.collect, Own: g.own, Partial: true})
	}
	if err := r.Open(ctx); err != nil {
		return err
	}
	defer r.Close()
	schema, err := l.NBSchema()
	if err != nil {
		return err
	}
	done := probe.Run{Datapath: l.Topo.Datapath}
	if done.Versions, err = l.Versions(ctx); err != nil {
		return err
	}
	fmt.Printf("oracle: on %s\n", done.Versions)
	all := cases.All(l.Topo)
	if *random > 0 {
		all = cases.Random(l.Topo, *seed, *random)
	}
	if *each > 0 {
		all = probe.Each(all, *each)
	}
	var run []probe.Case
	for _, c := range all {
		if c.Name == *pattern && !*newer {
			run = []probe.Case{c}
			break
		}
		if re.MatchString(c.Name) && of.MatchString(c.Feature) || *newer && c.Needs != "" {
			run = append(run, c)
		}
	}
	if len(run) == 0 {
		return fmt.Errorf("no case %q", *pattern)
	}
	run = dealt(run, mine) // none, if there are fewer cases than parts
	count := map[string]int{}
	for i, c := range run {
		if ctx.Err() != nil {
			break
		}
		fmt.Printf("oracle: %3d/%d %-34s ", i+1, len(run), c.Name)
		if *tool == "" {
			fmt.Println()
		}
		res := probe.Result{Name: c.Name, Feature: c.Feature}
		switch {
		case !schema.Has(c.Needs):
			res.Outcome, res.Note = probe.NotHere, "needs "+c.Needs
			fmt.Printf("%-8s %s\n", res.Outcome, res.Note)
		case c.Until != "" && schema.Has(c.Until):
			res.Outcome, res.Note = probe.NotHere, "ends elsewhere since "+c.Until
			fmt.Printf("%-8s %s\n", res.Outcome, res.Note)
		case c.Only != "" && c.Only != l.Topo.Datapath:
			res.Outcome, res.Note = probe.NotHere, "needs the "+c.Only+" datapath"
			fmt.Printf("%-8s %s\n", res.Outcome, res.Note)
		case c.Cannot != "":
			res.Outcome, res.Note = probe.Impossible, c.Cannot
			fmt.Printf("%-8s %s\n", res.Outcome, res.Note)
		default:
			res = r.RunCase(ctx, c)
			fmt.Printf("%-8s %5.1f s (tool %.1f s)\n", res.Outcome, res.Took.Seconds(), res.Tool.Seconds())
		}
		for _, w := range res.Why {
			fmt.Printf("        %s\n", w)
		}
		count[res.Outcome]++
		done.Results = append(done.Results, res)
	}
	if *results != "" {
		if err := done.Write(*results); err != nil {
			return err
		}
	}
	if s := probe.ArchivedSummary(done.Results); s != "" {
		fmt.Println(s)
	}
	disagree := count["disagree"] + len(run) - len(done.Results)
	fmt.Printf("oracle: cases=%d agree=%d unknown=%d disagree=%d elsewhere=%d impossible=%d\n",
		len(run), count["agree"], count["unknown"], disagree, count[probe.NotHere], count[probe.Impossible])
	if disagree > 0 {
		return &guest.ExitError{Code: 1}
	}
	return nil
}

// settleTime returns the time without frames after which a packet is considered to have ended.
// Packets take milliseconds in namespaces, and much longer in an emulated guest.
func settleTime(t *lab.Topology) time.Duration {
	if t.Datapath == lab.Userspace {
		return 150 * time.Millisecond
	}
	return 400 * time.Millisecond
}

// cmdCoverage writes the table of features from the results of several runs, and returns an error
// if no run has judged a case of a feature.
func cmdCoverage(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("coverage", flag.ContinueOnError)
	out := fs.String("o", "", "write the table to this file")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	var runs []*probe.Run
	for _, f := range fs.Args() {
		r, err := probe.ReadRun(f)
		if err != nil {
			return err
		}
		runs = append(runs, r)
	}
	all := cases.All(lab.Base())
	missing, newer := probe.Unjudged(cases.Features, all, runs)
	if len(missing) > 0 {
		return fmt.Errorf("no case was judged of %d of %d features: %s", len(missing), len(cases.Features), strings.Join(missing, ", "))
	}
	fmt.Printf("coverage: cases of %d of %d features were judged\n", len(cases.Features)-len(newer), len(cases.Features))
	if len(newer) > 0 {
		fmt.Printf("coverage: not judged, because they need a newer release than these runs had, or another datapath: %s\n", strings.Join(newer, ", "))
	}
	if lacking := probe.Lacking(cases.Features, runs); len(lacking) > 0 {
		return fmt.Errorf("judged only on the kernel's datapath, without a reason: %s", strings.Join(lacking, ", "))
	}
	if *out == "" {
		return nil
	}
	return os.WriteFile(*out, []byte(probe.Coverage(cases.Features, all, runs)), 0o644)
}
