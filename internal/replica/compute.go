package replica

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// integration is the name of the integration bridge of a chassis of which only the Southbound
// database is known: ovn-controller's default.
const integration = "br-int"

// physical follows a provider bridge's name in that of its invented physical port.
const physical = "-physical"

// Compute makes the Open vSwitch of a chassis out of a Southbound database's file alone: an
// ovn-controller programs it over a copy of the database, and has ended when Compute returns. Zones
// and port numbers are not those of the chassis. What is not in the database and would decide is an
// error, or named in the result.
func Compute(ctx context.Context, room *rebuild.Room, file, name string) (*rebuild.Adopted, error) {
	db, err := room.OpenDB(ctx, "sb-"+name, file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = room.Stop(db.Proc) }()
	sb, err := ovn.DialSB(ctx, ovsdb.Options{Remotes: db.Remote})
	if err != nil {
		return nil, err
	}
	defer sb.Close()
	c := &computing{room: room, db: db, sb: sb, out: &rebuild.Adopted{Bridge: integration, Unsure: map[string]string{}}}
	if err := c.start(ctx, name); err != nil {
		return nil, err
	}
	err = c.settle(ctx)
	if err == nil {
		err = c.understood()
	}
	// Without its end it would take back what it has done.
	c.chassis.controller.Kill()
	_ = c.chassis.ovs.Close()
	return c.out, err
}

// computing is one run of Compute.
type computing struct {
	room    *rebuild.Room
	db      *rebuild.DB
	sb      *ovn.SB
	chassis *chassis
	row     *ovn.Chassis
	out     *rebuild.Adopted
	places  map[string]ovsdb.UUID // where the ports are, of the database as it was
}

