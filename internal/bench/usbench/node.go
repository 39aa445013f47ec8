package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens/nstest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// bridge is the node's only bridge; datapath is the name of its datapath for dpctl.
const (
	bridge   = "br0"
	datapath = "netdev@ovs-netdev"
)

// The cables: packets from fill are committed in both zones, packets from tracked are looked up in
// both, and packets from plain are forwarded to sink without conntrack.
var cables = []string{"fill", "tracked", "plain", "sink"}

// far returns the name of a cable's end outside the bridge.
func far(cable string) string { return cable + "-far" }

// node is an Open vSwitch with the userspace datapath in its own network namespace.
type node struct {
	ovsdbtest.Group
	ns     nodens.NetNS
	leave  func()
	tool   string
	daemon int
}

func newNode(ctx context.Context, tool string) (_ *node, err error) {
	n := &node{}
	if n.tool, err = filepath.Abs(tool); err != nil {
		return nil, err
	}
	if _, err := os.Stat(n.tool); err != nil {
		return nil, fmt.Errorf("the tool is not built: %w", err)
	}
	if n.Dir, err = os.MkdirTemp("", "usbench"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			n.stop()
		}
	}()
	if n.ns, n.leave, err = nstest.Make(); err != nil {
		return nil, fmt.Errorf("%w: %v", errSkip, err)
	}
	return n, n.ns.Do(func() error { return n.start(ctx) })
}

// stop ends the daemons and removes their files; the cables end with the namespace.
func (n *node) stop() {
	n.Stop()
	if n.leave != nil {
		n.leave()
	}
	os.RemoveAll(n.Dir)
}

// start makes the cables and the bridge. It must run inside the namespace.
func (n *node) start(ctx context.Context) error {
	for _, c := range cables {
		for _, args := range [][]string{
			{"link", "add", c, "type", "veth", "peer", "name", far(c)},
			{"link", "set", c, "up"}, {"link", "set", far(c), "up"},
		} {
			if _, err := n.Run(ctx, "", "ip", args...); err != nil {
				return err
			}
		}
	}
	schema, err := ovsdbtest.Schema("vswitch.ovsschema")
	if err != nil {
		return err
	}
	if _, err := n.Server(ctx, "db", schema); err != nil {
		return err
	}
	vsctl := []string{"--db=" + n.Sock("db"), "--timeout=60"}
	if _, err := n.Run(ctx, "", "ovs-vsctl", append(vsctl, "--no-wait", "init", "--", "--id=@d", "create", "Datapath", "datapath_version=0",
		"--", "set", "Open_vSwitch", ".", "datapaths:netdev=@d")...); err != nil {
		return err
	}
	cmd, err := n.Start("vswitchd", "ovs-vswitchd", n.Sock("db"), "--pidfile="+filepath.Join(n.Dir, "ovs-vswitchd.pid"),
		"--disable-system", "-vconsole:off", "-vsyslog:off", "-vfile:off")
	if err != nil {
		return err
	}
	n.daemon = cmd.Process.Pid
	add := append(vsctl, "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev", "fail-mode=secure")
	for i, c := range cables {
		add = append(add, "--", "add-port", bridge, c, "--", "set", "interface", c, "ofport_request="+strconv.Itoa(i+1))
	}
	if _, err := n.Run(ctx, "", "ovs-vsctl", add...); err != nil {
		return err
	}
	// Long timeouts for half-open connections: the measurements take longer than the default. A
	// policy that is read with its zone's row may not be applied, and one that replaces it is.
	for _, zone := range []string{"zone=1", "zone=2"} {
		for _, args := range [][]string{
			{"add-zone-tp", "netdev", zone, "tcp_syn_sent=86399"},
			{"del-zone-tp", "netdev", zone},
			{"add-zone-tp", "netdev", zone, "tcp_syn_sent=86400"},
		} {
			if _, err := n.Run(ctx, "", "ovs-vsctl", append(vsctl, args...)...); err != nil {
				return err
			}
		}
	}
	_, err = n.Run(ctx, `in_port=1,tcp actions=ct(commit,zone=1),ct(commit,zone=2)
in_port=2,tcp actions=ct(zone=1,table=1)
table=1,tcp actions=ct(zone=2,table=2)
table=2,tcp actions=output:4
in_port=3 actions=output:4
`, "ovs-ofctl", "add-flows", bridge, "-")
	return err
}

// connections returns the number of entries of all zones.
func (n *node) connections(ctx context.Context) (int, error) {
	out, err := n.Run(ctx, "", "ovs-appctl", "-t", n.control(), "dpctl/ct-get-nconns", datapath)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(out))
}

func (n *node) control() string {
	return filepath.Join(n.Dir, fmt.Sprintf("ovs-vswitchd.%d.ctl", n.daemon))
}

// dump dumps one zone with additional options and discards the text.
func (n *node) dump(ctx context.Context, zone int, options ...string) error {
	args := append([]string{"-t", n.control(), "dpctl/dump-conntrack"}, options...)
	cmd := exec.CommandContext(ctx, "ovs-appctl", append(args, datapath, fmt.Sprintf("zone=%d", zone))...)
	cmd.Env = n.Env()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	cmd.Stdout = null
	return cmd.Run()
}

// traceOnce traces a SYN-ACK without an entry through both zones, and returns the time and the peak
// memory of the command in MB. status is the expected exit status.
func (n *node) traceOnce(ctx context.Context, maxDump, status int) (took time.Duration, mb float64, err error) {
	cmd := exec.CommandContext(ctx, n.tool, "node", "trace", "-o", "json", "--ovs-rundir", n.Dir, "--max-dump", strconv.Itoa(maxDump), bridge,
		"in_port=2,tcp,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,nw_src=10.9.9.9,nw_dst=10.8.8.8,nw_ttl=64,tcp_src=9,tcp_dst=8,tcp_flags=syn")
	cmd.Env = n.Env()
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	took = time.Since(begin)
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != status {
		return 0, 0, fmt.Errorf("the trace: %v, want exit status %d: %s", err, status, out)
	}
	return took, maxRSS(cmd.ProcessState), nil
}
