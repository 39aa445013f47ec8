package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/campaign"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// The limits of a campaign.
const (
	campaignBar   = 98 // minimum percentage of instances that the tool must name rightly
	campaignLimit = 5  // maximum median of an answer of why, in seconds
)

// campaignFlags are the flags of the command and of its part in the instance.
type campaignFlags struct {
	faults int
	seed   uint64
	kinds  string
	tool   string // "" only injects
	// archives are the kinds of archives that are also asked; "" none.
	archives string
	archived string // the kinds of faults about which they are asked
}

func (c *campaignFlags) parse(name string, args []string) error {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.IntVar(&c.faults, "faults", 0, "number of faults to inject; 0: each kind once")
	fs.Uint64Var(&c.seed, "seed", 1, "seed of what is drawn")
	fs.StringVar(&c.kinds, "kinds", "", "kinds to draw from (regular expression)")
	fs.StringVar(&c.tool, "tool", builtTool, "the command to ask; empty: only inject, and check that each fault shows")
	fs.StringVar(&c.archives, "archives", "", "kinds of archives that are also asked about each fault (regular expression): sosreport, bundle; empty: none")
	fs.StringVar(&c.archived, "archived", "", "kinds of faults about which archives are asked (regular expression); empty: all")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	return nil
}

// cmdCampaign injects faults in the lab and asks the tool about each.
func cmdCampaign(ctx context.Context, args []string) error {
	var c campaignFlags
	if err := c.parse("campaign", args); err != nil {
		return err
	}
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := os.Stat(filepath.Join(s.cfg.Checkout, "bin", "ovn-ct-trace")); err != nil && c.tool != "" {
		return errors.New("the tool is not built: make build")
	}
	argv := append([]string{remoteBin + "/labctl", "inside-campaign"}, args...)
	wctx, out, stop := watch(ctx, os.Stdout, silenceLimit)
	defer stop()
	err = s.in.Run(wctx, guest.Command{Argv: argv, Dir: s.cfg.Checkout, Env: passEnv(), Stdout: out, Stderr: os.Stderr})
	if wctx.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("the lab hangs: %w", context.Cause(wctx))
	}
	return err
}

// cmdInsideCampaign runs the campaign in this instance.
func cmdInsideCampaign(ctx context.Context, args []string) error {
	var c campaignFlags
	if err := c.parse("inside-campaign", args); err != nil {
		return err
	}
	r, done, err := openCampaign(ctx)
	if err != nil {
		return err
	}
	defer done()
	r.Tool = c.tool
	if c.archives != "" && c.tool != "" {
		re, err := regexp.Compile(c.archives)
		if err != nil {
			return err
		}
		of, err := regexp.Compile(c.archived)
		if err != nil {
			return err
		}
		r.Archived = of.MatchString
		var remove func()
		r.Archives, remove = archivesOf(r.Lab, filepath.Join("scripts", "sosdump.sh"), c.tool)
		defer remove()
		r.Archives = slices.DeleteFunc(r.Archives, func(x probe.Archive) bool { return !re.MatchString(x.Kind) })
		if len(r.Archives) == 0 {
			return fmt.Errorf("no kind of archive %q", c.archives)
		}
	}
	kinds, err := campaignKinds(r.Lab, c.kinds)
	if err != nil {
		return err
	}
	if c.faults == 0 {
		c.faults = len(kinds)
	}
	on, err := r.Lab.Versions(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("campaign: on %s\n", on)
	score, err := r.Run(ctx, kinds, c.faults, c.seed)
	if err != nil {
		return err
	}
	var archived string
	if len(r.Archives) > 0 {
		a := score.Archived
		archived = fmt.Sprintf(" archives=%d same=%d unknown=%d different=%d", a.Asked, a.Same, a.Unknown, a.Different)
	}
	fmt.Printf("campaign: kinds=%d instances=%d right=%d wrong=%d missed=%d false=%d median_s=%.2f seed=%d%s\n",
		score.Kinds, score.Instances, score.Right, score.Wrong, score.Missed, score.False, score.Median, c.seed, archived)
	if score.Percent() < campaignBar || score.False > 0 || score.Median > campaignLimit || score.Archived.Different > 0 || len(r.Archives) > 0 && score.Archived.Asked == 0 {
		return &guest.ExitError{Code: 1}
	}
	return nil
}

// campaignKinds returns the kinds that this lab can have and whose names match. It prints those
// that match and that it cannot have.
func campaignKinds(l *lab.Lab, pattern string) ([]campaign.Kind, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	schema, err := l.NBSchema()
	if err != nil {
		return nil, err
	}
	var out []campaign.Kind
	for _, k := range campaign.All() {
		if !re.MatchString(k.Name) {
			continue
		}
		if why := k.Impossible(l.Topo.Datapath, schema); why != "" {
			fmt.Printf("campaign: left out: %s: %s\n", k.Name, why)
			continue
		}
		out = append(out, k)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no kind %q", pattern)
	}
	return out, nil
}
