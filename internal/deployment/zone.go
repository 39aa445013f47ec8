package deployment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/usage"
)

// nodeRemote begins a Southbound remote that is read by the node of the chassis named after it:
// "node:hv1".
const nodeRemote = "node:"

// base is the node by which a deployment reads its databases, where it connects to none itself.
type base struct {
	nodes *Nodes
	node  node.Node
}

// openSB opens the Southbound database: the one that is given, else the one at the usual socket of
// this machine, else that of a chassis whose node can be reached without knowing its row.
func (d *Deployment) openSB(ctx context.Context) error {
	if name, ok := strings.CutPrefix(d.opt.SB, nodeRemote); ok {
		return d.openBy(ctx, name)
	}
	var err error
	d.SB, err = d.opt.DialSB(ctx)
	if err == nil || !d.opt.unnamed() || ctx.Err() != nil {
		return err
	}
	names, some := d.opt.starts()
	var errs []error
	for _, name := range names {
		byNode := d.openBy(ctx, name)
		if byNode == nil {
			return nil
		}
		errs = append(errs, byNode)
	}
	if some { // the user has named a node, and no database
		return errs[0]
	}
	return err
}

// unnamed reports whether neither the options nor the environment name a Southbound database.
func (o Options) unnamed() bool { return o.SB == "" && os.Getenv("OVN_SB_DB") == "" }

// starts returns the chassis by whose nodes the databases may be read: those with ways of their
// own, in the order of their names, else that of any pod, else the one that the command for all
// reaches without a chassis' data, else this machine. named reports whether the user has given any.
func (o Options) starts() (names []string, named bool) {
	if len(o.Nodes) > 0 {
		return slices.Sorted(maps.Keys(o.Nodes)), true
	}
	if o.Kube != "" {
		return []string{""}, true
	}
	if o.NodeCommand != "" {
		return []string{""}, !strings.Contains(o.NodeCommand, "{")
	}
	return []string{""}, false
}

// openBy opens the Southbound database of a chassis by its node; an empty name is the node that
// needs none.
func (d *Deployment) openBy(ctx context.Context, name string) error {
	if name == "" && strings.Contains(d.opt.NodeCommand, "{") {
		return usage.Errorf("--sb node:CHASSIS", "--node-cmd needs the name of a chassis to begin with")
	}
	nodes := NewNodes(d.opt, d.Journal)
	n, err := nodes.first(ctx, name)
	if err == nil {
		err = d.readBy(ctx, n)
	}
	if err != nil {
		_ = closeSoon(ctx, nodes)
		return err
	}
	d.base.nodes, d.base.node = nodes, n
	return nil
}

// readBy opens the Southbound database that a node reads.
func (d *Deployment) readBy(ctx context.Context, n node.Node) error {
	db, _, err := node.OpenDatabase(ctx, n, ovn.Southbound)
	if err != nil {
		return err
	}
	d.SB = &ovn.SB{DB: db}
	return nil
}

// first reaches a node before any chassis' row was read.
func (n *Nodes) first(ctx context.Context, name string) (node.Node, error) {
	if name == "" && n.template == "" && n.cluster == nil {
		return n.service, nil
	}
	return n.Node(ctx, &ovn.Chassis{Name: name, Hostname: name})
}

// closeSoon closes nodes within CloseGrace, whether ctx has ended or not.
func closeSoon(ctx context.Context, nodes *Nodes) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), CloseGrace)
	defer cancel()
	return nodes.Close(ctx)
}

// southByNode opens the Southbound database of a node's chassis.
func southByNode(ctx context.Context, n node.Node) (*ovn.SB, error) {
	db, _, err := node.OpenDatabase(ctx, n, ovn.Southbound)
	if err != nil {
		return nil, err
	}
	return &ovn.SB{DB: db}, nil
}

// northByNode opens the Northbound database beside the Southbound database that a node reads.
func northByNode(ctx context.Context, n node.Node) (*ovn.NB, error) {
	db, _, err := node.OpenDatabase(ctx, n, ovn.Northbound)
	if err != nil {
		return nil, err
	}
	return &ovn.NB{DB: db}, nil
}

// Zone is an availability zone: its databases, and the chassis by which it was found.
type Zone struct {
	SB      *ovn.SB
	NB      *ovn.NB // nil where it is unknown or does not answer
	Chassis string
}

// dialSB opens another zone's Southbound database by the ovn-remote of a chassis, once: from here,
// or by the chassis' node where it is a socket there, or where it cannot be reached from here.
func (s *Shared) dialSB(ctx context.Context, chassis, remote string) (*ovn.SB, error) {
	key := remote
	if strings.Contains(remote, "unix:") {
		key = chassis + " " + remote // a socket is another database on every machine
	}
	s.mu.Lock()
	z := s.sbs[key]
	if z == nil {
		z = &zoneSB{}
		s.sbs[key] = z
	}
	s.mu.Unlock()
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.sb != nil {
		return z.sb, nil
	}
	sb, err := s.openZone(ctx, chassis, remote)
	if err != nil {
		return nil, err
	}
	if s.keep {
		sb.Keep(keptRows)
	}
	z.sb = sb
	return sb, nil
}

// zoneSB is the Southbound database of another zone. It has a lock of its own: one that does not
// answer holds up only the runs that need it.
type zoneSB struct {
	mu sync.Mutex
	sb *ovn.SB // nil until it is open
}

