package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Up starts the topology; on an error it removes everything again. It uses the programs under
// CT_TRACE_OVS_PREFIX if that is set.
func Up(ctx context.Context, topo *Topology, progress io.Writer) (_ *Lab, err error) {
	l := &Lab{Topo: topo, Progress: progress}
	l.state.Prefix, l.state.Topo = os.Getenv("CT_TRACE_OVS_PREFIX"), topo.digest()
	if l.Bin, err = FindBinaries(l.state.Prefix); err != nil {
		return nil, err
	}
	for _, z := range topo.allZones() {
		if err := os.MkdirAll(z.dir(), 0o755); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			l.down(context.WithoutCancel(ctx))
		}
	}()
	began := time.Now()
	steps := []struct {
		what string
		run  func(context.Context) error
	}{
		{"networks and namespaces", l.network},
		{"central databases and ovn-northd", l.centralUp},
		{fmt.Sprintf("%d chassis", len(topo.Chassis)), l.chassisUp},
		{fmt.Sprintf("%d logical ports", len(topo.VIFs)), l.ports},
	}
	for _, s := range steps {
		fmt.Fprintf(progress, "lab: %5.1f s  %s\n", time.Since(began).Seconds(), s.what)
		if err := s.run(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", s.what, err)
		}
	}
	l.state.Ready = true
	if err := l.save(); err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "lab: %5.1f s  up\n", time.Since(began).Seconds())
	return l, nil
}

// patience are sysctls that lengthen conntrack timeouts, so that entries do not expire between two
// packets of a case: under emulation these can be further apart than the kernel's shortest timeout,
// 3 s.
var patience = []string{
	"net.netfilter.nf_conntrack_udp_timeout=600", "net.netfilter.nf_conntrack_udp_timeout_stream=600",
	"net.netfilter.nf_conntrack_icmp_timeout=600", "net.netfilter.nf_conntrack_icmpv6_timeout=600",
	"net.netfilter.nf_conntrack_tcp_timeout_syn_sent=600", "net.netfilter.nf_conntrack_tcp_timeout_syn_recv=600",
	"net.netfilter.nf_conntrack_tcp_timeout_close=600", "net.netfilter.nf_conntrack_tcp_timeout_last_ack=600",
	"net.netfilter.nf_conntrack_tcp_timeout_close_wait=600", "net.netfilter.nf_conntrack_tcp_timeout_time_wait=600",
	"net.netfilter.nf_conntrack_tcp_timeout_fin_wait=600", "net.netfilter.nf_conntrack_tcp_timeout_unacknowledged=600",
	"net.netfilter.nf_conntrack_sctp_timeout_closed=600", "net.netfilter.nf_conntrack_sctp_timeout_cookie_wait=600",
	"net.netfilter.nf_conntrack_sctp_timeout_cookie_echoed=600",
}

// start starts a daemon and saves it in the state.
func (l *Lab) start(name, dir string, env []string, argv ...string) (Proc, error) {
	p, err := startProc(name, filepath.Join(dir, filepath.Base(name)+".out"), env, argv...)
	if err != nil {
		return p, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Procs = append(l.state.Procs, p)
	return p, l.save()
}

// database makes an OVSDB file from a schema and starts a server for it.
func (l *Lab) database(ctx context.Context, name, dir, schema, sock string, env []string, prefix []string, extra ...string) error {
	tool, err := l.Bin.Tool("ovsdb-tool")
	if err != nil {
		return err
	}
	server, err := l.Bin.Tool("ovsdb-server")
	if err != nil {
		return err
	}
	sch, err := l.Bin.schema(schema)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, strings.TrimSuffix(schema, ".ovsschema")+".db")
	if _, err := Command(ctx, env, "", tool, "create", file, sch); err != nil {
		return err
	}
	argv := append(prefix, server, file, "--remote=punix:"+sock, "--no-chdir",
		"--unixctl="+filepath.Join(dir, filepath.Base(sock)+".ctl"),
		"--log-file="+filepath.Join(dir, filepath.Base(name)+".log"), "-vconsole:emer",
		"--pidfile="+filepath.Join(dir, filepath.Base(sock)+".pid"))
	p, err := l.start(name, dir, env, append(argv, extra...)...)
	if err != nil {
		return err
	}
	return waitFor(ctx, 60*time.Second, name, p.Log, func() bool { return listens(sock) })
}

