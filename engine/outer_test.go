package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/testenv/dummy"
)

// underlay is br-int (p1, p2, a tunnel of each kind) over br-phy (e1, e2, VIF-less internal port
// i1), which has the tunnel addresses.
func underlay(t *testing.T, intFlows, phyFlows string) (*bridge, ports) {
	t.Helper()
	o := dummy.Start(t)
	o.Vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=dummy", "fail-mode=secure",
		"--", "add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=dummy", "fail-mode=secure", "other-config:hwaddr=aa:55:aa:55:00:01",
		"--", "add-br", "br-up", "--", "set", "bridge", "br-up", "datapath_type=dummy", "fail-mode=standalone",
		"--", "add-port", "br-phy", "pp", "--", "set", "interface", "pp", "type=patch", "options:peer=pu", "ofport_request=9",
		"--", "add-port", "br-up", "pu", "--", "set", "interface", "pu", "type=patch", "options:peer=pp",
		"--", "add-port", "br-up", "u1", "--", "set", "interface", "u1", "type=dummy",
		"--", "add-port", "br-phy", "i1", "--", "set", "interface", "i1", "type=internal", "ofport_request=3")
	o.AddPorts("br-int", map[string]int{"p1": 1, "p2": 2})
	o.AddPorts("br-phy", map[string]int{"e1": 1, "e2": 2})
	for i, typ := range []string{"geneve", "vxlan", "gre"} {
		for j, remote := range []string{"1.1.2.92", "2001:cafe::92"} {
			name := fmt.Sprintf("%s%d", typ, 4+2*j)
			o.Vsctl("add-port", "br-int", name, "--", "set", "interface", name, "type="+typ, fmt.Sprintf("options:remote_ip=%q", remote), "options:key=flow",
				fmt.Sprintf("ofport_request=%d", 10+2*i+j))
		}
	}
	o.Appctl("netdev-dummy/ip4addr", "br-phy", "1.1.2.88/24")
	o.Appctl("netdev-dummy/ip6addr", "br-phy", "2001:cafe::88/64")
	o.Appctl("ovs/route/add", "1.1.2.0/24", "br-phy")
	o.Appctl("ovs/route/add", "2001:cafe::/64", "br-phy")
	o.Appctl("tnl/neigh/set", "br-phy", "1.1.2.92", "aa:55:aa:55:00:92")
	o.Appctl("tnl/neigh/set", "br-phy", "2001:cafe::92", "aa:55:aa:55:00:96")
	o.Ofctl("add-tlv-map", "br-int", "{class=0x102,type=0x80,len=4}->tun_metadata0")
	o.AddFlows("br-int", intFlows)
	o.AddFlows("br-phy", phyFlows)
	return &bridge{OVS: o}, shown(t, o)
}

// shown reads the ports of dpif/show.
func shown(t *testing.T, o *dummy.OVS) ports {
	t.Helper()
	all, br := ports{}, ""
	for _, line := range strings.Split(o.Appctl("dpif/show"), "\n") {
		var name, dp, typ string
		var of uint32
		text := strings.TrimSpace(line)
		if n, _ := fmt.Sscanf(strings.ReplaceAll(text, "/", " "), "%s %d %s (%s", &name, &of, &dp, &typ); n < 4 {
			br = strings.TrimSuffix(text, ":")
			continue
		}
		kind := engine.PortPhysical
		switch typ = strings.TrimRight(typ, ":)"); {
		case typ == "geneve" || typ == "vxlan" || typ == "gre":
			kind = engine.PortTunnel
		case strings.HasPrefix(name, "p"):
			kind = engine.PortVIF
		case strings.Contains(typ, "internal"):
			kind = engine.PortHost
		}
		if dp = strings.TrimSuffix(dp, ":"); dp != "none" {
			all[dp] = engine.Port{Datapath: dp, Name: name, Bridge: br, OFPort: of, Kind: kind, Type: typ}
		}
	}
	return all
}

