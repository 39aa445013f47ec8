package replica

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/unixctl"
)

// chassis is a copied chassis: an Open vSwitch with the interfaces of the live one, and an
// ovn-controller that programs it.
type chassis struct {
	name       string
	bridge     string // the integration bridge
	sw         *rebuild.Switch
	ovs        *ovn.OVS
	controller *rebuild.Proc
}

// underlayBridge is the bridge of a copied chassis that tunnels leave by.
const underlayBridge = "room-underlay"

// startChassis copies a chassis: row is its Chassis row, and the others are those that it has
// tunnels to.
func (r *Replica) startChassis(ctx context.Context, name string, info *node.Info, rows []*ovn.Chassis) error {
	i := slices.IndexFunc(rows, func(c *ovn.Chassis) bool { return c.Name == name })
	if i < 0 {
		return &ovn.NotFoundError{What: "chassis", Name: name}
	}
	sw, err := r.room.NewSwitch(ctx, name)
	if err != nil {
		return err
	}
	c := &chassis{name: name, bridge: info.Bridge, sw: sw}
	if err := sw.Up(ctx); err != nil {
		return err
	}
	b := &builder{ctx: ctx, sw: sw}
	b.settings(rows[i], info, r.SB.Remote)
	b.bridges(info)
	b.ports(info)
	if b.flush(); b.err != nil {
		return fmt.Errorf("copying chassis %s: %w", name, b.err)
	}
	if err := c.underlay(ctx, rows[i], rows); err != nil {
		return fmt.Errorf("copying chassis %s: %w", name, err)
	}
	if err := c.control(ctx, r.room); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chassis[name] = c
	return nil
}

// control starts the ovn-controller of a switch that is configured.
func (c *chassis) control(ctx context.Context, room *rebuild.Room) (err error) {
	if c.ovs, err = ovn.DialOVS(ctx, ovsdb.Options{Remotes: c.sw.DB.Remote}); err != nil {
		return err
	}
	c.controller, err = room.Start(ctx, rebuild.Command{
		Name: "ovn-controller", Dir: c.sw.RunDir, Log: controllerLog, Env: daemonEnv(c.sw.RunDir),
		Args:  append([]string{c.sw.DB.Remote, "--pidfile"}, quiet...),
		Ready: []string{filepath.Join(c.sw.RunDir, "ovn-controller.pid")},
	})
	return err
}

// controllerLog is the file with the messages of an ovn-controller.
const controllerLog = "ovn-controller.log"

// alive returns an error if ovn-controller has ended.
func (c *chassis) alive() error {
	if !c.controller.Alive() {
		return fmt.Errorf("the copied ovn-controller of %s has ended%s", c.name, c.controller.LastWords())
	}
	return nil
}

// looks returns when ovn-controller has gone through its main loop, which answers at the end of each
// round.
func (c *chassis) looks(ctx context.Context) error {
	path, _, err := unixctl.Discover(c.sw.RunDir, "ovn-controller")
	if err != nil {
		return err
	}
	ctl := &unixctl.Client{Path: path}
	defer ctl.Close()
	_, err = ctl.Version(ctx)
	return err
}

// builder makes the database of a copied chassis, by few calls of ovs-vsctl.
type builder struct {
	ctx  context.Context
	sw   *rebuild.Switch
	args []string
	err  error
}

// maxArgs bounds the words of one call of ovs-vsctl.
const maxArgs = 4000

// do adds a command.
func (b *builder) do(words ...string) {
	b.args = append(append(b.args, "--"), words...)
	if len(b.args) > maxArgs {
		b.flush()
	}
}

// flush runs the commands that were added.
func (b *builder) flush() {
	if b.err == nil && len(b.args) > 0 {
		b.err = b.sw.Vsctl(b.ctx, append([]string{"--timeout=60"}, b.args...)...)
	}
	b.args = nil
}

// pair is an argument that sets a key of a map in a column.
func pair(column, key, value string) string {
	return column + ":" + quote(key) + "=" + quote(value)
}

// quote writes a string for ovs-vsctl.
func quote(s string) string { return strconv.Quote(s) }

