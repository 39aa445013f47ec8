package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
)

// traceCmd traces one packet.
func (a *app) traceCmd() *cobra.Command {
	cmd, _ := a.questionCmd("trace", false)
	cmd.Short = "Trace one packet, end to end"
	cmd.Example = `  ovn-ct-trace trace --from sw0-p1 --to 30.0.0.10:80/tcp
  ovn-ct-trace trace 'inport == "sw0-p1" && eth.src == 50:54:00:00:00:03 && eth.dst == 00:00:00:00:ff:01 &&
      ip4.src == 10.0.0.3 && ip4.dst == 20.0.0.4 && ip.ttl == 64 && tcp.src == 40000 && tcp.dst == 80'`
	return cmd
}

// sessionCmd plays a handshake.
func (a *app) sessionCmd() *cobra.Command {
	cmd, q := a.questionCmd("session", true)
	cmd.Short = "Trace a handshake: each packet over the entries that those before it left"
	cmd.Example = `  ovn-ct-trace session --from sw0-p1 --to 30.0.0.10:80/tcp`
	q.addClose(cmd)
	return cmd
}

// questionCmd makes the command that asks one question, of a packet or of the session that it
// begins.
func (a *app) questionCmd(name string, session bool) (*cobra.Command, *questionFlags) {
	var c common
	var q questionFlags
	var overlay overlayFlags
	cmd := &cobra.Command{
		Use:  name + " [flags] [MICROFLOW]",
		Args: argCount(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.arguments(args)
			return a.ask(cmd.Context(), &c, &q, &overlay, session)
		},
	}
	c.add(cmd)
	c.addBundle(cmd)
	q.add(cmd)
	commit := ""
	if session {
		commit = "overlay"
	}
	overlay.add(cmd, commit)
	return cmd, &q
}

// ask checks the input, connects, and prints the answer. It closes what it opened and removes what
// it committed.
func (a *app) ask(ctx context.Context, c *common, q *questionFlags, of *overlayFlags, session bool) error {
	if err := c.check(); err != nil {
		return err
	}
	judged, err := q.Judge(session)
	if err != nil {
		return err
	}
	if err := of.check(); err != nil {
		return err
	}
	entries, err := of.entries()
	if err != nil {
		return err
	}
	return c.run(judged.Begin(ctx), func(ctx context.Context, run *deployment.Run) error {
		ans, err := judged.Answer(ctx, run, entries)
		if err != nil {
			if ans != nil {
				err = errors.Join(a.answer(c, ans.Report), err)
			}
			return err
		}
		if err := a.answer(c, ans.Report); err != nil || !of.saves() || ans.After == nil {
			return err
		}
		return of.save(*ans.After) // the answer stands, though a later run lacks what this packet left
	})
}
