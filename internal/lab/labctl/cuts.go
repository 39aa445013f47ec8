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
}

// cmdInsideCuts plays connections in the lab, collects it with a script, and cuts the collected
// files: whatever is missing, an answer must be the live one, or unknown.
func cmdInsideCuts(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("inside-cuts", flag.ContinueOnError)
	places := fs.Int("places", 200, "number of places at which each file is cut")
	seed := fs.Uint64("seed", 1, "seed of the places")
	files := fs.String("files", "", "files to cut, by their name (regular expression)")
	script := fs.String("script", "", "scripts/sosdump.sh")
	verbose := fs.Bool("v", false, "print every archive that was asked")
	if err := fs.Parse(args); err != nil {
		return &guest.ExitError{Code: 2}
	}
	re, err := regexp.Compile(*files)
	if err != nil {
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
	c := &cutting{lab: p.Lab}
	if err := c.play(ctx, p, "sw0-p1", "30.0.0.10", 80); err != nil {
		return err
	}
	if err := c.play(ctx, p, "sw0-p1", "sw2-p1", 8080); err != nil {
		return err
	}
	c.questions = append(c.questions, ovncttrace.Question{From: "sw0-p1", To: "30.0.0.10:80/tcp"}, ovncttrace.Question{From: "sw3-p3", To: "172.16.0.100:80/tcp"})
	live, err := c.ask(ctx, ovncttrace.Options{SB: lab.SBRemote, NB: lab.NBRemote, NodeCommand: nodeCmdOf(builtTool)})
	if err != nil {
		return err
	}
	a := &archiver{lab: p.Lab, script: *script, dir: "/run/ctlab-cuts"}
	defer os.RemoveAll(a.dir)
	folders, err := a.collect(ctx, "")
	if err != nil {
		return err
	}
	for i := range folders { // those that are packed are also there as they were
		folders[i] = strings.TrimSuffix(folders[i], ".tar.gz")
	}
	run := &cuts.Run{Folders: folders, Live: live, Places: *places, Seed: *seed, Again: 1,
		Files: func(name string) bool { return re.MatchString(name) },
		Ask: func(ctx context.Context, folders []string) ([]cuts.Answer, error) {
			return c.ask(ctx, ovncttrace.Options{Bundles: folders})
		},
		Log: func(format string, args ...any) {
			if *verbose {
				fmt.Printf("cuts: "+format+"\n", args...)
			}
		},
		Done: func(folder, name string, n *cuts.Count) {
			fmt.Printf("cuts: %s/%s: %s\n", filepath.Base(folder), name, n)
		},
	}
	n, err := run.Do(ctx)
	if err != nil {
		return err
	}
	for _, w := range n.Wrong {
		fmt.Printf("cuts: WRONG: %s\n", w)
	}
	fmt.Printf("cuts: %s seed=%d\n", n, *seed)
	if len(n.Wrong) > 0 || n.Answered == 0 || n.Unknown == 0 || n.Refused == 0 {
		return &guest.ExitError{Code: 1}
	}
	return nil
}

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

// ask returns the answer to each question: the verdict, and each end with the packet there.
func (c *cutting) ask(ctx context.Context, opt ovncttrace.Options) ([]cuts.Answer, error) {
	d, err := ovncttrace.Open(ctx, opt)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var out []cuts.Answer
	for _, q := range c.questions {
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
