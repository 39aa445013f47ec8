package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// after returns the request of the packet after one labelled SYN that ended with the given outcome.
func after(o *engine.Outcome, inPort uint32, p packet.Packet) engine.Request {
	return engine.Request{Bridge: "br0", InPort: inPort, Packet: p, Carried: o.Carried.Mapped(func(list []engine.Choice) []engine.Choice {
		list = slices.Clone(list)
		for i := range list {
			list[i].Of = "SYN"
		}
		return list
	})}
}

// way returns where an outcome's first leaf ends and its choices.
func way(o *engine.Outcome) string {
	l := o.Leaves[0]
	s := string(l.Kind)
	if l.Port != nil {
		s += " " + l.Port.Name
	}
	for _, c := range l.Choices {
		s += fmt.Sprintf(", %s %s %.2f of %q", c.Kind, c.Chosen, c.Share, c.Of)
	}
	return s
}

// bySYN returns the same way for a packet that depends on the choices of the SYN.
func bySYN(o *engine.Outcome) string { return strings.ReplaceAll(way(o), `of ""`, `of "SYN"`) }

func ways(res *engine.Result) (out []string) {
	for _, o := range res.Outcomes {
		out = append(out, way(o))
	}
	slices.Sort(out)
	return out
}

func acked() packet.Packet {
	p := syn()
	p.TCPFlags = 0x10
	return p
}

func answer() packet.Packet {
	p := acked()
	p.EthSrc, p.EthDst, p.Src, p.Dst, p.SrcPort, p.DstPort = p.EthDst, p.EthSrc, p.Dst, p.Src, p.DstPort, p.SrcPort
	return p
}

// grouped brings up a bridge with select groups that ask for the datapath's hash, and flows.
func grouped(t *testing.T, n int, flows string, groups map[int]string) (*bridge, ports) {
	t.Helper()
	b, p := start(t, n, "")
	for id, buckets := range groups {
		b.Ofctl("-O", "OpenFlow15", "add-group", "br0", fmt.Sprintf("group_id=%d,type=select,%s", id, buckets))
	}
	b.AddFlows("br0", flows)
	return b, p
}

const byHash = "selection_method=dp_hash,"

const twoWays = "bucket=bucket_id:0,actions=output:2,bucket=bucket_id:1,actions=output:3"

// All packets of one direction of a connection have the same hash, and so the same bucket.
func TestHashDecidesForLaterPackets(t *testing.T) {
	b, p := grouped(t, 5, "table=0,ip,actions=group:7", map[int]string{7: byHash + twoWays})
	e := eng(b, p, table{})
	first := trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	want(t, ways(first), `output p2, ecmp bucket 0 0.50 of ""`, `output p3, ecmp bucket 1 0.50 of ""`)
	otherPort := acked()
	otherPort.SrcPort++
	for _, o := range first.Outcomes {
		res := trace(t, e, after(o, 1, acked()))
		want(t, ways(res), bySYN(o))
		if len(res.Outcomes[0].Choices) != 0 {
			t.Errorf("an alternative of the packet itself: %+v", res.Outcomes[0].Choices)
		}
		assumed := strings.Join(res.Segments[len(res.Segments)-1].Assumed, "; ")
		if !strings.Contains(assumed, "predicted") {
			t.Errorf("that the hash is predicted is not said: %q", assumed)
		}
		// Other hashed fields: another connection, another port, the other direction.
		for name, req := range map[string]engine.Request{
			"connection": after(o, 1, otherPort), "in_port": after(o, 4, acked()), "direction": after(o, 1, answer()),
		} {
			if res := trace(t, e, req); len(res.Outcomes) != 2 {
				t.Errorf("another %s: %q", name, ways(res))
			}
		}
		// The third packet goes the same way as the second.
		want(t, ways(trace(t, e, after(res.Outcomes[0], 1, acked()))), ways(res)...)
	}
}

