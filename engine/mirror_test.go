package engine_test

import (
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// A mirror's copy is distinguished from the packet: by ingress and by egress, with a drop, after
// conntrack. If actions too send the packet out of the mirror's port, as many outputs are the
// packet's own as the actions require.
func TestMirrors(t *testing.T) {
	b, p := start(t, 5, `
table=0,tcp,tp_dst=80 actions=drop
table=0,tcp,tp_dst=81 actions=output:2
table=0,tcp,tp_dst=82 actions=output:4
table=0,tcp,tp_dst=83 actions=ct(table=1,zone=3)
table=0,tcp,tp_dst=84 actions=set_field:4->reg0,output:NXM_NX_REG0[]
table=0,tcp,tp_dst=85 actions=clone(output:3),dec_ttl
table=0,tcp,tp_dst=86 actions=NORMAL
table=0,tcp,tp_dst=87 actions=output:4,output:3,dec_ttl,output:4
table=1,actions=drop
`)
	for _, m := range []struct{ name, sel, from, to string }{{"in", "select_src_port", "p1", "p4"}, {"out", "select_dst_port", "p2", "p5"}} {
		b.Vsctl("--id=@s", "get", "port", m.from, "--", "--id=@o", "get", "port", m.to,
			"--", "--id=@m", "create", "mirror", "name="+m.name, m.sel+"=@s", "output_port=@o", "--", "add", "bridge", "br0", "mirrors", "@m")
		for dp, port := range p {
			if port.Name == m.to {
				port.Mirrors = []string{m.name}
				p[dp] = port
			}
		}
	}
	for port, want := range map[uint16]string{
		80: "output p4 in|drop",
		81: "output p4 in|output p2|output p5 out",
		82: "output p4 in|output p4",
		83: "output p4 in|drop",
		84: "output p4 in|output p4",
		87: "output p4 in|output p4|output p3|output p4",
		85: "output p4 in|output p3",
		86: "output p4 in|output br0|output p2|output p5 out|output p3",
	} {
		pkt := syn()
		pkt.DstPort = port
		res := trace(t, eng(b, p, table{}), engine.Request{Bridge: "br0", InPort: 1, Packet: pkt})
		var got []string
		for _, l := range res.Outcomes[0].Leaves {
			s := string(l.Kind)
			if l.Port != nil {
				s += " " + l.Port.Name
			}
			got = append(got, strings.TrimSpace(s+" "+l.Mirror))
		}
		if doubt := strings.Contains(strings.Join(res.Segments[0].Notes, "|"), "is inferred from their number"); doubt != (port == 82 || port == 84 || port == 87) {
			t.Errorf("port %d: notes %q", port, res.Segments[0].Notes)
		}
		if g := strings.Join(got, "|"); g != want {
			t.Errorf("port %d (%s): %s, want %s", port, res.Segments[0].Actions, g, want)
		}
	}
}

// OVN's own copy to a logical port is not distinguished, and a note says so.
func TestLportMirrorIsSaid(t *testing.T) {
	b, p := start(t, 3, `
table=0,tcp,tp_dst=80,cookie=0x77 actions=clone(load:0xffff->NXM_OF_IN_PORT[],load:0x5->NXM_NX_REG15[],resubmit(,42)),resubmit(,9)
table=0,tcp,tp_dst=81 actions=clone(load:0x5->NXM_NX_REG15[],resubmit(,42)),resubmit(,9)
table=9,actions=output:2
table=42,actions=output:3
`)
	for port, want := range map[uint16]string{
		80: "table 0 (cookie 0x77) copies the packet to a mirror's logical port: where the copy ends is among the branches, and counts for the verdict",
		81: "",
	} {
		pkt := syn()
		pkt.DstPort = port
		res := trace(t, eng(b, p, table{}), engine.Request{Bridge: "br0", InPort: 1, Packet: pkt})
		if got := strings.Join(res.Segments[0].Assumed, "|"); got != want {
			t.Errorf("port %d: %q, want %q", port, got, want)
		}
	}
}
