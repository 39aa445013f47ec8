package fleet

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
)

// World is a real deployment without its chassis: both databases and ovn-northd, with the rows that
// the ovn-controllers of all chassis would have written.
type World struct {
	*ovntest.Deployment
	Islands int
	nb, sb  *rebuild.DB
}

// perTransaction is the number of islands written in one transaction.
const perTransaction = 50

// Build starts a World of several islands, each with two chassis, in a folder. Stop ends it.
func Build(ctx context.Context, dir string, islands int) (*World, error) {
	if islands < 1 || islands > MaxIslands {
		return nil, fmt.Errorf("%d islands are not 1 to %d", islands, MaxIslands)
	}
	d, err := ovntest.StartOVN(ctx, dir)
	if err != nil {
		return nil, err
	}
	w := &World{Deployment: d, nb: &rebuild.DB{Remote: d.NB}, sb: &rebuild.DB{Remote: d.SB}}
	if err := w.Grow(ctx, islands); err != nil {
		d.Stop()
		return nil, err
	}
	return w, nil
}

// Grow adds islands up to a number of them.
func (w *World) Grow(ctx context.Context, islands int) error {
	first := Island(w.Islands)
	for i := first; int(i) < islands; i += perTransaction {
		var north, south rows
		for j := i; int(j) < islands && j < i+perTransaction; j++ {
			north.island(j)
			for _, s := range []string{"a", "b"} {
				south.chassis(j, s)
			}
		}
		if err := w.nb.Transact(ctx, "OVN_Northbound", north...); err != nil {
			return err
		}
		if err := w.sb.Transact(ctx, "OVN_Southbound", south...); err != nil {
			return err
		}
	}
	w.Islands = islands
	if _, err := w.NBCtl(ctx, "sync"); err != nil {
		return err
	}
	return w.bind(ctx, first)
}

// bind writes what ovn-controllers write: the ports that they have, and that they are up to date.
func (w *World) bind(ctx context.Context, first Island) error {
	sb, err := w.dial(ctx)
	if err != nil {
		return err
	}
	defer sb.Close()
	res, err := sb.Select(ctx, ovsdb.From("Chassis", "name"), ovsdb.From("SB_Global", "nb_cfg"))
	if err != nil {
		return err
	}
	chassis := map[string]ovsdb.UUID{}
	for _, r := range res[0] {
		chassis[r.Str("name")] = r.UUID()
	}
	var ops rows
	flush := func() error {
		err := w.sb.Transact(ctx, "OVN_Southbound", ops...)
		ops = nil
		return err
	}
	for i := first; int(i) < w.Islands; i++ {
		for _, p := range []string{"a", "c", "b"} {
			s := p
			if p == "c" {
				s = "a"
			}
			ops.update("Port_Binding", "logical_port", i.Port(p), row{"chassis": []any{"uuid", chassis[i.Chassis(s)].String()}, "up": true})
		}
		if len(ops) >= 300 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(res[1]) > 0 {
		ops = append(ops, map[string]any{"op": "update", "table": "Chassis_Private", "where": []any{}, "row": row{"nb_cfg": res[1][0].Int("nb_cfg")}})
	}
	return flush()
}

func (w *World) dial(ctx context.Context) (*ovsdb.DB, error) {
	return ovsdb.Dial(ctx, ovsdb.Options{Remotes: w.SB, Database: "OVN_Southbound", Timeout: time.Minute})
}

// Load returns the load of the machine in the last minute, as the kernel prints it.
func Load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	var one string
	fmt.Sscan(string(b), &one)
	return one
}

// rows are the operations of one transaction.
type rows []any

// row is the columns of a row.
type row map[string]any

// insert adds a row and returns a reference to it.
func (t *rows) insert(table, name string, r row) any {
	*t = append(*t, map[string]any{"op": "insert", "table": table, "uuid-name": name, "row": r})
	return []any{"named-uuid", name}
}

// update changes the row that has a value in a column.
func (t *rows) update(table, column, value string, r row) {
	*t = append(*t, map[string]any{"op": "update", "table": table, "where": []any{[]any{column, "==", value}}, "row": r})
}

func set(items ...any) any { return []any{"set", items} }

func dict(key, value string) any { return []any{"map", []any{[]any{key, value}}} }

// island adds the Northbound rows of an island.
func (t *rows) island(i Island) {
	id := func(kind string) string { return fmt.Sprintf("%s_%d", kind, int(i)) }
	key := func(n int) any { return dict("requested-tnl-key", fmt.Sprint(n)) }
	var uplinks []any
	names := i.names()
	lb := t.insert("Load_Balancer", id("lb"), row{"name": i.name("lb"), "protocol": "tcp",
		"vips": dict(i.VIP()+":80", i.Address("b").String()+":80")})
	for n, members := range [][]string{{"a", "c"}, {"b"}} {
		sw, mac := names[n+1], fmt.Sprintf("0a:00:00:00:%02x:01", n)
		up := i.name("up" + "xy"[n:n+1])
		uplinks = append(uplinks, t.insert("Logical_Router_Port", id(fmt.Sprint("lrp", n)), row{"name": up, "mac": mac,
			"networks": i.Address("up"+"xy"[n:n+1]).String() + "/25", "options": key(n + 1)}))
		ports := []any{t.insert("Logical_Switch_Port", id(fmt.Sprint("up", n)), row{"name": sw + "-up", "type": "router", "addresses": "router",
			"options": []any{"map", []any{[]any{"router-port", up}, []any{"requested-tnl-key", "1"}}}})}
		var acls []any
		for m, p := range members {
			addr := fmt.Sprintf("0a:00:00:00:%02x:%02x %s", n, 10+m, i.Address(p))
			ports = append(ports, t.insert("Logical_Switch_Port", id("lsp"+p), row{"name": i.Port(p), "addresses": addr, "port_security": addr, "options": key(m + 2)}))
			acls = append(acls,
				t.insert("ACL", id("acl"+p), row{"direction": "to-lport", "priority": 1001, "action": "allow-related",
					"match": fmt.Sprintf(`outport == "%s" && tcp.dst == 80`, i.Port(p))}),
				t.insert("ACL", id("drop"+p), row{"direction": "to-lport", "priority": 900, "action": "drop",
					"match": fmt.Sprintf(`outport == "%s" && ip`, i.Port(p))}))
		}
		t.insert("Logical_Switch", id(fmt.Sprint("ls", n)), row{"name": sw, "ports": set(ports...), "acls": set(acls...), "load_balancer": lb,
			"other_config": key(i.key(n + 1))})
	}
	t.insert("Logical_Router", id("lr"), row{"name": names[0], "ports": set(uplinks...), "options": key(i.key(0))})
}

// chassis adds the Southbound rows of a chassis.
func (t *rows) chassis(i Island, side string) {
	id := func(kind string) string { return fmt.Sprintf("%s%s_%d", kind, side, int(i)) }
	name := i.Chassis(side)
	encap := t.insert("Encap", id("encap"), row{"type": "geneve", "ip": i.Endpoint(side), "chassis_name": name, "options": dict("csum", "true")})
	chassis := t.insert("Chassis", id("chassis"), row{"name": name, "hostname": name, "encaps": encap,
		"other_config": dict("ct-no-masked-label", "true")})
	t.insert("Chassis_Private", id("private"), row{"name": name, "chassis": chassis})
}
