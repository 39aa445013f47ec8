package rebuild

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/pinctrl"
)

// Chassis is a host's Open vSwitch, rebuilt in a room.
type Chassis struct {
	Host   *Host
	Switch *Switch
	// Conf is the remote of a copy of the host's own database. Nothing acts on it.
	Conf string
	// Datapaths are the host's names of the datapaths by the room's, as in dpif/show:
	// "dummy@ovs-dummy" is "netdev@ovs-netdev".
	Datapaths map[string]string
	// Notes say what could not be rebuilt or was invented.
	Notes []string
}

// datapaths are the room's datapaths, and what they stand for.
var datapaths = map[string]string{"dummy@ovs-dummy": "netdev@ovs-netdev", "system@ovs-system": "system@ovs-system"}

// HostError reports a host that cannot be rebuilt.
type HostError struct {
	Host, What string
	Err        error
}

func (e *HostError) Error() string {
	text := e.Host + ": " + e.What
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *HostError) Unwrap() error { return e.Err }

// Conf is a served copy of a host's Open_vSwitch database. Nothing acts on it.
type Conf struct {
	Host     *Host
	SystemID string // of external_ids: the chassis' name
	Remote   string
	conf     *conf
}

// Conf serves a copy of a host's Open_vSwitch database, with the columns that only ovs-vsctl has
// shown.
func (r *Room) Conf(ctx context.Context, h *Host) (*Conf, error) {
	fail := func(what string, err error) (*Conf, error) { return nil, &HostError{h.Hostname, what, err} }
	if lacks := h.Conf.Lacks(); lacks != "" {
		return fail("its Open vSwitch database (conf.db) cannot be used: "+lacks, nil)
	}
	kept, err := r.OpenDB(ctx, "conf", h.Conf.Path)
	if err != nil {
		return fail("its Open vSwitch database", err)
	}
	if err := kept.Transact(ctx, openVSwitch, live(h.Interfaces)...); err != nil {
		return fail("its interfaces", err)
	}
	c := &Conf{Host: h, Remote: kept.Remote}
	if c.conf, err = readConf(ctx, kept.Remote); err != nil {
		return fail("its Open vSwitch database", err)
	}
	c.SystemID = c.conf.systemID
	return c, nil
}

// Chassis rebuilds a host's Open vSwitch: its bridges, ports, Geneve options, groups, meters, flows
// and learned addresses, and its tunnels. Where flows or groups are missing, a packet that comes
// there ends as unknown, with the reason.
func (r *Room) Chassis(ctx context.Context, c *Conf) (*Chassis, error) {
	h := c.Host
	fail := func(what string, err error) (*Chassis, error) { return nil, &HostError{h.Hostname, what, err} }
	b := &builder{room: r, host: h, conf: c.conf, out: &Chassis{Host: h, Datapaths: datapaths, Conf: c.Remote}}
	if err := b.agrees(); err != nil {
		return fail("its Open vSwitch database", err)
	}
	if why := h.InterfacesLack; why != "" {
		b.note("MAC addresses and states of its interfaces are not all known: %s", why)
	}

	b.kernel()
	if err := b.start(ctx); err != nil {
		return fail("rebuilding its Open vSwitch", err)
	}
	for _, br := range b.conf.bridges {
		if err := b.fill(ctx, br); err != nil {
			return fail("rebuilding bridge "+br.name, err)
		}
	}
	if err := b.underlay(ctx); err != nil {
		return fail("rebuilding its tunnels", err)
	}
	return b.out, nil
}

// builder is one run of Room.Chassis.
type builder struct {
	room *Room
	host *Host
	conf *conf
	out  *Chassis
	sw   *Switch
	bfd  map[string]string // state by interface: "up", "down", or why it is unknown
	// lacks returns why the effect of actions is unknown, empty if it is not; nil: of none it is.
	lacks func(actions string) string
}

func (b *builder) note(format string, args ...any) {
	b.out.Notes = append(b.out.Notes, fmt.Sprintf(format, args...))
}

// kernel says what of the kernel's connection tracking is taken to be as usual.
func (b *builder) kernel() {
	if b.host.Conntrack != nil && b.host.Entries == nil {
		b.note("limits of conntrack zones and settings of the userspace datapath's connection tracking were not collected: the defaults are taken")
	}
	if !slices.ContainsFunc(b.conf.bridges, func(br *bridge) bool { return !br.userland }) {
		return
	}
	if len(b.host.Sysctls) == 0 {
		b.note("the settings of the kernel's connection tracking are not known (sysctl -a): the kernel's defaults are taken")
	}
	if b.host.Kernel == "" {
		b.note("the kernel's release is not known (uname -a): the newest known one is taken")
	}
}

