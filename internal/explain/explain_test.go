package explain_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn/ovntest"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

func TestExplainEveryFlow(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology)
	sb, nb := dial(t, d)
	all := flows(t, sb)
	sw1, err := sb.DatapathByName(t.Context(), "sw1")
	if err != nil {
		t.Fatal(err)
	}
	var hits []engine.TableHit
	for _, f := range all {
		hits = append(hits, hit(f, uint64(sw1.TunnelKey)))
	}
	named, err := explain.New(sb, nb).Explain(t.Context(), hits)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]int{}
	for i, n := range named {
		f := all[i]
		if n.Flow == nil || n.Flow.UUID != f.id || n.Stage != f.stage || n.Stage == "" {
			t.Fatalf("%+v is named %+v", f, n)
		}
		if n.NB != nil && n.NB.Table == "Logical_Switch" && f.group && n.NB.Name != "sw1" {
			t.Errorf("%s of a group is behind switch %s", f.id, n.NB.Name)
		}
		if f.group && n.Flow.Datapath != "sw1" {
			t.Errorf("%s of a group is on %q", f.id, n.Flow.Datapath)
		}
		switch {
		case f.hint == "" && n.NB != nil:
			t.Errorf("%s has no hint and is behind %+v", f.id, n.NB)
		case f.hint != "" && (n.NB == nil || !f.group && !strings.HasPrefix(n.NB.UUID.String(), f.hint)):
			t.Errorf("%s (%s, %s) with hint %s is behind %+v: %s", f.id, f.stage, f.match, f.hint, n.NB, n.Why)
		case f.hint != "":
			tables[n.NB.Table]++
			if n.NB.Summary == "" {
				t.Errorf("%s %s has no summary", n.NB.Table, n.NB.UUID)
			}
		}
	}
	for _, want := range []string{"ACL", "NAT", "Load_Balancer", "Logical_Switch_Port", "Logical_Router_Port",
		"Logical_Router_Static_Route", "Logical_Router_Policy", "QoS"} {
		if tables[want] == 0 {
			t.Errorf("no flow was traced back to %s", want)
		}
	}
}

