package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/audit"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/gather"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// natFlags are the flags of nat.
type natFlags struct {
	listFlags
	address netip.Addr // invalid: everything
}

// natCmd compares NAT rules and load balancers with the live entries.
func (a *app) natCmd() *cobra.Command {
	var c common
	var f natFlags
	cmd := &cobra.Command{
		Use:   "nat [flags] [ADDRESS]",
		Short: "NAT and load-balancer rules against the live entries",
		Long: "Reads NAT rules, load balancers, gateways and routes from the databases, and the conntrack entries of OVN's zones on every chassis,\n" +
			"and reports where they contradict each other: entries that translate as no rule does, ports that run out, VIPs that nobody\n" +
			"serves, next hops that lead nowhere. For each finding it prints the evidence and the command that mends it; it runs no such command.\n" +
			"Then it lists how many ports of each NAT address are in use. ADDRESS restricts the answer to one address.\n\n" +
			"Exit status: 0 no error and no warning; 1 an error or a warning; 2 bad usage or input; 3 something could not be reached.",
		Example: `  ovn-ct-trace nat
  ovn-ct-trace nat 172.16.0.10
  ovn-ct-trace nat --chassis hv3 -o json`,
		Args: argCount(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				ip, err := netip.ParseAddr(arg)
				if err != nil || ip.Zone() != "" {
					return usage.Errorf("ovn-ct-trace nat 172.16.0.10", "ADDRESS: %q is not an IP address", arg)
				}
				f.address = ip.Unmap()
			}
			return a.nat(cmd.Context(), &c, &f)
		},
	}
	c.add(cmd)
	c.addBundle(cmd)
	explainFlags(cmd, "the ports in use of all NAT addresses, not only of the fullest", largestListed)
	f.add(cmd.Flags(), "ask only this chassis, repeatable", defaultLimit)
	return cmd
}

func (a *app) nat(ctx context.Context, c *common, f *natFlags) error {
	if err := c.check(); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	return c.run(ctx, func(ctx context.Context, run *deployment.Run) error {
		if run.NB == nil { // the rules are there
			return run.NoNB
		}
		rep, err := c.audit(ctx, run, f)
		if err != nil {
			return err
		}
		a.status = findingsStatus(rep.Findings)
		if c.output == "json" {
			return render.AuditJSON(a.out, rep)
		}
		return render.Audit(a.out, rep, a.renderOptions(c))
	})
}

// audit reads the databases and the entries, and compares them.
func (c *common) audit(ctx context.Context, run *deployment.Run, f *natFlags) (*report.FindingsReport, error) {
	notes := run.Warnings() // with a Northbound database, those of archives
	chassis, err := chosen(ctx, run, f.chassis)
	if err != nil {
		return nil, err
	}
	z := newZones(run)
	res, err := gather.Read(ctx, z.southbound, run.Nodes, chassis, gather.Request{
		Filter: connection.Filter{Host: f.address}, Limit: f.limit, MaxDump: c.dumpBound(), Former: true,
	})
	if err != nil {
		return nil, err
	}
	defer res.Release()
	if err := z.read(ctx); err != nil {
		return nil, err
	}
	connections := slices.SortedFunc(res.Connections(), connection.Compare)
	var out findings
	out.notes(notes, run.Driver.Notes())
	if f.address.IsValid() && len(connections) == 0 && z.isNobodys(f.address, res) {
		others, err := z.unasked(ctx)
		for _, v := range z.all {
			if v.inv == nil {
				others = append(others, v.Chassis)
			}
		}
		switch {
		case err != nil:
			return nil, err
		case len(others) == 0:
			return nil, usage.Errorf("ovn-ct-trace nat, without ADDRESS, reports on all",
				"nobody has %s: no port, router, NAT rule or VIP, and no connection", f.address)
		}
		out.say(report.SeverityInfo, report.CodeChassisElsewhere, fmt.Sprintf("nobody has %s in the zones that were asked; whether the zone of %s has it is unknown", f.address, list(others)),
			"--node-cmd, --node or --kube gives a way to their nodes", nil)
	}
	var read []audit.Chassis
	for _, ch := range res.Chassis {
		out.unread(ch)
		out.rebuilt(ch.Info, map[string]string{"chassis": ch.Name})
		facts := res.FactsOf(ch)
		if ch.Info != nil && !f.address.IsValid() {
			facts.Bridge = ch.Info.Bridge
			if facts.Shared, err = gather.SharedZones(ctx, z.view(ch.Name).SB, ch.Info); err != nil {
				return nil, err
			}
		}
		read = append(read, facts)
	}
	if n := res.Unfinished; n > 0 {
		out.say(report.SeverityInfo, report.CodeConntrackUnreadable, publish.UnfinishedText(n), "", nil)
	}
	if !f.address.IsValid() {
		for _, u := range gather.FillTables(ctx, run.Nodes, chassis, read) {
			out.say(report.SeverityInfo, report.CodeCountersUnreadable, u.Text, "", map[string]string{"chassis": u.Chassis})
		}
	}
	all := &report.FindingsReport{Schema: report.Schema, Findings: []report.Finding{}}
	for _, v := range z.all {
		found, err := z.audit(ctx, v, &audit.Input{Address: f.address, Connections: connections, Former: res.Former, Chassis: read})
		if err != nil {
			return nil, err
		}
		all.Findings, all.Usage = append(all.Findings, found.Findings...), append(all.Usage, found.Usage...)
	}
	for _, v := range z.all {
		if v.inv == nil {
			out.say(report.SeverityInfo, report.CodeNorthboundUnreachable, "the entries of "+v.Chassis+"'s zone are not compared with rules: its Northbound database is not known",
				"--nb-of "+v.Chassis+"=REMOTES names it", map[string]string{"chassis": v.Chassis})
		}
	}
	all.Findings = append(all.Findings, out...)
	return all, nil
}

