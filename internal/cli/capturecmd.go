package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pcapfilter"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/syntax"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/watch"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// captureCmd waits for packets at a port and traces them.
func (a *app) captureCmd() *cobra.Command {
	c := &capture{app: a}
	cmd := &cobra.Command{
		Use:   "capture [flags] PORT [FILTER]",
		Short: "Wait for a packet at a logical port, show it, save it, trace it",
		Long: `Captures at the interface of a logical port, on the chassis where it is bound, and traces each packet that enters OVN
there as "trace --packet" does. FILTER is in libpcap's language, of which docs/verify.md lists what is read; for a
nested container it is about the packet behind the container's tag. The trace is made after the packet has passed: it
finds the entries that the packet itself has left (--as-new shows what a new connection gets).

--timeout bounds the wait, and then each trace. Exit status: 0 every packet ended as expected; 1 one did not; 4 not
determined, or fewer packets than -n came.`,
		Example: `  ovn-ct-trace capture sw0-p1 'tcp port 80 and not host 10.0.0.9'
  ovn-ct-trace capture -n 10 -w /tmp/sw0-p1.pcapng sw0-p1`,
		Args: argCount(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.port = args[0]
			if len(args) > 1 {
				c.filter = args[1]
			}
			return c.run(cmd.Context())
		},
	}
	c.add(cmd)
	f := cmd.Flags()
	f.IntVarP(&c.count, "number", "n", 1, "how many packets to capture")
	f.StringVar(&c.direction, "direction", "in", "in (from the port into OVN), out or both; only packets in are traced")
	f.StringVarP(&c.file, "write", "w", "", "save the packets to this pcapng file, each with its verdict as a comment")
	f.IntVar(&c.snapLen, "snaplen", node.DefaultSnapLen, "how many bytes of a packet to capture")
	f.StringVar(&c.network, "network", "", "logical switch that the port is on, where its name is not unique")
	f.StringVar(&c.at, "at", "", "chassis of a port that is on several")
	f.StringVar(&c.expect, "expect", "", "expected verdict of each packet: delivered, dropped, rejected, ...")
	f.BoolVar(&c.asNew, "as-new", false, "trace as if no live conntrack entry existed: what happens to a new connection")
	return cmd
}

// capture is one run of the command.
type capture struct {
	*app
	common
	port, filter string
	count        int
	direction    string
	file         string
	snapLen      int
	network, at  string
	expect       string
	asNew        bool

	d    *deployment.Deployment
	rec  *watch.Recording
	out  *report.CaptureReport
	pcap *pcapFile

	broken error // what ended the capture after some packets
}

// check refuses invalid values.
func (c *capture) check() error {
	if err := c.common.check(); err != nil {
		return err
	}
	if _, err := pcapfilter.Parse(c.filter); err != nil {
		ue := &usage.Error{Msg: err.Error(), Hint: "host, net, port, portrange, src, dst, tcp, udp, icmp, vlan, and, or, not: docs/verify.md", Err: err}
		var se *syntax.Error
		if errors.As(err, &se) {
			ue.Msg, ue.Mark = "FILTER: "+se.Msg, usage.Mark(se.In, se.Off)
		}
		return ue
	}
	switch c.direction {
	case "in", "out", "both":
	default:
		return usage.Errorf("--direction in, out or both", "no direction %q", c.direction)
	}
	if c.count < 1 {
		return usage.Errorf("-n 1", "-n %d: at least one packet is captured", c.count)
	}
	if c.timeout >= node.MaxLifetime {
		return usage.Errorf("--timeout 30m", "--timeout %v: a capture ends by itself after %v", c.timeout, node.MaxLifetime)
	}
	if c.snapLen < 64 || c.snapLen > node.MaxSnapLen {
		return usage.Errorf("--snaplen 2048", "--snaplen %d is not between 64 and %d", c.snapLen, node.MaxSnapLen)
	}
	return question.CheckExpect(c.expect)
}

func (c *capture) run(ctx context.Context) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	if c.pcap, err = createPcap(c.file); err != nil {
		return err
	}
	defer func() {
		if cerr := c.pcap.close(); err == nil {
			err = cerr
		}
	}()
	bounded, cancel := c.bound(ctx)
	defer cancel()
	if c.d, err = c.open(bounded); err != nil {
		return err
	}
	defer c.d.Close()
	return inRun(ctx, c.d, func(run *deployment.Run) error {
		if err := c.begin(bounded, run); err != nil {
			return err
		}
		defer closeLate(ctx, func(ctx context.Context) error { c.rec.End(ctx); return nil })
		err := c.collect(ctx)
		if len(c.out.Frames) > 0 && ctx.Err() != nil {
			err = nil // stopped by the user, who has seen some
		}
		if err != nil {
			return err
		}
		return c.finish()
	})
}

// begin finds the port and begins to record.
func (c *capture) begin(ctx context.Context, run *deployment.Run) error {
	pb, err := question.FindPort(ctx, run, c.port, c.network)
	if err != nil {
		return err
	}
	at, err := watch.Of(run).Find(ctx, pb, c.at)
	if err != nil {
		return err
	}
	// The recording ends by itself if this program is killed.
	c.rec, err = at.Begin(ctx, watch.Options{Filter: c.filter, Direction: node.CaptureDirection(c.direction), SnapLen: c.snapLen,
		Lifetime: time.Duration(c.count+1)*c.timeout + time.Minute})
	if err != nil {
		return err
	}
	c.out = &report.CaptureReport{At: report.Place{Chassis: c.rec.Chassis, Port: c.rec.Port}, Device: c.rec.Device}
	if isTerminal(c.err) && !c.quiet {
		fmt.Fprintf(c.err, "waiting for a packet at %s on %s (%s)\n", c.rec.Port, c.rec.Chassis, c.rec.Device)
	}
	return c.pcap.begin(c.rec, c.filter)
}

