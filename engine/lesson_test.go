package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/openflow"
)

// OVN's flows for a hairpin: table 20 looks up two tables and keeps their answers, in a clone and
// behind a ct().
const hairpin = `table=0,in_port=1,ip,actions=set_field:0x5->metadata,set_field:0x9->reg3,resubmit(,8)
table=0,in_port=2,ip,actions=clone(set_field:0x5->metadata,set_field:ANY->in_port,resubmit(,8))
table=8,ip,actions=%s
table=20,ip,metadata=0x5,actions=set_field:0->reg10,resubmit(,68),move:NXM_NX_REG10[7]->NXM_NX_REG0[1],set_field:0/0x80->reg10,resubmit(,69),move:NXM_NX_REG10[7]->NXM_NX_REG0[2],set_field:30.0.0.9->ip_src,resubmit(,21)
table=68,tcp,tcp_dst=81,actions=set_field:0x80/0x80->reg10
table=21,ip,reg0=0x4/0x4,actions=dec_ttl,set_field:0x7->reg4,ct(commit,zone=7,exec(set_field:0x3->ct_mark)),resubmit(,22)
table=21,priority=1,ip,actions=output:3
table=22,ip,reg4=0x7,reg3=0x9,actions=clone(set_field:0x1->reg5,output:4),in_port
table=22,priority=1,ip,actions=output:2,set_field:0->in_port,output:1`

// A packet that uses a lesson goes the same way as with the flow really in the table: the same
// ends, packets, entries and look-ups.
func TestLessonsAreTracedOn(t *testing.T) {
	for _, c := range []struct {
		name, table8 string
		in           uint32
		learn        string // items beside table and cookie
		flow         string // as ovs-ofctl takes it
		port         uint16 // of the packet
		taken        bool
	}{
		{"at once", "resubmit(,20)", 1, "eth_type=0x800,NXM_OF_IP_SRC[],nw_proto=6,load:0x1->NXM_NX_REG10[7]",
			"ip,nw_src=10.0.0.1,nw_proto=6,actions=load:1->NXM_NX_REG10[7]", 80, true},
		{"behind ct", "ct(table=20,zone=7)", 1, "OXM_OF_METADATA[],eth_type=0x800,NXM_OF_IP_SRC[]=NXM_OF_IP_SRC[],nw_proto=6,NXM_OF_TCP_DST[],load:0x1->NXM_NX_REG10[7],load:0x1f->NXM_NX_REG6[4..11],load:NXM_NX_REG3[]->NXM_NX_REG9[]",
			"tcp,metadata=0x5,nw_src=10.0.0.1,tp_dst=80,actions=load:1->NXM_NX_REG10[7],load:0x1f->NXM_NX_REG6[4..11],load:0x9->NXM_NX_REG9[]", 80, true},
		{"behind ct, with the other table's", "ct(table=20,zone=7)", 1, "eth_type=0x800,nw_proto=6,load:0x1->NXM_NX_REG10[7]",
			"tcp,actions=load:1->NXM_NX_REG10[7]", 81, true},
		{"in a clone, behind ct", "ct(table=20,zone=7)", 2, "eth_type=0x800,nw_proto=6,load:0x1->NXM_NX_REG10[7]",
			"tcp,actions=load:1->NXM_NX_REG10[7]", 80, true},
		{"in a clone, at once", "set_field:0x2->reg1,clone(set_field:0x3->reg1,clone(output:4,set_field:0x4->reg1),resubmit(,20),output:4),output:3", 1,
			"eth_type=0x800,nw_proto=6,load:0x1->NXM_NX_REG10[7]", "tcp,actions=load:1->NXM_NX_REG10[7]", 80, true},
		{"another packet", "ct(table=20,zone=7)", 1, "eth_type=0x800,nw_proto=6,NXM_OF_TCP_DST[]=NXM_OF_TCP_SRC[],load:0x1->NXM_NX_REG10[7]",
			"tcp,tp_dst=1000,actions=load:1->NXM_NX_REG10[7]", 80, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, p := start(t, 4, fmt.Sprintf(hairpin, c.table8))
			e := eng(b, p, table{})
			pkt := syn()
			pkt.DstPort = c.port
			req := engine.Request{Bridge: "br0", InPort: c.in, Packet: pkt}
			at := openflow.Flow{Fields: append([]openflow.Field{{Name: "reg3", Value: "0x9"}, {Name: "metadata", Value: "0x5"}}, openflow.FieldsOf(pkt)...)}
			req.Lessons = []engine.Lesson{{Bridge: "br0", Table: 69, Priority: 32768, Flow: at.String(), Packet: "SYN",
				Items: openflow.SplitActions("table=69,cookie=0x99,delete_learned," + c.learn)}}
			got := trace(t, e, req)
			before := trace(t, e, engine.Request{Bridge: "br0", InPort: c.in, Packet: pkt})
			b.AddFlows("br0", "table=69,cookie=0x99,"+c.flow)
			req.Lessons = nil
			want := trace(t, e, req)
			if g, w := story(got), story(want); g != w {
				t.Errorf("by the lesson:\n%s\nby the flow:\n%s", g, w)
			}
			if differs := story(want) != story(before); differs != c.taken {
				t.Errorf("the flow makes a difference: %v", differs)
			}
			taught := 0
			for _, s := range got.Segments {
				for _, h := range s.Tables {
					if h.Taught == "SYN" && h.Table == 69 && h.Cookie == 0x99 && h.Flow != "" {
						taught++
					}
				}
			}
			if taught == 1 != c.taken {
				t.Errorf("%d look-ups answered by the lesson", taught)
			}
		})
	}
}

