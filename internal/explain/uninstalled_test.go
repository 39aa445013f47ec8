package explain_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb/ovsdbtest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/publish"
)

// TestUninstalled checks which look-ups are findings: only those that a flow of the database
// certainly should have taken, and hits on flows without a row in the database.
func TestUninstalled(t *testing.T) {
	flow := func(n, priority int, match string) string {
		return fmt.Sprintf(`{"op":"insert","table":"Logical_Flow","uuid":"%08x-0000-4000-8000-000000000000","row":{"logical_dp_group":["named-uuid","g"],
			"pipeline":"egress","table_id":4,"priority":%d,"match":%q,"actions":"next;","external_ids":["map",[["stage-name","ls_out_acl_eval"]]]}}`, n, priority, match)
	}
	sb := central(t, strings.Join([]string{aclRows(),
		`{"op":"insert","table":"Datapath_Binding","uuid-name":"other","row":{"tunnel_key":2,"external_ids":["map",[["name","sw2"]]]}}`,
		`{"op":"insert","table":"Logical_DP_Group","uuid-name":"g","row":{"datapaths":["set",[["named-uuid","d"],["named-uuid","other"]]]}}`,
		`{"op":"insert","table":"Logical_DP_Group","uuid-name":"h","row":{"datapaths":["set",[["named-uuid","other"]]]}}`,
		`{"op":"insert","table":"Address_Set","row":{"name":"friends","addresses":["set",["10.0.0.0/24","10.9.9.9"]]}}`,
		`{"op":"insert","table":"Port_Group","row":{"name":"1_pg","ports":["set",["p1"]]}}`,
		flow(0x20, 3000, "outport == @pg && ip4.src == $friends && udp.dst == 53"),
		flow(0x21, 3000, "outport == @pg && ip4.src == $strangers && udp.dst == 54"),
		flow(0x22, 3000, `is_chassis_resident("p1") && udp.dst == 55`),
		strings.ReplaceAll(flow(0x23, 3000, "udp.dst == 56"), `"g"`, `"h"`),
		`{"op":"insert","table":"Datapath_Binding","uuid-name":"bare","row":{"tunnel_key":3,"external_ids":["map",[["name","sw3"]]]}}`,
		`{"op":"insert","table":"Logical_DP_Group","uuid-name":"i","row":{"datapaths":["set",[["named-uuid","bare"]]]}}`,
		strings.ReplaceAll(flow(0x24, 65535, "1"), `"g"`, `"i"`),
	}, ","))
	e := explain.New(sb, nil)
	const common = "reg0=0x80,reg15=0x2,metadata=0x1,ct_state=new|trk,dl_src=00:00:00:00:ff:02,dl_dst=40:54:00:00:00:03,nw_src=10.0.0.3,nw_dst=20.0.0.3,"
	for _, c := range []struct {
		name, flow string
		hit        engine.TableHit
		want       string // part of the finding; "" for none
	}{
		{"a rule that was not hit", "tcp," + common + "tcp_dst=80", engine.TableHit{Table: 46, Cookie: 0x3},
			`hv1: logical flow ls_out_acl_eval of sw1, priority 2001 (reg8[30..31] == 0 && reg0[7] == 1 && (outport == "p1" && tcp.dst == 80)) should have taken the packet in table 46 and is not in its tables: one of priority 0 did`},
		{"no rule for it", "tcp," + common + "tcp_dst=81", engine.TableHit{Table: 46, Cookie: 0x3}, ""},
		{"a rule of the same priority", "tcp," + common + "tcp_dst=80", engine.TableHit{Table: 46, Priority: 2001, Cookie: 0x1}, ""},
		{"a rule of lower priority", "tcp," + common + "tcp_dst=22", engine.TableHit{Table: 46, Priority: 2001, Cookie: 0x1}, ""},
		{"sets", "udp," + common + "udp_dst=53", engine.TableHit{Table: 46, Cookie: 0x3}, "ip4.src == $friends"},
		{"a set that is not there", "udp," + common + "udp_dst=54", engine.TableHit{Table: 46, Cookie: 0x3}, ""},
		{"unknown from the packet", "udp," + common + "udp_dst=55", engine.TableHit{Table: 46, Cookie: 0x3}, ""},
		{"another datapath's", "udp," + common + "udp_dst=56", engine.TableHit{Table: 46, Cookie: 0x3}, ""},
		{"a packet that could not be followed", "", engine.TableHit{Table: 46, Cookie: 0x3}, ""},
		{"nothing hit", "tcp," + common + "tcp_dst=81", engine.TableHit{Table: 46, Miss: true}, "priority 0 (1) should have taken the packet in table 46 and is not in its tables: no flow at all did"},
		{"nothing hit outside the pipelines", "tcp," + common + "tcp_dst=81", engine.TableHit{Table: 66, Miss: true}, ""},
		{"a flow without its row", "tcp," + common + "tcp_dst=81", engine.TableHit{Table: 46, Priority: 7, Cookie: 0xdead},
			"hv1: table 46 took the packet on sw1 by a flow (cookie 0xdead, priority 7) whose logical flow is no longer in the Southbound database"},
		{"one on a switch without ACLs", "tcp,metadata=0x3,reg15=0x2,tcp_dst=81", engine.TableHit{Table: 46, Priority: 65535, Cookie: 0xdead, Metadata: 3},
			"hv1: table 46 took the packet on sw3 by a flow (cookie 0xdead, priority 65535) whose logical flow is no longer in the Southbound database"},
		{"one outside the pipelines", "tcp," + common + "tcp_dst=81", engine.TableHit{Table: 66, Priority: 7, Cookie: 0xdead}, ""},
	} {
		c.hit.Flow = c.flow
		if !c.hit.Miss {
			c.hit.Metadata = max(c.hit.Metadata, 1)
			c.hit.Match = fmt.Sprintf("metadata=0x%x", c.hit.Metadata)
		}
		// The later stage votes on where the pipeline begins.
		differences, err := section(t, e, "hv1", "", c.hit, on(53, 50, 8)).Differences(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found := publish.Findings("hv1", differences)
		switch {
		case c.want == "" && len(found) > 0:
			t.Errorf("%s: a false alarm: %+v", c.name, found)
		case c.want != "" && (len(found) != 1 || !strings.Contains(found[0].Text, c.want)):
			t.Errorf("%s: %+v, want %q", c.name, found, c.want)
		}
	}
}

// TestUninstalledOnChassis checks that is_chassis_resident is judged where the database decides it,
// as ovn-controller does, and nowhere else.
func TestUninstalledOnChassis(t *testing.T) {
	sb := central(t, strings.Join([]string{chassisRows("hv2"),
		`{"op":"insert","table":"HA_Chassis","uuid-name":"lone","row":{"chassis":["named-uuid","hv1"],"priority":1}}`,
		`{"op":"insert","table":"HA_Chassis_Group","uuid-name":"small","row":{"name":"small","ha_chassis":["set",[["named-uuid","lone"]]]}}`,
		`{"op":"insert","table":"HA_Chassis","uuid-name":"lone2","row":{"chassis":["named-uuid","hv1"],"priority":1}}`,
		`{"op":"insert","table":"HA_Chassis","uuid-name":"left","row":{"priority":5}}`,
		`{"op":"insert","table":"HA_Chassis_Group","uuid-name":"rest","row":{"name":"rest","ha_chassis":["set",[["named-uuid","lone2"],["named-uuid","left"]]]}}`,
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"cr-lone","type":"chassisredirect","tunnel_key":5,"datapath":["named-uuid","d"],"ha_chassis_group":["named-uuid","small"]}}`,
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"cr-rest","type":"chassisredirect","tunnel_key":6,"datapath":["named-uuid","d"],"ha_chassis_group":["named-uuid","rest"]}}`,
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"gw","type":"l3gateway","tunnel_key":7,"datapath":["named-uuid","d"],"chassis":["named-uuid","hv1"]}}`,
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"moving","tunnel_key":8,"datapath":["named-uuid","d"],"chassis":["named-uuid","hv1"],"additional_chassis":["named-uuid","hv2"]}}`,
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"down","tunnel_key":9,"datapath":["named-uuid","d"]}}`,
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"cr-none","type":"chassisredirect","tunnel_key":10,"datapath":["named-uuid","d"]}}`,
		lflow(1, "ingress", 0, 50, "lr_in_admission", `udp.dst == 1 && is_chassis_resident("vm")`, "next;", ""),
		lflow(2, "ingress", 0, 50, "lr_in_admission", `udp.dst == 2 && !is_chassis_resident("vm")`, "next;", ""),
		lflow(3, "ingress", 0, 50, "lr_in_admission", `udp.dst == 3 && is_chassis_resident("cr-inner-mid")`, "next;", ""),
		lflow(4, "ingress", 0, 50, "lr_in_admission", `udp.dst == 4 && !is_chassis_resident("cr-inner-mid")`, "next;", ""),
		lflow(5, "ingress", 0, 50, "lr_in_admission", `udp.dst == 5 && is_chassis_resident("cr-lone")`, "next;", ""),
		lflow(6, "ingress", 0, 50, "lr_in_admission", `udp.dst == 6 && is_chassis_resident("cr-rest")`, "next;", ""),
		lflow(7, "ingress", 0, 50, "lr_in_admission", `udp.dst == 7 && is_chassis_resident("gw")`, "next;", ""),
		lflow(8, "ingress", 0, 50, "lr_in_admission", `udp.dst == 8 && is_chassis_resident("moving")`, "next;", ""),
		lflow(9, "ingress", 0, 50, "lr_in_admission", `udp.dst == 9 && !is_chassis_resident("gone")`, "next;", ""),
		lflow(10, "ingress", 0, 50, "lr_in_admission", `udp.dst == 10 && !is_chassis_resident("down")`, "next;", ""),
		lflow(11, "ingress", 0, 50, "lr_in_admission", `udp.dst == 11 && !is_chassis_resident("cr-none")`, "next;", ""),
		lflow(12, "ingress", 0, 50, "lr_in_admission", `udp.dst == 12 && !is_chassis_resident("moving")`, "next;", ""),
		lflow(20, "ingress", 0, 0, "lr_in_admission", "1", "drop;", ""),
		lflow(21, "ingress", 11, 0, "lr_in_ip_routing", "1", "drop;", ""),
	}, ","))
	e := explain.New(sb, nil)
	for port, want := range []string{
		1:  "hv3", // bound there
		2:  "hv1 hv2",
		3:  "", // BFD decides between hv1 and hv2; hv3 is out of the group
		4:  "hv3",
		5:  "hv1", // the only one of its group
		6:  "hv1", // the only one left of its group
		7:  "hv1",
		8:  "hv1",                      // not on an additional chassis
		9:  "hv1 hv2 hv3 unregistered", // there is no such port
		10: "hv1 hv2 hv3",
		11: "", // without a group
		12: "hv2 hv3",
	} {
		if port == 0 {
			continue
		}
		var on []string
		for _, chassis := range []string{"hv1", "hv2", "hv3", "unregistered"} {
			hit := engine.TableHit{Table: 8, Cookie: 20, Match: "metadata=0x1", Metadata: 1, Flow: fmt.Sprintf("udp,metadata=0x1,reg14=0x2,udp_dst=%d", port)}
			found, err := section(t, e, chassis, "", hit, engine.TableHit{Table: 19, Cookie: 21, Match: "metadata=0x1", Metadata: 1}).Differences(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(found) > 0 {
				on = append(on, chassis)
			}
			if len(found) > 1 || len(found) == 1 && !strings.Contains(found[0].Flow.Match, fmt.Sprintf("udp.dst == %d ", port)) {
				t.Errorf("port %d on %s: %+v", port, chassis, found)
			}
		}
		if got := strings.Join(on, " "); got != want {
			t.Errorf("port %d: a finding on %q, want %q", port, got, want)
		}
	}
}

