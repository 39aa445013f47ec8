package cli

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
)

// deployment is what a run is connected to.
type deployment struct {
	sb        *ovn.SB
	nb        *ovn.NB // nil when there is none to be had
	nodes     *nodes
	driver    *driver.Driver
	publisher publish.Publisher
	warn      []string

	explainers map[databases]*explain.Explainer
	nbOf       map[string]string // remotes of other zones' Northbound databases, by chassis
	dialNB     func(ctx context.Context, remote string) (*ovn.NB, error)
	zoneNBs    []*ovn.NB
}

// databases are those that name a chassis' tables: its Southbound, and the remotes of a Northbound that is not the run's own.
type databases struct {
	sb *ovn.SB
	nb string
}

// connect opens the databases and prepares the ways to the nodes.
func (c *common) connect(ctx context.Context) (*deployment, error) {
	if err := c.checkRemoteEnv(); err != nil {
		return nil, err
	}
	ns, err := c.nodeSet()
	if err != nil {
		return nil, err
	}
	nbctx, cancel := context.WithTimeout(ctx, max(c.timeout/4, time.Second))
	defer cancel()
	north := make(chan struct{})
	var nb *ovn.NB
	var nberr error
	go func() {
		defer close(north)
		nb, nberr = ovn.DialNB(nbctx, c.dbOptions(c.remote(c.nb, "OVN_NB_DB", "ovnnb_db.sock")))
	}()
	sb, err := ovn.DialSB(ctx, c.dbOptions(c.remote(c.sb, "OVN_SB_DB", "ovnsb_db.sock")))
	if err != nil {
		cancel()
		if <-north; nb != nil {
			nb.Close()
		}
		return nil, err
	}
	d := &deployment{sb: sb, nodes: ns}
	<-north
	d.nb, err = nb, nberr
	if err != nil {
		// The trace needs no Northbound database; asked for by name, its absence is worth the same words.
		d.nb = nil
		d.warn = append(d.warn, fmt.Sprintf("without the Northbound database, rules are named by logical flow only: %v", err))
	}
	if d.nb != nil {
		sb.Dynamic = d.nb.DynamicAddresses
	}
	d.driver = &driver.Driver{SB: sb, NB: d.nb, Nodes: ns, MaxDump: c.dumpBound()}
	d.driver.DialSB = func(ctx context.Context, chassis, remote string) (*ovn.SB, error) {
		if strings.Contains(remote, "unix:") && !ns.isLocal(chassis) {
			return nil, fmt.Errorf("its ovn-remote %s is a socket on that machine", remote)
		}
		return ovn.DialSB(ctx, c.dbOptions(remote))
	}
	d.dialNB = func(ctx context.Context, remote string) (*ovn.NB, error) {
		ctx, cancel := context.WithTimeout(ctx, max(c.timeout/4, time.Second))
		defer cancel()
		return ovn.DialNB(ctx, c.dbOptions(remote))
	}
	d.nbOf = map[string]string{}
	for _, s := range c.nbOf {
		chassis, remote, _ := strings.Cut(s, "=")
		d.nbOf[chassis] = remote
	}
	d.explainers = map[databases]*explain.Explainer{{sb: sb}: explain.New(sb, d.nb)}
	d.publisher.Explainer = d.explainer
	return d, nil
}

// explainer names tables from the databases that the chassis itself uses. No chassis knows where its zone's Northbound database is:
// --nb-of tells.
func (d *deployment) explainer(ctx context.Context, chassis string) (*explain.Explainer, error) {
	sb, err := d.driver.Southbound(ctx, chassis)
	if err != nil {
		return nil, err
	}
	key := databases{sb, d.nbOf[chassis]}
	if e := d.explainers[key]; e != nil {
		return e, nil
	}
	var nb *ovn.NB
	if key.nb != "" {
		if nb, err = d.dialNB(ctx, key.nb); err == nil {
			d.zoneNBs = append(d.zoneNBs, nb)
		} else {
			nb = nil
			d.warn = append(d.warn, fmt.Sprintf("without the Northbound database of %s's zone, its rules are named by logical flow only: %v", chassis, err))
		}
	}
	d.explainers[key] = explain.New(sb, nb)
	return d.explainers[key], nil
}

// close ends connections; nodes first, which removes what they committed.
func (d *deployment) close(ctx context.Context) error {
	d.driver.Settle()
	errs := []error{d.nodes.close(ctx), d.driver.Close()}
	if d.nb != nil {
		d.nb.Close()
	}
	for _, nb := range d.zoneNBs {
		nb.Close()
	}
	d.sb.Close()
	return errors.Join(errs...)
}

