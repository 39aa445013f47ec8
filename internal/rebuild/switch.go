package rebuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// Switch is an Open vSwitch on the dummy datapath: a bridge of type system is one of type dummy
// with that name (--enable-dummy=system), and no bridge reaches the machine's datapath or devices.
type Switch struct {
	// RunDir is its run folder, as in OVS_RUNDIR: database, sockets, process ids.
	RunDir string
	DB     *DB
	Proc   *Proc
	room   *Room
	ctl    *unixctl.Client
}

// schemas are the paths at which packages install the schema of Open vSwitch's database.
var schemas = []string{"/usr/share/openvswitch/vswitch.ovsschema", "/usr/local/share/openvswitch/vswitch.ovsschema"}

// errNoSchema reports that Open vSwitch's schema is missing.
var errNoSchema = errors.New("vswitch.ovsschema is not in /usr/share/openvswitch")

// Switch starts an Open vSwitch with a copy of the database file conf, or with an empty database if
// conf is empty. A database of somebody else may open listeners and send to collectors: only one
// made for a room is safe to start (NewSwitch, then changes of its database, then Up).
func (r *Room) Switch(ctx context.Context, name, conf string) (*Switch, error) {
	var s *Switch
	var err error
	if conf == "" {
		s, err = r.NewSwitch(ctx, name)
	} else {
		s = &Switch{room: r}
		if s.RunDir, err = r.Folder(name); err != nil {
			return nil, err
		}
		file := filepath.Join(s.RunDir, "db")
		if err = r.copyDB(ctx, conf, file); err == nil {
			s.DB, err = r.serve(ctx, s.RunDir, file)
		}
	}
	if err != nil {
		return nil, err
	}
	return s, s.Up(ctx)
}

// NewSwitch prepares an Open vSwitch with an empty database, which is served. Up starts it.
func (r *Room) NewSwitch(ctx context.Context, name string) (*Switch, error) {
	schema := ""
	for _, s := range schemas {
		if _, err := os.Stat(s); err == nil {
			schema = s
			break
		}
	}
	if schema == "" {
		return nil, errNoSchema
	}
	dir, err := r.Folder(name)
	if err != nil {
		return nil, err
	}
	s := &Switch{RunDir: dir, room: r}
	if s.DB, err = r.createIn(ctx, dir, schema); err != nil {
		return nil, err
	}
	return s, s.Vsctl(ctx, "--no-wait", "init")
}

// Up starts ovs-vswitchd and returns when it knows the commands of bridges.
func (s *Switch) Up(ctx context.Context) error {
	p, err := s.room.Start(ctx, Command{
		Name: "ovs-vswitchd", Dir: s.RunDir, Log: "ovs-vswitchd.out", Env: env(s.RunDir),
		Args: []string{s.DB.Remote, "--enable-dummy=system", "--disable-system", "--disable-system-route", "--pidfile", "--no-chdir",
			"-vconsole:warn", "-vsyslog:off", "-vfile:off"},
		Ready: []string{filepath.Join(s.RunDir, "ovs-vswitchd.pid")},
		Apart: true,
	})
	if err != nil {
		return err
	}
	s.Proc = p
	s.ctl = &unixctl.Client{Path: filepath.Join(s.RunDir, fmt.Sprintf("ovs-vswitchd.%d.ctl", p.PID))}
	// ovs-vswitchd listens before it registers the commands of bridges (bridge_init).
	return p.wait(ctx, func() bool {
		text, err := s.ctl.Call(ctx, "list-commands")
		return err == nil && strings.Contains(text, "ofproto/trace")
	})
}

// Appctl calls ovs-vswitchd over its control socket.
func (s *Switch) Appctl(ctx context.Context, method string, args ...string) (string, error) {
	return s.ctl.Call(ctx, method, args...)
}

// Vsctl runs ovs-vsctl over its database. Without --no-wait it waits for ovs-vswitchd.
func (s *Switch) Vsctl(ctx context.Context, args ...string) error {
	_, err := s.room.Run(ctx, env(s.RunDir), "ovs-vsctl", append([]string{"--db=" + s.DB.Remote}, args...)...)
	return err
}

// Ofctl runs ovs-ofctl in its run folder and returns the output.
func (s *Switch) Ofctl(ctx context.Context, args ...string) (string, error) {
	return s.room.Run(ctx, env(s.RunDir), "ovs-ofctl", args...)
}
