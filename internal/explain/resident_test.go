package explain_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/explain"
)

// lflow is a row of a router's or switch's pipeline, whose UUID begins with n.
func lflow(n int, pipeline string, table, priority int, stage, match, actions, hint string) string {
	ids := fmt.Sprintf(`["stage-name",%q]`, stage)
	if hint != "" {
		ids += fmt.Sprintf(`,["stage-hint",%q]`, hint)
	}
	return fmt.Sprintf(`{"op":"insert","table":"Logical_Flow","uuid":"%08x-0000-4000-8000-000000000000","row":{"logical_datapath":["named-uuid","d"],
		"pipeline":%q,"table_id":%d,"priority":%d,"match":%q,"actions":%q,"external_ids":["map",[%s]]}}`, n, pipeline, table, priority, match, actions, ids)
}

// chassisRows are hv1 to hv3, and a gateway port's group of hv2 before hv1.
func chassisRows(claimed string) string {
	var rows []string
	for i, name := range []string{"hv1", "hv2", "hv3"} {
		rows = append(rows,
			fmt.Sprintf(`{"op":"insert","table":"Encap","uuid-name":"e%s","row":{"type":"geneve","ip":"172.31.0.%d","chassis_name":%q}}`, name, i+1, name),
			fmt.Sprintf(`{"op":"insert","table":"Chassis","uuid-name":%q,"row":{"name":%q,"hostname":%q,"encaps":["named-uuid","e%s"]}}`, name, name, name, name))
	}
	on := ""
	if claimed != "" {
		on = fmt.Sprintf(`,"chassis":["named-uuid",%q]`, claimed)
	}
	return strings.Join(append(rows,
		`{"op":"insert","table":"HA_Chassis","uuid-name":"first","row":{"chassis":["named-uuid","hv2"],"priority":20}}`,
		`{"op":"insert","table":"HA_Chassis","uuid-name":"second","row":{"chassis":["named-uuid","hv1"],"priority":10}}`,
		`{"op":"insert","table":"HA_Chassis_Group","uuid-name":"group","row":{"name":"g","ha_chassis":["set",[["named-uuid","first"],["named-uuid","second"]]]}}`,
		`{"op":"insert","table":"Datapath_Binding","uuid-name":"d","row":{"tunnel_key":1,"external_ids":["map",[["name","inner"]]]}}`,
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"inner-mid","type":"patch","tunnel_key":2,"datapath":["named-uuid","d"]}}`,
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"cr-inner-mid","type":"chassisredirect","tunnel_key":3,"datapath":["named-uuid","d"],"ha_chassis_group":["named-uuid","group"]`+on+`}}`,
		`{"op":"insert","table":"Port_Binding","row":{"logical_port":"vm","tunnel_key":4,"datapath":["named-uuid","d"],"chassis":["named-uuid","hv3"]}}`,
	), ",")
}