// story is the result of a trace without the numbers of its parts.
func story(res *engine.Result) string {
	var b strings.Builder
	for _, o := range res.Outcomes {
		for _, l := range o.Leaves {
			fmt.Fprintf(&b, "%s %+v %v path %v %s\n", l.Kind, l.Port, l.Packet, l.Path, l.Why)
		}
		for _, x := range o.Overlay.Entries {
			fmt.Fprintf(&b, "entry %d %v mark %d\n", x.Zone, x.Orig, x.Mark)
		}
	}
	for _, s := range res.Segments {
		for _, h := range s.Tables {
			fmt.Fprintf(&b, "segment %d table %d priority %d cookie %#x flow %s\n", s.ID, h.Table, h.Priority, h.Cookie, h.Flow)
		}
	}
	return b.String()
}

// A lesson that cannot be followed makes the packet's end unknown, with the reason; a lesson that
// does not concern the packet changes nothing.
func TestLessonsThatCannotBeFollowed(t *testing.T) {
	b, p := start(t, 4, fmt.Sprintf(hairpin, "ct(table=20,zone=7)")+"\ntable=9,tcp,actions=check_pkt_larger(100)->NXM_NX_REG10[1],resubmit(,69),output:3")
	e := eng(b, p, table{})
	flow := openflow.Flow{Fields: openflow.FieldsOf(syn())}
	all := engine.Lesson{Bridge: "br0", Table: 69, Priority: 32768, Flow: flow.String(), Packet: "SYN", Items: []string{"nw_proto=6", "load:0x1->NXM_NX_REG10[7]"}}
	with := func(f func(*engine.Lesson)) engine.Lesson { l := all; f(&l); return l }
	for _, c := range []struct {
		name   string
		lesson engine.Lesson
		resume string
		why    string // "" where the lesson changes nothing
	}{
		{"the teaching packet is unknown", with(func(l *engine.Lesson) { l.Flow = "" }), "", "the packet that would have taught it could not be followed"},
		{"a field that is not followed", with(func(l *engine.Lesson) { l.Items = []string{"NXM_NX_TUN_ID[]=0x5"} }), "", "it is about fields whose values here are not"},
		{"a load that is not understood", with(func(l *engine.Lesson) { l.Items = []string{"load:NXM_NX_NOTHING[]->NXM_NX_REG1[]"} }), "", "is not followed here"},
		{"an output that is no port's", with(func(l *engine.Lesson) {
			l.Flow, l.Items = "in_port=65300,"+flow.String(), []string{"nw_proto=6", "output:NXM_OF_IN_PORT[]"}
		}), "", "the learned flow cannot be traced: "},
		{"behind check_pkt_larger", all, "resubmit(,9)", `the packet's length decides on the way`},
		{"another protocol than that of an unknown packet", with(func(l *engine.Lesson) { l.Flow, l.Items = "", []string{"NXM_OF_IP_SRC[]", "nw_proto=17"} }), "", ""},
		{"another table", with(func(l *engine.Lesson) { l.Table = 70 }), "", ""},
		{"another bridge", with(func(l *engine.Lesson) { l.Bridge = "br1" }), "", ""},
		{"below what is there", with(func(l *engine.Lesson) { l.Table, l.Priority = 21, 0 }), "", ""},
		{"another protocol", with(func(l *engine.Lesson) { l.Items = []string{"nw_proto=17", "NXM_NX_TUN_ID[]=0x5"} }), "", ""},
	} {
		req := engine.Request{Bridge: "br0", InPort: 1, Packet: syn(), Resume: c.resume}
		plain := story(trace(t, e, req))
		req.Lessons = []engine.Lesson{c.lesson}
		got := trace(t, e, req)
		if c.why == "" {
			if s := story(got); s != plain {
				t.Errorf("%s:\n%s\nwithout:\n%s", c.name, s, plain)
			}
			continue
		}
		for _, l := range got.Outcomes[0].Leaves {
			if l.Kind != engine.LeafUnknown || !strings.Contains(l.Why, c.why) {
				t.Errorf("%s: %s %q", c.name, l.Kind, l.Why)
			}
		}
	}
}

