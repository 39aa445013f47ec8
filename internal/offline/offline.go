package offline

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/archive"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctdpif"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ctlist"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/failure"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// Deployment is what was rebuilt from archives. It is safe for concurrent use.
type Deployment struct {
	// SB and NB are the remotes of the first zone's databases; NB is empty if no archive has it,
	// and NBLack says why.
	SB, NB, NBLack string
	Room           *rebuild.Room

	trees []*archive.Tree
	zones []zone
	notes []string
	// unusable says of hosts why their Southbound database, which they should have, cannot be used.
	unusable []string

	failed map[string]string // chassis that were not collected, with the reason

	mu      sync.Mutex
	chassis map[string]*chassis
}

// zone is the databases of one OVN, by remotes.
type zone struct {
	host   *rebuild.Host
	sb, nb string
	owns   map[string]bool // its own chassis, by name
}

// chassis is a host that is rebuilt when it is first asked for.
type chassis struct {
	conf *rebuild.Conf // nil if only a Southbound database is known of it
	zone *rebuild.Host // then the one with the database

	making sync.Mutex // held while it is rebuilt
	made   *rebuild.Chassis
	err    error

	mu     sync.Mutex
	tables map[string]*node.Kept // by datapath
}

// Options say what to rebuild.
type Options struct {
	Paths []string
	// Keep leaves the room behind.
	Keep bool
}

// Open reads archives and serves their databases. Chassis are rebuilt when they are asked for.
func Open(ctx context.Context, opt Options) (_ *Deployment, err error) {
	room, err := rebuild.Open(rebuild.Options{Keep: opt.Keep})
	if err != nil {
		return nil, err
	}
	d := &Deployment{Room: room, chassis: map[string]*chassis{}}
	defer func() {
		if err != nil {
			_ = d.Close()
		}
	}()
	var hosts []*rebuild.Host
	for _, path := range opt.Paths {
		found, tree, err := Read(ctx, path, func() (string, error) { return room.Folder("archive") })
		if err != nil {
			return nil, err
		}
		hosts, d.trees = append(hosts, found...), append(d.trees, tree)
	}
	if err := d.databases(ctx, hosts); err != nil {
		return nil, err
	}
	if err := d.confs(ctx, hosts); err != nil {
		return nil, err
	}
	d.computed()
	return d, nil
}

// NoDatabaseError reports archives without a usable Southbound database.
type NoDatabaseError struct{ Why []string }

func (e *NoDatabaseError) Error() string {
	return "the archives have no Southbound database that can be used: " + strings.Join(e.Why, "; ")
}

// Failure is a database that cannot be reached.
func (e *NoDatabaseError) Failure() (failure.Kind, string) {
	return failure.Unreachable, "give the report of the host with OVN's databases too: its ovnsb_db.db and ovnnb_db.db (--bundle, repeated)"
}