func (s *Shared) openZone(ctx context.Context, chassis, remote string) (*ovn.SB, error) {
	if s.d.opt.offline != nil {
		return s.d.opt.zoneOf(ctx, chassis)
	}
	var direct error
	if !strings.Contains(remote, "unix:") {
		sb, err := ovn.DialSB(ctx, s.d.opt.database(remote))
		if err == nil {
			return sb, nil
		}
		direct = err
	}
	n := s.Nodes.opened(chassis)
	if n == nil {
		return nil, cmpErr(direct, fmt.Errorf("its ovn-remote %s is a socket on that machine", remote))
	}
	sb, err := southByNode(ctx, n)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil, cmpErr(direct, fmt.Errorf("its ovn-remote %s is a socket on that machine, and its node is too old to be asked", remote))
	case err != nil:
		return nil, cmpErr(direct, err)
	}
	return sb, nil
}

// cmpErr returns the first of two errors that is one.
func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// zoneNB returns the Northbound database of the zone of a Southbound database, once: the
// deployment's own, the one that Options.NBOf names for the chassis, else the one that the chassis'
// node finds. A database that does not answer is nil, and a warning. known is false where ctx ended
// before it was found out: the next run asks again. The caller holds mu.
func (s *Shared) zoneNB(ctx context.Context, chassis string, sb *ovn.SB) (n north, known bool) {
	given := s.d.opt.NBOf[chassis]
	key := databases{sb, given}
	if n, known := s.norths[key]; known {
		return n, true
	}
	var err error
	quiet := false
	switch nd := s.Nodes.opened(chassis); {
	case given != "":
		n.nb, err = s.d.opt.dialNB(ctx, s.d.opt.database(given))
	case s.d.opt.offline != nil && s.d.opt.NB != "" && s.d.opt.offline.InFirstZone(chassis):
		// The run is of another zone, and the chassis of the first one.
		n.nb, err = s.d.opt.dialNB(ctx, s.d.opt.northbound())
	case nd == nil:
		quiet = true
	case s.d.opt.offline != nil:
		err = errNoZoneNorthbound
	default:
		n.nb, err = northByNode(ctx, nd)
		// Where the zone's Southbound database is not a socket, its Northbound database may be anywhere.
		quiet = !strings.Contains(sb.Remote(), "unix:")
	}
	if err != nil {
		n.nb = nil
		if !quiet {
			n.warning = fmt.Sprintf("without the Northbound database of %s's zone, its rules are named by logical flow only: %v", chassis, err)
		}
		if ctx.Err() != nil {
			return n, false
		}
	}
	if n.nb != nil {
		if sb.Dynamic == nil {
			sb.Dynamic = n.nb.DynamicAddresses
		}
		if s.keep {
			n.nb.Keep(keptRows)
		}
	}
	s.norths[key] = n
	return n, true
}

// zoneNB is Shared.zoneNB, with its warning among the run's.
func (r *Run) zoneNB(ctx context.Context, chassis string, sb *ovn.SB) *ovn.NB {
	r.shared.mu.Lock()
	defer r.shared.mu.Unlock()
	n, _ := r.shared.zoneNB(ctx, chassis, sb)
	if n.warning != "" {
		r.Warn(n.warning)
	}
	return n.nb
}

// ZoneOf returns the zone of a chassis of the run's own Southbound database. Its node is asked,
// unless the chassis is of the run's own zone.
func (r *Run) ZoneOf(ctx context.Context, c *ovn.Chassis) (Zone, error) {
	if !c.IsRemote() {
		return Zone{SB: r.SB, NB: r.NB, Chassis: c.Name}, nil
	}
	sb, err := r.Driver.Reach(ctx, c.Name)
	if err != nil {
		return Zone{}, err
	}
	if sb == r.SB {
		return Zone{SB: r.SB, NB: r.NB, Chassis: c.Name}, nil
	}
	return Zone{SB: sb, NB: r.zoneNB(ctx, c.Name, sb), Chassis: c.Name}, nil
}

// Databases returns the databases of the zone of a chassis that was asked; the run's own for
// others.
func (r *Run) Databases(ctx context.Context, chassis string) (*ovn.SB, *ovn.NB) {
	sb, err := r.Driver.Southbound(ctx, chassis)
	if err != nil || sb == r.SB {
		return r.SB, r.NB
	}
	return sb, r.zoneNB(ctx, chassis, sb)
}

// Reachable reports whether the options give a way to the node of a chassis of another zone.
func (r *Run) Reachable(c *ovn.Chassis) bool { return r.Nodes.Given(c) }

// OtherZones calls yield for each other zone that has a chassis that can be reached, in the order
// of the chassis' names, until it returns false. A zone that does not answer is a warning.
func (r *Run) OtherZones(ctx context.Context, yield func(Zone) bool) error {
	all, err := r.SB.AllChassis(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b *ovn.Chassis) int { return strings.Compare(a.Name, b.Name) })
	seen := map[*ovn.SB]bool{r.SB: true}
	for _, c := range all {
		if !c.IsRemote() || !r.Reachable(c) {
			continue
		}
		z, err := r.ZoneOf(ctx, c)
		if err != nil {
			r.Warn(fmt.Sprintf("the databases of %s's zone were not searched: %v", c.Name, err))
			continue
		}
		if seen[z.SB] {
			continue
		}
		seen[z.SB] = true
		if !yield(z) {
			return nil
		}
	}
	return nil
}

// Use makes a zone the run's own, as if the deployment had been opened by its databases.
func (r *Run) Use(z Zone) {
	r.SB, r.NB = z.SB, z.NB
	r.Driver.Use(z.SB, z.NB)
}