// TestChassisBound checks the reasons of packets that another chassis would have handled.
func TestChassisBound(t *testing.T) {
	const here = `is_chassis_resident("cr-inner-mid")`
	rows := strings.Join([]string{
		lflow(1, "ingress", 0, 50, "lr_in_admission", `eth.dst == 0a:00:00:00:00:02 && inport == "inner-mid" && `+here, "next;", ""),
		lflow(2, "ingress", 0, 40, "lr_in_admission", `eth.dst == 0a:00:00:00:00:03 && inport == "inner-mid" && is_chassis_resident("vm")`, "next;", ""),
		lflow(3, "ingress", 0, 40, "lr_in_admission", `eth.dst == 0a:00:00:00:00:04 && inport == "inner-mid" && is_chassis_resident("gone")`, "next;", ""),
		lflow(4, "ingress", 0, 40, "lr_in_admission", `eth.dst == 0a:00:00:00:00:05 && udp.dst == 9 && `+here, "next;", ""),
		lflow(5, "ingress", 0, 0, "lr_in_admission", "1", "drop;", ""),
		lflow(6, "ingress", 3, 92, "lr_in_ip_input", `inport == "inner-mid" && arp.op == 1 && arp.tpa == 172.16.0.9 && `+here, "arp.op = 2; output;", ""),
		lflow(7, "ingress", 3, 91, "lr_in_ip_input", `inport == "inner-mid" && arp.op == 1 && arp.tpa == 172.16.0.9`, "drop;", ""),
		lflow(8, "ingress", 3, 93, "lr_in_ip_input", `nd_ns && nd.target == fd00::9 && `+here, "nd_na { output; };", ""),
		lflow(9, "ingress", 3, 20, "lr_in_ip_input", `nd_ns`, "drop;", ""),
		lflow(10, "ingress", 4, 100, "lr_in_unsnat", `ip && ip4.dst == 172.16.0.9 && inport == "inner-mid" && !is_chassis_resident("vm")`, "ct_snat;", ""),
		lflow(11, "ingress", 4, 100, "lr_in_unsnat", `ip && ip4.dst == 172.16.0.8 && inport == "inner-mid" && `+here, "ct_snat;", "000000aa"),
		lflow(12, "ingress", 4, 0, "lr_in_unsnat", "1", "next;", ""),
		lflow(13, "ingress", 11, 0, "lr_in_ip_routing", "1", "drop;", ""),
		// A flow that drops on the other chassis too does not count. A flow of lower priority than
		// the one hit would not have been hit.
		lflow(15, "ingress", 3, 90, "lr_in_ip_input", `arp.op == 1 && arp.tpa == 172.16.0.7 && `+here, "arp.op = 2; output;", ""),
		lflow(14, "ingress", 0, 60, "lr_in_admission", `eth.dst == 0a:00:00:00:00:06 && `+here, "drop;", ""),
	}, ",")
	nb := northbound(t, `{"op":"insert","table":"Logical_Router","row":{"name":"inner","nat":["uuid","000000aa-0000-4000-8000-000000000000"]}},
		{"op":"insert","table":"NAT","uuid":"000000aa-0000-4000-8000-000000000000","row":{"type":"snat","external_ip":"172.16.0.8","logical_ip":"10.0.0.0/24"}}`)
	type look struct {
		cookie, table, priority int
	}
	admission, input, unsnat, routing := look{5, 8, 0}, look{7, 11, 91}, look{12, 12, 0}, look{13, 19, 0}
	for _, c := range []struct {
		name, chassis, claimed string
		flow                   string
		looks                  []look
		text, nearest          string
	}{
		{"gateway port", "hv1", "hv2", "ip,dl_dst=0a:00:00:00:00:02", []look{admission},
			"Ethernet destination 0a:00:00:00:00:02 from inner-mid is handled only on the chassis where cr-inner-mid resides: hv2 (lr_in_admission of inner, priority 0)", ""},
		{"from a chassis out of the group", "hv3", "hv2", "ip,dl_dst=0a:00:00:00:00:02", []look{admission},
			"Ethernet destination 0a:00:00:00:00:02 from inner-mid is handled only on the chassis where cr-inner-mid resides: hv2 (lr_in_admission of inner, priority 0)", ""},
		{"claimed by nobody", "hv3", "", "ip,dl_dst=0a:00:00:00:00:02", []look{admission},
			"Ethernet destination 0a:00:00:00:00:02 from inner-mid is handled only on the chassis where cr-inner-mid resides, and it resides on none (lr_in_admission of inner, priority 0)", ""},
		{"claimed by nobody yet", "hv1", "", "ip,dl_dst=0a:00:00:00:00:02", []look{admission},
			"no port of router inner takes its Ethernet destination 0a:00:00:00:00:02 from inner-mid (lr_in_admission of inner, priority 0)", ""},
		{"on the chassis that goes first", "hv2", "hv1", "ip,dl_dst=0a:00:00:00:00:02", []look{admission},
			"no port of router inner takes its Ethernet destination 0a:00:00:00:00:02 from inner-mid (lr_in_admission of inner, priority 0)", ""},
		{"resident", "hv2", "hv2", "ip,dl_dst=0a:00:00:00:00:02", []look{admission},
			"no port of router inner takes its Ethernet destination 0a:00:00:00:00:02 from inner-mid (lr_in_admission of inner, priority 0)", ""},
		{"a workload's chassis", "hv1", "hv2", "ip,dl_dst=0a:00:00:00:00:03", []look{admission},
			"Ethernet destination 0a:00:00:00:00:03 from inner-mid is handled only on the chassis where vm resides: hv3 (lr_in_admission of inner, priority 0)", ""},
		{"no such port", "hv1", "hv2", "ip,dl_dst=0a:00:00:00:00:04", []look{admission},
			"Ethernet destination 0a:00:00:00:00:04 from inner-mid is handled only on the chassis where gone resides, and it resides on none (lr_in_admission of inner, priority 0)", ""},
		{"another condition fails too", "hv1", "hv2", "udp,tp_dst=8,dl_dst=0a:00:00:00:00:05", []look{admission},
			"no port of router inner takes its Ethernet destination 0a:00:00:00:00:05 from inner-mid (lr_in_admission of inner, priority 0)", ""},
		{"drops there too", "hv1", "hv2", "ip,dl_dst=0a:00:00:00:00:06", []look{admission},
			"no port of router inner takes its Ethernet destination 0a:00:00:00:00:06 from inner-mid (lr_in_admission of inner, priority 0)", ""},
		{"ARP responder", "hv1", "hv2", "arp,arp_op=1,arp_tpa=172.16.0.9", []look{input},
			"the ARP request for 172.16.0.9 is handled only on the chassis where cr-inner-mid resides: hv2 (lr_in_ip_input of inner, priority 91)", ""},
		{"behind what took it", "hv1", "hv2", "arp,arp_op=1,arp_tpa=172.16.0.7", []look{input},
			`lr_in_ip_input of inner, priority 91 drops it: inport == "inner-mid" && arp.op == 1 && arp.tpa == 172.16.0.9`, ""},
		{"ND responder", "hv1", "hv2", "icmp6,nw_ttl=255,icmp_type=135,nd_target=fd00::9", []look{{9, 11, 20}},
			"the neighbour solicitation for fd00::9 is handled only on the chassis where cr-inner-mid resides: hv2 (lr_in_ip_input of inner, priority 20)", ""},
		{"translation before", "hv1", "hv2", "tcp,nw_dst=172.16.0.8", []look{unsnat, routing},
			"no route of inner leads to its destination 172.16.0.8 (lr_in_ip_routing of inner, priority 0)",
			"NAT (snat 10.0.0.0/24 => 172.16.0.8 (on router inner)) is handled only on the chassis where cr-inner-mid resides: hv2 (lr_in_unsnat of inner)"},
		{"translation where a port does not reside", "hv3", "hv2", "tcp,nw_dst=172.16.0.9", []look{unsnat, routing},
			"no route of inner leads to its destination 172.16.0.9 (lr_in_ip_routing of inner, priority 0)",
			`lr_in_unsnat priority 100 (ip && ip4.dst == 172.16.0.9 && inport == "inner-mid" && !is_chassis_resident("vm")) is handled only on chassis where vm does not reside, and it resides on hv3 (lr_in_unsnat of inner)`},
		{"no translation before", "hv1", "hv2", "tcp,nw_dst=172.16.0.7", []look{unsnat, routing}, "no route of inner leads to its destination 172.16.0.7 (lr_in_ip_routing of inner, priority 0)", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := explain.New(central(t, chassisRows(c.claimed)+","+rows), nb)
			// The stages are spread over two segments: what came before a recirculation counts.
			segs := []*engine.Segment{{ID: 0, Parent: -1}, {ID: 1, Parent: 0}}
			for i, l := range c.looks {
				h := on(l.table, l.priority, uint64(l.cookie))
				h.Flow = "metadata=0x1,reg14=0x2," + c.flow
				s := segs[min(i, 1)]
				s.Tables = append(s.Tables, h)
			}
			last := min(len(c.looks)-1, 1)
			names := way(t, e, c.chassis, explain.Visit{Segments: segs})
			why, err := names.Reason(t.Context(), explain.At{Segment: last, Index: len(segs[last].Tables) - 1}, "")
			if err != nil {
				t.Fatal(err)
			}
			if why.Text != c.text || why.Nearest != c.nearest {
				t.Errorf("\n got %q, nearest %q\nwant %q, nearest %q", why.Text, why.Nearest, c.text, c.nearest)
			}
		})
	}
}

