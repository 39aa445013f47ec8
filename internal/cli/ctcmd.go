package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctjournal"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// ctCmd lists and removes the synthetic kernel entries that --commit=kernel left.
func (a *app) ctCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ct",
		Short: "Synthetic kernel entries this tool has left",
		Args:  noCommand,
		RunE: func(*cobra.Command, []string) error {
			return usage.Errorf("ovn-ct-trace ct list|clean", "ct: no command given")
		},
	}
	cmd.AddCommand(
		a.ctSubCmd("list", "List the synthetic entries that are journaled", true),
		a.ctSubCmd("clean", "Remove the synthetic entries that ended runs have left, and only those", false))
	return cmd
}

func (a *app) ctSubCmd(name, short string, list bool) *cobra.Command {
	var c common
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Long:  short + ". On this machine; with --node or --node-cmd, on those chassis.",
		Args:  argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.check(); err != nil {
				return err
			}
			ctx, cancel := c.bound(cmd.Context())
			defer cancel()
			return a.ct(ctx, &c, list)
		},
	}
	c.add(cmd)
	explainFlags(cmd, noEffect, noDump)
	return cmd
}

func (a *app) ct(ctx context.Context, c *common, list bool) error {
	var out []report.Leftover
	var failed error
	err := c.eachNode(ctx, func(name string, n node.Node) error {
		res, err := n.Clean(ctx, list)
		if res != nil {
			for _, it := range append(res.Items, res.Kept...) {
				out = append(out, leftoverOf(name, it))
			}
			for _, it := range res.Kept {
				if it.State == ctjournal.StateUnsure || it.State == ctjournal.StateFailed {
					failed = errors.Join(failed, fmt.Errorf("%s: ct zone %d: %v: %s", name, it.Zone, it.Orig, it.Why))
				}
			}
		}
		return err
	})
	if err == nil || len(out) > 0 { // an empty list is certain only if every node was asked
		if perr := a.printLeftovers(c, out); err == nil {
			err = perr
		}
	}
	if err == nil && failed != nil {
		err = &node.Error{Node: "ct clean", Op: "remove", Err: failed, Hint: "entries that are not certainly this tool's are kept; they expire by themselves"}
	}
	return err
}

func leftoverOf(chassis string, it ctjournal.Item) report.Leftover {
	return report.Leftover{Chassis: chassis, State: report.LeftoverState(it.State), Zone: it.Zone, Tuple: tupleOf(it.Orig), PID: it.PID,
		Expires: it.Expires.UTC().Format("2006-01-02T15:04:05Z"), Why: it.Why, Journal: it.Journal}
}

func (a *app) printLeftovers(c *common, out []report.Leftover) error {
	if c.output == "json" {
		return render.LeftoversJSON(a.out, out)
	}
	if len(out) == 0 {
		fmt.Fprintln(a.out, "no synthetic entries")
	}
	for _, l := range out {
		fmt.Fprintf(a.out, "%s: %s: zone %d: %s (run %d, expires %s)", l.Chassis, l.State, l.Zone, l.Tuple.Proto+" "+l.Tuple.Text(), l.PID, l.Expires)
		if l.Why != "" {
			fmt.Fprintf(a.out, ": %s", l.Why)
		}
		fmt.Fprintln(a.out)
	}
	return nil
}

// eachNode visits the chassis that the flags name: those of --node, with --node-cmd or --kube every
// chassis of the Southbound database, else this machine.
func (c *common) eachNode(ctx context.Context, f func(string, node.Node) error) (err error) {
	if len(c.nodes) == 0 && c.nodeCmd == "" && c.push.kube == "" {
		svc := node.NewService(c.nodeOptions())
		defer closeLate(ctx, svc.Close)
		return f("local", svc)
	}
	d, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer d.Close()
	run := d.Run()
	defer run.Close(ctx)
	all, err := d.SB.AllChassis(ctx)
	if err != nil {
		return err
	}
	opt, err := c.options()
	if err != nil {
		return err
	}
	if _, err := named("--node", slices.Clone(all), slices.Sorted(maps.Keys(opt.Nodes))); err != nil {
		return err
	}
	var errs []error
	for _, row := range all {
		if !run.Reachable(row) {
			continue
		}
		n, err := run.Nodes.Node(ctx, row)
		if err == nil {
			err = f(row.Name, n)
		}
		errs = append(errs, err) // the others are still cleaned
	}
	return errors.Join(errs...)
}

func tupleOf(t ctstate.Tuple) *report.Tuple { return publish.Tuple(t) }
