// Package driver stitches nodes: it finds the chassis a packet enters on, and carries the packet
// through tunnels and provider networks from node to node until every branch has ended.
package driver

import (
	"context"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// Nodes reaches chassis; the same chassis gives the same node for a whole run.
type Nodes interface {
	// Node returns the node of a chassis, or an error that names what is missing to reach it.
	Node(ctx context.Context, chassis *ovn.Chassis) (node.Node, error)
}

// Driver carries packets. Its fields are set once.
type Driver struct {
	SB      *ovn.SB
	NB      *ovn.NB // may be nil
	Nodes   Nodes
	Backend string // keep only the load balancer's alternative of this IP:PORT
	MaxHops int    // node visits of one packet; DefaultMaxHops when 0
	MaxDump int    // node.TraceRequest.MaxDump
	AsNew   bool   // follow packets as if the nodes' tables had no entries

	// DialSB returns another zone's Southbound database by the ovn-remote of a chassis; nil: there
	// are no other zones. The driver does not close it.
	DialSB func(ctx context.Context, chassis, remote string) (*ovn.SB, error)
	Gate   Gate // bounds the work of nodes; may be nil
	// Describe returns the node.Info of a chassis' node; nil: the node is asked.
	Describe func(ctx context.Context, chassis string, n node.Node) (*node.Info, error)

	// Bare reports that Nodes needs no encapsulations of a chassis: they are not read then.
	Bare bool
	// Ended is called when a packet has ended, before the last questions about its trace, which
	// requests to the databases then take along (ovsdb.DB.Want); may be nil.
	Ended func(ctx context.Context, t *Trace)

	chassis map[string]*ovn.Chassis
	own     map[string]*ovn.Chassis // as SB, the run's own database, has them
	peers   map[endpoint]*ovn.Chassis
	infos   map[string]*node.Info
	zones   map[string]*ovn.SB // by chassis
	remotes map[string]*ovn.SB // by ovn-remote, and by chassis where that is a socket
	listed  *ovn.Directory     // of SB; nil: it was not read ahead
	notes   []Note
	fresh   map[string]bool // chassis known to be up to date
	ahead   prefetches
}

// node reaches a chassis and reads its node.Info, once.
func (d *Driver) node(ctx context.Context, name string) (node.Node, *node.Info, error) {
	c, err := d.chassisRow(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	n, err := d.Nodes.Node(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if d.infos == nil {
		d.infos = map[string]*node.Info{}
	}
	info := d.infos[name]
	if info == nil {
		d.await(ctx, name)
		if info, err = d.describe(ctx, name, n); err != nil {
			return nil, nil, at(name, "read the node", err)
		}
		if err := info.IsOf(name); err != nil {
			return nil, nil, err
		}
		d.infos[name] = info
		for _, w := range info.Warnings {
			d.note(NoteNode, name, w)
		}
		for _, w := range info.Rebuilt {
			d.note(NoteRebuilt, name, w)
		}
	}
	return n, info, nil
}

func (d *Driver) describe(ctx context.Context, chassis string, n node.Node) (*node.Info, error) {
	if d.Describe == nil {
		return n.Info(ctx)
	}
	return d.Describe(ctx, chassis, n)
}

// at names the chassis in an error that does not name one yet.
func at(chassis, op string, err error) error {
	if _, ok := err.(*node.Error); ok {
		return err
	}
	return &node.Error{Node: chassis, Op: op, Err: err}
}

// chassisRow reads a chassis, once.
func (d *Driver) chassisRow(ctx context.Context, name string) (*ovn.Chassis, error) {
	if c := d.chassis[name]; c != nil {
		return c, nil
	}
	if c := d.directory(ctx).ByName(name); d.reaches(c) {
		d.remember(c)
		return c, nil
	}
	c, err := d.SB.ChassisByName(ctx, name)
	if err != nil {
		return nil, err
	}
	if d.chassis == nil {
		d.chassis = map[string]*ovn.Chassis{}
	}
	d.chassis[name] = c
	return c, nil
}

// reaches reports whether a row of the directory, which may be nil, is enough to reach the chassis:
// not where the first of several tunnel addresses is part of the way.
func (d *Driver) reaches(c *ovn.Chassis) bool { return c != nil && (d.Bare || len(c.Encaps) == 1) }

// directory returns the chassis of SB where they were read ahead; else nil, which has none. Who
// does not find a chassis in it asks for its row.
func (d *Driver) directory(ctx context.Context) *ovn.Directory {
	if d.listed == nil {
		d.listed, _ = d.SB.Directory(ctx)
	}
	return d.listed
}

// Infos are the nodes that were asked, by chassis.
func (d *Driver) Infos() map[string]*node.Info { return d.infos }