// TestUntracked checks the reasons of answers whose connection conntrack cannot know.
func TestUntracked(t *testing.T) {
	const tracks = "reg0[0] = 1; next;"
	port := func(key int, name, typ string) string {
		return fmt.Sprintf(`{"op":"insert","table":"Port_Binding","row":{"logical_port":%q,"type":%q,"tunnel_key":%d,"datapath":["named-uuid","d"]}}`, name, typ, key)
	}
	rows := strings.Join([]string{
		`{"op":"insert","table":"Datapath_Binding","uuid-name":"d","row":{"tunnel_key":1,"external_ids":["map",[["name","bb"]]]}}`,
		port(2, "bb-r1", "patch"), port(3, "bb-r2", "patch"), port(4, "ln-bb", "localnet"), port(5, "vm", ""),
		lflow(1, "egress", 0, 110, "ls_out_pre_acl", `ip && outport == "bb-r1"`, "next;", ""),
		lflow(2, "egress", 0, 110, "ls_out_pre_acl", `ip && outport == "ln-bb"`, "next;", ""),
		lflow(3, "egress", 0, 100, "ls_out_pre_acl", `ip`, tracks, ""),
		lflow(4, "egress", 0, 0, "ls_out_pre_acl", `1`, "next;", ""),
		lflow(5, "egress", 4, 2000, "ls_out_acl", `reg0[8] == 1 && (ip4.src == 10.0.0.0/24)`, "next;", "000000aa"),
		lflow(6, "egress", 4, 1000, "ls_out_acl", `reg0[10] == 1 && (ip4)`, "drop;", "000000bb"),
		lflow(7, "egress", 4, 65532, "ls_out_acl", `ct.inv`, "drop;", ""),
		lflow(8, "ingress", 3, 2100, "ls_in_pre_acl", `inport == "vm" && udp.dst == 53`, "next;", "000000cc"),
		lflow(9, "ingress", 3, 100, "ls_in_pre_acl", `ip`, tracks, ""),
	}, ",")
	nb := northbound(t, `{"op":"insert","table":"Logical_Switch","row":{"name":"bb","acls":["set",[["uuid","000000aa-0000-4000-8000-000000000000"],["uuid","000000bb-0000-4000-8000-000000000000"],["uuid","000000cc-0000-4000-8000-000000000000"]]]}},
		{"op":"insert","table":"ACL","uuid":"000000aa-0000-4000-8000-000000000000","row":{"name":"out","direction":"to-lport","priority":1000,"match":"ip4.src == 10.0.0.0/24","action":"allow-related"}},
		{"op":"insert","table":"ACL","uuid":"000000bb-0000-4000-8000-000000000000","row":{"name":"rest","direction":"to-lport","priority":0,"match":"ip4","action":"drop"}},
		{"op":"insert","table":"ACL","uuid":"000000cc-0000-4000-8000-000000000000","row":{"name":"dns","direction":"from-lport","priority":1100,"match":"udp.dst == 53","action":"allow-stateless"}}`)
	const (
		out  = `ACL "out" (to-lport 1000 allow-related: ip4.src == 10.0.0.0/24 (on switch bb))`
		rest = `ACL "rest" (to-lport 0 drop: ip4 (on switch bb)) drops it`
		own  = ", and the answer needs a rule of its own"
	)
	answer := "tcp,tcp_flags=syn|ack,nw_src=20.0.0.3,nw_dst=10.0.0.3,tp_src=80,tp_dst=4000,reg0=0x500,"
	for _, c := range []struct {
		name, flow    string
		pre, acl      [2]int // cookie, priority
		text, nearest string
	}{
		{"router port", answer + "reg14=0x3,reg15=0x2", [2]int{1, 110}, [2]int{6, 1000}, rest + "; no entry can be here: this port is not tracked (router port bb-r1 of switch bb); " + out + " allows the other direction" + own, ""},
		{"localnet port", answer + "reg14=0x3,reg15=0x4", [2]int{2, 110}, [2]int{6, 1000}, rest + "; no entry can be here: this port is not tracked (localnet port ln-bb of switch bb); " + out + " allows the other direction" + own, ""},
		{"nothing stateful", answer + "reg14=0x3,reg15=0x5", [2]int{4, 0}, [2]int{6, 1000}, rest + "; no entry can be here: switch bb tracks nothing: none of its ACLs is stateful; " + out + " allows the other direction" + own, ""},
		{"an echo reply", "icmp,icmp_type=0,nw_src=20.0.0.3,nw_dst=10.0.0.3,reg0=0x500,reg14=0x3,reg15=0x2", [2]int{1, 110}, [2]int{6, 1000},
			rest + "; no entry can be here: this port is not tracked (router port bb-r1 of switch bb); " + out + " allows the other direction" + own, ""},
		{"a first packet", strings.Replace(answer, "syn|ack", "syn", 1) + "reg14=0x3,reg15=0x2", [2]int{1, 110}, [2]int{6, 1000}, rest, out[:9] + " (to-lport 1000 allow-related: ip4.src == 10.0.0.0/24 (on switch bb)) would take it but for ip4.src == 10.0.0.0/24"},
		{"nobody's answer", strings.Replace(answer, "10.0.0.3", "10.9.0.3", 1) + "reg14=0x3,reg15=0x2", [2]int{1, 110}, [2]int{6, 1000}, rest, out[:9] + " (to-lport 1000 allow-related: ip4.src == 10.0.0.0/24 (on switch bb)) would take it but for ip4.src == 10.0.0.0/24"},
		{"tracked", "ct_state=new|trk," + answer + "reg14=0x3,reg15=0x5", [2]int{3, 100}, [2]int{6, 1000}, rest, out[:9] + " (to-lport 1000 allow-related: ip4.src == 10.0.0.0/24 (on switch bb)) would take it but for ip4.src == 10.0.0.0/24"},
		{"the request was stateless", "ct_state=new|trk,udp,nw_src=20.0.0.3,nw_dst=10.0.0.3,tp_src=53,tp_dst=4000,reg0=0x500,reg14=0x3,reg15=0x5", [2]int{3, 100}, [2]int{6, 1000},
			rest + `; no entry can be here: ACL "dns" (from-lport 1100 allow-stateless: udp.dst == 53 (on switch bb)) lets the other direction pass untracked` + own, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := explain.New(central(t, rows), nb)
			look := func(table int, hit [2]int) engine.TableHit {
				h := on(table, hit[1], uint64(hit[0]))
				h.Flow = "metadata=0x1," + c.flow
				return h
			}
			names := section(t, e, "hv1", "", look(11, [2]int{9, 100}), look(42, c.pre), look(46, c.acl))
			why, err := names.Reason(t.Context(), explain.At{Index: 2}, "")
			if err != nil {
				t.Fatal(err)
			}
			if why.Text != c.text || why.Nearest != c.nearest {
				t.Errorf("\n got %q, nearest %q\nwant %q, nearest %q", why.Text, why.Nearest, c.text, c.nearest)
			}
		})
	}
}
