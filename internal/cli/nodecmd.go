package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/push"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// nodeCmd is the node side.
func (a *app) nodeCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "node",
		Short: "The node side: trace one bridge without OVN, or answer for this machine",
		Args:  noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage.Errorf("ovn-ct-trace node trace|stdio|serve", "node: no command given")
		},
	}
	cmd.AddCommand(a.nodeStdioCmd(), a.nodeServeCmd(), a.nodeTraceCmd())
	return cmd
}

// nodeStdioCmd answers for this machine's Open vSwitch on standard input and output.
func (a *app) nodeStdioCmd() *cobra.Command {
	var c common
	var netns, hash string
	cmd := &cobra.Command{
		Use:   "stdio",
		Short: "Answer for this machine's Open vSwitch over standard input and output",
		Args:  argCount(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := push.CheckSelf(hash); err != nil {
				return err
			}
			opt := c.nodeOptions()
			opt.NetNS = netns
			svc := node.NewService(opt)
			err := node.Serve(cmd.Context(), svc, a.in, nopCloser{a.out})
			ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), deployment.CloseGrace)
			defer cancel()
			if cerr := svc.Close(ctx); err == nil {
				err = cerr
			}
			return err
		},
	}
	cmd.Flags().StringVar(&c.rundir, "ovs-rundir", "", "Open vSwitch's run folder (default OVS_RUNDIR)")
	cmd.Flags().StringVar(&c.journal, "journal", "", "folder of the journal of synthetic kernel entries")
	cmd.Flags().StringVar(&netns, "netns", "", "file of the network namespace whose conntrack is asked (default ovs-vswitchd's own)")
	cmd.Flags().StringVar(&hash, "sha256", "", "refuse to run unless this is the hash of the program itself")
	_ = cmd.Flags().MarkHidden("sha256") // for --push, where the host has no sha256sum
	return cmd
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
