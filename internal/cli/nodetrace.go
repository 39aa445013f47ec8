package cli

import (
	"context"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/question"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// nodeTraceCmd traces on one bridge of this machine, without OVN.
func (a *app) nodeTraceCmd() *cobra.Command {
	var c common
	var overlay overlayFlags
	var netns, expect string
	cmd := &cobra.Command{
		Use:   "trace BRIDGE FLOW",
		Short: "Trace one OpenFlow flow on one bridge of this machine",
		Example: `  ovn-ct-trace node trace br0 'in_port=p1,tcp,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,
      nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tcp_src=1000,tcp_dst=80,tcp_flags=syn'`,
		Args: argCount(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			expected := func() error { return question.CheckExpect(expect) }
			for _, check := range []func() error{c.check, expected, overlay.check} {
				if err := check(); err != nil {
					return err
				}
			}
			if overlay.commit == "kernel" {
				return usage.Errorf("--commit=overlay", "node trace commits to an overlay only")
			}
			ctx, cancel := c.bound(cmd.Context())
			defer cancel()
			opt := c.nodeOptions()
			opt.NoDB, opt.NetNS = true, netns
			svc := node.NewService(opt)
			defer closeLate(cmd.Context(), svc.Close)
			rep, err := a.nodeTrace(ctx, svc, args[0], args[1], &overlay, c.dumpBound())
			if err != nil {
				return err
			}
			question.Expect(rep, expect)
			return a.answer(&c, rep)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.rundir, "ovs-rundir", "", "Open vSwitch's run folder (default OVS_RUNDIR)")
	f.StringVar(&netns, "netns", "", "file of the network namespace whose conntrack is asked (default ovs-vswitchd's own)")
	f.DurationVar(&c.timeout, "timeout", deployment.DefaultTimeout, "bound on the whole run")
	f.StringVarP(&c.output, "output", "o", "text", "text, summary or json")
	f.StringVar(&c.color, "color", "auto", "auto, always or never")
	f.BoolVarP(&c.quiet, "quiet", "q", false, "the verdict line only")
	f.CountVarP(&c.verbose, "verbose", "v", "show table look-ups; twice: flows and datapath actions too")
	f.StringVar(&expect, "expect", "", "expected verdict")
	c.addMaxDump(f)
	overlay.addLocal(cmd)
	return cmd
}

// closeLate calls f with a context of its own: the run's may have ended.
func closeLate(ctx context.Context, f func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deployment.CloseGrace)
	defer cancel()
	_ = f(ctx)
}

// nodeTrace runs the engine on one bridge and returns a report of one packet with one hop.
func (a *app) nodeTrace(ctx context.Context, n node.Node, bridge, text string, of *overlayFlags, maxDump int) (*report.Report, error) {
	flow, at := openflow.Read(text)
	p, err := openflow.ToPacket(flow)
	if err != nil {
		return nil, flowUsage(text, flow, at, err)
	}
	if _, ok := flow.InPort(); !ok {
		return nil, errNoInPort
	}
	world, err := of.load()
	if err != nil {
		return nil, err
	}
	info, err := n.Info(ctx)
	if err != nil {
		return nil, err
	}
	port, err := portOf(info, bridge, flow)
	if err != nil {
		return nil, err
	}
	const here = "local"
	req := node.TraceRequest{Overlay: world.Overlays[here], MaxDump: maxDump, Request: engine.Request{
		Bridge: bridge, InPort: port.OFPort, InPortDatapath: port.Datapath, Packet: p, Metadata: metadataFields(flow), Carried: world.Carried[here],
	}}
	res, err := n.Trace(ctx, req)
	if err != nil {
		return nil, err
	}
	sent := driver.Local(driver.Hop{Chassis: here, Bridge: bridge, InPort: port.Name, Via: "vif"},
		driver.Start{Chassis: here, Port: port.Name}, p, "packet", res)
	rep := publish.New(map[string]*node.Info{here: {Datapath: port.DatapathType(), OVSVersion: info.OVSVersion, Kernel: info.Kernel}})
	new(publish.Publisher).Trace(ctx, rep, sent) // without OVN, tables have no names
	if of.saves() && len(res.Outcomes) > 0 {
		if err := of.save(world.After(here, res.Outcomes[0], nil).Ended(sent.Label)); err != nil {
			return nil, err
		}
	}
	return rep, nil
}

var errNoInPort = usage.Errorf("add in_port=NUMBER or in_port=NAME", "the flow names no in_port")

// portOf finds the flow's in_port, a number or a name.
func portOf(info *node.Info, bridge string, flow openflow.Flow) (node.Port, error) {
	v, ok := flow.InPort()
	if !ok {
		return node.Port{}, errNoInPort
	}
	var names []string
	known := false
	for _, p := range info.Ports {
		if p.Bridge != bridge {
			continue
		}
		known = true
		names = append(names, p.Name)
		if p.Name == v {
			return p, nil
		}
		if n, err := strconv.ParseUint(v, 0, 32); err == nil && uint32(n) == p.OFPort {
			return p, nil
		}
	}
	if !known {
		return node.Port{}, &ovn.NotFoundError{What: "bridge", Name: bridge, Nearest: ovn.Nearest(bridge, bridgesOf(info), 3)}
	}
	return node.Port{}, &ovn.NotFoundError{What: "port of " + bridge, Name: v, Nearest: ovn.Nearest(v, names, 3)}
}

func bridgesOf(info *node.Info) []string {
	var out []string
	seen := map[string]bool{}
	for _, p := range info.Ports {
		if !seen[p.Bridge] {
			seen[p.Bridge] = true
			out = append(out, p.Bridge)
		}
	}
	return out
}

// metadataFields returns a flow's fields that are not the packet's: registers, tunnel, marks.
func metadataFields(flow openflow.Flow) []engine.Field {
	var out []engine.Field
	for _, f := range flow.Fields {
		if openflow.IsMetadata(f.Name) && f.Name != "in_port" && f.Name != "recirc_id" {
			out = append(out, engine.Field{Name: f.Name, Value: f.Value, Mask: f.Mask})
		}
	}
	return out
}

// flowUsage marks the place in a flow that could not be read.
func flowUsage(text string, flow openflow.Flow, at []int, err error) error {
	ue := &usage.Error{Msg: "flow: " + err.Error(), Err: err}
	var fe *openflow.FieldError
	if errors.As(err, &fe) {
		ue.Mark = usage.Mark(text, at[fe.Place(flow)])
	}
	return ue
}