// A packet from a provider network's bridge matches the learned flow behind the patch port, if that
// bridge sends it to one port only.
func TestLessonsBehindAPatchPort(t *testing.T) {
	b, p := start(t, 4, strings.ReplaceAll(fmt.Sprintf(hairpin, "resubmit(,20)"), "in_port=1,ip", "in_port=7,vlan_tci=0/0x1000,ip"))
	b.Vsctl("add-br", "br1", "--", "set", "bridge", "br1", "datapath_type=dummy", "--", "add-port", "br1", "p9", "--", "set", "interface", "p9", "type=dummy", "ofport_request=9",
		"--", "add-port", "br1", "out", "--", "set", "interface", "out", "type=patch", "options:peer=in",
		"--", "add-port", "br0", "in", "--", "set", "interface", "in", "type=patch", "options:peer=out", "ofport_request=7")
	e := eng(b, p, table{})
	at := openflow.Flow{Fields: openflow.FieldsOf(syn())}
	req := engine.Request{Bridge: "br1", InPort: 9, Packet: syn(), Lessons: []engine.Lesson{{Bridge: "br0", Table: 69, Priority: 32768, Flow: at.String(), Packet: "SYN",
		Items: []string{"cookie=0x99", "eth_type=0x800", "NXM_OF_IP_SRC[]", "load:0x1->NXM_NX_REG10[7]"}}}}
	for _, l := range trace(t, e, req).Outcomes[0].Leaves {
		if l.Kind != engine.LeafUnknown || !strings.Contains(l.Why, `it is behind "NORMAL"`) {
			t.Errorf("flooded: %s %q", l.Kind, l.Why)
		}
	}
	b.Appctl("fdb/add", "br1", "out", "0", syn().EthDst.String())
	got := story(trace(t, e, req))
	b.AddFlows("br0", "table=69,cookie=0x99,ip,nw_src=10.0.0.1,actions=load:1->NXM_NX_REG10[7]")
	req.Lessons = nil
	if want := story(trace(t, e, req)); got != want || !strings.Contains(want, "mark 3") {
		t.Errorf("by the lesson:\n%s\nby the flow:\n%s", got, want)
	}
	// The flow behind the patch port does not match this tag: how the bridge changed the tag is
	// unknown.
	b.AddFlows("br0", "table=0,priority=40000,in_port=7,ip,actions=set_field:0x5->metadata,resubmit(,20)")
	b.Ofctl("del-flows", "br0", "table=69,ip")
	req.Lessons = []engine.Lesson{{Bridge: "br0", Table: 69, Priority: 32768, Flow: at.String(), Packet: "SYN", Items: []string{"eth_type=0x800"}}}
	for _, l := range trace(t, e, req).Outcomes[0].Leaves {
		if l.Kind == engine.LeafUnknown {
			continue
		}
		t.Errorf("no tag in the match: %s %q", l.Kind, l.Why)
	}
}

