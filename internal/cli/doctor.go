package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inflight"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/render"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// doctorCmd reports what works here and what does not, and why.
func (a *app) doctorCmd() *cobra.Command {
	var c common
	var chassis []string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "What works here and what does not, and why",
		Long: "Tries what a trace needs: both databases, every chassis, its Open vSwitch, its conntrack, and whether its ovn-controller is up to\n" +
			"date. Reads each chassis' counters twice, a second apart, to report losses that no trace can show. Changes nothing.\n" +
			"Exit status: 0 nothing is wrong; 1 an error or a warning; 2 bad usage; 3 something could not be reached.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmp.Or(c.check(), checkNames("--chassis", chassis)); err != nil {
				return err
			}
			ctx, cancel := c.bound(cmd.Context())
			defer cancel()
			found, err := c.examine(ctx, chassis)
			if err != nil {
				return err
			}
			a.status = findingsStatus(found)
			if c.output == "json" {
				return render.FindingsJSON(a.out, found)
			}
			return render.Doctor(a.out, found, a.renderOptions(&c))
		},
	}
	c.add(cmd)
	c.addBundle(cmd)
	explainFlags(cmd, noEffect, noDump)
	cmd.Flags().StringArrayVar(&chassis, "chassis", nil, "examine only this chassis, by name or host name, repeatable")
	return cmd
}

// unreached are the codes of findings about what could not be reached or was not permitted.
var unreached = []report.Code{report.CodeNorthboundUnreachable, report.CodeSouthboundUnreachable, report.CodeChassisUnreachable, report.CodeConntrackUnreadable}

// findingsStatus is the exit status for what was found.
func findingsStatus(found []report.Finding) int {
	status := 0
	for _, f := range found {
		switch {
		case f.Severity == report.SeverityInfo:
		case slices.Contains(unreached, f.Code):
			return exitUnreachable
		default:
			status = exitNotAsAsked
		}
	}
	return status
}

// findings collects doctor's findings.
type findings []report.Finding

func (f *findings) say(sev report.Severity, code report.Code, text, hint string, where map[string]string) {
	*f = append(*f, report.Finding{Severity: sev, Code: code, Text: text, Hint: hint, Where: where})
}

// examine tries everything a trace needs, of the chassis with these names; none: of all.
func (c *common) examine(ctx context.Context, names []string) ([]report.Finding, error) {
	var f findings
	opt, err := c.options()
	if err != nil {
		return nil, err
	}
	opt, remove, err := opt.Rebuild(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = remove() }()
	for _, note := range opt.Notes() {
		f.say(report.SeverityInfo, report.CodeFreshnessUnknown, note, "", nil)
	}
	d, err := deployment.Open(ctx, opt)
	if kind, known := failure.Classify(err); known && kind == failure.Input {
		return nil, err
	}
	if err != nil {
		nb, nberr := opt.DialNB(ctx)
		f.northbound(ctx, nb, nberr, nil)
		if nb != nil {
			nb.Close()
		}
		f.say(report.SeverityError, report.CodeSouthboundUnreachable, err.Error(), "--sb names the database", nil)
		return f, nil
	}
	defer d.Close()
	d.Journal = c.journal
	run := d.Run()
	defer closeLate(ctx, run.Close)
	f.northbound(ctx, d.NB, d.NoNB, nil)
	f.say(report.SeverityInfo, report.CodeSouthbound, "Southbound database at "+d.SB.Remote(), "", nil)
	all, err := d.SB.AllChassis(ctx)
	if err != nil {
		f.say(report.SeverityError, report.CodeSouthboundUnreachable, err.Error(), failure.HintOf(err), nil)
		return f, nil
	}
	slices.SortFunc(all, func(a, b *ovn.Chassis) int { return strings.Compare(a.Name, b.Name) })
	if len(names) > 0 {
		if all, err = named("--chassis", all, names); err != nil {
			return nil, err
		}
	}
	each := make([]findings, len(all))
	own := make([]bool, len(all)) // answered, and of this zone
	inflight.Each(len(all), inflight.Nodes, func(i int, rest func()) {
		ch := all[i]
		if ch.IsRemote() && !run.Reachable(ch) || ch.IsVTEP() {
			each[i].say(report.SeverityInfo, report.CodeChassisElsewhere, "belongs to another zone, or is a VTEP gateway: not asked", "", map[string]string{"chassis": ch.Name})
			return
		}
		// A chassis that does not answer must leave time to print the others.
		part, cancel := context.WithTimeout(ctx, c.timeout/2)
		defer cancel()
		answered := each[i].chassis(part, opt, run.Nodes, ch, rest)
		own[i] = answered && !ch.IsRemote()
		run.Nodes.Idle(ctx, ch.Name)
	})
	if slices.Contains(own, true) {
		fresh, err := d.SB.FreshnessOfAll(ctx)
		for i, ch := range all {
			if own[i] {
				each[i].fresh(fresh[ch.Name], err, map[string]string{"chassis": ch.Name})
			}
		}
	}
	return slices.Concat(append([]findings{f}, each...)...), nil
}