// live returns the operations that fill in the columns of interfaces that are not in a database's
// file.
func live(rows []Row) []any {
	var ops []any
	for _, r := range rows {
		row := map[string]any{}
		if mac := r["mac_in_use"]; mac != "" && mac != "[]" {
			row["mac_in_use"] = strings.Trim(mac, `"`)
		}
		if len(row) > 0 && r["name"] != "" {
			ops = append(ops, map[string]any{"op": "update", "table": "Interface", "row": row,
				"where": []any{[]any{"name", "==", strings.Trim(r["name"], `"`)}}})
		}
	}
	return ops
}

// agrees returns an error if the database's file lacks an interface that ovs-vsctl has listed, or
// has another port number for it: the file is then of another time, or cut.
func (b *builder) agrees() error {
	have := map[string]int64{}
	for _, br := range b.conf.bridges {
		for _, p := range br.ports {
			for _, i := range p.ifaces {
				have[i.name] = i.ofport
			}
		}
	}
	for _, r := range b.host.Interfaces {
		name := strings.Trim(r["name"], `"`)
		if name == "" || r["ofport"] == "" {
			continue
		}
		n, ok := have[name]
		switch {
		case !ok && r["ofport"] != "[]" && r["ofport"] != "-1":
			return fmt.Errorf("the file has no interface %s, which ovs-vsctl list interface has: it is older, or cut", name)
		case ok && n == 0 && (r["ofport"] == "[]" || r["ofport"] == "-1"):
		case ok && fmt.Sprint(n) != r["ofport"]:
			return fmt.Errorf("in the file interface %s has port number %d, in ovs-vsctl list interface %s: they were taken at different times", name, n, r["ofport"])
		}
	}
	return nil
}

// bfdStates returns the state of each interface that runs BFD.
func (b *builder) bfdStates() (states map[string]string, down map[string]bool) {
	states, down = map[string]string{}, map[string]bool{}
	listed := map[string]Row{}
	for _, r := range b.host.Interfaces {
		listed[strings.Trim(r["name"], `"`)] = r
	}
	for _, br := range b.conf.bridges {
		for _, p := range br.ports {
			for _, i := range p.ifaces {
				if !i.bfd {
					continue
				}
				status := listed[i.name]["bfd_status"]
				switch {
				case strings.Contains(status, `forwarding="true"`):
					states[i.name] = "up"
				case strings.Contains(status, `forwarding="false"`):
					states[i.name], down[i.name] = "down", true
				default:
					states[i.name] = "the state of BFD of " + i.name + " is not known: " + orElse(b.host.InterfacesLack, "ovs-vsctl list interface does not show it")
				}
			}
		}
	}
	return states, down
}

// start starts the switch with the host's bridges and ports, and waits until they are there.
func (b *builder) start(ctx context.Context) (err error) {
	if b.sw, err = b.room.NewSwitch(ctx, b.host.Hostname); err != nil {
		return err
	}
	b.out.Switch = b.sw
	var down map[string]bool
	b.bfd, down = b.bfdStates()
	ops := b.conf.operations(down)
	if err := b.sw.DB.Transact(ctx, openVSwitch, ops...); err != nil {
		return err
	}
	if err := b.sw.Up(ctx); err != nil {
		return err
	}
	return b.configured(ctx)
}

// configured waits until ovs-vswitchd has applied the last change of its database.
func (b *builder) configured(ctx context.Context) error {
	db, err := ovsdb.Dial(ctx, ovsdb.Options{Remotes: b.sw.DB.Remote, Database: openVSwitch})
	if err != nil {
		return err
	}
	defer db.Close()
	var bad error
	err = b.sw.Proc.wait(ctx, func() bool {
		res, err := db.Select(ctx, ovsdb.From("Open_vSwitch", "next_cfg", "cur_cfg"))
		if err != nil || len(res[0]) == 0 {
			bad = err
			return bad != nil
		}
		return res[0][0].Int("cur_cfg") >= res[0][0].Int("next_cfg")
	})
	if err == nil {
		err = bad
	}
	return err
}

// openFlow are the versions with which a room's bridges are filled.
const openFlow = "-OOpenFlow15"