// If two learned flows match, none is guessed, unless they do the same or have the same match.
func TestLessonsThatContradict(t *testing.T) {
	b, p := start(t, 4, fmt.Sprintf(hairpin, "resubmit(,20)"))
	e := eng(b, p, table{})
	at := openflow.Flow{Fields: openflow.FieldsOf(syn())}
	lesson := func(items ...string) engine.Lesson {
		return engine.Lesson{Bridge: "br0", Table: 69, Priority: 9, Flow: at.String(), Packet: "SYN", Items: items}
	}
	hairpin := lesson("eth_type=0x800", "load:0x1->NXM_NX_REG10[7]")
	above := hairpin
	above.Priority = 10
	for _, c := range []struct {
		name    string
		lessons []engine.Lesson
		unknown bool
		marked  bool // it goes the way of the hairpin
	}{
		{"one", []engine.Lesson{hairpin}, false, true},
		{"two of one priority", []engine.Lesson{hairpin, lesson("nw_proto=6")}, true, false},
		{"two that do the same", []engine.Lesson{hairpin, lesson("nw_proto=6", "load:0x1->NXM_NX_REG10[7]")}, false, true},
		{"one match, taught again", []engine.Lesson{hairpin, lesson("eth_type=0x800")}, false, false},
		{"one above the other", []engine.Lesson{above, lesson("nw_proto=6")}, false, true},
	} {
		s := story(trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: syn(), Lessons: c.lessons}))
		if strings.Contains(s, "two flows of priority 9 that match") != c.unknown || strings.Contains(s, "mark 3") != c.marked {
			t.Errorf("%s:\n%s", c.name, s)
		}
	}
}

// A look-up behind a hashed group is followed like any other: a bucket is not a recirculation.
func TestLessonsBehindAGroup(t *testing.T) {
	b, p := start(t, 4, fmt.Sprintf(hairpin, "resubmit(,9)"))
	b.Ofctl("-O", "OpenFlow15", "add-group", "br0", "group_id=7,type=select,selection_method=dp_hash,bucket=bucket_id:1,weight:100,actions=ct(table=20,zone=7)")
	b.AddFlows("br0", "table=9,ip,actions=group:7")
	e := eng(b, p, table{})
	at := openflow.Flow{Fields: openflow.FieldsOf(syn())}
	s := story(trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: syn(), Lessons: []engine.Lesson{{Bridge: "br0", Table: 69, Priority: 32768, Flow: at.String(), Packet: "SYN",
		Items: []string{"eth_type=0x800", "load:0x1->NXM_NX_REG10[7]"}}}}))
	if strings.Contains(s, "unknown") || !strings.Contains(s, "mark 3") {
		t.Error(s)
	}
}

