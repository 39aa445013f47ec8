package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Dir holds everything of the running lab: sockets, databases, logs, state.
const Dir = "/run/ctlab"

const (
	underlayBridge = "ul0"
	underlayNet    = "172.31.0."
	underlayPort   = "ul" // the end at the chassis of its cable to the underlay
	underlayMTU    = "1700"
	centralIP      = underlayNet + "254"
	// NBRemote and SBRemote are the remotes of the lab's central databases.
	NBRemote = "tcp:" + centralIP + ":6641"
	SBRemote = "tcp:" + centralIP + ":6642"
)

// Lab is a running deployment.
type Lab struct {
	Topo     *Topology
	Bin      *Binaries
	Progress io.Writer

	mu     sync.Mutex
	state  state
	failed map[string]bool // chassis that Fail has cut off
}

// state is the data for Down and Attach, stored in Dir/state.json.
type state struct {
	Prefix string   `json:"prefix"`
	Topo   string   `json:"topo"` // digest of the topology: identifies the lab
	Procs  []Proc   `json:"procs"`
	Netns  []string `json:"netns"`
	Links  []string `json:"links"` // in the instance's own namespace
	Ready  bool     `json:"ready"`
}

func statePath() string { return filepath.Join(Dir, "state.json") }

// save writes the state to its file, so that Down can remove a partly built lab too.
func (l *Lab) save() error {
	b, err := json.Marshal(l.state)
	if err != nil {
		return err
	}
	tmp := statePath() + ".new"
	if err := os.WriteFile(tmp, b, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, statePath())
}

// ErrNoLab is returned by Attach when no lab is up in this instance.
var ErrNoLab = errors.New("no lab is up here")

// Attach finds the lab that runs in this instance.
func Attach(topo *Topology, progress io.Writer) (*Lab, error) {
	l := &Lab{Topo: topo, Progress: progress}
	if err := l.load(); err != nil {
		return nil, err
	}
	if !l.state.Ready {
		return nil, ErrNoLab
	}
	if l.state.Topo != topo.digest() {
		return nil, fmt.Errorf("%w: another topology is up", ErrNoLab)
	}
	for _, p := range l.state.Procs {
		if !p.Alive() {
			return nil, fmt.Errorf("%w: %s has died%s", ErrNoLab, p.Name, logTail(p.Log))
		}
	}
	var err error
	l.Bin, err = FindBinaries(l.state.Prefix)
	return l, err
}

func (l *Lab) load() error {
	b, err := os.ReadFile(statePath())
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNoLab
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(b, &l.state)
}

// Down stops every daemon by its process id and removes everything that the lab made.
func Down(ctx context.Context) error {
	l := &Lab{}
	if err := l.load(); err != nil {
		if errors.Is(err, ErrNoLab) {
			return nil
		}
		return err
	}
	return l.down(ctx)
}

func (l *Lab) down(ctx context.Context) error {
	// Stop clients before servers: an ovn-controller can then still reach its database while it ends.
	procs := slices.Clone(l.state.Procs)
	slices.Reverse(procs)
	errs := []error{stopProcs(procs)}
	var batch strings.Builder
	for _, n := range l.state.Netns {
		if _, err := os.Stat("/run/netns/" + n); err == nil {
			fmt.Fprintf(&batch, "netns del %s\n", n)
		}
	}
	for _, n := range l.state.Links {
		if _, err := os.Stat("/sys/class/net/" + n); err == nil {
			fmt.Fprintf(&batch, "link del %s\n", n)
		}
	}
	if batch.Len() > 0 {
		_, err := Command(ctx, nil, batch.String(), "ip", "-force", "-batch", "-")
		errs = append(errs, err)
	}
	errs = append(errs, os.RemoveAll(Dir))
	return errors.Join(errs...)
}

// OVSRundir returns the folder of the control sockets of a chassis' Open vSwitch.
func OVSRundir(chassis string) string { return filepath.Join(Dir, chassis, "ovs") }

// OVNRundir returns the folder of the control socket of a chassis' ovn-controller.
func OVNRundir(chassis string) string { return filepath.Join(Dir, chassis, "ovn") }

// ChassisEnv returns the environment for OVS's and OVN's tools on one chassis.
func (l *Lab) ChassisEnv(chassis string) []string {
	d := OVSRundir(chassis)
	return append(l.Bin.Env(), "OVS_RUNDIR="+d, "OVS_DBDIR="+d, "OVS_SYSCONFDIR="+d, "OVS_LOGDIR="+d,
		"OVN_RUNDIR="+OVNRundir(chassis), "OVN_DBDIR="+OVNRundir(chassis), "OVN_LOGDIR="+OVNRundir(chassis))
}