// audit compares the entries of one zone with its rules. A zone without its Northbound database is
// not compared.
func (z *zones) audit(ctx context.Context, v *view, in *audit.Input) (*audit.Result, error) {
	if v.inv == nil {
		return &audit.Result{}, nil
	}
	var err error
	if in.Learned, err = v.inv.Learned(ctx, v.SB); err != nil {
		return nil, err
	}
	in.Inventory, in.Chassis = v.inv, z.chassisOf(v, in.Chassis)
	whole, former := in.Connections, in.Former
	in.Connections, in.Former = nil, nil
	for i := range whole {
		if part := z.within(v, &whole[i]); len(part.Legs) > 0 {
			in.Connections = append(in.Connections, part)
		}
	}
	for _, r := range former {
		if z.view(r.Chassis) == v {
			in.Former = append(in.Former, r)
		}
	}
	return audit.Audit(in), nil
}

// isNobodys reports whether neither the databases that are known nor an entry of a zone that OVN does
// not have now has the address. It is false if a chassis was not read, which may have connections with
// it.
func (z *zones) isNobodys(ip netip.Addr, res *gather.Result) bool {
	known := slices.ContainsFunc(z.all, func(v *view) bool { return v.inv != nil && len(v.inv.Owners(ip)) > 0 })
	return !known && len(res.Former) == 0 && len(res.Unreached()) == 0
}

// notes reports what archives lack, and the zones whose databases could not be read: their chassis
// are then named by the own zone's. What a node warns of is about traces.
func (f *findings) notes(archives []string, driven []driver.Note) {
	for _, text := range archives {
		f.say(report.SeverityInfo, report.CodeFreshnessUnknown, text, "", nil)
	}
	for _, n := range driven {
		if n.Kind == driver.NoteSouthbound {
			f.say(report.SeverityWarning, report.CodeSouthboundUnreachable, n.Text, "", nil)
		}
	}
}

// rebuilt reports what was not collected of a chassis that was rebuilt from an archive.
func (f *findings) rebuilt(info *node.Info, where map[string]string) {
	if info == nil {
		return
	}
	for _, text := range info.Rebuilt {
		f.say(report.SeverityInfo, report.CodeNotCollected, text, "", where)
	}
}

// unread reports why entries of a chassis may be missing.
func (f *findings) unread(c *gather.Chassis) {
	where := map[string]string{"chassis": c.Name}
	switch {
	case c.Info == nil:
		f.say(report.SeverityError, report.CodeChassisUnreachable, c.Err.Error(), failure.HintOf(c.Err), where)
	case c.Err != nil:
		f.say(report.SeverityError, report.CodeConntrackUnreadable, c.Err.Error(), failure.HintOf(c.Err), where)
	case c.Listed.Cut:
		f.say(report.SeverityWarning, report.CodeConntrackCut, fmt.Sprintf("it has more than the %d entries that were read: what the others would show is unknown", c.Listed.Count), "--limit 0 reads all", where)
	case c.Listed.Unreadable > 0:
		f.say(report.SeverityWarning, report.CodeConntrackUnreadable, fmt.Sprintf("%d entries could not be read", c.Listed.Unreadable), "", where)
	case c.Listed.Lacks != "":
		f.say(report.SeverityWarning, report.CodeConntrackUnreadable, "entries may be missing: "+c.Listed.Lacks, "", where)
	case c.Listed.Changed:
		f.say(report.SeverityInfo, report.CodeConntrackUnreadable, "its table changed while it was read: entries may be missing", "", where)
	}
}
