package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/matrix"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// matrixFlags are the flags of matrix.
type matrixFlags struct {
	file            string // "-" is standard input; empty with all
	all             bool
	services        []string
	networks        []string
	limit           int
	expect          string
	asNew           bool
	inFlight        int
	maxLoad         int
	resume, against string
	pairs           []string // the flags of --all that were given without it
}

// The defaults of matrix.
const (
	defaultPairs    = 100_000
	defaultInFlight = 2
)

// matrixCmd traces many packets.
func (a *app) matrixCmd() *cobra.Command {
	var c common
	var f matrixFlags
	cmd := &cobra.Command{
		Use:   "matrix [flags] FILE|--all",
		Short: "Trace many packets: the lines of a file, or every pair of ports",
		Long: `matrix traces the packet of each line of FILE (- is standard input), FROM TO[:PORT][/PROTO] [expect=VERDICT], or with
--all one from every bound VIF to every other and to every VIP, in parallel over the chassis. It prints what does not
end as expected, and counts. All lines are checked before the first packet is traced. The rows of the databases are
kept for the run; flows and conntrack entries are those of the moment.

Exit status: 0 all as expected (with --against: nothing changed); 1 some are not; 2 bad usage or input; 3 some have no
answer, because something could not be reached, or the run was interrupted; 4 some are not determined.`,
		Example: `  ovn-ct-trace matrix pairs.txt
  ovn-ct-trace matrix --all --service 80/tcp --service icmp -o json > today.json
  ovn-ct-trace matrix --all --service 80/tcp --service icmp --against yesterday.json`,
		Args: argCount(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				f.file = args[0]
			}
			for _, name := range []string{"service", "network", "limit"} {
				if cmd.Flags().Changed(name) && !f.all {
					f.pairs = append(f.pairs, "--"+name)
				}
			}
			return a.matrix(cmd.Context(), &c, &f)
		},
	}
	c.add(cmd)
	c.addBundle(cmd)
	fs := cmd.Flags()
	fs.Lookup("quiet").Usage = "the counts only"
	fs.Lookup("verbose").Usage = "every answer, and warnings"
	fs.Lookup("timeout").Usage = "bound on each request to a node, and on connecting to the databases"
	fs.BoolVar(&f.all, "all", false, "every pair of bound VIFs, and every VIF to every VIP")
	fs.StringArrayVar(&f.services, "service", []string{"icmp"}, "with --all, repeatable: what each VIF is asked for, 80/tcp, 53/udp or icmp")
	fs.StringArrayVar(&f.networks, "network", nil, "with --all, repeatable: only VIFs of this logical switch")
	fs.IntVar(&f.limit, "limit", defaultPairs, "with --all: the largest number of questions; 0 for any")
	fs.StringVar(&f.expect, "expect", "", "expected verdict where a line has none: delivered, dropped, rejected, ...")
	fs.BoolVar(&f.asNew, "as-new", false, "trace as if no live conntrack entry existed: what happens to new connections")
	fs.IntVar(&f.inFlight, "in-flight", defaultInFlight, "requests that one node has at a time")
	fs.IntVar(&f.maxLoad, "max-load", 100, "share of its time, in percent, that one ovs-vswitchd may spend on answers")
	fs.StringVar(&f.resume, "resume", "", "the -o json output of an interrupted run: what it has answered is not asked again")
	fs.StringVar(&f.against, "against", "", "the -o json output of an earlier run: print only what has changed")
	return cmd
}

func (f *matrixFlags) check() error {
	const example = "ovn-ct-trace matrix pairs.txt, or ovn-ct-trace matrix --all"
	switch {
	case f.all && f.file != "":
		return usage.Errorf(example, "FILE and --all exclude each other")
	case !f.all && f.file == "":
		return usage.Errorf(example, "no questions are given: neither FILE nor --all")
	case len(f.pairs) > 0:
		return usage.Errorf(example, "%s applies to --all only", f.pairs[0])
	case f.resume != "" && f.against != "":
		return usage.Errorf("finish the run first", "--resume and --against exclude each other")
	case f.inFlight < 1 || f.inFlight > 100:
		return usage.Errorf("--in-flight 2", "--in-flight %d is not 1 to 100", f.inFlight)
	case f.maxLoad < 1 || f.maxLoad > 100:
		return usage.Errorf("--max-load 20", "--max-load %d is not 1 to 100", f.maxLoad)
	}
	_, err := matrix.Services(f.services)
	return cmp.Or(checkLimit(f.limit), question.CheckExpect(f.expect), err)
}

