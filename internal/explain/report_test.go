package explain_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/report"
)

var _ driver.Explainer = (*explain.Reporter)(nil)

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
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"p1","tunnel_key":2,"datapath":["named-uuid","d"]}}`,
		flow(1, 4, 2001, "ls_out_acl_eval", `reg8[30..31] == 0 && reg0[7] == 1 && (outport == "p1" && tcp.dst == 80)`, "reg8[16] = 1; reg0[1] = 1; next;"),
		flow(2, 4, 2000, "ls_out_acl_eval", `reg8[30..31] == 0 && reg0[7] == 1 && (outport == "p1" && tcp.dst == 22)`, "reg8[17] = 1; next;"),
		flow(3, 4, 0, "ls_out_acl_eval", "1", "next;"),
		flow(4, 6, 1000, "ls_out_acl_action", "reg8[17] == 1", "reg8[16] = 0; reg8[17] = 0; reg8[18] = 0; /* drop */"),
		flow(5, 6, 0, "ls_out_acl_action", "1", "reg8[16] = 0; reg8[17] = 0; reg8[18] = 0; /* drop */"),
		flow(6, 9, 0, "ls_out_check_port_sec", "1", "drop;"),
		flow(7, 10, 50, "ls_out_other", "ip4", "drop;"),
		flow(8, 11, 50, "ls_out_more", "ip4", "next;"),
	}, ",")
}

func TestReasons(t *testing.T) {
	sb := central(t, aclRows())
	e := explain.New(sb, nil)
	r := explain.Reporter{For: func(_ context.Context, chassis string) (*explain.Explainer, error) {
		if chassis != "hv1" {
			return nil, errors.New("no way to " + chassis)
		}
		return e, nil
	}}
	const flow = "ct_state=new|trk,tcp,reg0=0x80,reg15=0x2,metadata=0x1,in_port=3,dl_src=00:00:00:00:ff:02,dl_dst=40:54:00:00:00:03,nw_src=10.0.0.3,nw_dst=20.0.0.3,tp_src=1,tp_dst=81"
	for _, c := range []struct {
		name          string
		tables        [][3]int // cookie, OpenFlow table, priority
		text, nearest string
		stage         string
	}{
		{"default", [][3]int{{3, 46, 0}, {5, 48, 0}}, "no ACL allows it: default drop of sw1, priority 0 in ls_out_acl_action",
			"ls_out_acl_eval rule with priority 2001 (reg8[30..31] == 0 && reg0[7] == 1 && (outport == \"p1\" && tcp.dst == 80)) would take it but for tcp.dst == 80", "ls_out_acl_action"},
		{"port security", [][3]int{{6, 51, 0}}, "port security refuses it (ls_out_check_port_sec of sw1, priority 0)", "", "ls_out_check_port_sec"},
		{"any other", [][3]int{{7, 52, 50}}, "ls_out_other of sw1, priority 50 drops it: ip4", "", "ls_out_other"},
		{"not a drop", [][3]int{{8, 53, 50}}, "as it was", "", "ls_out_more"},
		{"unknown cookie", [][3]int{{0x1234, 53, 50}}, "as it was", "", ""},
	} {
		seg := &report.Segment{FinalFlow: flow}
		for _, h := range c.tables {
			seg.Tables = append(seg.Tables, report.Table{Table: h[1], Bridge: "br-int", Priority: h[2], Cookie: fmt.Sprintf("0x%x", h[0]), Match: "metadata=0x1"})
		}
		hops := []*report.Hop{{Chassis: "hv1", Bridge: "br-int", Segments: []*report.Segment{seg}}}
		if err := r.Explain(t.Context(), "hv1", hops); err != nil {
			t.Fatal(err)
		}
		last := seg.Tables[len(seg.Tables)-1]
		why := &report.Reason{Text: "as it was", Chassis: "hv1", Table: &last.Table, Cookie: last.Cookie}
		if err := r.Reason(t.Context(), "hv1", why); err != nil {
			t.Fatal(err)
		}
		if why.Text != c.text || why.Nearest != c.nearest || why.Stage != c.stage {
			t.Errorf("%s:\n got %q, nearest %q, stage %q\nwant %q, nearest %q, stage %q", c.name, why.Text, why.Nearest, why.Stage, c.text, c.nearest, c.stage)
		}
	}
	if err := r.Explain(t.Context(), "hv9", nil); err == nil {
		t.Error("a chassis without a database: no error")
	}
	if err := r.Reason(t.Context(), "hv1", nil); err != nil {
		t.Errorf("no reason: %v", err)
	}
}

// TestCarriedACL checks that the stage which acts on an ACL's decision is
// given that ACL.
func TestCarriedACL(t *testing.T) {
	sb := central(t, aclRows()+`,{"op":"mutate","table":"Logical_Flow","where":[["priority","==",2000]],
		"mutations":[["external_ids","insert",["map",[["stage-hint","0000abcd"]]]]]}`)
	nb := northbound(t, `{"op":"insert","table":"Logical_Switch","uuid-name":"s","row":{"name":"sw1","acls":["uuid","0000abcd-0000-4000-8000-000000000000"]}},
		{"op":"insert","table":"ACL","uuid":"0000abcd-0000-4000-8000-000000000000","row":{"name":"no-ssh","direction":"to-lport",
			"priority":1000,"match":"tcp.dst == 22","action":"drop"}}`)
	e := explain.New(sb, nb)
	r := explain.Reporter{For: func(context.Context, string) (*explain.Explainer, error) { return e, nil }}
	seg := &report.Segment{FinalFlow: "tcp,metadata=0x1,reg15=0x2,reg0=0x80,tp_dst=22", Tables: []report.Table{
		{Table: 46, Priority: 2000, Cookie: "0x2", Match: "metadata=0x1"}, {Table: 48, Priority: 1000, Cookie: "0x4", Match: "metadata=0x1"}}}
	if err := r.Explain(t.Context(), "hv1", []*report.Hop{{Segments: []*report.Segment{seg}}}); err != nil {
		t.Fatal(err)
	}
	why := &report.Reason{Chassis: "hv1", Table: &seg.Tables[1].Table, Cookie: "0x4"}
	if err := r.Reason(t.Context(), "hv1", why); err != nil {
		t.Fatal(err)
	}
	if seg.Tables[1].NB == nil || seg.Tables[1].NB.Name != "no-ssh" || why.NB == nil ||
		why.Text != `ACL "no-ssh" (to-lport 1000 drop: tcp.dst == 22 (on switch sw1)) drops it` ||
		!strings.Contains(why.Nearest, "but for tcp.dst == 80") {
		t.Errorf("table %+v, reason %+v", seg.Tables[1], why)
	}
}
