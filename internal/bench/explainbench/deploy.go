package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
)

// The deployment consists of islands: a router with switches, each with ports, stateful ACLs and a
// load balancer. Only the first island has ports on the chassis, and the traced packet stays in it:
// on a real chassis, too, most of the Southbound database concerns other chassis.
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

// bringUp starts everything except the islands.
func bringUp(ctx context.Context, dir, datapath string) (*deployment, error) {
	d, err := start(ctx, dir, datapath)
	if err != nil {
		return nil, err
	}
	if err := d.control(ctx); err != nil {
		d.Stop()
		return nil, err
	}
	return d, nil
}

// start starts everything except ovn-controller and the islands. datapath is the type of the
// integration bridge's datapath, of which both are dummies: entries of "system" are looked for in
// the kernel, those of "dummy" in ovs-vswitchd.
func start(ctx context.Context, dir, datapath string) (_ *deployment, err error) {
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
	schema, err := ovsdbtest.Schema("vswitch.ovsschema")
	if err != nil {
		return nil, err
	}
	if _, err := d.Server(ctx, "db", schema); err != nil {
		return nil, err
	}
	if err := d.vsctl(ctx, "--no-wait", "init", "--", "set", "open", ".", "external-ids:system-id="+hv, "external-ids:hostname="+hv,
		"external-ids:ovn-remote="+d.SB, "external-ids:ovn-encap-type=geneve", "external-ids:ovn-encap-ip=127.0.0.1",
		"external-ids:ovn-monitor-all=false",
		// A daemon that computes for longer than a probe waits would be disconnected, begin anew, and
		// never end.
		"external-ids:ovn-openflow-probe-interval=0", "external-ids:ovn-remote-probe-interval=0"); err != nil {
		return nil, err
	}
	cmd, err := d.Start("vswitchd", "ovs-vswitchd", d.Sock("db"), "--enable-dummy=system", "--disable-system", "--pidfile",
		"-vconsole:off", "-vsyslog:off", "-vfile:off")
	if err != nil {
		return nil, err
	}
	d.pid = cmd.Process.Pid
	return d, d.vsctl(ctx, "add-br", "br-int", "--", "set", "bridge", "br-int", "fail-mode=secure", "datapath_type="+datapath)
}

// control starts ovn-controller.
func (d *deployment) control(ctx context.Context) error {
	if _, err := d.Start("controller", "ovn-controller", d.Sock("db"), "-vconsole:warn", "-vsyslog:off", "-vfile:off"); err != nil {
		return err
	}
	// --wait=hv waits for the chassis in the database, so this one must be registered first.
	_, err := d.Run(ctx, "", "ovn-sbctl", "--db="+d.SB, "--no-leader-only", "--timeout=60", "wait-until", "chassis", hv)
	return err
}

func (d *deployment) vsctl(ctx context.Context, args ...string) error {
	_, err := d.Run(ctx, "", "ovs-vsctl", append([]string{"--db=" + d.Sock("db"), "--timeout=60"}, args...)...)
	return err
}

// row is an insertion; refs in its columns name rows of the same island.
type row map[string]any

// ref returns a reference to a row inserted under a name in the same transaction.
func ref(name string) any { return []any{"named-uuid", name} }

// set returns a set of an OVSDB column.
func set(items ...any) any { return []any{"set", items} }