// skipped are settings of a live chassis that its copy must not have: where the databases are, how
// long they may be silent, the type of the datapath.
var skipped = []string{"ovn-remote", "ovn-bridge-datapath-type", "ovn-remote-probe-interval", "ovn-openflow-probe-interval",
	"ovn-match-northd-version", "ovn-enable-lflow-cache", "ovn-memlimit-lflow-cache-kb"}

// settings configures ovn-controller as on the live chassis, with the copied database.
func (b *builder) settings(row *ovn.Chassis, info *node.Info, sb string) {
	set := map[string]string{}
	if info.Settings == nil { // a node of an older version: what the chassis publishes
		for _, key := range []string{"ovn-bridge-mappings", "ovn-cms-options", "ovn-monitor-all", "ovn-chassis-mac-mappings"} {
			if v := row.Option(key); v != "" {
				set[key] = v
			}
		}
		set["ovn-encap-type"], set["ovn-encap-ip"] = strings.Join(info.EncapTypes, ","), strings.Join(info.EncapIPs, ",")
	}
	for k, v := range info.Settings {
		base := strings.TrimSuffix(k, "-"+row.Name)
		if !slices.Contains(skipped, k) && !slices.Contains(skipped, base) {
			set[k] = v
		}
	}
	set["ovn-remote"], set["system-id"], set["hostname"] = sb, row.Name, row.Hostname
	set["ovn-remote-probe-interval"], set["ovn-openflow-probe-interval"] = "0", "0"
	args := []string{"set", "Open_vSwitch", "."}
	for k, v := range set {
		if v != "" {
			args = append(args, pair("external_ids", k, v))
		}
	}
	b.do(args...)
}

// bridges adds the integration bridge with the live numbers of conntrack zones, and the bridges of
// provider networks.
func (b *builder) bridges(info *node.Info) {
	b.do("--may-exist", "add-br", info.Bridge, "--", "set", "Bridge", info.Bridge, "fail_mode=secure", "other_config:disable-in-band=true")
	zones := []string{"set", "Bridge", info.Bridge}
	for id, name := range info.Zones {
		names := info.SharedZones[id]
		if len(names) == 0 {
			names = []string{name}
		}
		for _, n := range names {
			zones = append(zones, pair("external_ids", "ct-zone-"+n, strconv.Itoa(int(id))))
		}
	}
	if len(zones) > 3 {
		b.do(zones...)
	}
	for _, bridge := range info.BridgeMappings {
		b.do("--may-exist", "add-br", bridge, "--", "set", "Bridge", bridge, "fail_mode=standalone")
	}
}

// ports adds the interfaces of logical ports and of provider networks under their live numbers.
// ovn-controller makes tunnels and patch ports itself.
func (b *builder) ports(info *node.Info) {
	provider := map[string]bool{}
	for _, bridge := range info.BridgeMappings {
		provider[bridge] = true
	}
	bonds := map[string][]node.Port{}
	for _, p := range info.Ports {
		switch {
		case p.Name == p.Bridge || p.Type == "patch" || p.Kind == engine.PortTunnel:
		case p.Bridge != info.Bridge && !provider[p.Bridge]:
		case p.Bridge == info.Bridge && p.IfaceID == "":
		case p.Bond != "":
			bonds[p.Bond] = append(bonds[p.Bond], p)
		default:
			b.do("--may-exist", "add-port", p.Bridge, p.Name)
			if p.Tag != 0 {
				b.do("set", "Port", p.Name, "tag="+strconv.FormatInt(p.Tag, 10))
			}
			b.iface(p)
		}
	}
	for bond, members := range bonds {
		args := []string{"--may-exist", "add-bond", members[0].Bridge, bond}
		for _, m := range members {
			args = append(args, m.Name)
		}
		if len(members) < 2 {
			args = []string{"--may-exist", "add-port", members[0].Bridge, members[0].Name}
		}
		b.do(args...)
		for _, m := range members {
			b.iface(m)
		}
	}
}