// outerEnds lists leaves as "kind port tunnel>destination [outer headers] {inner headers}", or the
// reason.
func outerEnds(o *engine.Outcome) []string {
	var out []string
	for _, l := range o.Leaves {
		s := string(l.Kind)
		if l.Port != nil {
			s += " " + l.Port.Name
			if l.Port.Kind == engine.PortTunnel {
				s = string(l.Kind) + " " + l.Port.Type
			}
		}
		if l.Tunnel != nil {
			s += fmt.Sprintf(" %d>%s", l.Tunnel.ID, l.Tunnel.Dst)
		}
		if l.Outer != nil {
			s += fmt.Sprintf(" [%v>%v", l.Outer.EthDst, l.Outer.Dst)
			for _, v := range l.Outer.VLANs {
				s += fmt.Sprint(" vlan ", v.VID)
			}
			s += fmt.Sprintf(" tos %d ttl %d]", l.Outer.TOS, l.Outer.TTL)
		}
		p := l.Packet
		s += fmt.Sprintf(" {%v %v:%d ttl %d vlans %d}", p.EthDst, p.Dst, p.DstPort, p.TTL, len(p.VLANs))
		if l.Why != "" {
			s += ": " + l.Why
		}
		out = append(out, s)
	}
	return out
}

const inner = " {00:00:00:00:00:02 10.0.0.2:%d ttl 64 vlans 0}"