func TestSummaries(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology+`
--id=@d create dhcp_options cidr=10.0.0.0/24 options='"lease_time"="3600" "router"="10.0.0.1" "server_id"="10.0.0.1" "server_mac"="00:00:00:00:ff:01"' -- set logical_switch_port sw0-p1 dhcpv4_options=@d
lb-add lb1 30.0.0.20:80 20.0.0.3:80
lb-add lb1 30.0.0.20:443 20.0.0.3:443
ls-lb-add sw0 lb1`)
	sb, nb := dial(t, d)
	e := explain.New(sb, nb)
	all := flows(t, sb)
	for _, c := range []struct{ stage, match, table, name, summary string }{
		{"ls_out_acl", "tcp.dst == 22", "ACL", "no-ssh", `to-lport 1002 drop: outport == "sw1-p1" && tcp.dst == 22, logged (on switch sw1)`},
		{"ls_out_acl", "tcp.dst == 80", "ACL", "web-in", `to-lport 1001 allow-related: outport == "sw1-p1" && tcp.dst == 80, logged (on switch sw1)`},
		{"ls_in_acl", "inport == @pg0", "ACL", "", `from-lport 1001 allow-related: inport == @pg0 && ip4 (on port group pg0)`},
		{"lr_out_snat", "ip4.src == 10.0.0.0/24", "NAT", "", "snat 10.0.0.0/24 => 172.16.0.100 (on router lr0)"},
		{"lr_in_dnat", "ip4.dst == 172.16.0.110", "NAT", "", "dnat_and_snat 172.16.0.110 <=> 10.0.0.3, distributed at sw0-p1 (30:54:00:00:00:03) (on router lr0)"},
		{"ls_in_lb", "30.0.0.10", "Load_Balancer", "lb0", "30.0.0.10:80/tcp => 20.0.0.3:80,20.0.0.4:80"},
		{"ls_in_lb", "tcp.dst == 443", "Load_Balancer", "lb1", "30.0.0.20:443/tcp => 20.0.0.3:443"},
		{"lr_in_ip_routing", "0.0.0.0/0", "Logical_Router_Static_Route", "", "route 0.0.0.0/0 via 172.16.0.1 (on router lr0)"},
		{"lr_in_policy", "10.0.0.4", "Logical_Router_Policy", "", "policy 100 ip4.src == 10.0.0.4: drop (on router lr0)"},
		{"ls_in_qos_mark", "sw0-p1", "QoS", "", `from-lport 100 inport == "sw0-p1": dscp=11 rate=1000 (on switch sw0)`},
		{"ls_in_dhcp_options", "sw0-p1", "DHCP_Options", "", "DHCP options of 10.0.0.0/24: lease_time=3600 router=10.0.0.1 server_id=10.0.0.1 server_mac=00:00:00:00:ff:01"},
		{"ls_in_l2_lkup", "50:54:00:00:00:01", "Logical_Switch_Port", "sw0-p1", "port sw0-p1: 50:54:00:00:00:01 10.0.0.3 fd00::3 (on switch sw0)"},
	} {
		i := slices.IndexFunc(all, func(f flowRow) bool { return f.stage == c.stage && strings.Contains(f.match, c.match) && f.hint != "" })
		if i < 0 {
			t.Errorf("no flow of %s with %s", c.stage, c.match)
			continue
		}
		n, err := e.Explain(t.Context(), []engine.TableHit{hit(all[i], 0)})
		if err != nil {
			t.Fatal(err)
		}
		if nb := n[0].NB; nb == nil || nb.Table != c.table || nb.Name != c.name || nb.Summary != c.summary {
			t.Errorf("%s %s:\n got %+v\nwant %s %q %s", c.stage, c.match, nb, c.table, c.name, c.summary)
		}
	}
}

// TestSharedFlow checks a logical flow that northd made of equal ACLs of two switches: its hint
// names one of them, whichever switch the packet is on.
func TestSharedFlow(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology+`
acl-add sw0 to-lport 777 'ip4.src == 7.7.7.7' drop
acl-add sw1 to-lport 777 'ip4.src == 7.7.7.7' drop`)
	sb, nb := dial(t, d)
	all := flows(t, sb)
	i := slices.IndexFunc(all, func(f flowRow) bool { return strings.Contains(f.match, "7.7.7.7") && f.group })
	if i < 0 {
		t.Fatal("northd shares no flow")
	}
	seen := map[ovsdb.UUID]bool{}
	for _, name := range []string{"sw0", "sw1"} {
		dp, err := sb.DatapathByName(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		n, err := explain.New(sb, nb).Explain(t.Context(), []engine.TableHit{hit(all[i], uint64(dp.TunnelKey))})
		if err != nil || n[0].NB == nil || n[0].NB.Summary != "to-lport 777 drop: ip4.src == 7.7.7.7 (on switch "+name+")" {
			t.Fatalf("%s: %+v, %v", name, n[0].NB, err)
		}
		seen[n[0].NB.UUID] = true
	}
	if len(seen) != 2 {
		t.Errorf("both switches' packets are traced to one ACL: %v", seen)
	}
}