// A group without a selection method hashes symmetrically: both directions of a connection have the
// same hash, independent of the port of entry.
func TestSymmetricHashDecidesForBothDirections(t *testing.T) {
	b, p := grouped(t, 5, "table=0,ip,actions=group:7", map[int]string{7: twoWays})
	e := eng(b, p, table{})
	first := trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	if !strings.Contains(first.Segments[0].Actions, "sym_l4") || len(first.Outcomes) != 2 {
		t.Fatalf("%s: %q", first.Segments[0].Actions, ways(first))
	}
	for _, o := range first.Outcomes {
		want(t, ways(trace(t, e, after(o, 4, answer()))), bySYN(o))
	}
	ping := syn()
	ping.Proto, ping.SrcPort, ping.DstPort, ping.TCPFlags = 1, 0, 0, 0
	ping.ICMPType, ping.ICMPID, ping.HasID = 8, 7, true
	pong := ping
	pong.ICMPType, pong.Src, pong.Dst = 0, ping.Dst, ping.Src
	for _, o := range trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: ping}).Outcomes {
		if res := trace(t, e, after(o, 4, pong)); len(res.Outcomes) != 1 {
			t.Errorf("echo: %q", ways(res))
		}
	}
}

// One hash decides several groups: the bucket that the first packet's group chose also restricts
// another group that only a later packet reaches.
func TestHashDecidesOtherGroups(t *testing.T) {
	b, p := grouped(t, 5, "table=0,tcp,tcp_flags=syn,actions=group:7\ntable=0,priority=1,tcp,actions=group:8", map[int]string{
		7: byHash + twoWays, 8: byHash + "bucket=bucket_id:5,actions=output:4,bucket=bucket_id:6,actions=output:5",
	})
	e := eng(b, p, table{})
	first := trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	for _, o := range first.Outcomes {
		res := trace(t, e, after(o, 1, acked()))
		// Two groups of two buckets of equal weight map hashes to buckets alike.
		want(t, ways(res), map[string]string{
			`output p2, ecmp bucket 0 0.50 of ""`: `output p4, ecmp bucket 0 0.50 of "SYN"`,
			`output p3, ecmp bucket 1 0.50 of ""`: `output p5, ecmp bucket 1 0.50 of "SYN"`,
		}[way(o)])
	}
	// A choice without effect for the first packet stays open for the later one.
	b.Ofctl("-O", "OpenFlow15", "mod-group", "br0", "group_id=7,type=select,selection_method=dp_hash,bucket=bucket_id:0,actions=output:2,bucket=bucket_id:1,actions=set_field:1->reg0,output:2")
	first = trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	want(t, ways(first), "output p2")
	want(t, ways(trace(t, e, after(first.Outcomes[0], 1, acked()))), `output p4, ecmp bucket 5 0.50 of ""`, `output p5, ecmp bucket 6 0.50 of ""`)
	// A group whose buckets all do the same depends on no earlier choice.
	b.Ofctl("-O", "OpenFlow15", "mod-group", "br0", "group_id=7,type=select,selection_method=dp_hash,"+twoWays)
	b.Ofctl("-O", "OpenFlow15", "mod-group", "br0", "group_id=8,type=select,selection_method=dp_hash,bucket=bucket_id:5,weight:0,actions=output:4,bucket=bucket_id:6,actions=output:5")
	first = trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	want(t, ways(trace(t, e, after(first.Outcomes[0], 1, acked()))), "output p5")
}

// The hash is computed from the packet as it came in. A load balancer's translation does not change
// it, so a later packet, whose backend an entry gives, takes the same route as the first.
func TestHashOutlivesTranslation(t *testing.T) {
	b, p := grouped(t, 5, "table=0,tcp,in_port=1,actions=ct(table=1,zone=5,nat)\ntable=1,ct_state=+new+trk,tcp,actions=group:7\n"+
		"table=1,ct_state=+est+trk,tcp,actions=resubmit(,2)\ntable=2,tcp,actions=group:8", map[int]string{
		7: byHash + "bucket=bucket_id:0,actions=ct(commit,table=2,zone=5,nat(dst=10.0.1.1:80)),bucket=bucket_id:1,actions=ct(commit,table=2,zone=5,nat(dst=10.0.1.2:81))",
		8: byHash + twoWays,
	})
	e := eng(b, p, table{})
	first := trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	if len(first.Outcomes) != 2 {
		t.Fatalf("%q", ways(first))
	}
	for _, o := range first.Outcomes {
		ov := o.Overlay
		for i := range ov.Entries {
			ov.Entries[i].Status |= ctstate.SeenReply
			ov.Entries[i].TCP = &ctstate.TCPInfo{State: ctstate.TCPEstablished}
		}
		res, err := e.Trace(t.Context(), after(o, 1, acked()), ov)
		if err != nil {
			t.Fatal(err)
		}
		want(t, ways(res), bySYN(o))
	}
}

