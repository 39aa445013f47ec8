package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/nodens"
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

// ipBatch runs lines of ip(8) commands in a namespace, in one process.
func ipBatch(ctx context.Context, netns string, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	argv := []string{"ip"}
	if netns != "" {
		argv = append(argv, "-n", netns)
	}
	_, err := Command(ctx, nil, strings.Join(lines, "\n")+"\n", append(argv, "-batch", "-")...)
	return err
}

// physBridge returns the name of the Linux bridge for a physical network.
func physBridge(network string) string { return "br-" + network }

// PhysLeg returns the name of the instance's end of the cable between a chassis and a physical
// network, where the chassis' frames are captured.
func PhysLeg(chassis, network string) string { return chassis + "-" + network }

// UnderlayLeg returns the name of the instance's end of a chassis' cable to the underlay.
func UnderlayLeg(chassis string) string { return chassis + "-ul" }

// network makes every namespace, cable and bridge.
func (l *Lab) network(ctx context.Context) error {
	var root []string
	add := func(format string, a ...any) { root = append(root, fmt.Sprintf(format, a...)) }
	inside := map[string][]string{}
	in := func(ns, format string, a ...any) { inside[ns] = append(inside[ns], fmt.Sprintf(format, a...)) }
	netns := func(n string) {
		l.state.Netns = append(l.state.Netns, n)
		add("netns add %s", n)
		in(n, "link set lo up")
	}
	bridge := func(n string) {
		l.state.Links = append(l.state.Links, n)
		add("link add %s type bridge", n)
		add("link set %s up", n)
	}
	bridge(underlayBridge)
	for _, z := range l.Topo.allZones() {
		if z.On == "" {
			add("addr add %s/24 dev %s", z.IP, underlayBridge)
		}
	}
	add("addr add fd31::254/64 dev %s nodad", underlayBridge)
	for _, n := range l.Topo.Networks() {
		bridge(physBridge(n))
	}
	for _, c := range l.Topo.Chassis {
		netns(c.Name)
		add("link add %s mtu %s type veth peer name %s mtu %s netns %s", UnderlayLeg(c.Name), underlayMTU, underlayPort, underlayMTU, c.Name)
		add("link set %s master %s up", UnderlayLeg(c.Name), underlayBridge)
		if l.Topo.userspace() {
			// The tunnel bridge has the addresses and answers ARP for them.
			in(c.Name, "link set %s arp off up", underlayPort)
		} else {
			inside[c.Name] = append(inside[c.Name], c.addAddresses(underlayPort)...)
		}
		for _, n := range sortedKeys(c.Mappings) {
			add("link add %s type veth peer name %s netns %s", PhysLeg(c.Name, n), n, c.Name)
			add("link set %s master %s up", PhysLeg(c.Name, n), physBridge(n))
			in(c.Name, "link set %s up", n)
		}
	}
	root = append(root, l.Topo.layCables(in)...)
	for _, v := range l.Topo.VIFs {
		if v.Parent != "" {
			continue // uses its parent's cable
		}
		netns(v.Port)
		in(v.Chassis, "link add %s type veth peer name e0 netns %s", v.Port, v.Port)
		in(v.Chassis, "link set %s up", v.Port)
		in(v.Port, "link set e0 address %s up", v.MAC)
	}
	for _, h := range l.Topo.Hosts {
		netns(h.Name)
		add("link add h-%s type veth peer name e0 netns %s", h.Name, h.Name)
		add("link set h-%s master %s up", h.Name, physBridge(h.Network))
		in(h.Name, "link set e0 address %s up", h.MAC)
	}
	if err := l.save(); err != nil {
		return err
	}
	if err := ipBatch(ctx, "", root); err != nil {
		return err
	}
	// Chassis before VIFs, because cables belong to the chassis. IPv6 is disabled where the kernel
	// would send packets by itself.
	for _, ns := range l.state.Netns {
		if err := l.silence(ns); err != nil {
			return err
		}
		if err := ipBatch(ctx, ns, inside[ns]); err != nil {
			return err
		}
	}
	if err := l.plainFramesEverywhere(); err != nil {
		return err
	}
	return l.quietBridges(ctx)
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

// silence disables what would send packets by itself in a namespace. On a chassis only the underlay
// may have IPv6.
func (l *Lab) silence(ns string) error {
	settings := []string{"net.ipv6.conf.default.disable_ipv6=1"}
	chassis := slices.ContainsFunc(l.Topo.Chassis, func(c Chassis) bool { return c.Name == ns })
	if chassis && !l.Topo.userspace() {
		settings = append(settings, "net.ipv6.conf."+underlayPort+".disable_ipv6=0")
		settings = append(settings, patience...)
	} else { // a userspace chassis has its addresses on the tunnel bridge, which is added later
		settings = append(settings, "net.ipv6.conf.all.disable_ipv6=1")
	}
	// Written directly: sysctl(8) would need two more processes for each of the many namespaces.
	return nodens.OfPath("/run/netns/" + ns).Do(func() error {
		for _, s := range settings {
			key, value, _ := strings.Cut(s, "=")
			if err := os.WriteFile("/proc/sys/"+strings.ReplaceAll(key, ".", "/"), []byte(value), 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}

// quietBridges prevents the physical bridges from sending packets, and adds the outside hosts to
// their forwarding tables, as if they had sent frames.
func (l *Lab) quietBridges(ctx context.Context) error {
	for _, n := range l.Topo.Networks() {
		for k, v := range map[string]string{"bridge/multicast_snooping": "0", "bridge/stp_state": "0"} {
			if err := os.WriteFile(filepath.Join("/sys/class/net", physBridge(n), k), []byte(v), 0o644); err != nil {
				return err
			}
		}
		os.WriteFile("/proc/sys/net/ipv6/conf/"+physBridge(n)+"/disable_ipv6", []byte("1"), 0o644)
	}
	for _, c := range l.Topo.Chassis {
		for _, n := range sortedKeys(c.Mappings) {
			os.WriteFile("/proc/sys/net/ipv6/conf/"+PhysLeg(c.Name, n)+"/disable_ipv6", []byte("1"), 0o644)
		}
	}
	for _, c := range l.Topo.Cables {
		if leg := c.Leg(); leg != "" {
			os.WriteFile("/proc/sys/net/ipv6/conf/"+leg+"/disable_ipv6", []byte("1"), 0o644)
		}
	}
	for _, h := range l.Topo.Hosts {
		os.WriteFile("/proc/sys/net/ipv6/conf/h-"+h.Name+"/disable_ipv6", []byte("1"), 0o644)
		if _, err := Command(ctx, nil, "", "bridge", "fdb", "add", h.MAC, "dev", "h-"+h.Name, "master", "static"); err != nil {
			return err
		}
	}
	return nil
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
