package explain_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
)

// aclRows are the stages of 23.06 and later, where an ACL decides in one stage
// and the next one drops; this machine's northd may be older.
func aclRows() string {
	flow := func(n, table, priority int, stage, match, actions string) string {
		return fmt.Sprintf(`{"op":"insert","table":"Logical_Flow","uuid":"%08x-0000-4000-8000-000000000000","row":{"logical_datapath":["named-uuid","d"],
			"pipeline":"egress","table_id":%d,"priority":%d,"match":%q,"actions":%q,"external_ids":["map",[["stage-name",%q]]]}}`,
			n, table, priority, match, actions, stage)
	}
	return strings.Join([]string{
		`{"op":"insert","table":"Datapath_Binding","uuid-name":"d","row":{"tunnel_key":1,"external_ids":["map",[["name","sw1"]]]}}`,
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"p1","tunnel_key":2,"port_security":"40:54:00:00:00:03 10.0.0.9","datapath":["named-uuid","d"]}}`,
		flow(1, 4, 2001, "ls_out_acl_eval", `reg8[30..31] == 0 && reg0[7] == 1 && (outport == "p1" && tcp.dst == 80)`, "reg8[16] = 1; reg0[1] = 1; next;"),
		flow(2, 4, 2000, "ls_out_acl_eval", `reg8[30..31] == 0 && reg0[7] == 1 && (outport == "p1" && tcp.dst == 22)`, "reg8[17] = 1; next;"),
		flow(3, 4, 0, "ls_out_acl_eval", "1", "next;"),
		flow(4, 6, 1000, "ls_out_acl_action", "reg8[17] == 1", "reg8[16] = 0; reg8[17] = 0; reg8[18] = 0; /* drop */"),
		flow(5, 6, 0, "ls_out_acl_action", "1", "reg8[16] = 0; reg8[17] = 0; reg8[18] = 0; /* drop */"),
		flow(6, 9, 0, "ls_out_check_port_sec", "1", "drop;"),
		flow(7, 10, 50, "ls_out_other", "ip4", "drop;"),
		flow(8, 11, 50, "ls_out_more", "ip4", "next;"),
		flow(9, 5, 1100, "ls_out_acl_sample", "reg3 == 4301", ""),
	}, ",")
}

func TestReasons(t *testing.T) {
	sb := central(t, aclRows())
	e := explain.New(sb, nil)
	const flow = "ct_state=new|trk,tcp,reg0=0x80,reg15=0x2,metadata=0x1,in_port=3,dl_src=00:00:00:00:ff:02,dl_dst=40:54:00:00:00:03,nw_src=10.0.0.3,nw_dst=20.0.0.3,tp_src=1,tp_dst=81"
	for _, c := range []struct {
		name          string
		tables        [][3]int // cookie, OpenFlow table, priority
		text, nearest string
		stage         string
	}{
		{"default", [][3]int{{3, 46, 0}, {5, 48, 0}}, "no ACL allows it: default drop of sw1, priority 0 in ls_out_acl_action",
			"ls_out_acl_eval rule with priority 2001 (reg8[30..31] == 0 && reg0[7] == 1 && (outport == \"p1\" && tcp.dst == 80)) would take it but for tcp.dst == 80", "ls_out_acl_action"},
		{"port security", [][3]int{{6, 51, 0}}, "port security of p1 refuses it for 40:54:00:00:00:03 with 20.0.0.3; it allows 40:54:00:00:00:03 10.0.0.9 (ls_out_check_port_sec of sw1, priority 0)", "", "ls_out_check_port_sec"},
		{"no actions", [][3]int{{3, 46, 0}, {9, 47, 1100}}, "the logical flow has no actions, so the packet ends there (ls_out_acl_sample of sw1, priority 1100: reg3 == 4301)", "", "ls_out_acl_sample"},
		{"any other", [][3]int{{7, 52, 50}}, "ls_out_other of sw1, priority 50 drops it: ip4", "", "ls_out_other"},
		{"not a drop", [][3]int{{8, 53, 50}}, "as it was", "", "ls_out_more"},
		{"unknown cookie", [][3]int{{0x1234, 53, 50}}, "as it was", "", ""},
	} {
		var hits []engine.TableHit
		for _, h := range c.tables {
			hits = append(hits, on(h[1], h[2], uint64(h[0])))
		}
		why, err := section(t, e, "hv1", flow, hits...).Reason(t.Context(), explain.At{Index: len(hits) - 1}, "as it was")
		if err != nil {
			t.Fatal(err)
		}
		if why.Text != c.text || why.Nearest != c.nearest || why.Stage != c.stage {
			t.Errorf("%s:\n got %q, nearest %q, stage %q\nwant %q, nearest %q, stage %q", c.name, why.Text, why.Nearest, why.Stage, c.text, c.nearest, c.stage)
		}
	}
	// A flow that does not drop keeps the text; ports in it get their names.
	names := section(t, e, "hv1", "", on(53, 50, 8))
	for text, want := range map[string]string{
		"out of port key 2 of datapath 1":           "out of p1 of sw1",
		"out of port key 3 of datapath 1, or not":   "out of port key 3 of datapath 1, or not",
		"out of port key 2 of datapath 77":          "out of port key 2 of datapath 77",
		"out of port key 32769 of datapath 1 again": "out of port key 32769 of datapath 1 again",
	} {
		if why, err := names.Reason(t.Context(), explain.At{}, text); err != nil || why.Text != want {
			t.Errorf("%q became %q (%v), want %q", text, why.Text, err, want)
		}
	}
	// At a place without a hit on a bridge of OVN's, the text is unchanged.
	if why, err := names.Reason(t.Context(), explain.At{Visit: 1}, "as it was"); err != nil || why != (explain.Reason{Text: "as it was"}) {
		t.Errorf("no hit: %+v, %v", why, err)
	}
}

// TestCarriedACL checks that the stage which acts on an ACL's decision is
// given that ACL.
func TestCarriedACL(t *testing.T) {
	for _, stages := range []string{"ls_out_acl_", "ls_in_acl_after_lb_"} {
		t.Run(stages, func(t *testing.T) { testCarriedACL(t, strings.ReplaceAll(aclRows(), "ls_out_acl_", stages)) })
	}
}

func testCarriedACL(t *testing.T, rows string) {
	sb := central(t, rows+`,{"op":"mutate","table":"Logical_Flow","where":[["priority","==",2000]],
		"mutations":[["external_ids","insert",["map",[["stage-hint","0000abcd"]]]]]}`)
	nb := northbound(t, `{"op":"insert","table":"Logical_Switch","uuid-name":"s","row":{"name":"sw1","acls":["uuid","0000abcd-0000-4000-8000-000000000000"]}},
		{"op":"insert","table":"ACL","uuid":"0000abcd-0000-4000-8000-000000000000","row":{"name":"no-ssh","direction":"to-lport",
			"priority":1000,"match":"tcp.dst == 22","action":"drop"}}`)
	e := explain.New(sb, nb)
	names := section(t, e, "hv1", "tcp,metadata=0x1,reg15=0x2,reg0=0x80,tp_dst=22", on(46, 2000, 2), on(48, 1000, 4))
	why, err := names.Reason(t.Context(), explain.At{Index: 1}, "")
	if err != nil {
		t.Fatal(err)
	}
	if name, _ := names.At(explain.At{Index: 1}); name.NB == nil || name.NB.Name != "no-ssh" || why.NB == nil ||
		why.Text != `ACL "no-ssh" (to-lport 1000 drop: tcp.dst == 22 (on switch sw1)) drops it` ||
		!strings.Contains(why.Nearest, "but for tcp.dst == 80") {
		t.Errorf("table %+v, reason %+v", name, why)
	}
}

// TestSameFlow checks that each of two packets that the same flow drops has a reason of its own.
func TestSameFlow(t *testing.T) {
	e := explain.New(central(t, aclRows()), nil)
	addrs := []string{"20.0.0.3", "20.0.0.4"}
	var hits []engine.TableHit
	for _, addr := range addrs {
		h := on(51, 0, 6)
		h.Flow = "ip,metadata=0x1,reg15=0x2,nw_dst=" + addr
		hits = append(hits, h)
	}
	names := section(t, e, "hv1", "", hits...)
	for i, addr := range addrs {
		if why, err := names.Reason(t.Context(), explain.At{Index: i}, ""); err != nil || !strings.Contains(why.Text, addr) {
			t.Errorf("%s: %q (%v)", addr, why.Text, err)
		}
	}
}

// TestBeyond checks the reasons where the pipelines let a packet through and the chassis cannot put
// it out: they differ, and none is a policy.
func TestBeyond(t *testing.T) {
	binding := func(key int, name, typ, rest string) string {
		return fmt.Sprintf(`{"op":"insert","table":"Port_Binding","row":{"logical_port":%q,"type":%q,"tunnel_key":%d,"datapath":["named-uuid","d"]%s}}`, name, typ, key, rest)
	}
	sb := central(t, strings.Join([]string{aclRows(),
		`{"op":"insert","table":"Encap","uuid-name":"e1","row":{"type":"geneve","ip":"172.31.0.1","chassis_name":"hv1"}}`,
		`{"op":"insert","table":"Encap","uuid-name":"e2","row":{"type":"geneve","ip":"172.31.0.2","chassis_name":"hv2"}}`,
		`{"op":"insert","table":"Chassis","uuid-name":"hv1","row":{"name":"hv1","hostname":"one","encaps":["named-uuid","e1"],"other_config":["map",[["ovn-bridge-mappings","net2:br2"]]]}}`,
		`{"op":"insert","table":"Chassis","uuid-name":"hv2","row":{"name":"hv2","hostname":"two","encaps":["named-uuid","e2"]}}`,
		binding(3, "nobody", "", ""),
		binding(4, "far", "", `,"chassis":["named-uuid","hv2"]`),
		binding(5, "near", "", `,"chassis":["named-uuid","hv1"]`),
		binding(6, "net", "localnet", `,"options":["map",[["network_name","net1"]]]`),
		binding(7, "net-2", "localnet", `,"options":["map",[["network_name","net2"]]]`),
		binding(8, "virt", "virtual", `,"options":["map",[["virtual-parents","p1,far"]]]`),
		binding(9, "cr-lr0-public", "chassisredirect", ""),
		strings.Replace(binding(10, "net-3", "localnet", `,"options":["map",[["network_name","net3"]]]`), `"row"`, `"uuid-name":"net3","row"`, 1),
		`{"op":"insert","table":"Multicast_Group","row":{"name":"_MC_unknown","tunnel_key":32769,"datapath":["named-uuid","d"],"ports":["named-uuid","net3"]}}`,
	}, ","))
	e := explain.New(sb, nil)
	for _, c := range []struct {
		flow string
		hit  engine.TableHit
		want string
	}{
		{"reg15=0x3", engine.TableHit{Table: 80}, "logical port nobody of sw1 is not bound to any chassis"},
		{"reg15=0x4", engine.TableHit{Table: 80}, "logical port far of sw1 is bound to hv2, to which hv1 has no tunnel"},
		{"reg15=0x5", engine.TableHit{Table: 80}, "logical port near of sw1 is bound to hv1, which has no interface for it"},
		{"reg15=0x6", engine.TableHit{Table: 80}, "hv1 has no bridge mapping for provider network net1, which localnet port net of sw1 is on"},
		{"reg15=0x7", engine.TableHit{Table: 80}, "hv1 has no patch port to the bridge of provider network net2, which localnet port net-2 of sw1 is on"},
		{"reg15=0x8", engine.TableHit{Table: 80}, "virtual port virt of sw1 is not bound: none of its parents (p1,far) has claimed its address"},
		{"reg15=0x9", engine.TableHit{Table: 80}, "gateway port lr0-public is on no chassis"},
		{"reg15=0x8001", engine.TableHit{Table: 80}, "multicast group _MC_unknown of sw1 has no port to put it out by: hv1 has no bridge mapping for provider network net3, which localnet port net-3 of sw1 is on"},
		{"reg15=0x3", engine.TableHit{Table: 40, Cookie: 0xbeef}, "logical port nobody of sw1 is not bound to any chassis"},
		{"reg15=0x3", engine.TableHit{Table: 40, Priority: 100, Cookie: 0xbeef}, "as it was"},
		{"reg15=0x5", engine.TableHit{Table: 65, Priority: 100, Cookie: 0xbeef, Actions: []string{"output:2", ">> Nonexistent output port"}},
			"logical port near of sw1 is bound to hv1, which has no interface for it"},
		{"reg15=0x5", engine.TableHit{Table: 65, Priority: 100, Cookie: 0xbeef, Actions: []string{"output:2"}}, "as it was"},
		{"reg15=0x77", engine.TableHit{Table: 80}, "as it was"},
		{"reg9=0x1", engine.TableHit{Table: 80}, "as it was"},
		{"reg15=0x4", engine.TableHit{Table: 46}, "no flow of table 46, a stage of sw1, takes it: its logical flows are not installed"},
		{"reg15=0x4", engine.TableHit{Table: 46, Cookie: 0xdead, Priority: 9}, "a flow of table 46 drops it (priority 9, cookie 0xdead) whose logical flow is no longer in the Southbound database"},
	} {
		c.hit.Flow = c.flow + ",metadata=0x1,ip"
		if c.hit.Miss = c.hit.Cookie == 0; !c.hit.Miss {
			c.hit.Match, c.hit.Metadata = "metadata=0x1", 1
		}
		why, err := section(t, e, "hv1", "", on(53, 50, 8), c.hit).Reason(t.Context(), explain.At{Index: 1}, "as it was")
		if err != nil {
			t.Fatal(err)
		}
		if why.Text != c.want {
			t.Errorf("%s in table %d: %q, want %q", c.flow, c.hit.Table, why.Text, c.want)
		}
	}
}

// TestRouterPort checks that a packet which comes by a disabled router port, or would leave by one,
// has the row of that port as its reason; and one that comes by an enabled port has not.
func TestRouterPort(t *testing.T) {
	const flow = `{"op":"insert","table":"Logical_Flow","uuid":"%08x-0000-4000-8000-000000000000","row":{"logical_datapath":["named-uuid","d"],
		"pipeline":%q,"table_id":%d,"priority":0,"match":"1","actions":"drop;","external_ids":["map",[["stage-name",%q]]]}}`
	sb := central(t, strings.Join([]string{
		`{"op":"insert","table":"Datapath_Binding","uuid-name":"d","row":{"tunnel_key":1,"external_ids":["map",[["name","lr0"]]]}}`,
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"lr0-off","type":"patch","tunnel_key":2,"datapath":["named-uuid","d"]}}`,
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"lr0-on","type":"patch","tunnel_key":3,"datapath":["named-uuid","d"]}}`,
		fmt.Sprintf(flow, 1, "ingress", 0, "lr_in_admission"), fmt.Sprintf(flow, 2, "egress", 6, "lr_out_delivery"),
	}, ","))
	nb := northbound(t, `{"op":"insert","table":"Logical_Router","row":{"name":"lr0","ports":["set",[["named-uuid","a"],["named-uuid","b"]]]}},
		{"op":"insert","table":"Logical_Router_Port","uuid-name":"a","row":{"name":"lr0-off","mac":"00:00:00:00:ff:01","networks":"10.0.0.1/24","enabled":false}},
		{"op":"insert","table":"Logical_Router_Port","uuid-name":"b","row":{"name":"lr0-on","mac":"00:00:00:00:ff:02","networks":"20.0.0.1/24"}}`)
	e := explain.New(sb, nb)
	for _, c := range []struct {
		flow string
		hit  engine.TableHit
		kind explain.Kind
		port string
		text string
	}{
		{"reg14=0x2", on(8, 0, 1), explain.KindRouterPortDown, "lr0-off", "router port lr0-off is disabled, so that lr0 takes nothing from it (lr_in_admission)"},
		{"reg14=0x3", on(8, 0, 1), explain.KindNotForRouter, "", "no port of router lr0 takes its Ethernet destination 00:00:00:00:ff:09 from lr0-on (lr_in_admission of lr0, priority 0)"},
		{"reg14=0x3,reg15=0x2", on(46, 0, 2), explain.KindRouterPortDown, "lr0-off", "router port lr0-off does not send: it is disabled, or does not exist (lr_out_delivery of lr0, priority 0)"},
	} {
		c.hit.Flow = "ip,metadata=0x1,dl_dst=00:00:00:00:ff:09," + c.flow
		r, err := section(t, e, "hv1", "", c.hit).Reason(t.Context(), explain.At{}, "")
		if err != nil {
			t.Fatal(err)
		}
		if r.Kind != c.kind || r.Subject.Port != c.port || r.Text != c.text || (r.NB != nil && r.NB.Name == "lr0-off") != (c.port != "") {
			t.Errorf("%s: kind %d, port %q, row %+v, %q", c.flow, r.Kind, r.Subject.Port, r.NB, r.Text)
		}
	}
}

// TestACLWithoutNorthbound checks that an ACL which cannot be named is not taken for the default.
func TestACLWithoutNorthbound(t *testing.T) {
	e := explain.New(central(t, aclRows()+`,{"op":"mutate","table":"Logical_Flow","where":[["priority","==",2000]],
		"mutations":[["external_ids","insert",["map",[["stage-hint","0000abcd"]]]]]}`), nil)
	for _, c := range []struct {
		tables []engine.TableHit
		want   string
	}{
		{[]engine.TableHit{on(46, 2000, 2), on(48, 1000, 4)}, `an ACL whose UUID begins with 0000abcd drops it: reg8[30..31] == 0 && reg0[7] == 1 && (outport == "p1" && tcp.dst == 22) (ls_out_acl_eval of sw1, priority 2000)`},
		{[]engine.TableHit{on(46, 0, 3), on(48, 0, 5)}, "no ACL allows it: default drop of sw1, priority 0 in ls_out_acl_action"},
	} {
		names := section(t, e, "hv1", "tcp,metadata=0x1,reg15=0x2,reg0=0x80,tp_dst=22", c.tables...)
		if why, err := names.Reason(t.Context(), explain.At{Index: 1}, ""); err != nil || why.Text != c.want {
			t.Errorf("%q (%v), want %q", why.Text, err, c.want)
		}
	}
}

// TestBridges checks whose tables are named: the integration bridge's, also where the packet
// entered by another.
func TestBridges(t *testing.T) {
	e := explain.New(central(t, aclRows()), nil)
	hit := func(bridge string) engine.TableHit {
		h := on(53, 50, 8)
		h.Bridge = bridge
		return h
	}
	first := &engine.Segment{Parent: -1, Enter: "packet", Tables: []engine.TableHit{hit("br-ex"), hit("br-int")}}
	then := &engine.Segment{ID: 1, Enter: "table 15", Tables: []engine.TableHit{hit("br-ex")}} // as ofproto/trace heads it
	names := way(t, e, "hv1", explain.Visit{Bridge: "br-ex", Integration: "br-int", Segments: []*engine.Segment{first, then}})
	for at, want := range map[explain.At]string{{}: "", {Index: 1}: "ls_out_more", {Segment: 1}: "ls_out_more"} {
		if name, ok := names.At(at); name.Stage != want || ok != (want != "") {
			t.Errorf("%+v is in stage %q, named %v; want %q", at, name.Stage, ok, want)
		}
	}
}