func TestOtherRows(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology)
	if _, err := d.SBCtl(t.Context(), "chassis-add hv1 geneve 192.168.0.1\nset chassis hv1 hostname=node1"); err != nil {
		t.Fatal(err)
	}
	sb, nb := dial(t, d)
	lr, err := sb.DatapathByName(t.Context(), "lr0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.SBCtl(t.Context(), "create mac_binding logical_port=lr0-public ip=172.16.0.1 mac='\"00:00:00:00:00:09\"' datapath="+lr.UUID.String()); err != nil {
		t.Fatal(err)
	}
	e := explain.New(sb, nb)
	for _, c := range []struct{ table, column, value, want string }{
		{"Port_Binding", "logical_port", "sw0-lr0", "Port_Binding sw0-lr0 (patch) on sw0"},
		{"Multicast_Group", "name", "_MC_flood", "Multicast_Group _MC_flood (tunnel key 32768) on "},
		{"Chassis", "name", "hv1", "Chassis hv1 (node1)"},
		{"Encap", "type", "geneve", "Encap geneve 192.168.0.1 of hv1"},
		{"MAC_Binding", "ip", "172.16.0.1", "MAC_Binding 172.16.0.1 is 00:00:00:00:00:09 at lr0-public"},
		{"Load_Balancer", "name", "lb0", "Load_Balancer lb0 (30.0.0.10:80)"},
		{"Datapath_Binding", "tunnel_key", "", "Datapath_Binding "},
	} {
		q := ovsdb.From(c.table)
		if c.value != "" {
			q = q.Equal(c.column, c.value)
		}
		res, err := sb.Select(t.Context(), q)
		if err != nil || len(res[0]) == 0 {
			t.Errorf("%s: %v, %v", c.table, res, err)
			continue
		}
		n, err := e.Explain(t.Context(), []engine.TableHit{{Table: 65, Cookie: uint64(ovn.Cookie(res[0][0].UUID())), Priority: 100}})
		if err != nil || !strings.HasPrefix(n[0].Row, c.want) || n[0].Flow != nil {
			t.Errorf("%s: %+v, %v; want %s", c.table, n[0], err, c.want)
		}
	}
	n, err := e.Explain(t.Context(), []engine.TableHit{{Cookie: 0}, {Cookie: 0x123456789a}, {Cookie: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"no cookie", "not one of OVN's", "no row has the cookie"} {
		if !strings.Contains(n[i].Why, want) {
			t.Errorf("%+v, want %q", n[i], want)
		}
	}
}

func TestWithout(t *testing.T) {
	n, err := explain.New(nil, nil).Explain(t.Context(), []engine.TableHit{{Cookie: 1}})
	if err != nil || n[0].Why != "no Southbound database" {
		t.Errorf("without a database: %+v, %v", n, err)
	}
	d := ovntest.New(t, ovntest.Topology)
	sb, _ := dial(t, d)
	all := flows(t, sb)
	i := slices.IndexFunc(all, func(f flowRow) bool { return f.hint != "" })
	n, err = explain.New(sb, nil).Explain(t.Context(), []engine.TableHit{hit(all[i], 0)})
	if err != nil || n[0].Flow == nil || n[0].NB != nil || !strings.Contains(n[0].Why, all[i].hint) {
		t.Errorf("without a Northbound database: %+v, %v", n, err)
	}
	d.Stop()
	if n, err = explain.New(sb, nil).Explain(t.Context(), []engine.TableHit{hit(all[i], 0)}); err == nil || n[0].Why == "" {
		t.Errorf("database gone: %+v, %v", n, err)
	}
}

// TestNewRows checks that rows written after the index was read are found.
func TestNewRows(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology)
	sb, nb := dial(t, d)
	e := explain.New(sb, nb)
	old := flows(t, sb)
	if _, err := e.Explain(t.Context(), []engine.TableHit{hit(old[0], 0)}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.NBCtl(t.Context(), `--name=late acl-add sw1 to-lport 1500 'ip4.src == 9.9.9.9' drop`); err != nil {
		t.Fatal(err)
	}
	all := flows(t, sb)
	i := slices.IndexFunc(all, func(f flowRow) bool { return strings.Contains(f.match, "9.9.9.9") })
	n, err := e.Explain(t.Context(), []engine.TableHit{hit(all[i], 0)})
	if err != nil || n[0].NB == nil || n[0].NB.Name != "late" {
		t.Errorf("%+v, %v", n[0], err)
	}
}

func TestAmbiguous(t *testing.T) {
	flow := func(id, dp, pipeline string, table, priority int, match string) string {
		return fmt.Sprintf(`{"op":"insert","table":"Logical_Flow","uuid":%q,"row":{"logical_datapath":["named-uuid",%q],"pipeline":%q,"table_id":%d,
			"priority":%d,"match":%q,"actions":"next;","external_ids":["map",[["stage-name","s"]]]}}`, id, dp, pipeline, table, priority, match)
	}
	id := func(n int) string { return fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012d", n) }
	sb := central(t, strings.Join([]string{
		`{"op":"insert","table":"Datapath_Binding","uuid-name":"d1","row":{"tunnel_key":1,"external_ids":["map",[["name","sw1"]]]}}`,
		`{"op":"insert","table":"Datapath_Binding","uuid-name":"d2","row":{"tunnel_key":2,"external_ids":["map",[["name","sw2"]]]}}`,
		// Unambiguous flows, from which the bases are learned.
		flow("00000001-0000-4000-8000-000000000001", "d1", "ingress", 3, 50, "ip"),
		flow("00000002-0000-4000-8000-000000000001", "d1", "ingress", 4, 60, "ip"),
		flow("00000003-0000-4000-8000-000000000001", "d1", "egress", 2, 70, "ip"),
		// Six flows and a port of one cookie.
		flow(id(1), "d1", "ingress", 5, 100, "ip4"),
		flow(id(2), "d1", "egress", 5, 100, "ip4"),
		flow(id(3), "d1", "ingress", 6, 100, "ip4.dst == 10.0.0.1"),
		flow(id(4), "d1", "ingress", 6, 100, "ip4.dst == 10.0.0.2"),
		flow(id(5), "d2", "ingress", 6, 100, "ip4.dst == 10.0.0.1"),
		flow(id(6), "d1", "ingress", 6, 90, "ip6"),
		`{"op":"insert","table":"Port_Binding","uuid":"aaaaaaaa-0000-4000-8000-00000000ffff","row":{"logical_port":"p","tunnel_key":1,"datapath":["named-uuid","d1"]}}`,
		// A flow and a port of one cookie.
		flow("bbbbbbbb-0000-4000-8000-000000000001", "d1", "ingress", 5, 100, "ip4"),
		`{"op":"insert","table":"Port_Binding","uuid":"bbbbbbbb-0000-4000-8000-00000000ffff","row":{"logical_port":"q","tunnel_key":2,"datapath":["named-uuid","d1"]}}`,
		// A flow whose learn() made an entry elsewhere.
		flow("cccccccc-0000-4000-8000-000000000001", "d1", "ingress", 7, 100, "ip4"),
	}, ","))
	learn := []engine.TableHit{{Table: 11, Cookie: 1, Priority: 50}, {Table: 12, Cookie: 2, Priority: 60}, {Table: 52, Cookie: 3, Priority: 70}}
	for _, c := range []struct {
		name       string
		hit        engine.TableHit
		flow       string
		row        string
		candidates int
	}{
		{"by pipeline, ingress", engine.TableHit{Table: 13, Cookie: 0xaaaaaaaa, Priority: 100}, id(1), "", 0},
		{"by pipeline, egress", engine.TableHit{Table: 55, Cookie: 0xaaaaaaaa, Priority: 100}, id(2), "", 0},
		{"by priority", engine.TableHit{Table: 14, Cookie: 0xaaaaaaaa, Priority: 90}, id(6), "", 0},
		{"by datapath", engine.TableHit{Table: 14, Cookie: 0xaaaaaaaa, Priority: 100, Metadata: 2}, id(5), "", 0},
		{"by match", engine.TableHit{Table: 14, Cookie: 0xaaaaaaaa, Priority: 100, Match: "ip,metadata=0x1,nw_dst=10.0.0.2", Metadata: 1}, id(4), "", 0},
		{"ambiguous", engine.TableHit{Table: 14, Cookie: 0xaaaaaaaa, Priority: 100, Match: "ip,metadata=0x1", Metadata: 1}, "", "", 2},
		{"neither", engine.TableHit{Table: 14, Cookie: 0xaaaaaaaa, Priority: 1, Match: "metadata=0x1", Metadata: 1}, "", "Port_Binding p on sw1", 0},
		{"a flow's table", engine.TableHit{Table: 13, Cookie: 0xbbbbbbbb, Priority: 100}, "bbbbbbbb-0000-4000-8000-000000000001", "", 0},
		{"a port's table", engine.TableHit{Table: 65, Cookie: 0xbbbbbbbb, Priority: 100}, "", "Port_Binding q on sw1", 0},
		{"learned", engine.TableHit{Table: 78, Cookie: 0xcccccccc, Priority: 150}, "cccccccc-0000-4000-8000-000000000001", "", 0},
	} {
		named, err := explain.New(sb, nil).Explain(context.Background(), append(slices.Clone(learn), c.hit))
		if err != nil {
			t.Fatal(err)
		}
		n := named[len(learn)]
		var got string
		if n.Flow != nil {
			got = n.Flow.UUID.String()
		}
		if got != c.flow || n.Row != c.row || len(n.Candidates) != c.candidates {
			t.Errorf("%s: %+v (flow %s)", c.name, n, got)
		}
	}
}

func TestNearestMiss(t *testing.T) {
	d := ovntest.New(t, ovntest.Topology)
	sb, nb := dial(t, d)
	e := explain.New(sb, nb)
	sw1, err := sb.DatapathByName(t.Context(), "sw1")
	if err != nil {
		t.Fatal(err)
	}
	p, err := sb.PortByName(t.Context(), "sw1-p1")
	if err != nil {
		t.Fatal(err)
	}
	all := flows(t, sb)
	acl := all[slices.IndexFunc(all, func(f flowRow) bool { return f.stage == "ls_out_acl" })]
	flow := fmt.Sprintf("recirc_id=0x5,ct_state=new|trk,tcp,reg0=0x280,reg15=0x%x,metadata=0x%x,in_port=3,vlan_tci=0x0000,dl_src=00:00:00:00:ff:02,"+
		"dl_dst=40:54:00:00:00:03,nw_src=10.0.0.3,nw_dst=20.0.0.3,nw_ttl=63,tp_src=1111,tp_dst=81,tcp_flags=syn", p.TunnelKey, sw1.TunnelKey)
	m, err := e.NearestMiss(t.Context(), "hv1", uint64(sw1.TunnelKey), acl.pipeline, acl.table, 1900, flow)
	if err != nil {
		t.Fatal(err)
	}
	if m.NB == nil || m.NB.Name != "web-in" || len(m.Failed) != 1 || m.Failed[0] != "tcp.dst == 80" || m.Datapath != "sw1" {
		t.Errorf("nearest: %+v: %s", m, m)
	}

	// The same on a packet's way: the ACL that drops, and what would have let it by.
	dropping := all[slices.IndexFunc(all, func(f flowRow) bool {
		return f.stage == "ls_out_acl" && f.priority == 1900 && strings.Contains(f.match, "reg0[9]")
	})]
	h := hit(dropping, uint64(sw1.TunnelKey))
	h.Bridge = "br-int"
	seg := &engine.Segment{Parent: -1, Final: flow, Tables: []engine.TableHit{h, {Table: 0, Bridge: "br-ex", Priority: 0, Cookie: 1, Match: "priority=0"}}}
	names := way(t, e, "hv1", explain.Visit{Bridge: "br-int", Segments: []*engine.Segment{seg}})
	name, _ := names.At(explain.At{})
	if name.Stage != "ls_out_acl" || name.NB == nil || name.Flow == nil || name.Flow.Datapath != "sw1" {
		t.Errorf("table: %+v", name)
	}
	why, err := names.Reason(t.Context(), explain.At{}, "")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(why.Text, "to-lport 900 drop") || !strings.Contains(why.Nearest, `"web-in"`) || !strings.Contains(why.Nearest, "but for tcp.dst == 80") {
		t.Errorf("reason: %+v", why)
	}
}