// collect waits for the packets and handles each. An error after the first packet is left to
// finish, which shows the packets too.
func (c *capture) collect(ctx context.Context) error {
	end := time.Now().Add(c.timeout)
	for len(c.out.Frames) < c.count {
		frames, err := c.rec.Next(ctx, 1, time.Until(end))
		if err != nil && len(c.out.Frames) > 0 && ctx.Err() == nil {
			c.broken = err
			return nil
		}
		if err != nil {
			return err
		}
		if len(frames) == 0 {
			return nil
		}
		began := time.Now()
		if err := c.handle(ctx, frames[0]); err != nil {
			return err
		}
		end = end.Add(time.Since(began)) // the time of traces is not part of the wait
	}
	return nil
}

// handle traces, saves and shows a frame.
func (c *capture) handle(ctx context.Context, f watch.Frame) error {
	out := report.Frame{
		Number: len(c.out.Frames) + 1, Time: f.Time.UTC().Format(time.RFC3339Nano), Direction: report.FrameDirection(f.Direction),
		Length: f.Wire, Data: hex.EncodeToString(f.Data),
	}
	p, _, err := packet.Decode(f.Untagged, f.WireUntagged)
	if err == nil {
		h := report.HeaderOf(p)
		out.Header = &h
		if f.Direction == node.CaptureIn {
			out.Trace, err = c.trace(ctx, f)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	comment := string(f.Direction)
	switch {
	case err != nil:
		out.Error = err.Error()
		comment = "not traced: " + out.Error
	case out.Trace != nil:
		comment = render.Headline(out.Trace)
	}
	c.out.Frames = append(c.out.Frames, out)
	if err := c.pcap.add(f, "ovn-ct-trace: "+comment); err != nil {
		return err
	}
	if c.output == "json" {
		return nil
	}
	if err := render.Frame(c.app.out, c.out, out, c.renderOptions(&c.common)); err != nil || out.Trace == nil {
		return err
	}
	return c.print(&c.common, out.Trace)
}

// trace traces a frame, as a question of its own.
func (c *capture) trace(ctx context.Context, f watch.Frame) (r *report.Report, err error) {
	q := question.Question{From: c.out.At.Port, Network: c.network, Chassis: c.at, Expect: c.expect, AsNew: c.asNew}
	const ethernet = 14
	segmented := f.WireUntagged > c.rec.MTU+ethernet+4
	if segmented { // the device cuts it later, or its other end has put it together
		q.Length = c.rec.MTU
	}
	judged, err := q.JudgeFrame(f.Untagged, f.WireUntagged)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	err = inRun(ctx, c.d, func(run *deployment.Run) error {
		if segmented {
			run.Warn(fmt.Sprintf("the frame has %d bytes, more than the MTU of %s (%d): it stands for several packets, and is traced as one of them",
				f.Wire, c.rec.Device, c.rec.MTU))
		}
		ans, err := judged.Answer(ctx, run, question.Entries{})
		if ans != nil { // with an error, what was found before it
			r = ans.Report
		}
		return err
	})
	return r, err
}

// finish prints what remains, and sets the exit status. The error is what ended the capture.
func (c *capture) finish() error {
	if c.out.Lost = int(c.rec.Lost); c.out.Lost > 0 {
		c.out.Warnings = append(c.out.Warnings, fmt.Sprintf("%d frames passed that were not captured: they came too fast", c.out.Lost))
	}
	n := len(c.out.Frames)
	if n == 0 {
		return failure.Of(failure.Undetermined, &noPacketError{c.rec, c.timeout})
	}
	c.status = c.judge()
	if n < c.count {
		c.out.Warnings = append(c.out.Warnings, fmt.Sprintf("%d of %d packets came", n, c.count))
		c.status = exitUnknown
	}
	var err error
	if c.output == "json" {
		err = render.CaptureJSON(c.app.out, c.out)
	} else {
		err = render.CaptureWarnings(c.app.out, c.out, c.renderOptions(&c.common))
	}
	if err == nil {
		err = c.broken
	}
	return err
}

// noPacketError reports a capture at which no packet came.
type noPacketError struct {
	*watch.Recording
	wait time.Duration
}

func (e *noPacketError) Error() string {
	return fmt.Sprintf("no packet came at %s on %s (%s) within %v", e.Port, e.Chassis, e.Device, e.wait)
}

// judge returns the exit status for the traces: 4 if one is not determined, else 1 if one did not
// end as expected.
func (c *capture) judge() int {
	status := exitOK
	for _, f := range c.out.Frames {
		switch {
		case f.Error != "":
			status = exitUnknown
		case f.Trace == nil || f.Trace.Expectation.Met:
		case undetermined(f.Trace):
			status = max(status, exitUnknown)
		case status == exitOK:
			status = exitNotAsAsked
		}
	}
	return status
}
