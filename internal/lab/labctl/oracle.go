package main

import (
	"cmp"
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
	o, err := parseOracle(args)
	if err != nil {
		return err
	}
	if o.lab, err = lab.Attach(base(), os.Stderr); err != nil {
		return err
	}
	r := &probe.Runner{Lab: o.lab, Tool: o.tool, Out: os.Stdout, Settle: cmp.Or(o.settle, settleTime(o.lab.Topo)), Once: o.once}
	remove, err := o.archive(ctx, r)
	defer remove()
	if err != nil {
		return err
	}
	if err := r.Open(ctx); err != nil {
		return err
	}
	defer r.Close()
	schema, err := o.lab.NBSchema()
	if err != nil {
		return err
	}
	done := probe.Run{Datapath: o.lab.Topo.Datapath}
	if done.Versions, err = o.lab.Versions(ctx); err != nil {
		return err
	}
	fmt.Printf("oracle: on %s\n", done.Versions)
	run := o.chosen()
	if len(run) == 0 {
		return fmt.Errorf("no case %q", o.pattern)
	}
	run = dealt(run, o.part) // none, if there are fewer cases than parts
	for i, c := range run {
		if ctx.Err() != nil {
			break
		}
		fmt.Printf("oracle: %3d/%d %-34s ", i+1, len(run), c.Name)
		done.Results = append(done.Results, o.judge(ctx, r, schema, c))
	}
	if o.results != "" {
		if err := done.Write(o.results); err != nil {
			return err
		}
	}
	return summary(done.Results, len(run))
}

// oracleRun are the flags of a run of cases.
type oracleRun struct {
	tool, pattern, results, offline, gathered string

	named, features, kinds *regexp.Regexp
	newer, once            bool
	each, random           int
	seed                   uint64
	part                   part
	settle                 time.Duration
	lab                    *lab.Lab
}

func parseOracle(args []string) (*oracleRun, error) {
	o := &oracleRun{}
	fs := flag.NewFlagSet("cases", flag.ContinueOnError)
	fs.StringVar(&o.tool, "tool", "", "the built command; without it only the reality is recorded")
	fs.StringVar(&o.pattern, "case", "", "names to run (regular expression)")
	fs.StringVar(&o.results, "results", "", "write all results to this file, as JSON")
	feature := fs.String("feature", "", "features whose cases to run (regular expression)")
	fs.BoolVar(&o.newer, "newer", false, "also run all cases that need a newer release than the oldest supported one")
	fs.IntVar(&o.each, "each", 0, "maximum number of cases of a feature, not counting those that need a newer release; 0: all")
	fs.IntVar(&o.random, "random", 0, "number of random cases to run instead of the listed ones")
	fs.Uint64Var(&o.seed, "seed", 1, "seed of the random cases")
	share := fs.String("part", "1/1", "run only part K of N of the cases: K/N")
	fs.DurationVar(&o.settle, "settle", 0, "a packet has ended when no frame was seen for this time; 0: depends on the datapath")
	fs.StringVar(&o.offline, "offline", "", "also predict from archives that this script collects (scripts/sosdump.sh)")
	archives := fs.String("archives", "", "kinds of archives for -offline (regular expression)")
	fs.BoolVar(&o.once, "once", false, "each case is asked of every kind of archive, but not each packet")
	fs.StringVar(&o.gathered, "gathered", "", "also predict from a must-gather that this script collects (scripts/mustgatherdump.sh)")
	if err := fs.Parse(args); err != nil {
		return nil, &guest.ExitError{Code: 2}
	}
	var err error
	if o.part, err = parsePart(*share); err != nil {
		return nil, err
	}
	if o.kinds, err = regexp.Compile(*archives); err != nil {
		return nil, err
	}
	if o.named, err = regexp.Compile(o.pattern); err != nil {
		return nil, err
	}
	o.features, err = regexp.Compile(*feature)
	return o, err
}

// archive adds the archives from which the cases are predicted too. remove removes them.
func (o *oracleRun) archive(ctx context.Context, r *probe.Runner) (remove func(), err error) {
	remove = func() {}
	if o.offline != "" {
		r.Archives, remove = archivesOf(o.lab, o.offline, o.tool)
		if o.kinds.MatchString("bundle") {
			b := &bundler{lab: o.lab, tool: o.tool, file: "/run/ctlab-bundle.tar.zst"}
			if err := b.check(ctx); err != nil {
				return remove, err
			}
			fmt.Println("offline: no secret is in a bundle, a dead chassis is named, an interrupted run leaves nothing")
		}
		r.Archives = slices.DeleteFunc(r.Archives, func(x probe.Archive) bool { return !o.kinds.MatchString(x.Kind) })
	}
	if g := (&gatherer{lab: o.lab, script: o.gathered, dir: "/run/ctlab-gathered"}); g.script != "" && o.kinds.MatchString("must-gather") {
		r.Archives = append(r.Archives, probe.Archive{Kind: "must-gather", Collect: g.collect, Own: g.own, Partial: true})
		others := remove
		remove = func() {
			others()
			os.RemoveAll(g.dir)
		}
	}
	return remove, nil
}

// chosen returns the cases that the flags select: one whose name is the pattern alone, or all that
// match.
func (o *oracleRun) chosen() []probe.Case {
	all := cases.All(o.lab.Topo)
	if o.random > 0 {
		all = cases.Random(o.lab.Topo, o.seed, o.random)
	}
	if o.each > 0 {
		all = probe.Each(all, o.each)
	}
	var run []probe.Case
	for _, c := range all {
		if c.Name == o.pattern && !o.newer {
			return []probe.Case{c}
		}
		if o.named.MatchString(c.Name) && o.features.MatchString(c.Feature) || o.newer && c.Needs != "" {
			run = append(run, c)
		}
	}
	return run
}

// judge runs a case, unless it does not apply here, and completes its line.
func (o *oracleRun) judge(ctx context.Context, r *probe.Runner, schema *lab.Schema, c probe.Case) probe.Result {
	if o.tool == "" {
		fmt.Println()
	}
	res := probe.Result{Name: c.Name, Feature: c.Feature}
	switch {
	case !schema.Has(c.Needs):
		res.Outcome, res.Note = probe.NotHere, "needs "+c.Needs
	case c.Until != "" && schema.Has(c.Until):
		res.Outcome, res.Note = probe.NotHere, "ends elsewhere since "+c.Until
	case c.Only != "" && c.Only != o.lab.Topo.Datapath:
		res.Outcome, res.Note = probe.NotHere, "needs the "+c.Only+" datapath"
	case c.Cannot != "":
		res.Outcome, res.Note = probe.Impossible, c.Cannot
	default:
		res = r.RunCase(ctx, c)
		fmt.Printf("%-8s %5.1f s (tool %.1f s)\n", res.Outcome, res.Took.Seconds(), res.Tool.Seconds())
		for _, w := range res.Why {
			fmt.Printf("        %s\n", w)
		}
		return res
	}
	fmt.Printf("%-8s %s\n", res.Outcome, res.Note)
	return res
}

// summary prints the counts of n cases, and returns an error if one disagrees or was not run.
func summary(results []probe.Result, n int) error {
	count := map[string]int{}
	for _, res := range results {
		count[res.Outcome]++
	}
	if s := probe.ArchivedSummary(results); s != "" {
		fmt.Println(s)
	}
	disagree := count["disagree"] + n - len(results)
	fmt.Printf("oracle: cases=%d agree=%d unknown=%d disagree=%d elsewhere=%d impossible=%d\n",
		n, count["agree"], count["unknown"], disagree, count[probe.NotHere], count[probe.Impossible])
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
