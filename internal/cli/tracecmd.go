package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/session"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// traceCmd traces one packet.
func (a *app) traceCmd() *cobra.Command {
	var c common
	var in input
	var overlay overlayFlags
	cmd := &cobra.Command{
		Use:   "trace [flags] [MICROFLOW]",
		Short: "Trace one packet, end to end",
		Example: `  ovn-ct-trace trace --from sw0-p1 --to 30.0.0.10:80/tcp
  ovn-ct-trace trace 'inport == "sw0-p1" && eth.src == 50:54:00:00:00:03 && eth.dst == 00:00:00:00:ff:01 &&
      ip4.src == 10.0.0.3 && ip4.dst == 20.0.0.4 && ip.ttl == 64 && tcp.src == 40000 && tcp.dst == 80'`,
		Args: argCount(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withDeployment(cmd.Context(), &c, &in, &overlay, args, a.trace)
		},
	}
	c.add(cmd)
	in.add(cmd)
	overlay.add(cmd, "")
	return cmd
}

// sessionCmd plays a handshake.
func (a *app) sessionCmd() *cobra.Command {
	var c common
	var in input
	var overlay overlayFlags
	cmd := &cobra.Command{
		Use:     "session [flags] [MICROFLOW]",
		Short:   "Trace a handshake: each packet over the entries that those before it left",
		Example: `  ovn-ct-trace session --from sw0-p1 --to 30.0.0.10:80/tcp`,
		Args:    argCount(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.handshake = true
			return a.withDeployment(cmd.Context(), &c, &in, &overlay, args, a.session)
		},
	}
	c.add(cmd)
	in.add(cmd)
	overlay.add(cmd, "overlay")
	cmd.Flags().StringVar(&in.closing, "close", "none", "how a TCP session ends: fin, rst or none")
	return cmd
}

// job is a run over a connected deployment.
type job struct {
	*deployment
	common  *common
	overlay *overlayFlags
	world   driver.World
	entry   *entry
	closing string
}

// withDeployment checks the input, connects, and runs one job; what was opened is closed, what was committed is removed.
func (a *app) withDeployment(ctx context.Context, c *common, in *input, of *overlayFlags, args []string, run func(context.Context, *job) error) (err error) {
	for _, check := range []func() error{c.check, in.check, of.check} {
		if err := check(); err != nil {
			return err
		}
	}
	world, err := of.load()
	if err != nil {
		return err
	}
	if err := in.read(args, a.in); err != nil {
		return err
	}
	bounded, cancel := c.bound(ctx)
	defer cancel()
	d, err := c.connect(bounded)
	if err != nil {
		return err
	}
	defer func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupGrace)
		defer cancel()
		if cerr := d.close(late); err == nil {
			err = cerr
		}
	}()
	e, err := in.resolve(bounded, d)
	if err != nil {
		return err
	}
	d.warn = append(d.warn, e.warnings...)
	d.driver.Backend = in.backend
	return run(bounded, &job{deployment: d, common: c, overlay: of, world: world, entry: e, closing: in.closing})
}

// trace is the job of "trace".
func (a *app) trace(ctx context.Context, j *job) error {
	sent, err := j.driver.Send(ctx, j.world, j.entry.start, j.entry.packet, j.entry.label, "original")
	if err != nil {
		return err
	}
	rep := j.report(func(rep *report.Report) { j.publisher.Trace(ctx, rep, sent) })
	if len(sent.Outcomes) > 0 {
		if len(sent.Outcomes) > 1 && j.overlay.commit != "" {
			rep.Warnings = append(rep.Warnings, "the first of several alternatives was committed; --lb-backend picks another")
		}
		if err := j.keep(ctx, rep, sent.Outcomes[0].World); err != nil {
			return err
		}
	}
	return a.answer(j.common, rep, j.entry.expect)
}

// session is the job of "session".
func (a *app) session(ctx context.Context, j *job) error {
	opt := session.Options{Close: j.closing}
	if j.overlay.commit == "kernel" {
		opt.Settle = j.settle
	}
	res, err := session.Run(ctx, j.driver, j.world, j.entry.start, j.entry.packet, opt)
	if err != nil {
		return err
	}
	rep := j.report(func(rep *report.Report) { j.publisher.Session(ctx, rep, res) })
	if j.overlay.saves() {
		if err := j.overlay.save(res.Shown().World); err != nil {
			return err
		}
	}
	return a.answer(j.common, rep, j.entry.expect)
}

// report makes a report, of which write adds what was traced. The warnings of the run, those that come up
// meanwhile too, stand before those of the packets.
func (j *job) report(write func(*report.Report)) *report.Report {
	rep := publish.New(j.driver.Infos())
	write(rep)
	rep.Warnings = append(append([]string{}, j.warn...), rep.Warnings...)
	return rep
}

// keep makes a traced packet's entries last as --commit tells.
func (j *job) keep(ctx context.Context, rep *report.Report, w driver.World) error {
	switch {
	case j.overlay.saves():
		return j.overlay.save(w)
	case j.overlay.commit == "kernel":
		before := len(j.warn)
		_, err := j.settle(ctx, w)
		rep.Warnings = append(rep.Warnings, j.warn[before:]...)
		return err
	}
	return nil
}

// settle writes a world's entries to the nodes' kernels; the next packet finds them there.
func (j *job) settle(ctx context.Context, w driver.World) (driver.World, error) {
	next, warnings, err := j.driver.Commit(ctx, w, driver.CommitOptions{Timeout: j.overlay.seconds(), Keep: j.overlay.keep})
	j.warn = append(j.warn, warnings...)
	return next, err
}