// A port that NAT picks stays undetermined for later packets, in both directions.
func TestUndeterminedPortOutlivesItsPacket(t *testing.T) {
	b, p := start(t, 2, "table=0,tcp,in_port=1,actions=ct(table=1,zone=5,nat)\ntable=1,ct_state=+new+trk,tcp,actions=ct(commit,zone=5,nat(src=10.0.9.9:2000-3000,random)),output:2\n"+
		"table=1,ct_state=+est+trk,tcp,actions=output:2\ntable=0,tcp,in_port=2,actions=ct(table=2,zone=5,nat)\ntable=2,actions=output:1")
	e := eng(b, p, table{})
	first := trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	want(t, ways(first), `output p2, nat-port 2000-3000 1.00 of ""`)
	o := first.Outcomes[0]
	back := answer()
	back.TCPFlags, back.Dst, back.DstPort = 0x12, o.Leaves[0].Packet.Src, o.Leaves[0].Packet.SrcPort
	res, err := e.Trace(t.Context(), after(o, 2, back), o.Overlay)
	if err != nil {
		t.Fatal(err)
	}
	want(t, ways(res), `output p1, nat-port 2000-3000 1.00 of "SYN"`)
	req := after(o, 1, acked())
	req.Carried = after(res.Outcomes[0], 1, acked()).Carried
	last, err := e.Trace(t.Context(), req, res.Outcomes[0].Overlay)
	if err != nil {
		t.Fatal(err)
	}
	want(t, ways(last), `output p2, nat-port 2000-3000 1.00 of "SYN"`)
	if d := last.Segments[0].CT[0].Depends; len(d) != 1 || d[0].Kind != "nat-port" {
		t.Errorf("the step that translates depends on %+v", d)
	}
	// A packet of another connection does not depend on it.
	other := syn()
	other.SrcPort++
	res, err = e.Trace(t.Context(), after(o, 1, other), o.Overlay)
	if err != nil {
		t.Fatal(err)
	}
	want(t, ways(res), `output p2, nat-port 2000-3000 1.00 of ""`)
}

// If one hash decides a route's group and a policy's, the next hop is the policy's.
func TestLastGroupNamesTheNextHop(t *testing.T) {
	const stages = "table=0,in_port=1,ip,actions=group:7\n" +
		"table=2,ip,reg8=1,actions=set_field:0x64404802->reg0,resubmit(,3)\ntable=2,ip,reg8=2,actions=set_field:0x64404803->reg0,resubmit(,3)\n" +
		"table=3,ip,actions=group:8\n" +
		"table=4,ip,reg8=3,actions=set_field:0x64404805->reg0,resubmit(,5)\ntable=4,ip,reg8=4,actions=set_field:0x64404802->reg0,resubmit(,5)\n" +
		"table=5,ip,reg0=0x64404805,actions=output:2\ntable=5,ip,reg0=0x64404802,actions=output:3\ntable=5,priority=0,actions=output:4"
	b, p := grouped(t, 4, stages, map[int]string{
		7: byHash + "bucket=bucket_id:0,actions=set_field:1->reg8,resubmit(,2),bucket=bucket_id:1,actions=set_field:2->reg8,resubmit(,2)",
		8: byHash + "bucket=bucket_id:0,actions=set_field:3->reg8,resubmit(,4),bucket=bucket_id:1,actions=set_field:4->reg8,resubmit(,4)",
	})
	e := eng(b, p, table{})
	e.OVN = true
	res := trace(t, e, engine.Request{Bridge: "br0", InPort: 1, Packet: syn()})
	want(t, ways(res), `output p2, ecmp 100.64.72.5 0.50 of ""`, `output p3, ecmp 100.64.72.2 0.50 of ""`)
}