// nodes reaches chassis as the flags tell: driver.Nodes.
type nodes struct {
	targets  map[string]string // --node
	template string            // --node-cmd
	local    node.Options
	localID  string // system-id of this machine, once asked
	localErr error
	asked    bool
	service  *node.Service
	open     map[string]node.Node
}

func (c *common) nodeSet() (*nodes, error) {
	n := &nodes{targets: map[string]string{}, template: c.nodeCmd, local: c.nodeOptions(), open: map[string]node.Node{}}
	for _, s := range c.nodes {
		chassis, target, ok := strings.Cut(s, "=")
		if !ok || chassis == "" || target == "" {
			return nil, usagef("--node hv1=local or --node 'hv1=exec:ssh hv1 ovn-ct-trace node stdio'", "--node %q is not CHASSIS=TARGET", s)
		}
		if kind, _, _ := strings.Cut(target, ":"); target != "local" && kind != "exec" {
			return nil, usagef("local or exec:COMMAND", "--node %q: no way to reach a node is called %q", s, kind)
		}
		n.targets[chassis] = target
	}
	if n.template != "" {
		if _, err := node.SplitCommand(n.template); err != nil {
			return nil, &usageError{msg: "--node-cmd: " + err.Error(), err: err}
		}
	}
	return n, nil
}

// Node reaches a chassis: by --node, else by --node-cmd, else as this machine when it is this one.
func (n *nodes) Node(ctx context.Context, c *ovn.Chassis) (node.Node, error) {
	if nd := n.open[c.Name]; nd != nil {
		return nd, nil
	}
	nd, err := n.reach(ctx, c)
	if err != nil {
		return nil, err
	}
	n.open[c.Name] = nd
	return nd, nil
}

// isLocal tells whether a chassis' node is this machine.
func (n *nodes) isLocal(chassis string) bool {
	_, ok := n.open[chassis].(*node.Service)
	return ok
}

func (n *nodes) reach(ctx context.Context, c *ovn.Chassis) (node.Node, error) {
	target, ok := n.targets[c.Name]
	if !ok {
		target, ok = n.targets[c.Hostname]
	}
	switch {
	case ok:
		return n.target(c, target)
	case n.template != "":
		argv, err := node.Expand(n.template, c.Name, c.Hostname, encapIP(c))
		if err != nil {
			return nil, err
		}
		return &node.Remote{Name: c.Name, Argv: argv}, nil
	}
	svc, err := n.thisMachine(ctx)
	if err == nil && n.localID == c.Name {
		return svc, nil
	}
	why := fmt.Errorf("no way to reach it is given, and this machine is %s", n.localID)
	if err != nil {
		why = fmt.Errorf("no way to reach it is given, and this machine's Open vSwitch does not answer: %w", err)
	}
	return nil, &node.Error{Node: c.Name, Op: "reach", Err: why,
		Hint: "--node-cmd 'ssh {hostname} ovn-ct-trace node stdio', or --node " + c.Name + "=exec:COMMAND"}
}

func (n *nodes) target(c *ovn.Chassis, target string) (node.Node, error) {
	if target == "local" {
		if n.service == nil {
			n.service = node.NewService(n.local)
		}
		return n.service, nil
	}
	kind, arg, _ := strings.Cut(target, ":")
	if kind != "exec" {
		return nil, usagef("local or exec:COMMAND", "--node %s=%s: no way to reach a node is called %q", c.Name, target, kind)
	}
	argv, err := node.Expand(arg, c.Name, c.Hostname, encapIP(c))
	if err != nil {
		return nil, &usageError{msg: "--node " + c.Name + ": " + err.Error(), err: err}
	}
	return &node.Remote{Name: c.Name, Argv: argv}, nil
}

// thisMachine asks, once, which chassis the program runs on.
func (n *nodes) thisMachine(ctx context.Context) (*node.Service, error) {
	if !n.asked {
		n.asked = true
		if n.service == nil {
			n.service = node.NewService(n.local)
		}
		info, err := n.service.Info(ctx)
		n.localErr = err
		if err == nil {
			n.localID = info.SystemID
		}
	}
	return n.service, n.localErr
}

func encapIP(c *ovn.Chassis) string {
	for _, e := range c.Encaps {
		if e.IP.IsValid() {
			return e.IP.String()
		}
	}
	return ""
}

// close ends every node; what goes wrong is told in the order of their names.
func (n *nodes) close(ctx context.Context) error {
	var names []string
	for name := range n.open {
		names = append(names, name)
	}
	sort.Strings(names)
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { errs[i] = n.open[name].Close(ctx) })
	}
	wg.Wait()
	if n.service != nil {
		errs = append(errs, n.service.Close(ctx))
	}
	return errors.Join(errs...)
}
