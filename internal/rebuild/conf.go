package rebuild

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// conf is a host's Open_vSwitch database, as far as a switch of a room needs it.
type conf struct {
	systemID string
	bridges  []*bridge
	encaps   []string // addresses of its tunnels
}

type bridge struct {
	name     string
	userland bool // userlandTypes
	row      *ovsdb.Row
	ports    []*port
	mirrors  []*ovsdb.Row
	stp      bool
}

type port struct {
	row    *ovsdb.Row
	ifaces []*iface
}

type iface struct {
	name, typ string
	ofport    int64
	options   map[string]string
	bfd       bool
	mac       string // its column mac
}

// openVSwitch is the database's name.
const openVSwitch = "Open_vSwitch"

// userlandTypes are the types of bridges whose tunnels Open vSwitch itself makes: a host's, and the
// one that stands for it in a room (operations).
var userlandTypes = []string{"netdev", "dummy"}

// readConf reads a served database.
func readConf(ctx context.Context, remote string) (*conf, error) {
	db, err := ovsdb.Dial(ctx, ovsdb.Options{Remotes: remote, Database: openVSwitch})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	res, err := db.Select(ctx,
		ovsdb.From("Bridge", "_uuid", "name", "datapath_type", "ports", "mirrors", "other_config", "mcast_snooping_enable", "stp_enable", "rstp_enable", "flood_vlans"),
		ovsdb.From("Port", "_uuid", "name", "interfaces", "tag", "trunks", "cvlans", "vlan_mode", "bond_mode", "bond_active_slave", "protected", "other_config", "mac"),
		ovsdb.From("Interface", "_uuid", "name", "type", "ofport", "options", "bfd", "mac"),
		ovsdb.From("Mirror", "_uuid", "name", "select_all", "select_src_port", "select_dst_port", "select_vlan", "output_port", "output_vlan"),
		ovsdb.From("Open_vSwitch", "external_ids"))
	if err != nil {
		return nil, err
	}
	ifaces, ports, mirrors := map[ovsdb.UUID]*iface{}, map[ovsdb.UUID]*port{}, map[ovsdb.UUID]*ovsdb.Row{}
	for _, r := range res[2] {
		ifaces[r.UUID()] = &iface{name: r.Str("name"), typ: r.Str("type"), ofport: r.Int("ofport"), options: r.Map("options"),
			bfd: r.Map("bfd")["enable"] == "true", mac: r.Str("mac")}
	}
	for _, r := range res[1] {
		p := &port{row: r}
		for _, u := range r.Refs("interfaces") {
			if i := ifaces[u]; i != nil {
				p.ifaces = append(p.ifaces, i)
			}
		}
		ports[r.UUID()] = p
	}
	for _, r := range res[3] {
		mirrors[r.UUID()] = r
	}
	c := &conf{}
	for _, r := range res[0] {
		b := &bridge{name: r.Str("name"), userland: slices.Contains(userlandTypes, r.Str("datapath_type")), row: r, stp: r.Bool("stp_enable") || r.Bool("rstp_enable")}
		for _, u := range r.Refs("ports") {
			if p := ports[u]; p != nil {
				b.ports = append(b.ports, p)
			}
		}
		for _, u := range r.Refs("mirrors") {
			if m := mirrors[u]; m != nil {
				b.mirrors = append(b.mirrors, m)
			}
		}
		c.bridges = append(c.bridges, b)
	}
	for _, rows := range res {
		for _, r := range rows {
			if err := r.Err(); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(c.bridges, func(a, b *bridge) int { return strings.Compare(a.name, b.name) })
	if len(res[4]) > 0 {
		ids := res[4][0].Map("external_ids")
		c.systemID = ids["system-id"]
		for key, v := range ids {
			if key == "ovn-encap-ip" || key == "ovn-encap-ip-"+ids["system-id"] {
				c.encaps = append(c.encaps, strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })...)
			}
		}
	}
	return c, nil
}

// secretOptions are options of a tunnel that a room's tunnel does not need.
var secretOptions = []string{"psk", "remote_cert", "remote_name", "certificate", "private_key", "ca_cert"}