// island returns the transaction that makes island n. ovn-nbctl would search all ports for each
// port that it adds, which takes too long at this size.
func island(n int) []any {
	ops := []any{"OVN_Northbound"}
	insert := func(table, name string, r row) any {
		ops = append(ops, map[string]any{"op": "insert", "table": table, "uuid-name": name, "row": r})
		return ref(name)
	}
	var lrps, routerLBs []any
	for s := range switches {
		sw := fmt.Sprintf("sw%d-%d", n, s)
		id := func(kind string, k int) string { return fmt.Sprintf("%s_%d_%d", kind, s, k) }
		net := fmt.Sprintf("10.%d.%d", n%250, s)
		lrps = append(lrps, insert("Logical_Router_Port", id("lrp", 0), row{"name": sw + "-up", "networks": net + ".1/24",
			"mac": fmt.Sprintf("0a:00:%02x:%02x:%02x:01", n>>8, n&255, s)}))
		lsps := []any{insert("Logical_Switch_Port", id("up", 0), row{"name": sw + "-lr", "type": "router", "addresses": "router",
			"options": []any{"map", []any{[]any{"router-port", sw + "-up"}}}})}
		var acls, members []any
		for p := range ports {
			port := fmt.Sprintf("%s-p%d", sw, p)
			addr := fmt.Sprintf("%s %s.%d", mac(n, s, p), net, p+10)
			members = append(members, insert("Logical_Switch_Port", id("lsp", p), row{"name": port, "addresses": addr, "port_security": addr}))
			acls = append(acls, insert("ACL", id("acl", p), row{"direction": "to-lport", "priority": 1001, "action": "allow-related",
				"match": fmt.Sprintf(`outport == "%s" && tcp.dst == 80`, port)}))
		}
		pg := fmt.Sprintf("pg%d_%d", n, s)
		drop := insert("ACL", id("drop", 0), row{"direction": "to-lport", "priority": 900, "action": "drop", "match": "outport == @" + pg + " && ip"})
		insert("Port_Group", id("pg", 0), row{"name": pg, "ports": set(members...), "acls": drop})
		lb := insert("Load_Balancer", id("lb", 0), row{"name": "lb-" + sw, "protocol": "tcp", "vips": []any{"map", []any{
			[]any{fmt.Sprintf("30.%d.%d.1:80", n%250, s), fmt.Sprintf("%s.10:80,%s.11:80", net, net)}}}})
		routerLBs = append(routerLBs, lb)
		insert("Logical_Switch", id("ls", 0), row{"name": sw, "ports": set(append(lsps, members...)...), "acls": set(acls...), "load_balancer": lb})
	}
	insert("Logical_Router", "lr", row{"name": fmt.Sprintf("lr%d", n), "ports": set(lrps...), "load_balancer": set(routerLBs...)})
	return ops
}

func mac(n, s, p int) string { return fmt.Sprintf("0a:%02x:%02x:%02x:00:%02x", n>>8+1, n&255, s, p+10) }

// grow adds islands until there are at least want logical flows, waits until the chassis has them,
// and returns their number.
func (d *deployment) grow(ctx context.Context, want int) (int, error) {
	have, perIsland := 0, 1000
	if d.islands > 0 {
		var err error
		if have, err = d.count(ctx); err != nil {
			return 0, err
		}
		perIsland = max(1, have/d.islands)
	}
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
		for range more {
			tx, err := json.Marshal(island(d.islands))
			if err != nil {
				return 0, err
			}
			d.islands++
			out, err := d.Run(ctx, "", "ovsdb-client", "transact", d.NB, string(tx))
			if err == nil && strings.Contains(out, `"error"`) {
				err = errors.New(out)
			}
			if err != nil {
				return 0, err
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

// plug binds the two ports of the first island between which the packet is sent.
func (d *deployment) plug(ctx context.Context) error {
	for s := range 2 {
		port := fmt.Sprintf("sw0-%d-p0", s)
		if err := d.vsctl(ctx, "add-port", "br-int", port, "--", "set", "interface", port, "type=dummy", "external-ids:iface-id="+port); err != nil {
			return err
		}
	}
	return nil
}

// plugAll binds two ports of each island: the chassis then has the flows of all.
func (d *deployment) plugAll(ctx context.Context, islands int) error {
	var args []string
	for n := range islands {
		for s := range 2 {
			port := fmt.Sprintf("sw%d-%d-p0", n, s)
			args = append(args, "--", "--may-exist", "add-port", "br-int", port, "--", "set", "interface", port, "type=dummy", "external-ids:iface-id="+port)
		}
	}
	return d.vsctl(ctx, args[1:]...)
}

// count returns the number of logical flows.
func (d *deployment) count(ctx context.Context) (int, error) {
	db, err := ovsdb.Dial(ctx, ovsdb.Options{Remotes: d.SB, Database: "OVN_Southbound", Timeout: time.Minute})
	if err != nil {
		return 0, err
	}
	defer db.Close()
	n := 0
	err = db.UUIDs(ctx, []ovsdb.Query{ovsdb.From("Logical_Flow")}, func(int, ovsdb.UUID) { n++ })
	return n, err
}

// ofport returns the OpenFlow port of an interface.
func (d *deployment) ofport(ctx context.Context, name string) (string, error) {
	out, err := d.Run(ctx, "", "ovs-vsctl", "--db="+d.Sock("db"), "get", "interface", name, "ofport")
	return strings.TrimSpace(out), err
}

// ctl returns the path of ovs-vswitchd's control socket.
func (d *deployment) ctl() string {
	return filepath.Join(d.Dir, fmt.Sprintf("ovs-vswitchd.%d.ctl", d.pid))
}