// fill puts the flows and what they refer to into a bridge.
func (b *builder) fill(ctx context.Context, br *bridge) error {
	found := b.host.bridge(br.name)
	if err := b.bonds(ctx, br); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return b.unknown(ctx, br, err.Error())
	}
	if br.stp {
		b.note("%s runs a spanning tree, of which the rebuilt bridge knows nothing: all its ports forward", br.name)
	}
	if br.row.Bool("mcast_snooping_enable") {
		b.note("what %s has learned of multicast groups is not known", br.name)
	}
	known, err := b.macs(ctx, br, found.MACs)
	if err != nil {
		return err
	}
	return b.flows(ctx, br, found, known)
}

// flows puts flows and what they refer to into a bridge; known are the addresses that it has
// learned.
func (b *builder) flows(ctx context.Context, br *bridge, found *Bridge, known []learned) error {
	file := filepath.Join(b.sw.RunDir, "flows")
	if why := found.Flows.Lacks(); why != "" {
		return b.unknown(ctx, br, "the flows of "+br.name+" are not known: "+why)
	}
	n, err := writeFlows(found.Flows, file, b.undecided)
	if err != nil {
		return b.unknown(ctx, br, "the flows of "+br.name+" are not known: "+err.Error())
	}
	err = b.unlearned(file, n, br, found.MACs, known)
	if err == nil {
		err = b.refs(ctx, br, found, n, file)
	}
	if err != nil {
		return b.unknown(ctx, br, "the flows of "+br.name+" are not known: "+err.Error())
	}
	if _, err := b.sw.Ofctl(ctx, openFlow, "--bundle", "replace-flows", br.name, file); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return b.unknown(ctx, br, fmt.Sprintf("the flows of %s are not known: this machine's Open vSwitch refuses them: %v", br.name, err))
	}
	return nil
}

// undecided returns why the effect of actions is unknown; empty if it is not. A bundle action takes
// the first member that BFD holds up.
func (b *builder) undecided(_, actions string) string {
	if b.lacks != nil {
		if why := b.lacks(actions); why != "" {
			return why
		}
	}
	if !strings.Contains(actions, "bundle") {
		return ""
	}
	for _, state := range b.bfd {
		if state != "up" && state != "down" {
			return state
		}
	}
	return ""
}

// unknown fills a bridge with flows that end every packet as unknown, and says so.
func (b *builder) unknown(ctx context.Context, br *bridge, reason string) error {
	b.note("%s", reason)
	return b.blank(ctx, br, reason)
}

// blank fills a bridge with flows that end every packet as unknown.
func (b *builder) blank(ctx context.Context, br *bridge, reason string) error {
	file := filepath.Join(b.sw.RunDir, "flows")
	if err := os.WriteFile(file, []byte(unknownFlows(reason)), 0o600); err != nil {
		return err
	}
	_, err := b.sw.Ofctl(ctx, openFlow, "--bundle", "replace-flows", br.name, file)
	return err
}

// refs adds the Geneve options, meters and groups that a bridge's flows need; a packet that comes
// to a missing group ends as unknown by a flow that is added to the file of flows. The groups are
// looked at first: they refer to meters and options too.
func (b *builder) refs(ctx context.Context, br *bridge, found *Bridge, n *needs, flows string) error {
	table := n.spare()
	gs, missing, err := groups(found.Groups, n, table)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		reason := fmt.Sprintf("groups of %s that its flows refer to (%s) are not in the dump of its groups: %s", br.name, strings.Join(missing, ", "),
			orElse(found.Groups.Lacks(), "it was taken at another time than the flows"))
		b.note("%s", reason)
		if err := appendLine(flows, fmt.Sprintf("table=%d,priority=65535 actions=%s", table, pinctrl.NotCollected(reason))); err != nil {
			return err
		}
	}
	opts, invented, err := tlvs(found.TLVs, n)
	if err != nil {
		return err
	}
	if invented {
		b.note("%s: the mapping of Geneve options is not known (%s): OVN's own is taken", br.name, orElse(found.TLVs.Lacks(), "it is empty"))
	}
	if len(opts) > 0 {
		if _, err := b.sw.Ofctl(ctx, openFlow, "add-tlv-map", br.name, strings.Join(opts, ",")); err != nil {
			return err
		}
	}
	ms, missing, err := meters(found.Meters, n)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		b.note("%s: meters %s are not in the dump; what they would drop is not known", br.name, strings.Join(missing, ", "))
	}
	for _, m := range ms {
		if _, err := b.sw.Ofctl(ctx, openFlow, "add-meter", br.name, m); err != nil {
			return err
		}
	}
	if gs == "" {
		return nil
	}
	file := filepath.Join(b.sw.RunDir, "groups")
	if err := os.WriteFile(file, []byte(gs), 0o600); err != nil {
		return err
	}
	_, err = b.sw.Ofctl(ctx, openFlow, "add-groups", br.name, file)
	return err
}
