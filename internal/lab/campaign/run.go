package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// Runner runs a campaign in a lab.
type Runner struct {
	Lab   *lab.Lab
	Probe *probe.Runner
	Tool  string    // the built command; "" only injects, and checks that each fault shows
	Out   io.Writer // progress and results
	// Archive collects what sosreport would, and returns the paths for --bundle. what-if is then also
	// asked of them, and must answer the same; nil: it is not.
	Archive func(ctx context.Context, zone string) ([]string, error)

	// Archives are the kinds of archives that are also asked about each fault, while it is there.
	Archives []probe.Archive
	// Archived reports whether they are asked about a kind of fault; nil: about all.
	Archived func(kind string) bool

	kind     string // of the fault that is there
	archives Archived
	sport    int
	took     []float64 // seconds of each answer of why
	dirty    bool      // the lab's configuration was changed since the last Settle
}

// Score counts the results of a campaign.
type Score struct {
	Kinds, Instances     int
	Right, Wrong, Missed int
	False                int     // findings where there was no fault
	Median               float64 // seconds of an answer of why; 0 if it was not asked
	Archived             Archived
}

// Percent returns the share of instances that were named rightly, 0..100.
func (s Score) Percent() float64 { return 100 * float64(s.Right) / float64(max(s.Instances, 1)) }

// instanceTimeout bounds an instance, and cleanupTimeout its mending and its removal each.
const (
	instanceTimeout = 8 * time.Minute
	cleanupTimeout  = 3 * time.Minute
)

// Run draws faults instances out of kinds: each kind once, in a random order, before any comes
// again.
func (r *Runner) Run(ctx context.Context, kinds []Kind, faults int, seed uint64) (Score, error) {
	// Where connections of an earlier run are left, Open vSwitch 3.1 may abort when the traffic opens
	// them anew (lib/conntrack.c: conn_update_state).
	if err := errors.Join(r.Lab.Revive(ctx), r.Probe.Flush()); err != nil {
		return Score{}, err
	}
	traffic, err := probe.StartTraffic(ctx, r.Lab, trafficFlows(r.Lab.Topo), trafficEnds...)
	if err != nil {
		return Score{}, err
	}
	defer traffic.Stop()
	score, used := Score{}, map[string]bool{}
	if r.Tool != "" {
		score.False += r.falseAlarms(ctx, rand.New(rand.NewPCG(seed, 0)))
		d := &draw{rand.New(rand.NewPCG(seed, 0)), r.Lab.Topo, 0}
		score.False += r.healthyFrom(ctx, [][]string{{"nat"}, d.healthy().why(r.Lab.Topo)})
	}
	order := rand.New(rand.NewPCG(seed, 1<<32))
	var turn []int
	for n := range faults {
		if ctx.Err() != nil {
			return score, ctx.Err()
		}
		if len(turn) == 0 {
			turn = order.Perm(len(kinds))
		}
		k := kinds[turn[0]]
		turn, used[k.Name] = turn[1:], true
		r.kind = k.Name
		d := &draw{rand.New(rand.NewPCG(seed, uint64(n)+1)), r.Lab.Topo, n}
		began := time.Now()
		verdict, why := r.instance(ctx, k.Draw(d))
		fmt.Fprintf(r.Out, "campaign: %3d/%d %-26s %-6s %5.1f s  %s\n", n+1, faults, k.Name, verdict, time.Since(began).Seconds(), why[0])
		for _, w := range why[1:] {
			fmt.Fprintf(r.Out, "        %s\n", w)
		}
		score.Instances++
		*[]*int{&score.Right, &score.Wrong, &score.Missed}[verdict]++
		if r.Tool != "" {
			score.False += r.falseAlarms(ctx, d.Rand)
		}
	}
	score.Kinds, score.Archived = len(used), r.archives
	if slices.Sort(r.took); len(r.took) > 0 {
		score.Median = r.took[len(r.took)/2]
	}
	return score, nil
}

// instance injects a fault, asks, and mends it. The first line of why is what was injected.
func (r *Runner) instance(ctx context.Context, in Instance) (verdict Verdict, why []string) {
	ctx, cancel := context.WithTimeout(ctx, instanceTimeout)
	defer cancel()
	s := &stage{Runner: r, in: &in}
	why = []string{in.What}
	failed := func(what string, err error) {
		if err != nil {
			verdict, why = Wrong, append(why, what+": "+err.Error())
		}
	}
	defer func() {
		cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		failed("removing", r.change(cctx, in.Teardown, true))
		failed("flushing", r.Probe.Flush())
		for _, d := range r.Lab.Dead() {
			failed("a daemon has ended", errors.New(d))
		}
	}()
	if err := s.setUp(ctx); err != nil {
		failed("set-up", err)
		return verdict, why
	}
	objects, err := s.inject(ctx)
	if err == nil {
		var shows string
		if shows, err = s.shows(ctx); err == nil && shows != "" {
			err = errors.New("the fault does not show: " + shows)
		}
	}
	failed("injection", err)
	if err == nil && r.Tool != "" {
		verdict, err = s.question(ctx, objects, &why)
		failed("question", err)
	}
	if err := s.mend(ctx); err != nil {
		failed("mending", err)
	} else if r.Tool != "" && verdict == Right {
		failed("after mending", s.gone(ctx, objects))
	}
	return verdict, why
}

