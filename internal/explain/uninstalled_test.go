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
		{"one outside the pipelines", "tcp," + common + "tcp_dst=81", engine.TableHit{Table: 66, Priority: 7, Cookie: 0xdead}, ""},
	} {
		c.hit.Flow = c.flow
		if !c.hit.Miss {
			c.hit.Match, c.hit.Metadata = "metadata=0x1", 1
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
