package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// common are the flags that every command that reaches a deployment has.
type common struct {
	nb, sb        string
	nbOf          []string
	key, cert, ca string
	leaderOnly    bool
	noLeaderOnly  bool
	nodeCmd       string
	nodes         []string
	push          pushFlags
	rundir        string
	timeout       time.Duration
	output        string
	color         string
	quiet         bool
	verbose       int
	journal       string
	maxDump       int
	bundles       []string
	keep          bool
}

func (c *common) add(cmd *cobra.Command) {
	f := cmd.Flags()
	grouped(f, deploymentFlags, c.addDatabases)
	grouped(f, nodeFlags, c.addNodes)
	grouped(f, outputFlags, c.addOutput)
}

func (c *common) addDatabases(f *pflag.FlagSet) {
	f.StringVar(&c.nb, "nb", "", "Northbound database, comma-separated remotes (default OVN_NB_DB, then the usual socket)")
	f.StringVar(&c.sb, "sb", "", "Southbound database, comma-separated remotes, or node:CHASSIS (default OVN_SB_DB, then the usual socket, then that of a --node)")
	f.StringArrayVar(&c.nbOf, "nb-of", nil, "CHASSIS=REMOTES, repeatable: the Northbound database of another zone, by one of its chassis")
	f.StringVarP(&c.key, "private-key", "p", "", "private key for ssl: remotes and tls: nodes")
	f.StringVarP(&c.cert, "certificate", "c", "", "certificate for ssl: remotes and tls: nodes")
	f.StringVarP(&c.ca, "ca-cert", "C", "", "certificate of the authority for ssl: remotes (or none) and tls: nodes")
	f.BoolVar(&c.leaderOnly, "leader-only", true, "ask a cluster's leader only")
	f.BoolVar(&c.noLeaderOnly, "no-leader-only", false, "ask any member of a cluster")
}

func (c *common) addNodes(f *pflag.FlagSet) {
	f.StringVar(&c.nodeCmd, "node-cmd", "", "command that reaches a chassis and runs \"ovn-ct-trace node stdio\" there, or tls:HOST:PORT of \"node serve\"; {chassis}, {hostname} and {ip} are replaced")
	f.StringArrayVar(&c.nodes, "node", nil, "CHASSIS=local, CHASSIS=exec:COMMAND or CHASSIS=tls:HOST:PORT, repeatable")
	c.push.add(f)
	f.StringVar(&c.rundir, "ovs-rundir", "", "Open vSwitch's run folder on this machine (default OVS_RUNDIR)")
	f.StringVar(&c.journal, "journal", "", "folder of the journal of synthetic kernel entries")
	c.addMaxDump(f)
}

func (c *common) addOutput(f *pflag.FlagSet) {
	f.DurationVar(&c.timeout, "timeout", deployment.DefaultTimeout, "bound on the whole run")
	f.StringVarP(&c.output, "output", "o", "text", "text, summary or json")
	f.StringVar(&c.color, "color", "auto", "auto, always or never")
	f.BoolVarP(&c.quiet, "quiet", "q", false, "the verdict line only")
	f.CountVarP(&c.verbose, "verbose", "v", "show table look-ups; twice: flows and datapath actions too")
}

// addBundle adds the flags by which a command that only reads is answered from archives.
func (c *common) addBundle(cmd *cobra.Command) {
	grouped(cmd.Flags(), deploymentFlags, func(f *pflag.FlagSet) {
		f.StringArrayVar(&c.bundles, "bundle", nil, "repeatable: answer from what was collected, instead of the deployment: what \"ovn-ct-trace bundle\" has written, the sosreport of a host, or a must-gather, packed or as a folder")
		f.BoolVar(&c.keep, "keep-room", false, "with --bundle: leave the rebuilt deployment behind, and say where it is")
	})
}

// What the flags that every command has do in some.
const (
	noEffect      = "no effect here"
	noDump        = "no effect here: no table is dumped"
	largestListed = "userspace datapath: the largest conntrack table, in connections, that is read; 0 for any. A chassis with a larger one is missing from the answer"
)

// explainFlags changes the help of --verbose and --max-dump to what they do in a command.
func explainFlags(cmd *cobra.Command, verbose, maxDump string) {
	cmd.Flags().Lookup("verbose").Usage = verbose
	cmd.Flags().Lookup("max-dump").Usage = maxDump
}