// The look-ups of a resumed segment belong to the bridge in which it runs, although the trace names
// another bridge in its heading.
func TestResumedSegmentNamesItsBridge(t *testing.T) {
	b, p := start(t, 4, "table=0,in_port=7,ip,actions=ct(table=1,zone=7)\ntable=1,ip,actions=output:2")
	b.Vsctl("add-br", "br1", "--", "set", "bridge", "br1", "datapath_type=dummy", "--", "add-port", "br1", "p9", "--", "set", "interface", "p9", "type=dummy", "ofport_request=9",
		"--", "add-port", "br1", "out", "--", "set", "interface", "out", "type=patch", "options:peer=in",
		"--", "add-port", "br0", "in", "--", "set", "interface", "in", "type=patch", "options:peer=out", "ofport_request=7")
	b.Appctl("fdb/add", "br1", "out", "0", syn().EthDst.String())
	e := eng(b, p, table{})
	res := trace(t, e, engine.Request{Bridge: "br1", InPort: 9, Packet: syn()})
	if len(res.Segments) != 2 || len(res.Segments[1].Tables) != 1 || res.Segments[1].Tables[0].Bridge != "br0" || res.Segments[0].Tables[0].Bridge != "br1" {
		t.Errorf("%s", story(res))
	}
}

// A lesson is part of the outcome on whose way it was taught. It has the packet as it was there,
// also behind other tables, and can be given to the next packet unchanged.
func TestLessonsComeOut(t *testing.T) {
	b, p := start(t, 4, `table=0,in_port=2,tcp,actions=set_field:0x5->metadata,resubmit(,69),resubmit(,3)
table=8,tcp,actions=set_field:0x9->reg3
table=1,tcp,reg8=1,actions=learn(table=69,cookie=0x99,delete_learned,OXM_OF_METADATA[],eth_type=0x800,nw_proto=6,NXM_OF_TCP_SRC[]=NXM_OF_TCP_DST[],load:NXM_NX_REG3[]->NXM_NX_REG4[]),output:2
table=1,tcp,reg8=2,actions=output:3
table=3,tcp,reg4=0x9,actions=output:1
table=3,priority=1,tcp,actions=output:4`)
	b.Ofctl("-O", "OpenFlow15", "add-group", "br0", "group_id=7,type=select,selection_method=dp_hash,"+
		"bucket=bucket_id:1,weight:100,actions=set_field:1->reg8,resubmit(,1),bucket=bucket_id:2,weight:100,actions=set_field:2->reg8,resubmit(,1)")
	b.AddFlows("br0", "table=0,in_port=1,tcp,actions=set_field:0x5->metadata,resubmit(,8),learn(table=70,priority=7,NXM_OF_ETH_SRC[]),group:7")
	e := eng(b, p, table{})
	res := trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	const rest = "dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_tos=0,nw_ecn=0,nw_ttl=64,tcp_src=1000,tcp_dst=80,tcp_flags=syn"
	both := engine.Lesson{Bridge: "br0", Table: 70, Priority: 7, Items: []string{"table=70", "priority=7", "NXM_OF_ETH_SRC[]"},
		Flow: "reg3=0x9,metadata=0x5," + rest}
	back := engine.Lesson{Bridge: "br0", Table: 69, Priority: 32768, Flow: "reg3=0x9,reg8=0x1,metadata=0x5," + rest, Items: []string{
		"table=69", "delete_learned", "cookie=0x99", "OXM_OF_METADATA[]", "eth_type=0x800", "nw_proto=6", "NXM_OF_TCP_SRC[]=NXM_OF_TCP_DST[]", "load:NXM_NX_REG3[]->NXM_NX_REG4[]"}}
	got := map[string][]engine.Lesson{}
	for _, o := range res.Outcomes {
		got[o.Leaves[0].Port.Name] = o.Lessons
	}
	if d := cmp.Diff(map[string][]engine.Lesson{"p2": {both, back}, "p3": {both}}, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	answer := syn()
	answer.SrcPort, answer.DstPort = answer.DstPort, answer.SrcPort
	for port, lessons := range got {
		r := trace(t, e, engine.Request{Bridge: "br0", InPort: 2, Packet: answer, Lessons: lessons})
		way := map[string]string{"p2": "p1", "p3": "p4"}[port]
		if l := r.Outcomes[0].Leaves; len(l) != 1 || l[0].Port == nil || l[0].Port.Name != way {
			t.Errorf("the answer to what went to %s does not go to %s: %+v", port, way, l)
		}
	}
}
