// Package replica copies a deployment's control plane into a room: the Northbound and Southbound
// databases, ovn-northd, and for each chassis an ovn-controller with an Open vSwitch on the dummy
// datapath. A change of the copy shows what OVN would do; the deployment is only read.
package replica

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// Replica is a copy of a control plane.
type Replica struct {
	NB, SB *rebuild.DB

	room   *rebuild.Room
	dir    string // of ovn-northd
	northd *rebuild.Proc
	nb     *ovn.NB
	sb     *ovn.SB
	// settled is how the ports were when all daemons had last done what the databases ask for: at
	// first as they were copied.
	settled ports
	watches map[string]*watch // by chassis; nil: Watch was not called

	mu      sync.Mutex
	chassis map[string]*chassis
	down    map[string]bool // chassis that are taken to be dead
}

// Source is what is copied.
type Source struct {
	NB, SB *ovsdb.DB
	// Chassis are the chassis that get an ovn-controller, as their nodes describe them.
	Chassis map[string]*node.Info
}

// Progress is called with what is being done, on one line.
type Progress func(step string)

// New copies the databases and starts the daemons, and returns when they have done what the copied
// databases ask for. The caller closes the room, which ends it.
func New(ctx context.Context, room *rebuild.Room, src Source, say Progress) (*Replica, error) {
	r := &Replica{room: room, chassis: map[string]*chassis{}, down: map[string]bool{}}
	say("copying the databases")
	var g errgroup.Group
	g.Go(func() (err error) { r.NB, err = r.copy(ctx, "nb", src.NB); return err })
	g.Go(func() (err error) { r.SB, err = r.copy(ctx, "sb", src.SB); return err })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var err error
	if r.nb, err = ovn.DialNB(ctx, ovsdb.Options{Remotes: r.NB.Remote}); err == nil {
		r.sb, err = ovn.DialSB(ctx, ovsdb.Options{Remotes: r.SB.Remote})
	}
	if err == nil {
		err = r.calm(ctx)
	}
	if err == nil {
		r.dir, err = room.Folder("northd")
	}
	if err != nil {
		return nil, err
	}
	if r.settled, err = r.places(ctx); err != nil {
		return nil, err
	}
	say("starting ovn-northd and ovn-controller for " + plural(len(src.Chassis), "chassis", "chassis"))
	rows, err := r.sb.AllChassis(ctx)
	if err != nil {
		return nil, err
	}
	g.Go(func() error { return r.startNorthd(ctx) })
	for name, info := range src.Chassis {
		g.Go(func() error { return r.startChassis(ctx, name, info, rows) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return r, r.Settle(ctx)
}

// plural returns a number and its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Close closes the connections to the copied databases and daemons.
func (r *Replica) Close() {
	if r.nb != nil {
		_ = r.nb.Close()
	}
	if r.sb != nil {
		_ = r.sb.Close()
	}
	for _, w := range r.watches {
		_ = w.ctl.Close()
	}
}

// copy writes a live database to a file in the room, and serves it.
func (r *Replica) copy(ctx context.Context, name string, db *ovsdb.DB) (*rebuild.DB, error) {
	dir, err := r.room.Folder(name + "-live")
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile(filepath.Join(dir, "db"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	body, err := os.OpenFile(filepath.Join(dir, "body"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		out.Close()
		return nil, err
	}
	_, err = db.Snapshot(ctx, out, body)
	if err = errors.Join(err, out.Close(), body.Close()); err != nil {
		return nil, err
	}
	copied, err := r.room.OpenDB(ctx, name, out.Name())
	return copied, errors.Join(err, os.RemoveAll(dir))
}

// daemonEnv keeps a daemon's files in one folder.
func daemonEnv(dir string) []string {
	return []string{"OVS_RUNDIR=" + dir, "OVS_LOGDIR=" + dir, "OVS_DBDIR=" + dir, "OVS_SYSCONFDIR=" + dir,
		"OVN_RUNDIR=" + dir, "OVN_LOGDIR=" + dir, "OVN_DBDIR=" + dir, "OVN_SYSCONFDIR=" + dir}
}

// quiet keeps a daemon's messages in its log file.
var quiet = []string{"--no-chdir", "-vconsole:warn", "-vsyslog:off", "-vfile:off"}

func (r *Replica) startNorthd(ctx context.Context) error {
	var err error
	r.northd, err = r.room.Start(ctx, rebuild.Command{
		Name: "ovn-northd", Dir: r.dir, Log: "ovn-northd.log", Env: daemonEnv(r.dir),
		Args: append([]string{"--ovnnb-db=" + r.NB.Remote, "--ovnsb-db=" + r.SB.Remote, "--pidfile",
			"--unixctl=" + filepath.Join(r.dir, "ovn-northd.ctl")}, quiet...),
		Ready: []string{filepath.Join(r.dir, "ovn-northd.pid")},
	})
	return err
}

// nbctl runs ovn-nbctl on the copied Northbound database.
func (r *Replica) nbctl(ctx context.Context, args ...string) (string, error) {
	return nbctl(ctx, r.room, r.dir, r.NB.Remote, args...)
}

// nbctl runs ovn-nbctl on a database, with its files in one folder.
func nbctl(ctx context.Context, room *rebuild.Room, dir, remote string, args ...string) (string, error) {
	argv := append([]string{"--db=" + remote, "--no-leader-only", "-vconsole:warn", "-vsyslog:off"}, args...)
	return room.Run(ctx, append(daemonEnv(dir), "OVN_NB_DAEMON=", "OVN_NBCTL_OPTIONS="), "ovn-nbctl", argv...)
}
func (r *Replica) running(name string) *chassis {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down[name] {
		return nil
	}
	return r.chassis[name]
}

// IsDown reports whether a chassis was made to fail.
func (r *Replica) IsDown(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.down[name]
}

// OVSVersion returns the version of the copies' Open vSwitch, which is this machine's.
func (r *Replica) OVSVersion(ctx context.Context) (string, error) {
	for _, c := range r.chassis {
		path, _, err := unixctl.Discover(c.sw.RunDir, "ovs-vswitchd")
		if err != nil {
			return "", err
		}
		ctl := &unixctl.Client{Path: path}
		defer ctl.Close()
		return ctl.Version(ctx)
	}
	return "", nil
}

// Southbound returns the connection to the copied Southbound database.
func (r *Replica) Southbound() *ovn.SB { return r.sb }

// Datapath is the name of a copied chassis' only datapath.
const Datapath = "system@ovs-system"

// Rooms returns how the copied chassis are reached, each as the replica of its node.
func (r *Replica) Rooms(of map[string]*node.Replica) map[string]node.Options {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]node.Options{}
	for name, c := range r.chassis {
		replica := *of[name]
		replica.Invented = underlayBridge
		out[name] = node.Options{RunDir: c.sw.RunDir, OVNRunDir: c.sw.RunDir, Replica: &replica}
	}
	return out
}