// change runs commands and waits until they have taken effect.
func (r *Runner) change(ctx context.Context, commands []string, settle bool) error {
	for _, cmd := range commands {
		if err := r.Lab.Do(ctx, cmd); err != nil {
			return err
		}
		r.dirty = true
	}
	if !settle || !r.dirty {
		return nil
	}
	if err := r.Lab.Settle(ctx); err != nil {
		return err
	}
	r.dirty = false
	return r.Probe.LearnMACs(ctx)
}

func (s *stage) setUp(ctx context.Context) error {
	if err := s.Lab.Revive(ctx); err != nil {
		return err
	}
	s.dirty = true
	if err := s.change(ctx, s.in.Setup, true); err != nil {
		return err
	}
	if err := s.Probe.Flush(); err != nil {
		return err
	}
	if err := s.flows(ctx); err != nil {
		return fmt.Errorf("before the fault: %w", err)
	}
	if s.in.Before == nil {
		return nil
	}
	return s.in.Before(ctx, s)
}

// flows returns an error unless the instance's flow works. A first packet may be lost while a
// neighbour is unknown, so that it is sent again for some seconds.
func (s *stage) flows(ctx context.Context) error {
	if s.in.Flow.From == "" {
		return nil
	}
	var sent []probe.Exchange
	for range 12 {
		whole, played, err := s.works(ctx, s.in.Flow)
		if err != nil {
			return err
		}
		if whole {
			s.end = endOf(played)
			return nil
		}
		sent = played
		time.Sleep(500 * time.Millisecond)
	}
	return fmt.Errorf("%s does not work: %s", s.in.Flow, lastOf(sent))
}

// inject makes the fault and returns the objects of each question.
func (s *stage) inject(ctx context.Context) ([][]string, error) {
	if err := s.change(ctx, s.in.Inject, !s.in.Unsettled); err != nil {
		return nil, err
	}
	if s.in.Act != nil {
		if err := s.in.Act(ctx, s); err != nil {
			return nil, err
		}
	}
	var objects [][]string
	for _, ask := range s.in.Asks {
		var of []string
		for _, o := range ask.Objects {
			cmd, isCommand := strings.CutPrefix(o, "?")
			if !isCommand {
				of = append(of, o)
				continue
			}
			out, err := s.Lab.Ask(ctx, cmd)
			if err != nil {
				return nil, err
			}
			if strings.TrimSpace(out) == "" {
				return nil, fmt.Errorf("%s: no such row", cmd)
			}
			of = append(of, strings.Fields(out)...)
		}
		objects = append(objects, of)
	}
	return objects, nil
}

func (s *stage) shows(ctx context.Context) (string, error) {
	if s.in.Shows != nil {
		return s.in.Shows(ctx, s)
	}
	whole, sent, err := s.works(ctx, s.in.Flow)
	if whole && endOf(sent) == s.end {
		return fmt.Sprintf("%s works: %s", s.in.Flow, lastOf(sent)), nil
	}
	return "", err
}

// question asks, and returns the worst verdict.
func (s *stage) question(ctx context.Context, objects [][]string, why *[]string) (Verdict, error) {
	worst := Right
	var answers []*Answer
	for i, ask := range s.in.Asks {
		a, err := s.ask(ctx, ask.Args)
		if err != nil {
			return Wrong, err
		}
		answers = append(answers, a)
		v := judge(a, ask, objects[i])
		if v != Right {
			*why = append(*why, fmt.Sprintf("%s: %s: wanted %s of %s", v, strings.Join(ask.Args, " "), strings.Join(ask.Codes, " or "), strings.Join(objects[i], " or ")),
				"  answered: "+told(a))
		}
		worst = max(worst, v)
	}
	return worst, s.archived(ctx, answers, objects, why)
}

// mend mends the fault, also if ctx has ended: the lab and its next faults need it, a paused daemon
// above all.
func (s *stage) mend(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	var err error
	if s.in.Repair != nil {
		err = s.in.Repair(ctx, s)
	}
	s.dirty = true
	if err := errors.Join(err, s.change(ctx, s.in.Mend, true)); err != nil {
		return err
	}
	return s.flows(ctx)
}

// gone returns an error if a question still has the finding.
func (s *stage) gone(ctx context.Context, objects [][]string) error {
	for i, ask := range s.in.Asks {
		if ask.Stays {
			continue
		}
		a, err := s.ask(ctx, ask.Args)
		if err != nil {
			return err
		}
		if judge(a, ask, objects[i]) == Right {
			return fmt.Errorf("%s still answers: %s", strings.Join(ask.Args, " "), told(a))
		}
	}
	return nil
}

// falseAlarms asks about the healthy lab and returns the number of wrong findings.
func (r *Runner) falseAlarms(ctx context.Context, rnd *rand.Rand) int {
	d := &draw{rnd, r.Lab.Topo, 0}
	n := 0
	for _, args := range [][]string{{"nat"}, d.healthy().why(r.Lab.Topo)} {
		a, err := r.ask(ctx, args)
		if err != nil {
			fmt.Fprintf(r.Out, "campaign: false: %v\n", err)
			n++
			continue
		}
		for _, f := range healthy(a) {
			fmt.Fprintf(r.Out, "campaign: false: %s: %s\n", strings.Join(args, " "), f)
			n++
		}
	}
	return n
}
