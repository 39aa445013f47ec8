package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
)

// The deployment is made of islands: a router with switches, each with ports,
// stateful ACLs and a load balancer. The traced packet stays in the first
// one, which alone has ports on the chassis, as on a real chassis most of the
// Southbound database is about others.
const (
	switches = 5
	ports    = 20 // on each switch
	hv       = "hv1"
)

type deployment struct {
	*ovntest.Deployment
	islands int
	pid     int // of ovs-vswitchd
}

// bringUp starts everything but the islands.
func bringUp(ctx context.Context, dir string) (_ *deployment, err error) {
	say("starting OVN and Open vSwitch in %s", dir)
	ovnd, err := ovntest.StartOVN(ctx, dir)
	if err != nil {
		return nil, err
	}
	d := &deployment{Deployment: ovnd}
	defer func() {
		if err != nil {
			d.Stop()
		}
	}()
	schema, err := ovntest.Schema("vswitch.ovsschema")
	if err != nil {
		return nil, err
	}
	if _, err := d.Server(ctx, "db", schema); err != nil {
		return nil, err
	}
	if err := d.vsctl(ctx, "--no-wait", "init", "--", "set", "open", ".", "external-ids:system-id="+hv, "external-ids:hostname="+hv,
		"external-ids:ovn-remote="+d.SB, "external-ids:ovn-encap-type=geneve", "external-ids:ovn-encap-ip=127.0.0.1",
		"external-ids:ovn-monitor-all=false"); err != nil {
		return nil, err
	}
	cmd, err := d.Start("vswitchd", "ovs-vswitchd", d.Sock("db"), "--enable-dummy=system", "--disable-system", "--pidfile",
		"-vconsole:off", "-vsyslog:off", "-vfile:off")
	if err != nil {
		return nil, err
	}
	d.pid = cmd.Process.Pid
	if err := d.vsctl(ctx, "add-br", "br-int", "--", "set", "bridge", "br-int", "fail-mode=secure"); err != nil {
		return nil, err
	}
	if _, err := d.Start("controller", "ovn-controller", d.Sock("db"), "-vconsole:off", "-vsyslog:off", "-vfile:off"); err != nil {
		return nil, err
	}
	// --wait=hv waits for the chassis that there are: this one must have come.
	_, err = d.Run(ctx, "", "ovn-sbctl", "--db="+d.SB, "--no-leader-only", "--timeout=60", "wait-until", "chassis", hv)
	return d, err
}

func (d *deployment) vsctl(ctx context.Context, args ...string) error {
	_, err := d.Run(ctx, "", "ovs-vsctl", append([]string{"--db=" + d.Sock("db"), "--timeout=60"}, args...)...)
	return err
}

// island writes the commands that make island n.
func island(n int) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	add("lr-add lr%d", n)
	for s := range switches {
		sw := fmt.Sprintf("sw%d-%d", n, s)
		net := fmt.Sprintf("10.%d.%d", n%250, s)
		add("ls-add %s", sw)
		add("lrp-add lr%d %s-up 0a:00:%02x:%02x:%02x:01 %s.1/24", n, sw, n>>8, n&255, s, net)
		add("lsp-add %s %s-lr", sw, sw)
		add("lsp-set-type %s-lr router", sw)
		add("lsp-set-addresses %s-lr router", sw)
		add("lsp-set-options %s-lr router-port=%s-up", sw, sw)
		var members []string
		for p := range ports {
			port := fmt.Sprintf("%s-p%d", sw, p)
			members = append(members, port)
			add("lsp-add %s %s", sw, port)
			add("lsp-set-addresses %s '%s %s.%d'", port, mac(n, s, p), net, p+10)
			add("lsp-set-port-security %s '%s %s.%d'", port, mac(n, s, p), net, p+10)
			add(`acl-add %s to-lport 1001 'outport == "%s" && tcp.dst == 80' allow-related`, sw, port)
		}
		pg := fmt.Sprintf("pg%d_%d", n, s)
		add("pg-add %s %s", pg, strings.Join(members, " "))
		add("acl-add %s to-lport 900 'outport == @%s && ip' drop", pg, pg)
		add("lb-add lb-%s 30.%d.%d.1:80 %s.10:80,%s.11:80 tcp", sw, n%250, s, net, net)
		add("ls-lb-add %s lb-%s", sw, sw)
		add("lr-lb-add lr%d lb-%s", n, sw)
	}
	return out
}

func mac(n, s, p int) string { return fmt.Sprintf("0a:%02x:%02x:%02x:00:%02x", n>>8+1, n&255, s, p+10) }

// grow adds islands until there are as many logical flows as wanted, and
// waits until the chassis has them. It tells how many there are.
func (d *deployment) grow(ctx context.Context, want int) (int, error) {
	have, perIsland := 0, 1000
	for {
		say("%d islands, %d logical flows", d.islands, have)
		if have >= want {
			break
		}
		more := (want-have)/perIsland + 1
		if d.islands == 0 {
			more = 2
		}
		before := d.islands
		var script []string
		for range more {
			script = append(script, island(d.islands)...)
			d.islands++
			if len(script) > 3000 || d.islands == before+more {
				if _, err := d.Run(ctx, "", "ovn-nbctl", append([]string{"--db=" + d.NB, "--no-leader-only"},
					ovntest.Commands(strings.Join(script, "\n"))...)...); err != nil {
					return 0, err
				}
				script = nil
			}
		}
		if before == 0 {
			if err := d.plug(ctx); err != nil {
				return 0, err
			}
		}
		if _, err := d.NBCtl(ctx, "sync"); err != nil {
			return 0, err
		}
		now, err := d.count(ctx)
		if err != nil {
			return 0, err
		}
		perIsland, have = max(1, (now-have)/more), now
	}
	_, err := d.Run(ctx, "", "ovn-nbctl", "--db="+d.NB, "--no-leader-only", "--wait=hv", "--timeout=600", "sync")
	return have, err
}

// plug binds the ports of the first island that the packet goes between.
func (d *deployment) plug(ctx context.Context) error {
	for s := range 2 {
		port := fmt.Sprintf("sw0-%d-p0", s)
		if err := d.vsctl(ctx, "add-port", "br-int", port, "--", "set", "interface", port, "type=dummy", "external-ids:iface-id="+port); err != nil {
			return err
		}
	}
	return nil
}

// count is the number of logical flows.
func (d *deployment) count(ctx context.Context) (int, error) {
	db, err := ovn.Dial(ctx, ovn.Options{Remotes: d.SB, Database: ovn.Southbound, Timeout: time.Minute})
	if err != nil {
		return 0, err
	}
	defer db.Close()
	n := 0
	err = db.UUIDs(ctx, "Logical_Flow", func(ovn.UUID) { n++ })
	return n, err
}

// ofport is the OpenFlow port of an interface.
func (d *deployment) ofport(ctx context.Context, name string) (string, error) {
	out, err := d.Run(ctx, "", "ovs-vsctl", "--db="+d.Sock("db"), "get", "interface", name, "ofport")
	return strings.TrimSpace(out), err
}

// ctl is ovs-vswitchd's control socket.
func (d *deployment) ctl() string {
	return filepath.Join(d.Dir, fmt.Sprintf("ovs-vswitchd.%d.ctl", d.pid))
}