// operations returns the transaction that makes the bridges and ports of a database in an empty
// one. down are interfaces whose BFD session is down.
func (c *conf) operations(down map[string]bool) []any {
	var ops []any
	var bridges []any
	n := 0
	name := func() string { n++; return fmt.Sprintf("row%d", n) }
	for _, b := range c.bridges {
		id := name()
		bridges = append(bridges, named(id))
		row := map[string]any{
			"name": b.name, "fail_mode": "secure", "mcast_snooping_enable": b.row.Bool("mcast_snooping_enable"),
			"protocols":    set([]any{"OpenFlow10", "OpenFlow13", "OpenFlow14", "OpenFlow15"}),
			"other_config": pairs(bridgeConfig(b.row.Map("other_config"))),
			"flood_vlans":  set(anys(b.row.Ints("flood_vlans"))),
		}
		if b.userland {
			// The dummy datapath under another name than the one that stands for the kernel's.
			row["datapath_type"] = "dummy"
		}
		var ports []any
		rows := map[ovsdb.UUID]string{}
		for _, p := range b.ports {
			var ifaces []any
			for _, i := range p.ifaces {
				if i.ofport <= 0 && i.name != b.name {
					continue // the host's Open vSwitch had not opened it either
				}
				iid := name()
				ops = append(ops, insert("Interface", iid, i.row(down[i.name])))
				ifaces = append(ifaces, named(iid))
			}
			if len(ifaces) == 0 {
				continue
			}
			pid := name()
			rows[p.row.UUID()] = pid
			ops = append(ops, insert("Port", pid, p.columns(ifaces)))
			ports = append(ports, named(pid))
		}
		row["ports"] = set(ports)
		var mirrors []any
		for _, m := range b.mirrors {
			mid := name()
			if op := mirrorRow(m, rows); op != nil {
				ops = append(ops, insert("Mirror", mid, op))
				mirrors = append(mirrors, named(mid))
			}
		}
		row["mirrors"] = set(mirrors)
		ops = append(ops, insert("Bridge", id, row))
	}
	return append(ops, map[string]any{
		"op": "mutate", "table": "Open_vSwitch", "where": []any{}, "mutations": []any{
			[]any{"bridges", "insert", set(bridges)}, []any{"next_cfg", "+=", 1},
		},
	})
}

// row returns an interface's columns. A device of the host becomes a dummy device (type "").
func (i *iface) row(down bool) map[string]any {
	row := map[string]any{"name": i.name}
	if i.ofport > 0 && i.ofport < 0xff00 {
		row["ofport_request"] = i.ofport
	}
	switch i.typ {
	case "internal", "patch", "geneve", "vxlan", "gre", "erspan", "ip6erspan", "ip6gre", "stt", "lisp", "gtpu", "bareudp", "srv6":
		row["type"] = i.typ
		options := maps.Clone(i.options)
		for _, s := range secretOptions {
			delete(options, s)
		}
		row["options"] = pairs(options)
	}
	if i.mac != "" {
		row["mac"] = i.mac
	}
	if down {
		row["bfd"] = pairs(map[string]string{"enable": "true"}) // without a peer it stays down
	}
	return row
}

// columns returns a port's columns.
func (p *port) columns(ifaces []any) map[string]any {
	row := map[string]any{"name": p.row.Str("name"), "interfaces": set(ifaces), "protected": p.row.Bool("protected")}
	for _, c := range []string{"trunks", "cvlans", "tag"} {
		row[c] = set(anys(p.row.Ints(c)))
	}
	for _, c := range []string{"vlan_mode", "bond_mode", "mac"} {
		if v := p.row.Str(c); v != "" {
			row[c] = v
		}
	}
	if row["bond_mode"] == "balance-tcp" {
		// Without LACP, which has no partner here, such a bond takes no packet (BM_TCP in
		// bond_check_admissibility).
		row["bond_mode"] = "balance-slb"
	}
	other := map[string]string{}
	for k, v := range p.row.Map("other_config") {
		if k == "priority-tags" || k == "qinq-ethtype" || strings.HasPrefix(k, "lb-output") || strings.HasPrefix(k, "bond-") {
			other[k] = v
		}
	}
	row["other_config"] = pairs(other)
	return row
}

// bridgeConfig keeps what changes a bridge's forwarding. Learned addresses must not age.
func bridgeConfig(m map[string]string) map[string]string {
	out := map[string]string{"disable-in-band": "true", "mac-aging-time": "3600"}
	for _, k := range []string{"hwaddr", "forward-bpdu", "mac-table-size", "mcast-snooping-disable-flood-unregistered"} {
		if v, ok := m[k]; ok {
			out[k] = v
		}
	}
	return out
}

// mirrorRow returns a mirror's columns; nil if its output is a port that is not there.
func mirrorRow(m *ovsdb.Row, ports map[ovsdb.UUID]string) map[string]any {
	refs := func(list []ovsdb.UUID) []any {
		var out []any
		for _, u := range list {
			if id, ok := ports[u]; ok {
				out = append(out, named(id))
			}
		}
		return out
	}
	row := map[string]any{
		"name": m.Str("name"), "select_all": m.Bool("select_all"), "select_vlan": set(anys(m.Ints("select_vlan"))),
		"select_src_port": set(refs(m.Refs("select_src_port"))), "select_dst_port": set(refs(m.Refs("select_dst_port"))),
		"output_vlan": set(anys(m.Ints("output_vlan"))),
	}
	if out := m.Refs("output_port"); len(out) > 0 {
		to := refs(out)
		if to == nil {
			return nil
		}
		row["output_port"] = to[0]
	}
	return row
}

func anys[T any](list []T) []any {
	out := []any{}
	for _, v := range list {
		out = append(out, v)
	}
	return out
}
