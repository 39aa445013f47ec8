package ovn_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv"
)

// since2003 are the tables, and columns of older tables, that the Southbound
// schema gained after OVN 20.03.0.
var since2003 = map[string][]string{
	"BFD": nil, "Chassis_Private": nil, "Chassis_Template_Var": nil, "FDB": nil, "Load_Balancer": nil,
	"Logical_DP_Group": nil, "Mirror": nil, "Static_MAC_Binding": nil,
	"Chassis":          {"other_config"},
	"Datapath_Binding": {"load_balancers"},
	"Logical_Flow":     {"controller_meter", "tags", "logical_dp_group"},
	"MAC_Binding":      {"timestamp"},
	"Port_Binding": {"additional_chassis", "additional_encap", "port_security", "requested_chassis", "up",
		"mirror_rules", "requested_additional_chassis"},
}

// oldSchema writes an installed schema without the tables, and columns of older tables, that were
// added since.
func oldSchema(t *testing.T, dir, file string, since map[string][]string) string {
	t.Helper()
	file, err := ovsdbtest.Schema(file)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Name    string                    `json:"name"`
		Version string                    `json:"version"`
		Tables  map[string]map[string]any `json:"tables"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	for table, columns := range since {
		if columns == nil {
			delete(schema.Tables, table)
			continue
		}
		for _, c := range columns {
			delete(schema.Tables[table]["columns"].(map[string]any), c)
		}
	}
	schema.Version = "2.7.0"
	if raw, err = json.Marshal(schema); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "old.ovsschema")
	if err := os.WriteFile(out, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

// newSchema writes an installed schema as a later release may have it: with a table, and with a
// column in each table, that nobody knows.
func newSchema(t *testing.T, dir, file string) string {
	t.Helper()
	file, err := ovsdbtest.Schema(file)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	tables := schema["tables"].(map[string]any)
	for _, table := range tables {
		table.(map[string]any)["columns"].(map[string]any)["from_the_future"] = map[string]any{"type": map[string]any{"key": "string", "min": 0, "max": "unlimited"}}
	}
	tables["Future"] = map[string]any{"columns": map[string]any{"name": map[string]any{"type": "string"}}}
	delete(schema, "cksum")
	schema["version"] = "99.0.0"
	if raw, err = json.Marshal(schema); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "new.ovsschema")
	if err := os.WriteFile(out, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

// A database of a later release is read like one of this.
func TestNewSchema(t *testing.T) {
	for _, tool := range []string{"ovsdb-server", "ovsdb-tool", "ovsdb-client"} {
		testenv.Tool(t, tool)
	}
	g := &ovsdbtest.Group{Dir: ovsdbtest.Dir(t)}
	t.Cleanup(g.Stop)
	if _, err := g.Server(t.Context(), "sb", newSchema(t, g.Dir, "ovn-sb.ovsschema")); err != nil {
		t.Fatal(err)
	}
	ovsdbtest.Transact(t, g.Sock("sb"), ovn.Southbound, `
		{"op":"insert","table":"SB_Global","row":{"nb_cfg":7}},
		{"op":"insert","table":"Future","row":{"name":"x"}},
		{"op":"insert","table":"Encap","uuid-name":"e","row":{"type":"geneve","ip":"10.9.0.1","chassis_name":"hv1"}},
		{"op":"insert","table":"Chassis","uuid-name":"c","row":{"name":"hv1","from_the_future":"x","encaps":["named-uuid","e"]}},
		{"op":"insert","table":"Datapath_Binding","uuid-name":"d","row":{"tunnel_key":3}},
		{"op":"insert","table":"Port_Binding","row":{"logical_port":"sw0-p1","tunnel_key":1,"datapath":["named-uuid","d"],"chassis":["named-uuid","c"],"from_the_future":["set",["a","b"]]}}`)
	sb := dialSB(t, g.Sock("sb"))
	pb := must[*ovn.PortBinding](t)(sb.PortByName(t.Context(), "sw0-p1"))
	c := must[*ovn.Chassis](t)(sb.ChassisByUUID(t.Context(), pb.Chassis))
	f := must[ovn.Freshness](t)(sb.Freshness(t.Context(), "hv1"))
	if c.Name != "hv1" || f.Wanted != 7 || !sb.Has("Port_Binding", "from_the_future") {
		t.Errorf("%+v, %+v", c, f)
	}
}

func TestOldSchema(t *testing.T) {
	for _, tool := range []string{"ovsdb-server", "ovsdb-tool", "ovsdb-client"} {
		testenv.Tool(t, tool)
	}
	ctx := t.Context()
	g := &ovsdbtest.Group{Dir: ovsdbtest.Dir(t)}
	t.Cleanup(g.Stop)
	if _, err := g.Server(ctx, "sb", oldSchema(t, g.Dir, "ovn-sb.ovsschema", since2003)); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Run(ctx, "", "ovsdb-client", "transact", g.Sock("sb"), `["OVN_Southbound",
		{"op":"insert","table":"SB_Global","row":{"nb_cfg":7}},
		{"op":"insert","table":"Encap","uuid-name":"e","row":{"type":"geneve","ip":"FD00:0::1","chassis_name":"hv1"}},
		{"op":"insert","table":"Chassis","uuid-name":"c","row":{"name":"hv1","hostname":"node1","nb_cfg":5,"encaps":["named-uuid","e"],
			"external_ids":["map",[["ovn-bridge-mappings","phys:br-ex"]]]}},
		{"op":"insert","table":"Datapath_Binding","uuid-name":"d","row":{"tunnel_key":3,
			"external_ids":["map",[["name","sw0"],["logical-switch","0a1b2c3d-0000-1111-2222-333344445555"]]]}},
		{"op":"insert","table":"MAC_Binding","row":{"logical_port":"lr0-public","ip":"172.16.0.1","mac":"00:00:00:00:00:01","datapath":["named-uuid","d"]}},
		{"op":"insert","table":"Port_Binding","row":{"logical_port":"sw0-p1","tunnel_key":1,"datapath":["named-uuid","d"],"chassis":["named-uuid","c"],
			"mac":"50:54:00:00:00:01 10.0.0.3"}}]`); err != nil {
		t.Fatal(err)
	}
	sb := dialSB(t, g.Sock("sb"))
	if sb.Has("Chassis_Private", "") || sb.Has("Port_Binding", "up") || !sb.Has("Port_Binding", "mac") {
		t.Error("the schema is not the old one")
	}
	last, ok := sb.MaxInteger("Logical_Flow", "table_id")
	_, err := sb.Select(ctx, ovsdb.From("Logical_Flow").Equal("table_id", int(last)),
		ovsdb.From("Logical_Flow").Equal("table_id", int(last+1)))
	if !ok || err == nil {
		t.Errorf("highest table_id %d (%t), one more: %v", last, ok, err)
	}
	if n, ok := sb.MaxInteger("Logical_Flow", "match"); ok {
		t.Errorf("highest match %d", n)
	}
	p := must[*ovn.PortBinding](t)(sb.PortByName(ctx, "sw0-p1"))
	c := must[*ovn.Chassis](t)(sb.ChassisByEncapIP(ctx, netip.MustParseAddr("fd00::1")))
	if p.Chassis != c.UUID || c.BridgeMappings()["phys"] != "br-ex" {
		t.Errorf("port %+v, chassis %+v", p, c)
	}
	if d := must[*ovn.Datapath](t)(sb.DatapathByKey(ctx, 3)); d.Name != "sw0" || ovn.Cookie(d.NB) != 0x0a1b2c3d {
		t.Errorf("datapath %+v", d)
	}
	if f := must[ovn.Freshness](t)(sb.Freshness(ctx, "hv1")); !f.Stale() || f.Wanted != 7 || f.Have != 5 {
		t.Errorf("freshness %+v", f)
	}
	if _, found, err := sb.FDBPort(ctx, 3, "00:00:00:00:00:01"); found || err != nil {
		t.Errorf("FDB in a release without: %v, %v", found, err)
	}
}

// The configuration can be read from a Northbound database as OVN 20.03 had it.
func TestOldConfiguration(t *testing.T) {
	for _, tool := range []string{"ovsdb-server", "ovsdb-tool", "ovsdb-client"} {
		testenv.Tool(t, tool)
	}
	ctx := t.Context()
	g := &ovsdbtest.Group{Dir: ovsdbtest.Dir(t)}
	t.Cleanup(g.Stop)
	schema := oldSchema(t, g.Dir, "ovn-nb.ovsschema", map[string][]string{
		"BFD": nil, "Chassis_Template_Var": nil, "Copp": nil, "Load_Balancer_Group": nil, "Mirror": nil, "Static_MAC_Binding": nil,
		"Logical_Switch":              {"copp", "load_balancer_group"},
		"Logical_Switch_Port":         {"mirror_rules"},
		"Logical_Router":              {"copp", "load_balancer_group"},
		"Logical_Router_Static_Route": {"bfd", "options", "route_table"},
		"Logical_Router_Policy":       {"nexthops", "options"},
		"Load_Balancer":               {"options"},
		"NAT":                         {"allowed_ext_ips", "exempted_ext_ips", "external_port_range", "gateway_port"},
	})
	if _, err := g.Server(ctx, "nb", schema); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Run(ctx, "", "ovsdb-client", "transact", g.Sock("nb"), `["OVN_Northbound",
		{"op":"insert","table":"NAT","uuid-name":"n","row":{"type":"snat","external_ip":"172.16.0.1","logical_ip":"10.0.0.0/24"}},
		{"op":"insert","table":"Logical_Router_Policy","uuid-name":"p","row":{"priority":1,"match":"ip4","action":"reroute","nexthop":"10.0.0.9"}},
		{"op":"insert","table":"Load_Balancer","uuid-name":"b","row":{"name":"lb0","vips":["map",[["30.0.0.1:80","10.0.0.3:80"]]]}},
		{"op":"insert","table":"Logical_Router","row":{"name":"lr0","nat":["named-uuid","n"],"policies":["named-uuid","p"],
			"load_balancer":["named-uuid","b"]}}]`); err != nil {
		t.Fatal(err)
	}
	nb, err := ovn.DialNB(ctx, ovsdb.Options{Remotes: g.Sock("nb")})
	if err != nil {
		t.Fatal(err)
	}
	defer nb.Close()
	if nb.Has("NAT", "gateway_port") || nb.Has("Load_Balancer_Group", "") || !nb.Has("NAT", "external_ip") {
		t.Error("the schema is not the old one")
	}
	c := must[*ovn.Configuration](t)(nb.Configuration(ctx))
	if len(c.NATs) != 1 || c.NATs[0].External != netip.MustParseAddr("172.16.0.1") || c.NATs[0].Logical != netip.MustParsePrefix("10.0.0.0/24") {
		t.Errorf("NAT rows: %+v", c.NATs)
	}
	if len(c.Routers) != 1 || len(c.Routers[0].NATs) != 1 || len(c.Groups) != 0 {
		t.Errorf("routers: %+v", c.Routers)
	}
	if len(c.Balancers) != 1 || c.Balancers[0].VIPs["30.0.0.1:80"] != "10.0.0.3:80" {
		t.Errorf("load balancers: %+v", c.Balancers)
	}
	if len(c.Policies) != 1 || len(c.Policies[0].NextHops) != 1 || c.Policies[0].NextHops[0] != "10.0.0.9" {
		t.Errorf("policies: %+v", c.Policies)
	}
}

func TestOpenVSwitch(t *testing.T) {
	for _, tool := range []string{"ovsdb-server", "ovsdb-tool", "ovs-vsctl"} {
		testenv.Tool(t, tool)
	}
	ctx := t.Context()
	g := &ovsdbtest.Group{Dir: ovsdbtest.Dir(t)}
	t.Cleanup(g.Stop)
	schema, err := ovsdbtest.Schema("vswitch.ovsschema")
	if err == nil {
		_, err = g.Server(ctx, "ovs", schema)
	}
	if err == nil {
		_, err = g.Run(ctx, "", "ovs-vsctl", append([]string{"--db=" + g.Sock("ovs"), "--no-wait"}, ovntest.Commands(`
init
add-br br-ex
add-br br-int
set open . external-ids:system-id=hv1 external-ids:hostname=node1 external-ids:ovn-remote=tcp:10.0.0.1:6642
set open . external-ids:ovn-remote-hv1=ssl:10.0.0.2:6642 external-ids:ovn-bridge-mappings=physnet1:br-ex
set open . external-ids:ovn-encap-ip=192.168.0.1,fd00::1 external-ids:ovn-encap-type=geneve,vxlan
set bridge br-int external-ids:ct-zone-sw0-p1=7 external-ids:ct-zone-lr0_snat=9 external-ids:ct-zone-bad=x external-ids:other=1 external-ids:ct-zone-sw0-p9=9
add-port br-int old-p1
add-port br-int p1
set interface old-p1 external-ids:iface-id=sw0-p1 ofport=-1
set interface p1 external-ids:iface-id=sw0-p1 ofport=5
add-port br-ex eth1 tag=12
set interface eth1 ofport=5
add-port br-int ovn-hv2-0
set interface ovn-hv2-0 type=geneve options:remote_ip=192.168.0.2 options:key=flow ofport=1
set port ovn-hv2-0 external-ids:ovn-chassis-id=hv2@192.168.0.2`)...)...)
	}
	if err != nil {
		t.Fatal(err)
	}
	o, err := ovn.DialOVS(ctx, ovsdb.Options{Remotes: g.Sock("ovs")})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()

	n := must[*ovn.NodeConfig](t)(o.Config(ctx))
	if n.SystemID != "hv1" || n.Remote() != "ssl:10.0.0.2:6642" || n.Bridge() != "br-int" || n.BridgeMappings()["physnet1"] != "br-ex" ||
		len(n.EncapIPs()) != 2 || len(n.EncapTypes()) != 2 {
		t.Errorf("node: %+v", n)
	}
	ifaces := must[map[string]*ovn.Interface](t)(o.AllInterfaces(ctx))
	if i := ifaces["p1"]; i == nil || i.Name != "p1" || i.Port != "p1" || i.IfaceID() != "sw0-p1" || i.Type != "" || i.Tag != 0 {
		t.Errorf("interface: %+v", i)
	}
	if i := ifaces["eth1"]; i == nil || i.Tag != 12 || i.IfaceID() != "" {
		t.Errorf("interface with a tag: %+v", i)
	}
	if i := ifaces["ovn-hv2-0"]; i == nil || i.Type != "geneve" || i.Options["remote_ip"] != "192.168.0.2" {
		t.Errorf("tunnel: %+v", i)
	}
	bridges := map[string]*ovn.Bridge{}
	for _, b := range must[[]*ovn.Bridge](t)(o.AllBridges(ctx)) {
		bridges[b.Name] = b
	}
	if len(bridges) != 2 || bridges["br-ex"] == nil || bridges["br-int"] == nil {
		t.Fatalf("bridges: %v", bridges)
	}
	if zones := bridges["br-int"].CTZones(); len(zones) != 2 || zones[7] != "sw0-p1" || zones[9] != "lr0_snat" {
		t.Errorf("zones: %v", zones)
	}
	if shared := bridges["br-int"].SharedCTZones(); len(shared) != 1 || len(shared[9]) != 2 || shared[9][0] != "lr0_snat" || shared[9][1] != "sw0-p9" {
		t.Errorf("zones of several owners: %v", shared)
	}
}