// start configures a switch as the chassis describes itself, with an interface for each of its
// bound ports, and starts ovn-controller.
func (c *computing) start(ctx context.Context, name string) (err error) {
	rows, err := c.sb.AllChassis(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(rows, func(row *ovn.Chassis) bool { return row.Name == name })
	if i < 0 {
		return &ovn.NotFoundError{What: "chassis", Name: name}
	}
	c.row = rows[i]
	if err := c.current(ctx); err != nil {
		return err
	}
	if err := c.contested(ctx); err != nil {
		return err
	}
	if c.places, err = bindings(ctx, c.sb); err != nil {
		return err
	}
	sw, err := c.room.NewSwitch(ctx, name)
	if err != nil {
		return err
	}
	if err := sw.Up(ctx); err != nil {
		return err
	}
	c.out.Switch = sw
	info := &node.Info{Bridge: integration, Settings: published(c.row), BridgeMappings: c.row.BridgeMappings()}
	if info.Ports, err = c.ports(ctx); err != nil {
		return err
	}
	b := &builder{ctx: ctx, sw: sw}
	b.settings(c.row, info, c.db.Remote)
	b.bridges(info)
	if c.row.Option("datapath-type") == "netdev" {
		for _, bridge := range append(slices.Collect(maps.Values(info.BridgeMappings)), integration) {
			b.do("set", "Bridge", bridge, "datapath_type=dummy")
		}
	}
	b.ports(info)
	for _, bridge := range slices.Sorted(maps.Values(info.BridgeMappings)) {
		// The way to the network, under a name of its own.
		b.do("--may-exist", "add-port", bridge, bridge+physical, "--", "set", "Interface", bridge+physical, "type=dummy")
	}
	if b.flush(); b.err != nil {
		return fmt.Errorf("configuring chassis %s: %w", name, b.err)
	}
	c.chassis = &chassis{name: name, bridge: integration, sw: sw}
	return c.chassis.control(ctx, c.room)
}

// current returns an error if the chassis had not installed the newest configuration that was counted
// when the database was copied: its flows were older ones, which no database has. Only ovn-nbctl
// --wait counts (and OVN-Kubernetes, twice a minute), so that a chassis may have been behind unseen.
func (c *computing) current(ctx context.Context) error {
	wanted, err := c.sb.Wanted(ctx)
	if f := wanted.Of(c.row.NBCfg); err == nil && f.Stale() {
		return fmt.Errorf("its ovn-controller was behind: it had confirmed configuration %d of %d (nb_cfg), and the flows that it had then were not collected", f.Have, f.Wanted)
	}
	return err
}

// contested notes the cookies of logical flows that contest each other: the rebuilt ovn-controller
// has met them in another order than the chassis' own.
func (c *computing) contested(ctx context.Context) error {
	all, err := c.sb.Contests(ctx)
	if err != nil {
		return err
	}
	c.out.Contested = map[uint32]string{}
	for _, x := range all {
		for _, row := range x.Rows {
			c.out.Contested[binary.BigEndian.Uint32(row[:4])] = fmt.Sprintf("which of %d logical flows with the match %.200s and the same priority is installed is not collected: "+
				"it depends on the order in which ovn-controller has met them", len(x.Rows), x.Match)
		}
	}
	return nil
}

// published returns the settings of a chassis' ovn-controller that its row shows
// (chassis_build_other_config in controller/chassis.c). The others are taken to be the defaults.
func published(row *ovn.Chassis) map[string]string {
	set := map[string]string{}
	for _, m := range []map[string]string{row.ExternalIDs, row.OtherConfig} {
		for k, v := range m {
			if strings.HasPrefix(k, "ovn-") {
				set[k] = v
			}
		}
	}
	if row.Option("is-interconn") == "true" {
		set["ovn-is-interconn"] = "true"
	}
	var types, ips []string
	for _, e := range row.Encaps {
		if !slices.Contains(types, e.Type) {
			types = append(types, e.Type)
		}
		if ip := e.IP.String(); !slices.Contains(ips, ip) {
			ips = append(ips, ip)
		}
	}
	set["ovn-encap-type"], set["ovn-encap-ip"] = strings.Join(types, ","), strings.Join(ips, ",")
	return set
}

// notBound is why it is not known whether a chassis has an interface for a localport.
const notBound = "whether the chassis has an interface for localport %s is not collected: no database says it"

// ports returns an interface for each port that is bound to the chassis, and for each localport of
// their switches.
func (c *computing) ports(ctx context.Context) (out []node.Port, err error) {
	all, err := c.sb.Select(ctx, ovsdb.From("Port_Binding", "logical_port", "type", "chassis", "parent_port", "options", "datapath", "additional_chassis"))
	if err != nil {
		return nil, err
	}
	add := func(row *ovsdb.Row) string {
		name := fmt.Sprintf("vif%d", len(out)+1)
		ids := map[string]string{"iface-id": row.Str("logical_port")}
		if ver := row.Map("options")["iface-id-ver"]; ver != "" {
			ids["iface-id-ver"] = ver
		}
		out = append(out, node.Port{Port: engine.Port{Name: name, Bridge: integration, IfaceID: ids["iface-id"]}, ExternalIDs: ids})
		return name
	}
	slices.SortFunc(all[0], func(a, b *ovsdb.Row) int { return strings.Compare(a.Str("logical_port"), b.Str("logical_port")) })
	here := map[ovsdb.UUID]bool{} // switches with a port of the chassis
	for _, row := range all[0] {
		bound := row.Ref("chassis") == c.row.UUID || c.sb.Has("Port_Binding", "additional_chassis") && slices.Contains(row.Refs("additional_chassis"), c.row.UUID)
		if row.Str("type") == "" && row.Str("parent_port") == "" && bound {
			add(row)
			here[row.Ref("datapath")] = true
		}
	}
	for _, row := range all[0] {
		if row.Str("type") == "localport" && here[row.Ref("datapath")] {
			c.out.Unsure[add(row)] = fmt.Sprintf(notBound, row.Str("logical_port"))
		}
	}
	return out, nil
}

// bindings returns the chassis of each bound port.
func bindings(ctx context.Context, sb *ovn.SB) (map[string]ovsdb.UUID, error) {
	res, err := sb.Select(ctx, ovsdb.From("Port_Binding", "logical_port", "chassis"))
	if err != nil {
		return nil, err
	}
	out := map[string]ovsdb.UUID{}
	for _, row := range res[0] {
		out[row.Str("logical_port")] = row.Ref("chassis")
	}
	return out, nil
}

// settle returns when ovn-controller has installed what the database asks for: two rounds in a row
// change neither ports nor the number of flows.
func (c *computing) settle(ctx context.Context) error {
	before := ""
	for same := 0; same < 2; same++ {
		if err := c.round(ctx); err != nil {
			return err
		}
		now, err := c.state(ctx)
		if err != nil {
			return err
		}
		if now != before {
			before, same = now, -1
		}
	}
	after, err := bindings(ctx, c.sb)
	if err != nil {
		return err
	}
	for _, port := range slices.Sorted(maps.Keys(c.places)) {
		if after[port] != c.places[port] {
			return fmt.Errorf("the rebuilt ovn-controller has port %s on another chassis than the database: what decides it (BFD, an interface) was not collected", port)
		}
	}
	return nil
}

// round gives the configuration a new number, and waits until ovn-controller has installed it.
func (c *computing) round(ctx context.Context) error {
	res, err := c.sb.Select(ctx, ovsdb.From("SB_Global", "nb_cfg"))
	if err != nil {
		return err
	}
	if len(res[0]) == 0 {
		return fmt.Errorf("the Southbound database has no row in SB_Global")
	}
	row, err := c.sb.ChassisByName(ctx, c.chassis.name)
	if err != nil {
		return err
	}
	want := max(res[0][0].Int("nb_cfg"), row.NBCfg) + 1
	err = c.db.Transact(ctx, "OVN_Southbound",
		map[string]any{"op": "update", "table": "SB_Global", "where": []any{}, "row": map[string]any{"nb_cfg": want}},
		// With this option ovn-controller would not write that it has caught up.
		map[string]any{"op": "mutate", "table": "SB_Global", "where": []any{}, "mutations": []any{[]any{"options", "delete", []any{"set", []any{ovn.UnconfirmedOption}}}}})
	if err != nil {
		return err
	}
	up := func(string) bool { return false }
	for {
		if err := c.chassis.alive(); err != nil {
			return err
		}
		_, early, err := c.chassis.keepTunnels(ctx, up)
		if err != nil {
			return err
		}
		if row, err = c.sb.ChassisByName(ctx, c.chassis.name); err != nil {
			return err
		}
		if early == nil && row.NBCfg >= want {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the rebuilt chassis: %w: %w", c.chassis.late(early), ctx.Err())
		case <-time.After(settleStep):
		}
	}
}

// state returns, as text, what two rounds must leave as it is.
func (c *computing) state(ctx context.Context) (string, error) {
	places, err := bindings(ctx, c.sb)
	if err != nil {
		return "", err
	}
	numbers, err := c.out.Switch.Numbered(ctx)
	if err != nil {
		return "", err
	}
	flows, err := c.out.Switch.Ofctl(ctx, "-OOpenFlow15", "dump-aggregate", integration)
	if err != nil {
		return "", err
	}
	_, count, _ := strings.Cut(flows, "flow_count=")
	return fmt.Sprint(places, numbers, count), nil
}

// complaints are what ovn-controller says of a logical flow that it does not know.
var complaints = []string{"error parsing actions", "error parsing match", "unsupported tunnel", "Could not parse"}

// template is a template's variable for which the chassis has no value (Chassis_Template_Var): its
// own ovn-controller leaves out the same flows.
var template = regexp.MustCompile(`[ ={(,"]\^[A-Za-z_]`)

// understood returns an error if ovn-controller has left out logical flows.
func (c *computing) understood() error {
	f, err := os.Open(filepath.Join(c.chassis.sw.RunDir, controllerLog))
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		for _, what := range complaints {
			if strings.Contains(s.Text(), what) && !template.MatchString(s.Text()) {
				return fmt.Errorf("this machine's ovn-controller does not understand the database, which a newer OVN has made: %.300s", s.Text())
			}
		}
	}
	return s.Err()
}
