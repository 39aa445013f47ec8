package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	ovncttrace "github.com/ovn-ct-trace/ovn-ct-trace"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/cases"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/guest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/offline/cuts"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// cutting is what inside-cuts asks of the lab and of its archives.
type cutting struct {
	lab       *lab.Lab
	questions []ovncttrace.Question
	files     *regexp.Regexp
	folders   *regexp.Regexp
	places    int
	seed      uint64
	verbose   bool
}

// cmdInsideCuts plays connections in the lab, collects it as archives of each kind, and cuts the
// collected files: whatever is missing, an answer must be the live one, or unknown.
func cmdInsideCuts(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("inside-cuts", flag.ContinueOnError)
	c := &cutting{}
	fs.IntVar(&c.places, "places", 200, "number of places at which each file is cut")
	fs.Uint64Var(&c.seed, "seed", 1, "seed of the places")
	files := fs.String("files", "", "files to cut, by their name (regular expression)")
	folders := fs.String("folders", "", "folders in which files are cut, by their name (regular expression): those of single hosts")
	archives := fs.String("archives", "", "kinds of archives (regular expression): sosreport, bundle, must-gather")
	script := fs.String("script", "", "scripts/sosdump.sh")
	gathered := fs.String("gathered", "", "scripts/mustgatherdump.sh")
	fs.BoolVar(&c.verbose, "v", false, "print every archive that was asked")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	kinds, err := regexp.Compile(*archives)
	if err != nil {
		return err
	}
	if c.files, err = regexp.Compile(*files); err != nil {
		return err
	}
	if c.folders, err = regexp.Compile(*folders); err != nil {
		return err
	}
	p, err := openProbe(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := p.LearnMACs(ctx); err != nil {
		return err
	}
	if err := p.Flush(); err != nil {
		return err
	}
	defer func() { _ = p.Flush() }()
	c.lab = p.Lab
	if err := c.play(ctx, p, "sw0-p1", "30.0.0.10", 80); err != nil {
		return err
	}
	if err := c.play(ctx, p, "sw0-p1", "sw2-p1", 8080); err != nil {
		return err
	}
	c.questions = append(c.questions, ovncttrace.Question{From: "sw0-p1", To: "30.0.0.10:80/tcp"}, ovncttrace.Question{From: "sw3-p3", To: "172.16.0.100:80/tcp"})
	top, err := os.MkdirTemp("/run", "ctlab-cuts-") // runs of different parts may be made at once
	if err != nil {
		return err
	}
	defer os.RemoveAll(top)
	dir := filepath.Join(top, "archives")
	n := &cuts.Count{}
	for _, a := range cutArchives(c.lab, *script, *gathered, dir) {
		if !kinds.MatchString(a.kind) {
			continue
		}
		one, err := c.run(ctx, a)
		if err != nil {
			return fmt.Errorf("%s: %w", a, err)
		}
		fmt.Printf("cuts: %s: %s\n", a, one)
		n.Add(one)
	}
	fmt.Printf("cuts: %s seed=%d\n", n, c.seed)
	if len(n.Wrong) > 0 || n.Answered == 0 || n.Unknown+n.Refused == 0 {
		return &guest.ExitError{Code: 1}
	}
	return nil
}

// run collects one archive, and cuts its files.
func (c *cutting) run(ctx context.Context, a cutArchive) (*cuts.Count, error) {
	questions := slices.Clone(c.questions)
	for i := range questions {
		questions[i].AsNew = a.asNew
	}
	live, err := answers(ctx, questions, ovncttrace.Options{SB: lab.SBRemote, NB: lab.NBRemote, NodeCommand: nodeCmdOf(builtTool)})
	if err != nil {
		return nil, err
	}
	folders, err := a.collect(ctx)
	if err != nil {
		return nil, err
	}
	if a.asNew {
		if questions, live, err = determined(ctx, questions, live, folders); err != nil {
			return nil, err
		}
	}
	said := 0
	run := &cuts.Run{Folders: folders, Live: live, Places: c.places, Seed: c.seed, Again: 1,
		Files: func(folder, name string) bool {
			return c.folders.MatchString(filepath.Base(folder)) && c.files.MatchString(name) && (a.files == nil || a.files.MatchString(name))
		},
		Ask: func(ctx context.Context, folders []string) ([]cuts.Answer, error) {
			return answers(ctx, questions, ovncttrace.Options{Bundles: folders})
		},
		Log: func(format string, args ...any) {
			if c.verbose {
				fmt.Printf("cuts: "+format+"\n", args...)
			}
		},
		Done: func(folder, name string, n *cuts.Count) {
			for ; said < len(n.Wrong); said++ { // at once, for a run takes hours
				fmt.Printf("cuts: WRONG: %s: %s\n", filepath.Base(folder), n.Wrong[said])
			}
			fmt.Printf("cuts: %s: %s/%s: %s\n", a, filepath.Base(folder), name, n)
		},
	}
	return run.Do(ctx)
}

// determined returns the questions that archives which are whole determine, with their live
// answers.
func determined(ctx context.Context, questions []ovncttrace.Question, live []cuts.Answer, folders []string) ([]ovncttrace.Question, []cuts.Answer, error) {
	whole, err := answers(ctx, questions, ovncttrace.Options{Bundles: folders})
	if err != nil {
		return nil, nil, fmt.Errorf("the whole archives: %w", err)
	}
	var asked []ovncttrace.Question
	var known []cuts.Answer
	for i, a := range whole {
		if !a.Unknown {
			asked, known = append(asked, questions[i]), append(known, live[i])
		}
	}
	if len(asked) < minQuestions {
		return nil, nil, fmt.Errorf("the whole archives determine %d of %d questions: %v", len(asked), len(questions), whole)
	}
	return asked, known, nil
}

// minQuestions is how many questions an archive must determine that has no entries.
const minQuestions = 4

// play makes a connection, and adds a packet of each of its sides to the questions.
func (c *cutting) play(ctx context.Context, p *probe.Runner, from, to string, port int) error {
	for i := range playTries {
		first := cases.To(p.Lab.Topo, from, to, false)
		first.Proto, first.Sport, first.Dport, first.Flags = "tcp", 42001+i, port, "syn"
		exchanged, whole, err := p.Play(ctx, first)
		if err != nil {
			return err
		}
		if whole {
			for _, e := range exchanged[1:] {
				c.questions = append(c.questions, ovncttrace.Question{Microflow: e.Packet.Microflow(e.Packet.From)})
			}
			return nil
		}
	}
	return fmt.Errorf("the lab's connection from %s to %s does not work", from, to)
}

// answers returns the answer to each question: the verdict, and each end with the packet there.
func answers(ctx context.Context, questions []ovncttrace.Question, opt ovncttrace.Options) ([]cuts.Answer, error) {
	d, err := ovncttrace.Open(ctx, opt)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var out []cuts.Answer
	for _, q := range questions {
		r, err := d.Trace(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("%s%s to %s: %w", q.Microflow, q.From, q.To, err)
		}
		out = append(out, answered(r))
	}
	return out, nil
}

func answered(r *report.Report) cuts.Answer {
	a := cuts.Answer{Unknown: fmt.Sprint(r.Verdict) == "unknown"}
	text := []string{fmt.Sprint(r.Verdict)}
	for _, p := range r.Packets {
		for _, b := range p.Branches {
			header, _ := json.Marshal(b.Header)
			text = append(text, fmt.Sprintf("%v at %s %s of %s as %s", b.Verdict, b.End.Port, b.End.Kind, b.End.Chassis, header))
			if a.Why == "" && fmt.Sprint(b.Verdict) == "unknown" && b.Reason != nil {
				a.Why = b.Reason.Text
			}
		}
	}
	slices.Sort(text[1:]) // a flood has no order
	a.Text = strings.Join(text, "; ")
	return a
}
