package cli

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// defaultTimeout bounds a run unless --timeout says otherwise.
const defaultTimeout = time.Minute

// common are the flags that every command that reaches a deployment has.
type common struct {
	nb, sb        string
	nbOf          []string
	key, cert, ca string
	leaderOnly    bool
	noLeaderOnly  bool
	nodeCmd       string
	nodes         []string
	rundir        string
	timeout       time.Duration
	output        string
	color         string
	quiet         bool
	verbose       int
	journal       string
	maxDump       int
}

func (c *common) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.nb, "nb", "", "Northbound database, comma-separated remotes (default OVN_NB_DB, then the usual socket)")
	f.StringVar(&c.sb, "sb", "", "Southbound database, comma-separated remotes (default OVN_SB_DB, then the usual socket)")
	f.StringArrayVar(&c.nbOf, "nb-of", nil, "CHASSIS=REMOTES, repeatable: the Northbound database of another zone, by one of its chassis")
	f.StringVarP(&c.key, "private-key", "p", "", "private key for ssl: remotes")
	f.StringVarP(&c.cert, "certificate", "c", "", "certificate for ssl: remotes")
	f.StringVarP(&c.ca, "ca-cert", "C", "", "certificate of the authority for ssl: remotes, or none")
	f.BoolVar(&c.leaderOnly, "leader-only", true, "ask a cluster's leader only")
	f.BoolVar(&c.noLeaderOnly, "no-leader-only", false, "ask any member of a cluster")
	f.StringVar(&c.nodeCmd, "node-cmd", "", "command that reaches a chassis and runs \"ovn-ct-trace node stdio\" there; {chassis}, {hostname} and {ip} are replaced")
	f.StringArrayVar(&c.nodes, "node", nil, "CHASSIS=local or CHASSIS=exec:COMMAND, repeatable")
	f.StringVar(&c.rundir, "ovs-rundir", "", "Open vSwitch's run folder on this machine (default OVS_RUNDIR)")
	f.DurationVar(&c.timeout, "timeout", defaultTimeout, "bound on the whole run")
	f.StringVarP(&c.output, "output", "o", "text", "text, summary or json")
	f.StringVar(&c.color, "color", "auto", "auto, always or never")
	f.BoolVarP(&c.quiet, "quiet", "q", false, "the verdict line only")
	f.CountVarP(&c.verbose, "verbose", "v", "show table look-ups; twice: flows and datapath actions too")
	f.StringVar(&c.journal, "journal", "", "folder of the journal of synthetic kernel entries")
	c.addMaxDump(f)
}

// addMaxDump adds the flag by which the user allows what a large userspace table costs.
func (c *common) addMaxDump(f *pflag.FlagSet) {
	f.IntVar(&c.maxDump, "max-dump", node.DefaultMaxDump, "userspace datapath: the largest conntrack table, in connections, that may be dumped; 0 for any")
}

// dumpBound is --max-dump as a request has it.
func (c *common) dumpBound() int {
	if c.maxDump == 0 {
		return -1
	}
	return c.maxDump
}

// check refuses values that mean nothing.
func (c *common) check() error {
	switch c.output {
	case "text", "summary", "json":
	default:
		return usagef("-o text, -o summary or -o json", "no output format %q", c.output)
	}
	switch c.color {
	case "auto", "always", "never":
	default:
		return usagef("--color auto, always or never", "no colour mode %q", c.color)
	}
	for flag, list := range map[string]string{"--sb": c.sb, "--nb": c.nb} {
		if err := checkRemotes(flag, list); err != nil {
			return err
		}
	}
	for _, s := range c.nbOf {
		chassis, list, _ := strings.Cut(s, "=")
		if chassis == "" || list == "" {
			return usagef("--nb-of hv4=tcp:HOST:6641", "--nb-of %q is not CHASSIS=REMOTES", s)
		}
		if err := checkRemotes("--nb-of", list); err != nil {
			return err
		}
	}
	if c.maxDump < 0 {
		return usagef("--max-dump 400000", "--max-dump %d is negative", c.maxDump)
	}
	if c.timeout <= 0 {
		return usagef("--timeout 30s", "timeout %v is not positive", c.timeout)
	}
	return nil
}

// checkRemotes refuses what no database can be reached by.
func checkRemotes(flag, list string) error {
	if list == "" {
		return nil
	}
	for _, r := range strings.Split(list, ",") {
		kind, rest, _ := strings.Cut(strings.TrimSpace(r), ":")
		if kind != "unix" && kind != "tcp" && kind != "ssl" || rest == "" {
			return usagef("unix:FILE, tcp:HOST:PORT or ssl:HOST:PORT", "%s: %q is no database remote", flag, r)
		}
	}
	return nil
}

// bound gives ctx the run's deadline.
func (c *common) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.timeout)
}

func (c *common) remote(flag, env, file string) string {
	if flag != "" {
		return flag
	}
	if v := os.Getenv(env); v != "" {
		return v
	}
	dir := os.Getenv("OVN_RUNDIR")
	if dir == "" {
		dir = "/var/run/ovn"
	}
	return "unix:" + dir + "/" + file
}

func (c *common) dbOptions(remotes string) ovsdb.Options {
	return ovsdb.Options{
		Remotes: remotes, PrivateKey: c.key, Certificate: c.cert, CACert: c.ca,
		LeaderOnly: c.leaderOnly && !c.noLeaderOnly,
	}
}

func (c *common) nodeOptions() node.Options {
	return node.Options{RunDir: c.rundir, Journal: c.journal}
}