// northbound reports a Northbound database, or why there is none.
func (f *findings) northbound(ctx context.Context, nb *ovn.NB, err error, where map[string]string) {
	if nb == nil {
		f.say(report.SeverityWarning, report.CodeNorthboundUnreachable, err.Error(), "rules are named by logical flow only; --nb names the database", where)
		return
	}
	text := "Northbound database at " + nb.Remote()
	// false: OVN's flows do not match ct.inv, and packets that conntrack finds invalid pass.
	if value, err := nb.Option(ctx, "use_ct_inv_match"); err == nil && value != "" {
		text += "; options:use_ct_inv_match " + value
	}
	// Without it ovn-controller leaves the entries of backends that are removed, since 23.06.
	if n, of, err := nb.FlushingBalancers(ctx); err == nil && of > 0 {
		text += fmt.Sprintf("; options:ct_flush on %d of %d load balancers", n, of)
	}
	f.say(report.SeverityInfo, report.CodeNorthbound, text, "", where)
}

// zone tries the databases of the zone of a chassis of another zone, and returns its Southbound
// database, which the caller closes; nil if that cannot be read.
func (f *findings) zone(ctx context.Context, opt deployment.Options, n node.Node, where map[string]string) *ovn.SB {
	z, noNB, err := opt.DialZone(ctx, where["chassis"], n)
	if err != nil {
		f.say(report.SeverityWarning, report.CodeSouthboundUnreachable, "its zone's Southbound database: "+err.Error(), failure.HintOf(err), where)
		return nil
	}
	f.say(report.SeverityInfo, report.CodeSouthbound, "Southbound database at "+z.SB.Remote(), "", where)
	if z.NB != nil {
		defer z.NB.Close()
		f.northbound(ctx, z.NB, nil, where)
		return z.SB
	}
	severity := report.SeverityInfo // of a zone whose databases are not sockets it may be anywhere
	if strings.HasPrefix(z.SB.Remote(), "unix:") || opt.NBOf[where["chassis"]] != "" {
		severity = report.SeverityWarning
	}
	f.say(severity, report.CodeNorthboundUnreachable, noNB.Error(), cmp.Or(failure.HintOf(noNB), "--nb-of "+where["chassis"]+"=REMOTES names it"), where)
	return z.SB
}

// chassis tries one node: it reaches it, asks it, and opens its conntrack. It reports whether all
// of this has worked. rest is called before it waits between two readings.
func (f *findings) chassis(ctx context.Context, opt deployment.Options, ns *deployment.Nodes, ch *ovn.Chassis, rest func()) bool {
	where := map[string]string{"chassis": ch.Name}
	n, err := ns.Node(ctx, ch)
	if err != nil {
		f.say(report.SeverityError, report.CodeChassisUnreachable, err.Error(), failure.HintOf(err), where)
		return false
	}
	info, err := node.Outline(ctx, n)
	if err == nil {
		err = info.IsOf(ch.Name)
	}
	if err != nil {
		f.say(report.SeverityError, report.CodeChassisUnreachable, err.Error(), failure.HintOf(err), where)
		return false
	}
	if err := n.Check(ctx); err != nil {
		f.say(report.SeverityError, report.CodeConntrackUnreadable, err.Error(), failure.HintOf(err), where)
		return false
	}
	text := described(info)
	checkup, err := examineNode(ctx, n, healthInterval, rest)
	switch {
	case err != nil:
		f.say(report.SeverityWarning, report.CodeCountersUnreadable, err.Error(), failure.HintOf(err), where)
	case checkup != nil:
		text += checkup.summary()
	}
	f.say(report.SeverityInfo, report.CodeChassis, text, "", where)
	f.rebuilt(info, where)
	if checkup != nil {
		f.health(checkup, where)
	}
	if info.Tool != node.Version() {
		f.say(report.SeverityWarning, report.CodeVersionSkew, "the tool there is version "+info.Tool+", here "+node.Version(),
			"install the same version on both", where)
	}
	if ch.IsRemote() {
		if sb := f.zone(ctx, opt, n, where); sb != nil {
			defer sb.Close()
			fresh, err := sb.Freshness(ctx, ch.Name)
			f.fresh(fresh, err, where)
		}
	}
	return true
}

// fresh says whether a chassis' ovn-controller is up to date.
func (f *findings) fresh(fresh ovn.Freshness, err error, where map[string]string) {
	switch {
	case err != nil:
		f.say(report.SeverityWarning, report.CodeFreshnessUnknown, "whether its ovn-controller is up to date is unknown: "+err.Error(), failure.HintOf(err), where)
	case fresh.Unconfirmed:
		f.say(report.SeverityInfo, report.CodeFreshnessUnknown, "whether its ovn-controller is up to date is unknown: no chassis says so in the database (options:"+ovn.UnconfirmedOption+" is false)",
			"on the chassis: ovs-vsctl get Bridge br-int external_ids:ovn-nb-cfg", where)
	case fresh.Stale():
		f.say(report.SeverityWarning, report.CodeStaleController, fmt.Sprintf("ovn-controller has confirmed configuration %d of %d: its flows may be old", fresh.Have, fresh.Wanted),
			"see ovn-controller's log on the chassis, and ovn-appctl -t ovn-controller connection-status", where)
	}
}

// described returns the software of a chassis in words.
func described(info *node.Info) string {
	known := func(s string) string { return cmp.Or(s, "(release unknown)") }
	return fmt.Sprintf("Open vSwitch %s, OVN %s, %s datapath, kernel %s, %d ports", known(info.OVSVersion), known(info.OVNVersion),
		cmp.Or(info.Datapath, "unknown"), known(info.Kernel), info.NumPorts())
}

// healthInterval is the time between the two readings of a chassis' counters.
const healthInterval = time.Second