// addMaxDump adds the flag by which the user allows the dump of a large userspace table.
func (c *common) addMaxDump(f *pflag.FlagSet) {
	f.IntVar(&c.maxDump, "max-dump", node.DefaultMaxDump, "userspace datapath: the largest conntrack table, in connections, that may be dumped; 0 for any")
}

// dumpBound returns --max-dump as node.TraceRequest has it: negative for no bound.
func (c *common) dumpBound() int {
	if c.maxDump == 0 {
		return -1
	}
	return c.maxDump
}

// check refuses invalid values.
func (c *common) check() error {
	switch c.output {
	case "text", "summary", "json":
	default:
		return usage.Errorf("-o text, -o summary or -o json", "no output format %q", c.output)
	}
	switch c.color {
	case "auto", "always", "never":
	default:
		return usage.Errorf("--color auto, always or never", "no colour mode %q", c.color)
	}
	if c.maxDump < 0 {
		return usage.Errorf("--max-dump 400000", "--max-dump %d is negative", c.maxDump)
	}
	if c.timeout == 0 {
		return usage.Errorf("--timeout 30s", "timeout %v is not positive", c.timeout)
	}
	opt, err := c.options()
	if err != nil {
		return err
	}
	return opt.Check()
}

// bound returns ctx with the run's deadline.
func (c *common) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.timeout)
}

// options returns the flags as options of a deployment.
func (c *common) options() (deployment.Options, error) {
	nodes, err := pairs(c.nodes, "--node hv1=local or --node 'hv1=exec:ssh hv1 ovn-ct-trace node stdio'", "--node %q is not CHASSIS=TARGET")
	if err != nil {
		return deployment.Options{}, err
	}
	nbOf, err := pairs(c.nbOf, "--nb-of hv4=tcp:HOST:6641", "--nb-of %q is not CHASSIS=REMOTES")
	opt := deployment.Options{
		SB: c.sb, NB: c.nb, NBOf: nbOf, PrivateKey: c.key, Certificate: c.cert, CACert: c.ca,
		AnyMember: c.noLeaderOnly || !c.leaderOnly, NodeCommand: c.nodeCmd, Nodes: nodes,
		OVSRunDir: c.rundir, Timeout: c.timeout, MaxDump: c.dumpBound(), Bundles: c.bundles, KeepRoom: c.keep,
	}
	c.push.set(&opt)
	return opt, err
}

// pairs reads a repeated flag of the form CHASSIS=VALUE.
func pairs(list []string, hint, format string) (map[string]string, error) {
	m := map[string]string{}
	for _, s := range list {
		chassis, value, _ := strings.Cut(s, "=")
		if chassis == "" || value == "" {
			return nil, usage.Errorf(hint, format, s)
		}
		m[chassis] = value
	}
	return m, nil
}

// open connects to the deployment that the flags name.
func (c *common) open(ctx context.Context) (*deployment.Deployment, error) {
	opt, err := c.options()
	if err != nil {
		return nil, err
	}
	d, err := deployment.Open(ctx, opt)
	if err == nil {
		d.Journal = c.journal
	}
	return d, err
}

// run connects to the deployment and lets f use it, within --timeout. It then closes what was
// opened and removes what was committed.
func (c *common) run(ctx context.Context, f func(bounded context.Context, run *deployment.Run) error) error {
	return c.with(ctx, func(bounded context.Context, d *deployment.Deployment) error {
		return inRun(ctx, d, func(run *deployment.Run) error { return f(bounded, run) })
	})
}

// with connects to the deployment, within --timeout, and lets f use it.
func (c *common) with(ctx context.Context, f func(bounded context.Context, d *deployment.Deployment) error) error {
	bounded, cancel := c.bound(ctx)
	defer cancel()
	d, err := c.open(bounded)
	if err != nil {
		return err
	}
	defer d.Close()
	return f(bounded, d)
}

// inRun lets f use a run of its own of an open deployment.
func inRun(ctx context.Context, d *deployment.Deployment, f func(*deployment.Run) error) (err error) {
	run := d.Run()
	defer func() {
		if cerr := run.Close(ctx); err == nil {
			err = cerr
		}
	}()
	return f(run)
}

func (c *common) nodeOptions() node.Options {
	return node.Options{RunDir: c.rundir, Journal: c.journal}
}
