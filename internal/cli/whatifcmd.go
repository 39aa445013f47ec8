package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/matrix"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/replica"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/whatif"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// whatIfFlags are the flags of what-if.
type whatIfFlags struct {
	nbRun, down, moves []string
	nbFile             string
	listFlags
	pairs        string
	noLive, keep bool
	q            questionFlags
}

// whatIfCmd says what a change would do.
func (a *app) whatIfCmd() *cobra.Command {
	var c common
	var f whatIfFlags
	cmd := &cobra.Command{
		Use:   "what-if [flags] [MICROFLOW]",
		Short: "Which packets and live connections would a change affect?",
		Long: `what-if makes a change in a private copy of the deployment's databases, with an ovn-northd and an ovn-controller
of its own for each chassis, and compares before and after: the next packets of every live connection of those
chassis, over their live conntrack entries, and new connections between the pairs that are asked. Only what is
different is printed. The deployment is only read. ovn-northd, ovn-controller and ovs-vswitchd must be installed here.

Exit status: 0 nothing changes fate; 1 something does; 2 bad usage, or a change that cannot be made; 3 something
could not be reached or was not permitted; 4 not determined.`,
		Example: `  ovn-ct-trace what-if --nb-run 'acl-add sw0 to-lport 2000 tcp drop'
  ovn-ct-trace what-if --down hv3 --from sw0-p1 --to 8.8.8.8/icmp`,
		Args: argCount(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.q.arguments(args)
			if !cmd.Flags().Changed("timeout") {
				c.timeout = whatIfTimeout
			}
			return a.whatIf(cmd.Context(), &c, &f)
		},
	}
	c.add(cmd)
	c.addBundle(cmd)
	fl := cmd.Flags()
	fl.StringArrayVar(&f.nbRun, "nb-run", nil, "command of ovn-nbctl, repeatable; run on the copy")
	fl.StringVar(&f.nbFile, "nb-file", "", "file of a Northbound database that takes the place of the copied one")
	fl.StringArrayVar(&f.down, "down", nil, "chassis that fails, repeatable")
	fl.StringArrayVar(&f.moves, "gateway-moves", nil, "chassis whose gateways move to their next chassis, repeatable")
	f.listFlags.add(fl, "copy only this chassis, and compare only its connections; repeatable", 0)
	fl.StringVar(&f.pairs, "pairs", "", "file of pairs to compare too, as of matrix: FROM TO[:PORT][/PROTO] a line; - is standard input")
	fl.BoolVar(&f.noLive, "no-connections", false, "compare only the pairs, not the live connections")
	fl.BoolVar(&f.keep, "keep", false, "leave the copy with its daemons")
	fl.StringVar(&f.q.From, "from", "", "logical port of a pair to compare too")
	fl.StringVar(&f.q.To, "to", "", "where it is sent: PORT, or IP[:PORT][/PROTO]")
	fl.StringVar(&f.q.Proto, "proto", "", "tcp, udp, icmp or sctp, where --to does not say it")
	fl.Lookup("verbose").Usage, fl.Lookup("quiet").Usage = noEffect, "whether something changes fate, and nothing else"
	fl.Lookup("timeout").DefValue = whatIfTimeout.String()
	return cmd
}

// whatIfTimeout bounds a run for which --timeout is not given: a copy takes longer than an answer.
const whatIfTimeout = 5 * time.Minute

// change reads the change; errors are those of bad input.
func (f *whatIfFlags) change() (replica.Change, error) {
	c := replica.Change{File: f.nbFile, Moves: f.moves, Down: f.down}
	if err := cmp.Or(checkNames("--down", f.down), checkNames("--gateway-moves", f.moves)); err != nil {
		return c, err
	}
	for _, line := range f.nbRun {
		words, err := replica.ParseCommand(line)
		if err != nil {
			return c, err
		}
		c.Run = append(c.Run, words)
	}
	if len(c.Run)+len(c.Moves)+len(c.Down) == 0 && c.File == "" {
		return c, usage.Errorf("--nb-run 'acl-del sw0', --nb-file FILE, --down CHASSIS or --gateway-moves CHASSIS", "no change is given")
	}
	if c.File != "" {
		st, err := os.Stat(c.File)
		if err == nil && !st.Mode().IsRegular() {
			err = &fs.PathError{Op: "read", Path: c.File, Err: errors.New("it is no file of a database")}
		}
		if err != nil {
			return c, &usage.Error{Msg: "--nb-file: " + err.Error(), Err: err}
		}
	}
	return c, nil
}

