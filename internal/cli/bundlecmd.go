package cli

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/bundle"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// bundleFlags are the flags of bundle.
type bundleFlags struct {
	file             string
	chassis          []string
	include, exclude []string
	maxSize          string
	dryRun, force    bool
}

// bundleTimeout bounds a run for which --timeout is not given.
const bundleTimeout = 10 * time.Minute

// bundleCmd collects what a trace needs.
func (a *app) bundleCmd() *cobra.Command {
	var c common
	var f bundleFlags
	cmd := &cobra.Command{
		Use:   "bundle [flags] FILE",
		Short: "Collect what a trace needs, to trace elsewhere with --bundle",
		Long: `bundle collects from a live deployment what a trace needs, and nothing else: bridges, ports, flows, groups, meters,
conntrack entries, routes and settings of each chassis, and the Southbound and Northbound databases. Other commands
answer from it with --bundle FILE, as from a sosreport. The list of what will be taken is printed first. Keys,
certificates, passwords and permissions are never taken: tables, columns and the keys of external_ids and other_config
are chosen by name. Addresses, names and rules are in it: it is as confidential as the network.

FILE ends with .tar.zst, .tar.gz or .tar, or is - for standard output (.tar.zst). It has its name only once it is complete.

Exit status: 0 all was collected; 2 bad usage; 3 something could not be reached, or is missing in the archive, which
says what.`,
		Example: `  ovn-ct-trace bundle --node-cmd 'ssh {hostname} ovn-ct-trace node stdio' --chassis hv1 --chassis hv2 case.tar.zst
  ovn-ct-trace why --bundle case.tar.zst --from sw0-p1 --to 30.0.0.10:80/tcp`,
		Args: argCount(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.file = args[0]
			if !cmd.Flags().Changed("timeout") {
				c.timeout = bundleTimeout
			}
			return a.bundle(cmd.Context(), &c, &f)
		},
	}
	c.add(cmd)
	explainFlags(cmd, noEffect, "userspace datapath: the largest conntrack table, in connections, that is dumped; 0 for any. A larger one is missing from the archive")
	fl := cmd.Flags()
	fl.StringArrayVar(&f.chassis, "chassis", nil, "collect only this chassis, repeatable")
	parts := strings.Join(bundle.AllParts, ", ")
	fl.StringSliceVar(&f.include, "include", nil, "only these parts: "+parts)
	fl.StringSliceVar(&f.exclude, "exclude", nil, "not these parts")
	fl.StringVar(&f.maxSize, "max-size", "", "leave out what does not fit into so many bytes (K, M, G) before compression; conntrack first")
	fl.BoolVar(&f.dryRun, "dry-run", false, "print the list of what would be taken, and take nothing")
	fl.BoolVar(&f.force, "force", false, "replace FILE if it exists")
	fl.Lookup("timeout").DefValue = bundleTimeout.String()
	return cmd
}

// options checks the flags; errors are those of bad usage.
func (f *bundleFlags) options() (opt bundle.Options, format bundle.Format, err error) {
	for _, name := range append(slices.Clone(f.include), f.exclude...) {
		if !slices.Contains(bundle.AllParts, name) {
			return opt, format, usage.Errorf(strings.Join(bundle.AllParts, ", "), "no part is called %q", name)
		}
	}
	for _, name := range bundle.AllParts {
		if (len(f.include) == 0 || slices.Contains(f.include, name)) && !slices.Contains(f.exclude, name) {
			opt.Parts = append(opt.Parts, name)
		}
	}
	if len(opt.Parts) == 0 {
		return opt, format, usage.Errorf("", "--include and --exclude leave nothing to collect")
	}
	if opt.MaxBytes, err = parseSize(f.maxSize); err != nil {
		return opt, format, err
	}
	if f.file == "-" || f.dryRun {
		return opt, bundle.Zstd, nil
	}
	format, ok := bundle.FormatOf(f.file)
	if !ok {
		return opt, format, usage.Errorf("a name that ends with .tar.zst, .tar.gz or .tar, or -", "%q does not say how it is to be packed", f.file)
	}
	return opt, format, nil
}

// parseSize reads a number of bytes: 1000, 64K, 500M, 2G; empty is 0.
func parseSize(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	digits := strings.TrimRight(s, "KMG")
	shift, ok := map[string]uint{"": 0, "K": 10, "M": 20, "G": 30}[s[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok || n <= 0 || n > math.MaxInt64>>shift {
		return 0, usage.Errorf("--max-size 500M", "--max-size %q is no number of bytes", s)
	}
	return n << shift, nil
}

func (a *app) bundle(ctx context.Context, c *common, f *bundleFlags) error {
	if err := c.check(); err != nil {
		return err
	}
	opt, format, err := f.options()
	if err != nil {
		return err
	}
	if f.file == "-" && !f.dryRun && (c.output == "json" || isTerminal(a.out)) {
		return usage.Errorf("FILE", "the archive goes to standard output, which is no place for it with -o json or on a terminal")
	}
	opt.MaxDump, opt.Say = c.dumpBound(), a.progress()
	if f.dryRun {
		return a.surveyed(ctx, c, f, opt, nil)
	}
	to, err := f.create(a.out, format) // before anything is asked: it may not be allowed
	if err != nil {
		return err
	}
	err = a.surveyed(ctx, c, f, opt, to)
	if err != nil {
		to.Abort()
	}
	return err
}

// surveyed asks what there is to collect, and collects it into an archive; nil only lists it.
func (a *app) surveyed(ctx context.Context, c *common, f *bundleFlags, opt bundle.Options, to *bundle.Archive) error {
	return c.run(ctx, func(bounded context.Context, run *deployment.Run) error {
		chassis, err := chosen(bounded, run, f.chassis)
		if err != nil {
			return err
		}
		plan, err := bundle.Survey(bounded, run, chassis, opt)
		if err != nil {
			return err
		}
		plan.Report.Warnings = append(plan.Report.Warnings, run.Warnings()...)
		if to == nil {
			return a.bundled(c, plan, true)
		}
		if err := render.BundleList(a.err, plan.Report, a.renderOptions(c)); err != nil {
			return err
		}
		err = bundle.Collect(bounded, plan, to, opt)
		opt.Say("")
		if err != nil {
			return err
		}
		if plan.Report.Size, err = to.Close(); err != nil {
			return err
		}
		if f.file != "-" {
			plan.Report.File = f.file
		}
		return a.bundled(c, plan, f.file == "-")
	})
}

// create begins the archive.
func (f *bundleFlags) create(stdout io.Writer, format bundle.Format) (*bundle.Archive, error) {
	if f.file == "-" {
		return bundle.To(stdout, format)
	}
	to, err := bundle.Create(f.file, format, f.force)
	var exists *bundle.ExistsError
	if errors.As(err, &exists) {
		return nil, usage.Errorf("--force replaces it", "%v", err)
	}
	if err != nil {
		return nil, &usage.Error{Msg: err.Error(), Err: err}
	}
	return to, nil
}

// bundled prints what was collected, or would be; not where the archive went to standard output.
func (a *app) bundled(c *common, plan *bundle.Plan, listed bool) error {
	if !plan.Complete() {
		a.status = exitUnreachable
	}
	switch {
	case c.output == "json":
		return render.BundleJSON(a.out, plan.Report)
	case plan.Report.Size > 0 && listed:
		return render.Bundle(a.err, plan.Report, a.renderOptions(c))
	case listed:
		return render.BundleList(a.out, plan.Report, a.renderOptions(c))
	}
	return render.Bundle(a.out, plan.Report, a.renderOptions(c))
}