// Actions after a tunnel's header apply to the outer packet. The tunnel is one end of the packet if
// the outer packet leaves by any port.
func TestUnderlay(t *testing.T) {
	const (
		to4 = "aa:55:aa:55:00:92>1.1.2.92"
		to6 = "aa:55:aa:55:00:96>2001:cafe::92"
	)
	cases := []struct {
		name, overlay, underlay string // actions of br-int's flow, and of br-phy's
		want                    []string
	}{
		{"one port", "output:10", "output:1", []string{"output geneve 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner}},
		{"IPv6", "output:11", "output:1", []string{"output geneve 5>2001:cafe::92 [" + to6 + " tos 0 ttl 64]" + inner}},
		{"VXLAN", "output:12", "output:1", []string{"output vxlan 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner}},
		{"VXLAN over IPv6", "output:13", "output:1", []string{"output vxlan 5>2001:cafe::92 [" + to6 + " tos 0 ttl 64]" + inner}},
		{"GRE", "output:14", "output:1", []string{"output gre 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner}},
		{"GRE over IPv6", "output:15", "output:1", []string{"output gre 5>2001:cafe::92 [" + to6 + " tos 0 ttl 64]" + inner}},
		{"two ports", "output:10", "output:1,output:2", []string{"output geneve 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner}},
		{"flooded", "output:10", "flood", []string{"output geneve 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner}},
		{"learned", "output:10", "normal", []string{"output geneve 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner}},
		{"VLAN", "output:10", "push_vlan:0x8100,set_field:4106->vlan_vid,output:1",
			[]string{"output geneve 5>1.1.2.92 [" + to4 + " vlan 10 tos 0 ttl 64]" + inner}},
		{"headers", "output:10", "set_field:00:00:00:00:00:77->eth_dst,set_field:32->nw_tos,set_field:7->nw_ttl,output:2",
			[]string{"output geneve 5>1.1.2.92 [00:00:00:00:00:77>1.1.2.92 tos 32 ttl 7]" + inner}},
		{"the host", "output:10", "output:3",
			[]string{"output i1 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner + ": the geneve packet to 1.1.2.92 goes to the host's stack by i1"}},
		{"the host and a port", "output:10", "output:3,output:1", []string{"output geneve 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner}},
		{"a port and the host", "output:10", "output:1,output:3", []string{"output geneve 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner}},
		{"patch port", "output:10", "output:9", []string{"output geneve 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner}},
		{"a copy with another header", "output:10", "clone(set_field:9->nw_ttl,output:2),output:1",
			[]string{"output geneve 5>1.1.2.92 [" + to4 + " tos 0 ttl 9]" + inner}},
		{"packet and tunnel", "output:10,dec_ttl,output:2", "push_vlan:0x8100,set_field:4106->vlan_vid,output:1",
			[]string{"output geneve 5>1.1.2.92 [" + to4 + " vlan 10 tos 0 ttl 64]" + inner, "output p2 {00:00:00:00:00:02 10.0.0.2:%d ttl 63 vlans 0}"}},
		{"two tunnels", "output:10,output:11", "output:1", []string{"output geneve 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner,
			"output geneve 5>2001:cafe::92 [" + to6 + " tos 0 ttl 64]" + inner}},
		{"cut", "output(port=10,max_len=100)", "push_vlan:0x8100,set_field:4106->vlan_vid,output:1",
			[]string{"output geneve 5>1.1.2.92 [" + to4 + " vlan 10 tos 0 ttl 64]" + inner}},
		{"cut, and dropped", "output(port=10,max_len=100)", "drop", []string{"drop 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner}},
		{"dropped", "output:10", "drop", []string{"drop" + inner}},
		{"one of two tunnels dropped", "output:12,dec_ttl,output:11,output:2", "", []string{"drop" + inner + " [br-phy 0]",
			"output vxlan 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner, "output p2 {00:00:00:00:00:02 10.0.0.2:%d ttl 63 vlans 0}"}},
		{"tracked", "output:10", "ct(commit,zone=5),output:1", []string{"output geneve 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner}},
		{"tracked, and sent nowhere", "output:10,output:2", "ct(commit,zone=5)", []string{
			"drop 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner + ": the geneve packet to 1.1.2.92 leaves by no port of br-phy", "output p2" + inner}},
		{"conntrack decides", "output:10", "ct(table=1,zone=5)", []string{"unknown 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner +
			": conntrack: zone 5 is asked about the geneve packet, whose UDP source port is a hash that cannot be known"}},
		{"conntrack decides of GRE", "output:14", "ct(table=1,zone=5)", []string{"output gre 5>1.1.2.92 [" + to4 + " vlan 7 tos 0 ttl 64]" + inner}},
		{"the controller", "output:10", "controller(reason=action)", []string{"controller 5>1.1.2.92 [" + to4 + " tos 0 ttl 64]" + inner}},
		{"a metered clone", "clone(output:10),output:2", "dec_ttl,output:1", []string{"output geneve 5>1.1.2.92 [" + to4 + " tos 0 ttl 63]" + inner, "output p2" + inner}},
	}
	var above, below strings.Builder
	fmt.Fprintf(&below, "table=1,ct_state=+new,ip actions=push_vlan:0x8100,set_field:4103->vlan_vid,output:1\n")
	for i, c := range cases {
		fmt.Fprintf(&above, "in_port=1,tcp,tp_dst=%d actions=set_field:%d->nw_tos,set_field:5->tun_id,%s\n", 1000+i, 0, c.overlay)
	}
	b, p := underlay(t, above.String(), below.String())
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			six := c.underlay
			if c.underlay == "" { // as only IPv6 is dropped
				c.underlay, six = "output:1", "drop"
			}
			b.AddFlows("br-phy", "in_port=LOCAL,ip actions="+c.underlay+"\nin_port=LOCAL,ipv6 actions="+six)
			pkt := syn()
			pkt.DstPort = uint16(1000 + i)
			res := trace(t, eng(b, p, table{}), engine.Request{Bridge: "br-int", InPort: 1, Packet: pkt})
			if len(res.Outcomes) != 1 {
				t.Fatalf("%d outcomes", len(res.Outcomes))
			}
			var expect []string
			for _, w := range c.want {
				expect = append(expect, strings.ReplaceAll(w, "%d", fmt.Sprint(pkt.DstPort)))
			}
			got := outerEnds(res.Outcomes[0])
			for i, l := range res.Outcomes[0].Leaves {
				if l.Hit > 0 && len(c.want) > 1 {
					h := res.Segments[l.Segment].Tables[l.Hit-1]
					got[i] += fmt.Sprintf(" [%s %d]", h.Bridge, h.Table)
				}
			}
			want(t, got, expect...)
			if t.Failed() {
				t.Log(res.Segments[0].Actions)
			}
		})
	}
}

// What an invented bridge does with a tunnel's packet says nothing about the machine.
func TestInvented(t *testing.T) {
	b, p := underlay(t, "in_port=1,tcp actions=set_field:5->tun_id,output:10,output:2\n", "in_port=LOCAL,ip actions=ct(commit,zone=5)\n")
	e := eng(b, p, table{})
	e.Invented = "br-phy"
	res := trace(t, e, engine.Request{Bridge: "br-int", InPort: 1, Packet: syn()})
	want(t, outerEnds(res.Outcomes[0]), "unknown 5>1.1.2.92 [aa:55:aa:55:00:92>1.1.2.92 tos 0 ttl 64]"+strings.ReplaceAll(inner, "%d", fmt.Sprint(syn().DstPort))+
		": not collected: whether the geneve packet to 1.1.2.92 leaves", "output p2"+strings.ReplaceAll(inner, "%d", fmt.Sprint(syn().DstPort)))
}

// members are the ports of the bridge's only bond.
type members []engine.Port

func (m members) Members(uint32) []engine.Port { return m }

// The member of a bond is not a choice, below a tunnel or on a provider bridge, with
// lb-output-action or without: all members lead to the same place.
func TestBond(t *testing.T) {
	for _, lb := range []string{"false", "true"} {
		t.Run("lb-output-action="+lb, func(t *testing.T) {
			b, _ := underlay(t, "in_port=1,tcp actions=set_field:5->tun_id,output:10\n", "actions=normal\n")
			bond := func(br, name, stream string) []string {
				list := []string{"add-bond", br, name, name + "1", name + "2", "lacp=active", "bond_mode=balance-tcp", "other-config:lacp-time=fast",
					"other-config:lb-output-action=" + lb}
				for _, n := range []string{"1", "2"} {
					list = append(list, "--", "set", "interface", name+n, "type=dummy", "options:"+stream+":"+b.RunDir+"/w"+n)
				}
				return list
			}
			b.Vsctl(slices.Concat([]string{"del-port", "br-phy", "e1", "--", "del-port", "br-phy", "e2", "--", "del-port", "br-phy", "pp", "--", "del-port", "br-phy", "i1",
				"--", "add-br", "br-far", "--", "set", "bridge", "br-far", "datapath_type=dummy", "fail-mode=standalone", "--"},
				bond("br-far", "bf", "pstream=punix"), []string{"--"}, bond("br-phy", "bn", "stream=unix"))...)
			waitFor(t, "LACP", func() bool {
				show := b.Appctl("bond/show", "bn")
				return strings.Count(show, ": enabled") >= 2 && strings.Contains(show, "lacp_status: negotiated")
			})
			p := shown(t, b.OVS)
			var own members
			for dp, port := range p {
				if strings.HasPrefix(port.Name, "bn") {
					port.Bond = "bn"
					p[dp], own = port, append(own, port)
				}
			}
			slices.SortFunc(own, func(a, b engine.Port) int { return strings.Compare(a.Name, b.Name) })
			e := eng(b, p, table{})
			e.Bonds = own
			for _, c := range []struct {
				bridge string
				in     uint32
				want   string
			}{
				{"br-int", 1, "output geneve 5>1.1.2.92 [aa:55:aa:55:00:92>1.1.2.92 tos 0 ttl 64]"},
				{"br-phy", 0xfffe, "output bn"},
			} {
				res := trace(t, e, engine.Request{Bridge: c.bridge, InPort: c.in, Packet: syn()})
				if strings.Contains(res.Segments[0].Actions, "lb_output") != (lb == "true") {
					t.Errorf("actions %s", res.Segments[0].Actions)
				}
				if len(res.Outcomes) != 1 || len(res.Outcomes[0].Choices) != 0 || len(res.Outcomes[0].Leaves) != 1 {
					t.Fatalf("%d outcomes, choices %v, %q", len(res.Outcomes), res.Outcomes[0].Choices, outerEnds(res.Outcomes[0]))
				}
				if got := outerEnds(res.Outcomes[0])[0]; !strings.HasPrefix(got, c.want) {
					t.Errorf("%s, want %s", got, c.want)
				}
			}
		})
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s", what)
		}
	}
}

// A lesson is also used below a tunnel's header, where the outer packet begins without state.
func TestLessonsBelowATunnel(t *testing.T) {
	b, p := underlay(t, "in_port=1,tcp actions=set_field:5->tun_id,output(port=10,max_len=100)\n",
		"in_port=LOCAL,ip actions=resubmit(,69),resubmit(,2)\ntable=2,ip,reg1=0 actions=output:1\n")
	e := eng(b, p, table{})
	outer := "udp,nw_src=1.1.2.88,nw_dst=1.1.2.92,tp_dst=6081"
	for name, c := range map[string]struct {
		lessons []engine.Lesson
		want    string
	}{
		"none":         {nil, "output geneve"},
		"of the outer": {[]engine.Lesson{{Bridge: "br-phy", Table: 69, Priority: 9, Flow: outer, Items: []string{"nw_proto=17", "load:0x1->NXM_NX_REG1[]"}}}, "drop"},
		"of another":   {[]engine.Lesson{{Bridge: "br-phy", Table: 69, Priority: 9, Flow: outer, Items: []string{"nw_proto=6", "load:0x1->NXM_NX_REG1[]"}}}, "output geneve"},
	} {
		res := trace(t, e, engine.Request{Bridge: "br-int", InPort: 1, Packet: syn(), Lessons: c.lessons})
		if got := outerEnds(res.Outcomes[0]); len(got) != 1 || !strings.HasPrefix(got[0], c.want) || !strings.Contains(res.Segments[0].Actions, "recirc(0)") {
			t.Errorf("%s: %q, want %s; %s", name, got, c.want, res.Segments[0].Actions)
		}
	}
}
