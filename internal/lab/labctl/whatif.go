package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/campaign"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
)

// whatIfFlags are the flags of the command and of its part in the instance.
type whatIfFlags struct {
	changes int
	seed    uint64
	kinds   string
	offline bool
}

func (w *whatIfFlags) parse(args []string) error {
	fs := flag.NewFlagSet("whatif", flag.ContinueOnError)
	fs.IntVar(&w.changes, "changes", 0, "number of changes to make; 0: each kind once")
	fs.Uint64Var(&w.seed, "seed", 1, "seed of what is drawn")
	fs.StringVar(&w.kinds, "kinds", "", "kinds to draw from (regular expression)")
	fs.BoolVar(&w.offline, "offline", false, "also ask archives in the shape of sosreports: the answer must be the same")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	return nil
}

// cmdInsideWhatIf makes changes in the lab of this instance that the tool has predicted.
func cmdInsideWhatIf(ctx context.Context, args []string) error {
	var w whatIfFlags
	if err := w.parse(args); err != nil {
		return err
	}
	re, err := regexp.Compile(w.kinds)
	if err != nil {
		return err
	}
	kinds := slices.DeleteFunc(slices.Clone(campaign.ChangeKinds()), func(k campaign.ChangeKind) bool { return !re.MatchString(k.Name) })
	if len(kinds) == 0 {
		return fmt.Errorf("no kind %q", w.kinds)
	}
	r, done, err := openCampaign(ctx)
	if err != nil {
		return err
	}
	defer done()
	r.Tool = builtTool
	if w.offline {
		a := &archiver{lab: r.Lab, script: filepath.Join("scripts", "sosdump.sh"), dir: "/run/ctlab-sos"}
		defer os.RemoveAll(a.dir)
		r.Archive = a.collect
	}
	if w.changes == 0 {
		w.changes = len(kinds)
	}
	score, err := r.WhatIf(ctx, kinds, w.changes, w.seed)
	if err != nil {
		return err
	}
	fmt.Printf("whatif: %d connections died; of %d it was said that a hash decides, which counts as right; %d are not judged, as a daemon ended\n",
		score.Died, score.Undetermined, score.Unjudged)
	fmt.Printf("whatif: changes=%d connections=%d right=%d wrong=%d missed=%d seed=%d\n", score.Changes, score.Connections, score.Right, score.Wrong, score.Missed, w.seed)
	if score.Wrong+score.Missed > 0 || score.Connections == 0 { // nothing judged is no success
		return &guest.ExitError{Code: 1}
	}
	return nil
}