// listens reports whether a unix socket accepts connections: bind creates the file before listen.
func listens(sock string) bool {
	c, err := net.Dial("unix", sock)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// centralUp starts each zone's two databases and ovn-northd.
func (l *Lab) centralUp(ctx context.Context) error {
	for _, z := range l.Topo.allZones() {
		if err := l.zoneUp(ctx, z); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) zoneUp(ctx context.Context, z Zone) error {
	dir := z.dir()
	env := l.zoneEnv(z)
	for _, d := range []struct{ name, schema, port string }{{"ovnnb_db", "ovn-nb.ovsschema", "6641"}, {"ovnsb_db", "ovn-sb.ovsschema", "6642"}} {
		var remotes []string
		if z.On == "" {
			remotes = append(remotes, "--remote=ptcp:"+d.port+":"+z.IP)
		}
		if err := l.database(ctx, d.name, dir, d.schema, filepath.Join(dir, d.name+".sock"), env, nil, remotes...); err != nil {
			return err
		}
	}
	northd, err := l.Bin.Tool("ovn-northd")
	if err != nil {
		return err
	}
	if _, err := l.start("ovn-northd", dir, env, northd,
		"--ovnnb-db=unix:"+filepath.Join(dir, "ovnnb_db.sock"), "--ovnsb-db=unix:"+filepath.Join(dir, "ovnsb_db.sock"),
		"--no-chdir", "--log-file="+filepath.Join(dir, "ovn-northd.log"), "-vconsole:emer", "--pidfile="+filepath.Join(dir, "ovn-northd.pid")); err != nil {
		return err
	}
	if _, err := l.nbctl(ctx, z, "init"); err != nil {
		return err
	}
	if z.Name != "" {
		if _, err := l.nbctl(ctx, z, "set nb_global . name="+z.Name); err != nil {
			return err
		}
	}
	_, err = l.central(ctx, z, "ovn-sbctl", "init")
	return err
}

// chassisUp starts all chassis in parallel.
func (l *Lab) chassisUp(ctx context.Context) error {
	errc := make(chan error, len(l.Topo.Chassis))
	for _, c := range l.Topo.Chassis {
		go func() { errc <- l.oneChassis(ctx, c) }()
	}
	var first error
	for range l.Topo.Chassis {
		if err := <-errc; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (l *Lab) oneChassis(ctx context.Context, c Chassis) error {
	dir := OVSRundir(c.Name)
	for _, d := range []string{dir, OVNRundir(c.Name)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	env := l.ChassisEnv(c.Name)
	netns := []string{"ip", "netns", "exec", c.Name}
	sock := filepath.Join(dir, "db.sock")
	if err := l.database(ctx, c.Name+"/ovsdb-server", dir, "vswitch.ovsschema", sock, env, netns); err != nil {
		return err
	}
	if _, err := l.On(ctx, c.Name, "ovs-vsctl", "--no-wait", "init"); err != nil {
		return err
	}
	encap := c.Encap
	if encap == "" {
		encap = "geneve"
	}
	ids := map[string]string{
		"system-id": c.Name, "hostname": c.Name, "ovn-remote": l.Topo.Zone(c.Zone).SB(),
		"ovn-encap-type": encap, "ovn-encap-ip": c.EncapIP,
		// With a conditional monitor "--wait=hv sync" may return before new flows are installed.
		"ovn-monitor-all": "true", "ovn-openflow-probe-interval": "0", "ovn-remote-probe-interval": "0",
	}
	if l.Topo.userspace() {
		ids["ovn-bridge-datapath-type"] = "netdev"
	}
	for k, v := range c.Options {
		ids[k] = v
	}
	var maps []string
	for _, n := range sortedKeys(c.Mappings) {
		maps = append(maps, n+":"+c.Mappings[n])
	}
	if maps != nil {
		ids["ovn-bridge-mappings"] = strings.Join(maps, ",")
	}
	argv := []string{"ovs-vsctl", "--no-wait"}
	argv = append(argv, "set", "Open_vSwitch", ".")
	for _, k := range sortedKeys(ids) {
		argv = append(argv, fmt.Sprintf("external-ids:%s=%q", k, ids[k]))
	}
	argv = append(argv, "--", "add-br", "br-int", "--", "set", "bridge", "br-int", "fail-mode=secure", "other-config:disable-in-band=true")
	argv = append(argv, l.Topo.bridgeType("br-int")...)
	for _, n := range sortedKeys(c.Mappings) {
		br := c.Mappings[n]
		argv = append(argv, "--", "add-br", br, "--", "set", "bridge", br, "fail-mode=standalone", "--", "add-port", br, n)
		argv = append(argv, l.Topo.bridgeType(br)...)
	}
	for _, v := range l.Topo.VIFs {
		if v.Chassis == c.Name && v.Parent == "" {
			argv = append(argv, "--", "add-port", "br-int", v.Port, "--", "set", "interface", v.Port, "external-ids:iface-id="+v.Port)
		}
	}
	if _, err := l.On(ctx, c.Name, argv...); err != nil {
		return err
	}
	for _, d := range []struct{ name, dir string }{{"ovs-vswitchd", dir}, {"ovn-controller", OVNRundir(c.Name)}} {
		tool, err := l.Bin.Tool(d.name)
		if err != nil {
			return err
		}
		p, err := l.start(c.Name+"/"+d.name, d.dir, env, append(netns, tool, "unix:"+sock, "--no-chdir",
			"--log-file="+filepath.Join(d.dir, d.name+".log"), "-vconsole:emer", "--pidfile="+filepath.Join(d.dir, d.name+".pid"))...)
		if err != nil {
			return err
		}
		if err := waitFor(ctx, 60*time.Second, p.Name, p.Log, func() bool { return exists(filepath.Join(d.dir, d.name+".pid")) }); err != nil {
			return err
		}
		if d.name == "ovs-vswitchd" && l.Topo.userspace() {
			if err := l.tunnelBridgeUp(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// ports writes the logical network to the Northbound DB and waits until every port is up and every
// chassis has installed its flows.
func (l *Lab) ports(ctx context.Context) error {
	for _, z := range l.Topo.allZones() {
		if _, err := l.nbctl(ctx, z, z.Setup...); err != nil {
			return err
		}
	}
	if err := l.Sync(ctx); err != nil {
		return err
	}
	for _, z := range l.Topo.allZones() {
		if err := l.portsUp(ctx, z); err != nil {
			return err
		}
	}
	for _, cmd := range l.Topo.After {
		if err := l.Do(ctx, cmd); err != nil {
			return err
		}
	}
	if err := l.knowNeighbours(); err != nil {
		return err
	}
	return l.Sync(ctx)
}

// portsUp waits until every port of a zone is up. One command waits for all of them, because a
// process for each takes long in an emulated guest.
func (l *Lab) portsUp(ctx context.Context, z Zone) error {
	argv := []string{"ovn-nbctl", "--timeout=150"}
	for _, v := range l.Topo.VIFs {
		if !v.Local && l.Topo.ZoneOf(v.Port).Name == z.Name {
			argv = append(argv, "--", "wait-until", "Logical_Switch_Port", v.Port, "up=true")
		}
	}
	if len(argv) == 2 {
		return nil
	}
	_, err := l.central(ctx, z, argv...)
	if err == nil {
		return nil
	}
	down, _ := l.central(ctx, z, "ovn-nbctl", "--bare", "--columns=name", "find", "Logical_Switch_Port", "up=false")
	return fmt.Errorf("ports that are not up: %s: %w", strings.Join(strings.Fields(down), " "), err)
}