// iface sets what ovn-controller reads of an interface.
func (b *builder) iface(p node.Port) {
	args := []string{"set", "Interface", p.Name, "type=dummy"}
	if p.OFPort > 0 && p.OFPort < 0xff00 {
		args = append(args, "ofport_request="+strconv.FormatUint(uint64(p.OFPort), 10))
	}
	for k, v := range p.ExternalIDs {
		// Without ovn-installed, a port that is up would be set down until its flows are there
		// (controller/binding.c: claim_lport).
		if !strings.HasPrefix(k, "ovn-") || k == "ovn-installed" {
			args = append(args, pair("external_ids", k, v))
		}
	}
	b.do(args...)
}

// underlay gives tunnels a way out. Only their headers matter, so that next hops are invented.
func (c *chassis) underlay(ctx context.Context, own *ovn.Chassis, rows []*ovn.Chassis) error {
	err := c.sw.Vsctl(ctx, "--timeout=60", "add-br", underlayBridge, "--", "add-port", underlayBridge, "room-wire", "--", "set", "Interface", "room-wire", "type=dummy")
	if err != nil {
		return err
	}
	for _, e := range own.Encaps {
		method, bits := "netdev-dummy/ip4addr", "24"
		if e.IP.Is6() {
			method, bits = "netdev-dummy/ip6addr", "64"
		}
		if _, err := c.sw.Appctl(ctx, method, underlayBridge, e.IP.String()+"/"+bits); err != nil {
			return err
		}
	}
	known := map[netip.Addr]bool{}
	for _, row := range rows {
		for _, e := range row.Encaps {
			if row.Name == own.Name || known[e.IP] || !e.IP.IsValid() {
				continue
			}
			known[e.IP] = true
			if _, err := c.sw.Appctl(ctx, "ovs/route/add", e.IP.String()+"/"+strconv.Itoa(e.IP.BitLen()), underlayBridge); err != nil {
				return err
			}
			if _, err := c.sw.Appctl(ctx, "tnl/arp/set", underlayBridge, e.IP.String(), "02:00:00:00:00:02"); err != nil {
				return err
			}
		}
	}
	return nil
}

// late says why a chassis has not caught up: early is keepTunnels' answer.
func (c *chassis) late(early error) error {
	if early != nil {
		return fmt.Errorf("ovs-vswitchd of %s: %w", c.name, early)
	}
	return fmt.Errorf("ovn-controller of %s does not catch up", c.name)
}

// keepTunnels makes the liveness of tunnels what it is: up, but for those to dead chassis. Nobody
// answers BFD in a room; a controller that sees every tunnel down gives its gateways away. It
// reports whether it has taken any down (ovs-vswitchd sets one that is up to down again, at times).
// early says which tunnel ovs-vswitchd refuses to set, as it has not configured it yet; nil if none.
func (c *chassis) keepTunnels(ctx context.Context, down func(chassis string) bool) (taken bool, early, err error) {
	res, err := c.ovs.Select(ctx, ovsdb.From("Interface", "name", "options", "bfd", "bfd_status", "error"),
		ovsdb.From("Port", "name", "external_ids"))
	if err != nil {
		return false, nil, err
	}
	to := map[string]string{} // chassis by port
	for _, p := range res[1] {
		id := p.Map("external_ids")["ovn-chassis-id"]
		name, _, _ := strings.Cut(id, "@") // encaps_tunnel_id_create: CHASSIS@IP
		to[p.Str("name")] = name
	}
	for _, i := range res[0] {
		if i.Map("bfd")["enable"] != "true" || i.Map("options")["remote_ip"] == "" || i.Str("error") != "" {
			continue
		}
		want := "up"
		if down(to[i.Str("name")]) {
			want = "down"
		}
		if i.Map("bfd_status")["state"] == want {
			continue
		}
		forwarding := strconv.FormatBool(want == "up")
		var refused *unixctl.Error
		switch _, err := c.sw.Appctl(ctx, "bfd/set-forwarding", i.Str("name"), forwarding); {
		case errors.As(err, &refused):
			early = fmt.Errorf("tunnel %s: %w", i.Str("name"), refused)
			continue
		case err != nil:
			return taken, early, err
		}
		if err := c.sw.Vsctl(ctx, "--no-wait", "--timeout=60", "set", "Interface", i.Str("name"), "bfd_status:state="+want, "bfd_status:forwarding="+forwarding); err != nil {
			return taken, early, err
		}
		taken = taken || want == "down"
	}
	return taken, early, nil
}