// databases finds the chassis of every host with databases. Those of the first one are served, the
// others when they are needed: a must-gather has those of every node.
func (d *Deployment) databases(ctx context.Context, hosts []*rebuild.Host) error {
	var why []string
	first := true
	zones := make([]*zone, len(hosts))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i, h := range hosts {
		d.listed(h)
		if lacks := h.SB.Lacks(); lacks != "" {
			why = append(why, h.Hostname+": "+lacks)
			if h.Whole || h.SB.There() || h.NB.There() {
				d.unusable = append(d.unusable, h.Hostname+": "+lacks)
			}
			continue
		}
		now := first || d.Room.Keeps()
		first = false
		g.Go(func() error {
			z, err := d.zoneOf(gctx, h, now)
			zones[i] = z
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, z := range zones {
		if z == nil {
			continue
		}
		if len(d.zones) == 0 {
			d.SB, d.NB, d.NBLack = z.sb, z.nb, hosts[i].NB.Lacks()
		}
		d.zones = append(d.zones, *z)
	}
	if len(d.zones) == 0 {
		return &NoDatabaseError{why}
	}
	return nil
}

// zoneOf reads the chassis of a host's databases, which are then served at once or later.
func (d *Deployment) zoneOf(ctx context.Context, h *rebuild.Host, now bool) (*zone, error) {
	z := &zone{host: h, owns: map[string]bool{}}
	db, err := d.Room.OpenDB(ctx, "sb", h.SB.Path)
	if err != nil {
		return nil, fmt.Errorf("%s: its Southbound database: %w", h.Hostname, err)
	}
	z.sb = db.Remote
	sb, err := ovn.DialSB(ctx, ovsdb.Options{Remotes: z.sb})
	if err != nil {
		return nil, err
	}
	all, err := sb.AllChassis(ctx)
	sb.Close()
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		z.owns[c.Name] = !c.IsRemote()
	}
	serve := func(name, file string) (string, error) { return d.Room.ServeDB(ctx, name, file) }
	if !now {
		serve = d.Room.ServeLater
		if err := d.Room.Discard(db); err != nil {
			return nil, err
		}
		if z.sb, err = serve("sb", h.SB.Path); err != nil {
			return nil, err
		}
	}
	if h.NB.Lacks() == "" {
		if z.nb, err = serve("nb", h.NB.Path); err != nil {
			return nil, fmt.Errorf("%s: its Northbound database: %w", h.Hostname, err)
		}
	}
	return z, nil
}

// confs serves the Open_vSwitch database of every host that has one, and names the chassis.
func (d *Deployment) confs(ctx context.Context, hosts []*rebuild.Host) error {
	confs := make([]*rebuild.Conf, len(hosts))
	errs := make([]error, len(hosts))
	var g errgroup.Group
	g.SetLimit(4)
	for i, h := range hosts {
		d.notes = append(d.notes, h.Notes...)
		d.notFound(h)
		if h.Conf == nil || h.Conf.Missing != "" {
			continue
		}
		g.Go(func() error {
			confs[i], errs[i] = d.Room.Conf(ctx, h)
			return nil
		})
	}
	_ = g.Wait()
	for i, c := range confs {
		switch {
		case errs[i] != nil && ctx.Err() != nil:
			return ctx.Err()
		case errs[i] != nil:
			d.notes = append(d.notes, errs[i].Error()) // the other chassis can still be traced
		case c != nil && c.SystemID == "":
			d.notes = append(d.notes, hosts[i].Hostname+": is no chassis of OVN: its database has no system-id")
		case c != nil && d.chassis[c.SystemID] != nil:
			return fmt.Errorf("%s and %s are both of chassis %s", d.chassis[c.SystemID].conf.Host.From, hosts[i].From, c.SystemID)
		case c != nil:
			d.chassis[c.SystemID] = &chassis{conf: c}
		}
	}
	return nil
}

// Notes returns what cannot be said of the deployment, for warnings.
func (d *Deployment) Notes() []string {
	out := slices.Clone(d.notes)
	if note := d.uncollected(); note != "" {
		out = append(out, note)
	}
	var first, last time.Time
	for _, c := range d.chassis {
		h := c.host()
		if h.Began.IsZero() {
			return append(out, "this is answered from archives, whose parts were taken at times that are not known: what happened in between may not fit together")
		}
		if first.IsZero() || h.Began.Before(first) {
			first = h.Began
		}
		if h.Ended.After(last) {
			last = h.Ended
		}
	}
	if !first.IsZero() {
		out = append(out, fmt.Sprintf("this is answered from archives, whose parts were taken from %s on, within %v: what happened in between may not fit together",
			first.UTC().Format(time.DateTime), last.Sub(first).Round(time.Second)))
	}
	return out
}

// errNotGiven reports a chassis of which there is no archive.
var errNotGiven = errors.New("not collected: no archive of it was given")

// Has reports whether there is an archive of a chassis.
func (d *Deployment) Has(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.chassis[name] != nil
}

// Node returns a chassis as a node. It is rebuilt at its first use.
func (d *Deployment) Node(ctx context.Context, name string) (node.Node, error) {
	d.mu.Lock()
	c := d.chassis[name]
	d.mu.Unlock()
	if why := d.failed[name]; c == nil && why != "" {
		return nil, &node.Error{Node: name, Op: "rebuild", Err: fmt.Errorf("not collected: %s", why), Hint: "collect it again, or give its report too: --bundle, repeated"}
	}
	if c == nil {
		return nil, &node.Error{Node: name, Op: "rebuild", Err: errNotGiven, Hint: "give its report too: --bundle, repeated"}
	}
	if err := c.make(ctx, d.Room, name); err != nil {
		return nil, &node.Error{Node: name, Op: "rebuild", Err: err}
	}
	return node.NewService(c.options(name)), nil
}

// make rebuilds the chassis once. A question that ends meanwhile leaves it to the next one.
func (c *chassis) make(ctx context.Context, room *rebuild.Room, name string) error {
	c.making.Lock()
	defer c.making.Unlock()
	if c.made != nil || c.err != nil {
		return c.err
	}
	made, err := c.build(ctx, room, name)
	if err != nil && ctx.Err() != nil {
		return err
	}
	c.made, c.err = made, err
	return err
}

// options returns the node's options.
func (c *chassis) options(name string) node.Options {
	h := c.made.Host
	return node.Options{
		RunDir: c.made.Switch.RunDir, DB: c.made.Conf,
		Replica: &node.Replica{
			Of: name, Datapaths: c.made.Datapaths, Kernel: h.Kernel, OVS: h.OVS, OVN: h.OVN,
			Table: c.kept, Sysctls: h.Sysctls, Routes: text(h.Routes), At: h.Began, Notes: c.made.Notes,
			RoutesLack: cmp.Or(h.Routes.Lacks(), h.Neighbours.Lacks(), h.WaysLack), Invented: rebuild.UnderlayBridge,
		},
	}
}

// maxText is the largest text that is kept whole, in bytes.
const maxText = 8 << 20

// text returns a small part's text, without a line that is cut; empty if there is none.
func text(p *rebuild.Part) string {
	if !p.There() {
		return ""
	}
	in, err := p.Open()
	if err != nil {
		return ""
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, maxText))
	if err != nil {
		return ""
	}
	return string(b[:bytes.LastIndexByte(b, '\n')+1])
}

// kept returns what was kept of a datapath's conntrack table, which is read once.
func (c *chassis) kept(dp string) *node.Kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.made.Host
	if k := c.tables[dp]; k != nil || h.Conntrack == nil {
		return k
	}
	p := h.Conntrack(dp)
	k := &node.Kept{Lacks: p.Lacks()}
	if h.Fragments != nil {
		k.Fragments = text(h.Fragments(dp))
	}
	if h.Listed.There() && strings.HasPrefix(dp, "system@") {
		if in, err := h.Listed.Open(); err == nil {
			k.Listed, err = ctlist.Read(in)
			in.Close()
			if err != nil {
				k.Listed = nil // without it, only timeouts are not known
			}
		}
	}
	if p.There() {
		k.Dump = &ctdpif.Recorded{Open: p.Open}
	}
	own(h, dp, k)
	if c.tables == nil {
		c.tables = map[string]*node.Kept{}
	}
	c.tables[dp] = k
	return k
}

// Close ends the room.
func (d *Deployment) Close() error {
	var errs []error
	for _, t := range d.trees {
		errs = append(errs, t.Close())
	}
	return errors.Join(append(errs, d.Room.Close())...)
}