// CentralEnv returns the environment for ovn-nbctl and ovn-sbctl on the first zone's databases.
func (l *Lab) CentralEnv() []string { return l.zoneEnv(l.Topo.Zone("")) }

func (l *Lab) zoneEnv(z Zone) []string {
	d := z.dir()
	return append(l.Bin.Env(), "OVN_NB_DB="+z.NB(), "OVN_SB_DB="+z.SB(),
		"OVN_RUNDIR="+d, "OVN_DBDIR="+d, "OVN_LOGDIR="+d, "OVS_RUNDIR="+d, "OVS_DBDIR="+d)
}

// On runs a program on a chassis: in its namespace, with its environment.
func (l *Lab) On(ctx context.Context, chassis string, argv ...string) (string, error) {
	return Command(ctx, l.ChassisEnv(chassis), "", append([]string{"ip", "netns", "exec", chassis}, argv...)...)
}

// NBCtl runs ovn-nbctl commands as one transaction in the first zone; a command may consist of
// several, separated by "--".
func (l *Lab) NBCtl(ctx context.Context, commands ...string) (string, error) {
	return l.nbctl(ctx, l.Topo.Zone(""), commands...)
}

func (l *Lab) nbctl(ctx context.Context, z Zone, commands ...string) (string, error) {
	if len(commands) == 0 {
		return "", nil
	}
	argv := []string{"ovn-nbctl"}
	for i, c := range commands {
		words, err := SplitWords(c)
		if err != nil {
			return "", err
		}
		if i > 0 {
			argv = append(argv, "--")
		}
		argv = append(argv, words...)
	}
	return l.central(ctx, z, argv...)
}

// central runs a tool with the environment of a zone's databases.
func (l *Lab) central(ctx context.Context, z Zone, argv ...string) (string, error) {
	tool, err := l.Bin.Tool(argv[0])
	if err != nil {
		return "", err
	}
	return Command(ctx, l.zoneEnv(z), "", append([]string{tool}, argv[1:]...)...)
}

// Sync waits until every chassis that has not failed has installed the flows for the Northbound
// DBs.
func (l *Lab) Sync(ctx context.Context) error {
	failed := l.failing()
	for _, z := range l.Topo.allZones() {
		if len(failed) > 0 {
			if err := l.syncOthers(ctx, z, failed); err != nil {
				return err
			}
			continue
		}
		if _, err := l.central(ctx, z, "ovn-nbctl", "--wait=hv", "--timeout=150", "sync"); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// Settle waits until every chassis has installed the flows for the Northbound DB and its datapath
// has no earlier flow.
func (l *Lab) Settle(ctx context.Context) error {
	if err := l.Sync(ctx); err != nil {
		return err
	}
	if err := l.knowNeighbours(); err != nil {
		return err
	}
	errc := make(chan error, len(l.Topo.Chassis))
	for _, c := range l.Topo.Chassis {
		go func() {
			_, err := l.Appctl(c.Name, "revalidator/purge")
			errc <- err
		}()
	}
	var first error
	for range l.Topo.Chassis {
		if err := <-errc; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Appctl calls a chassis' ovs-vswitchd over its control socket.
func (l *Lab) Appctl(chassis, method string, args ...string) (string, error) {
	dir := OVSRundir(chassis)
	pid, err := os.ReadFile(filepath.Join(dir, "ovs-vswitchd.pid"))
	if err != nil {
		return "", err
	}
	sock := filepath.Join(dir, "ovs-vswitchd."+strings.TrimSpace(string(pid))+".ctl")
	c, err := net.DialTimeout("unix", sock, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if args == nil {
		args = []string{}
	}
	if err := json.NewEncoder(c).Encode(map[string]any{"id": 0, "method": method, "params": args}); err != nil {
		return "", err
	}
	var resp struct {
		Result string `json:"result"`
		Error  any    `json:"error"`
	}
	if err := json.NewDecoder(c).Decode(&resp); err != nil {
		return "", fmt.Errorf("%s: %s: %w", chassis, method, err)
	}
	if resp.Error != nil {
		return "", fmt.Errorf("%s: %s: %v", chassis, method, resp.Error)
	}
	return resp.Result, nil
}
