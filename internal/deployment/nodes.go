package deployment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/kube"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/offline"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/push"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// Nodes implements driver.Nodes: it reaches chassis in the ways that the options give. It is safe
// for concurrent use until Close.
type Nodes struct {
	targets  map[string]string // Options.Nodes
	template string            // Options.NodeCommand
	rooms    map[string]node.Options
	offline  *offline.Deployment
	served   served        // how "tls:" nodes are reached
	service  *node.Service // this machine's node
	patience time.Duration // node.Remote.Patience
	push     bool          // the commands only open a way
	pusher   *push.Pusher  // nil: the tool is sent nowhere
	cluster  *kube.Cluster // nil: there are no pods
	thisOnce sync.Once
	localID  string // system-id of this machine, once asked
	localErr error

	mu     sync.Mutex
	open   map[string]node.Node
	most   int // connections; more are closed while nothing is asked over them
	closes sync.WaitGroup
}

// patienceShare is the part of a run's time that one node may take before it answers: a dead one
// leaves the others theirs.
const patienceShare = 3

// NewNodes prepares the ways to the nodes; nothing is reached yet. journal is the folder of this
// machine's journal of synthetic kernel entries; the usual one when empty.
func NewNodes(opt Options, journal string) *Nodes {
	return &Nodes{
		targets: opt.Nodes, template: opt.NodeCommand, offline: opt.offline, served: served{opt: opt}, open: map[string]node.Node{}, most: mostOpen(opt.NodeCommand),
		patience: opt.Bound() / patienceShare, push: opt.pushes(), pusher: opt.pusher(), cluster: opt.cluster(),
		service: node.NewService(node.Options{RunDir: opt.OVSRunDir, Journal: journal}),
	}
}

// Named reports whether a chassis has a way of its own among the options.
func (n *Nodes) Named(c *ovn.Chassis) bool {
	return n.targets[c.Name] != "" || n.targets[c.Hostname] != ""
}

// Given reports whether the options give a way to a chassis: an archive of it, a pod, the command
// for all, or one of its own. Without one, only this machine's chassis is reached. The command for
// all is no way to a chassis of another zone of which it lacks the name or address: OVN-IC may know
// of it only that it is there.
func (n *Nodes) Given(c *ovn.Chassis) bool {
	if _, copied := n.rooms[c.Name]; copied {
		return true
	}
	if n.offline != nil {
		return n.offline.Has(c.Name)
	}
	unnamed := strings.Contains(n.template, "{hostname}") && c.Hostname == "" || strings.Contains(n.template, "{ip}") && encapIP(c) == ""
	return n.cluster != nil || n.template != "" && !(c.IsRemote() && unnamed) || n.Named(c)
}

// Node reaches a chassis: in its own way, else by the command for all chassis, else as this machine
// where it is this one. The same chassis gives the same node until Close.
func (n *Nodes) Node(ctx context.Context, c *ovn.Chassis) (node.Node, error) {
	if nd := n.opened(c.Name); nd != nil {
		return nd, nil
	}
	nd, err := n.reach(ctx, c)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if first := n.open[c.Name]; first != nil { // reached meanwhile; no node is started before it is asked
		return first, nil
	}
	if r, ok := nd.(*node.Remote); ok {
		r.Opening = func() { n.makeRoom(c.Name) }
	}
	n.open[c.Name] = nd
	return nd, nil
}

// opened returns the node of a chassis that was reached already, or nil.
func (n *Nodes) opened(chassis string) node.Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.open[chassis]
}

func (n *Nodes) reach(ctx context.Context, c *ovn.Chassis) (node.Node, error) {
	if room, copied := n.rooms[c.Name]; copied {
		return node.NewService(room), nil
	}
	if n.offline != nil {
		return n.offline.Node(ctx, c.Name)
	}
	target, ok := n.targets[c.Name]
	if !ok {
		target, ok = n.targets[c.Hostname]
	}
	switch {
	case ok:
		return n.target(c, target)
	case n.cluster != nil:
		return n.inPod(c), nil
	case isServed(n.template):
		return n.served.node(c, strings.TrimPrefix(n.template, servedKind))
	case n.template != "":
		argv, err := node.Expand(n.template, c.Name, c.Hostname, encapIP(c))
		if err != nil {
			return nil, &node.Error{Node: c.Name, Op: "reach", Err: err, Hint: "--node CHASSIS=exec:COMMAND, with the name written out"}
		}
		return n.remote(c, argv), nil
	}
	svc, err := n.thisMachine(ctx)
	if err == nil && n.localID == c.Name {
		return svc, nil
	}
	given := "no way to reach it is given"
	if len(n.targets) > 0 {
		given = "--node names " + strings.Join(slices.Sorted(maps.Keys(n.targets)), ", ") + " only"
	}
	why := fmt.Errorf("%s, and this machine is %s", given, n.localID)
	if err != nil {
		why = fmt.Errorf("%s, and this machine's Open vSwitch does not answer: %w", given, err)
	}
	return nil, &node.Error{Node: c.Name, Op: "reach", Err: why,
		Hint: "--node-cmd 'ssh {hostname} ovn-ct-trace node stdio', or --node " + c.Name + "=exec:COMMAND"}
}

// target reaches a chassis in the way that its target names.
func (n *Nodes) target(c *ovn.Chassis, target string) (node.Node, error) {
	kind, arg, err := cutTarget(c.Name, target)
	switch {
	case err != nil:
		return nil, err
	case kind == "local":
		return n.service, nil
	case kind == "tls":
		return n.served.node(c, arg)
	}
	argv, err := node.Expand(arg, c.Name, c.Hostname, encapIP(c))
	if err != nil {
		return nil, &usage.Error{Msg: "--node " + c.Name + ": " + err.Error(), Err: err}
	}
	return n.remote(c, argv), nil
}

// remote is a node behind a command: one that runs the tool, or opens a way to send it.
func (n *Nodes) remote(c *ovn.Chassis, argv []string) node.Node {
	r := &node.Remote{Name: c.Name, Argv: argv, Patience: n.patience}
	if n.push {
		r.Argv, r.Open = push.Shell(argv), n.pusher.Open
	}
	return r
}

// thisMachine asks, once, which chassis the program runs on.
func (n *Nodes) thisMachine(ctx context.Context) (*node.Service, error) {
	n.thisOnce.Do(func() {
		info, err := n.service.Info(ctx)
		n.localErr = err
		if err == nil {
			n.localID = info.SystemID
		}
	})
	return n.service, n.localErr
}

// Quick reports whether starting a node in vain costs little: nothing is sent there first, and it is
// not rebuilt from an archive.
func (n *Nodes) Quick() bool { return n != nil && n.offline == nil && n.cluster == nil && !n.push }

// byAddress reports whether a chassis' tunnel address is needed to reach it.
func (n *Nodes) byAddress() bool {
	const address = "{ip}"
	if strings.Contains(n.template, address) {
		return true
	}
	for _, target := range n.targets {
		if strings.Contains(target, address) {
			return true
		}
	}
	return false
}

// encapIP returns a chassis' first tunnel address, or nothing.
func encapIP(c *ovn.Chassis) string {
	for _, e := range c.Encaps {
		if e.IP.IsValid() {
			return e.IP.String()
		}
	}
	return ""
}

// Close ends every node. The errors are in the order of the nodes' names.
func (n *Nodes) Close(ctx context.Context) error {
	n.closes.Wait()
	names := slices.Sorted(maps.Keys(n.open))
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { errs[i] = n.open[name].Close(ctx) })
	}
	wg.Wait()
	return errors.Join(append(errs, n.service.Close(ctx))...)
}