// askedPairs reads the pairs: the one of the flags, and those of the file.
func (a *app) askedPairs(f *whatIfFlags) ([]whatif.Pair, error) {
	var out []whatif.Pair
	if f.q.From != "" || f.q.To != "" || f.q.Microflow != "" {
		judged, err := f.q.Judge(true)
		if err != nil {
			return nil, err
		}
		text := strings.TrimSpace(f.q.From + " to " + f.q.To + " " + f.q.Microflow)
		out = append(out, whatif.Pair{Text: text, Judged: judged, From: f.q.From, To: f.q.To})
	}
	if f.pairs == "" {
		return out, nil
	}
	in, err := a.seekable(f.pairs)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	file := &matrix.File{Name: f.pairs, Reader: in}
	for q, err := range file.Each() {
		if err != nil {
			return nil, err
		}
		judged, err := q.Session()
		if err != nil {
			return nil, file.At(q.Line, err)
		}
		out = append(out, whatif.Pair{Text: q.From + " to " + q.To, Judged: judged, From: q.From, To: q.To})
	}
	return out, nil
}

func (a *app) whatIf(ctx context.Context, c *common, f *whatIfFlags) error {
	if err := c.check(); err != nil {
		return err
	}
	req := whatif.Request{NoConnections: f.noLive, Limit: f.limit, Keep: f.keep, MaxDump: c.dumpBound(), Say: a.progress()}
	var err error
	if req.Change, err = f.change(); err != nil {
		return err
	}
	if req.Pairs, err = a.askedPairs(f); err != nil {
		return err
	}
	if f.noLive && len(req.Pairs) == 0 {
		return usage.Errorf("--from sw0-p1 --to 10.0.0.4:80/tcp, or --pairs FILE", "nothing is compared: --no-connections without a pair")
	}
	if err := f.check(); err != nil {
		return err
	}
	if err := replica.CheckForm(ctx, req.Change); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		// main saves memory at the cost of the processor. Here both are spent by the copied
		// daemons, which take many times this process' memory.
		defer debug.SetGCPercent(debug.SetGCPercent(100))
	}
	var out *report.WhatIfReport
	err = c.run(ctx, func(bounded context.Context, run *deployment.Run) (err error) {
		if req.Chassis, err = chosen(bounded, run, f.chassis); err != nil {
			return err
		}
		// The copy is of the databases of the run's own zone.
		req.Chassis = slices.DeleteFunc(req.Chassis, func(c *ovn.Chassis) bool {
			if slices.Contains(f.chassis, c.Name) || slices.Contains(f.chassis, c.Hostname) {
				return false
			}
			return c.IsRemote() || run.Lacks(c)
		})
		out, err = whatif.Run(bounded, run, req)
		return err
	})
	req.Say("")
	if err != nil {
		return err
	}
	a.status = whatIfStatus(out)
	if c.output == "json" {
		return render.WhatIfJSON(a.out, out)
	}
	return render.WhatIf(a.out, out, a.renderOptions(c))
}

// whatIfStatus returns the exit status of an answer.
func whatIfStatus(r *report.WhatIfReport) int {
	changed, unknown := 0, 0
	for _, f := range []report.WhatIfFates{r.Counts.Connections, r.Counts.Pairs} {
		changed += f.Dies + f.Revives
		unknown += f.Unknown
	}
	switch {
	case changed > 0:
		return exitNotAsAsked
	case unknown > 0:
		return exitUnknown
	}
	return exitOK
}

// progress returns what prints the steps of a long run on a terminal, each in place of the last; an
// empty step removes the line.
func (a *app) progress() func(string) {
	if !isTerminal(a.err) {
		return func(string) {}
	}
	return func(step string) {
		fmt.Fprintf(a.err, "\r\x1b[K%s", oneLine(step))
	}
}