// TestWithdrawn checks that a logical flow that is deleted while a packet is traced is no finding:
// it was read, and need no longer be installed.
func TestWithdrawn(t *testing.T) {
	remote := ovsdbtest.Lone(t, "ovn-sb.ovsschema", ovn.Southbound, aclRows())
	sb, err := ovn.DialSB(t.Context(), ovsdb.Options{Remotes: remote})
	if err != nil {
		t.Fatal(err)
	}
	defer sb.Close()
	e := explain.New(sb, nil)
	taken := on(46, 0, 3)
	taken.Flow = "tcp,reg0=0x80,reg15=0x2,metadata=0x1,nw_src=10.0.0.3,nw_dst=20.0.0.3,tcp_dst=80"
	names := section(t, e, "hv1", "", taken, on(53, 50, 8))
	for _, want := range []int{1, 0} {
		found, err := names.Differences(t.Context())
		if err != nil || len(found) != want {
			t.Errorf("%+v (%v), want %d", found, err, want)
		}
		ovsdbtest.Transact(t, remote, ovn.Southbound, `{"op":"delete","table":"Logical_Flow","where":[["priority","==",2001]]}`)
	}
}

// TestTaught checks that a flow which an earlier packet would have put into a table is no
// difference: it is not there.
func TestTaught(t *testing.T) {
	e := explain.New(central(t, aclRows()), nil)
	taught := on(46, 7, 0xdead)
	taught.Taught = "SYN"
	found, err := section(t, e, "hv1", "", taught, on(53, 50, 8)).Differences(t.Context())
	if err != nil || len(found) != 0 {
		t.Errorf("%+v (%v)", found, err)
	}
}