// matrix checks the input, asks and prints.
func (a *app) matrix(ctx context.Context, c *common, f *matrixFlags) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	p := &matrixPrinter{app: a, c: c, asNew: f.asNew}
	if p.resume, err = past(f.resume); err != nil {
		return err
	}
	if p.against, err = past(f.against); err != nil {
		return err
	}
	var list matrix.List
	if !f.all {
		file, err := a.seekable(f.file)
		if err != nil {
			return err
		}
		defer file.Close()
		list = &matrix.File{Name: f.file, Reader: file, Expect: f.expect}
		if err := matrix.Judge(f.file, list, f.asNew); err != nil {
			return err
		}
	}
	return c.with(ctx, func(_ context.Context, d *deployment.Deployment) error { return a.askMatrix(ctx, d, f, list, p) })
}

// askMatrix asks the questions of a list, or of all pairs without one, and prints the answers.
func (a *app) askMatrix(ctx context.Context, d *deployment.Deployment, f *matrixFlags, list matrix.List, p *matrixPrinter) (err error) {
	shared := d.Share()
	defer func() {
		if cerr := shared.Close(ctx); err == nil {
			err = cerr
		}
	}()
	shared.Gate = matrix.NewGate(f.inFlight, f.maxLoad, p.c.timeout)
	checked, err := a.checked(ctx, shared, f, list)
	if err != nil {
		return err
	}
	ask := &matrix.Asker{Shared: shared, InFlight: f.inFlight, AsNew: f.asNew, Skip: p.skip}
	p.begin(checked.Count)
	err = ask.Ask(ctx, checked, p.take)
	if perr := p.end(); err == nil {
		err = perr
	}
	if ctx.Err() != nil {
		hint := "-o json > FILE, and later --resume FILE"
		return failure.Of(failure.Unreachable, usage.Errorf(hint, "interrupted: %d of %d questions have no answer", p.sum.Unasked, p.sum.Questions))
	}
	a.status = p.status()
	return err
}

// checked reads the list and looks its names up. A list that was not given is that of all pairs.
func (a *app) checked(ctx context.Context, shared *deployment.Shared, f *matrixFlags, list matrix.List) (*matrix.Checked, error) {
	run := shared.Run()
	defer run.Close(ctx)
	if list == nil {
		all, err := matrix.ReadAll(ctx, run, f.services, f.networks, f.expect)
		if err != nil {
			return nil, err
		}
		if n := all.Count(); f.limit > 0 && n > f.limit {
			return nil, usage.Errorf(fmt.Sprintf("--limit %d, or fewer ports with --network", n), "--all is %d questions, more than --limit %d", n, f.limit)
		}
		for _, n := range all.Notes {
			fmt.Fprintf(a.err, "ovn-ct-trace: %s\n", n)
		}
		list = all
	}
	return matrix.Check(ctx, run, f.file, list, f.asNew)
}

// past reads the answers of an earlier run; nil without a file.
func past(file string) (*matrix.Past, error) {
	if file == "" {
		return nil, nil
	}
	in, err := os.Open(file)
	if err != nil {
		return nil, unreadable(err)
	}
	defer in.Close()
	return matrix.ReadPast(file, in)
}

// unreadable is a file of the user's that cannot be read.
func unreadable(err error) error { return &usage.Error{Msg: err.Error(), Err: err} }

// seekable opens a file. Standard input, or a pipe, is copied to a temporary file: the list is read
// twice.
func (a *app) seekable(name string) (*os.File, error) {
	var in io.Reader = a.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, unreadable(err)
		}
		if st, err := file.Stat(); err == nil && st.Mode().IsRegular() {
			return file, nil
		}
		defer file.Close()
		in = file
	}
	tmp, err := os.CreateTemp("", "ovn-ct-trace-matrix")
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(tmp, in)
	if err = errors.Join(err, os.Remove(tmp.Name())); err != nil {
		tmp.Close()
		return nil, unreadable(err)
	}
	return tmp, nil
}

// matrixStatus returns the exit status of what was counted.
func matrixStatus(s *report.MatrixSummary) int {
	switch {
	case s.Failed > 0 || s.Unasked > 0:
		return exitUnreachable
	case s.Unknown > 0:
		return exitUnknown
	case s.NotMet > 0:
		return exitNotAsAsked
	}
	return exitOK
}
