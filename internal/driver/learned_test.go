package driver

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// What a packet would have taught a table is not there for the one after it: that its look-up finds nothing tells nothing. A
// table that nobody taught, and another chassis' table of the number, do.
func testLearned(t *testing.T, sb *ovn.SB) {
	hv1 := chassis("hv1", "sw0-p1")
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}
	hit := func(table int, miss bool, flow string, actions ...string) engine.TableHit {
		return engine.TableHit{Bridge: "br-int", Table: table, Priority: 32768, Miss: miss, Flow: flow, Actions: actions}
	}
	below := func(h engine.TableHit) engine.TableHit { // of a flow that the taught one goes before
		h.Priority = 0
		return h
	}
	drop := func(hits ...engine.TableHit) *engine.Result {
		r := result(engine.Leaf{Kind: engine.LeafDrop, Packet: tcpSYN(), Path: []int{0}})
		r.Segments[0].Tables = hits
		return r
	}
	const learn = "learn(table=69,delete_learned,cookie=0x5,OXM_OF_METADATA[],eth_type=0x800,NXM_OF_IP_SRC[],ip_dst=30.0.0.12,nw_proto=6,NXM_OF_TCP_SRC[]=NXM_OF_TCP_DST[],load:0x1->NXM_NX_REG10[7])"
	hv1.trace = same(drop(hit(68, false, "tcp,metadata=0x5,nw_src=10.0.0.3,nw_dst=10.0.0.3,tp_src=1000,tp_dst=8080", learn), hit(69, true, "")))
	sent := send(t, d, tcpSYN())
	if b := sent.Packet.Branches[0]; b.Verdict != engine.Dropped {
		t.Errorf("the packet that teaches: %s", b.Verdict)
	}
	// As it goes from run to run in a file.
	file, err := json.Marshal(sent.Outcomes[0].World)
	if err != nil {
		t.Fatal(err)
	}
	var world World
	if err := json.Unmarshal(file, &world); err != nil {
		t.Fatal(err)
	}
	const answer = "tcp,metadata=0x5,nw_src=10.0.0.3,nw_dst=30.0.0.12,tp_src=8080,tp_dst=1000"
	for _, c := range []struct {
		hit  engine.TableHit
		want engine.Verdict
	}{
		{hit(69, true, answer), engine.Unknown},
		{hit(69, true, ""), engine.Unknown},      // a packet that could not be followed
		{hit(69, false, answer), engine.Dropped}, // by a flow that is really there
		{below(hit(69, false, answer)), engine.Unknown},
		{hit(68, true, answer), engine.Dropped},
		{hit(69, true, strings.Replace(answer, "metadata=0x5", "metadata=0x6", 1)), engine.Dropped},
		{hit(69, true, strings.Replace(answer, "30.0.0.12", "30.0.0.13", 1)), engine.Dropped},
		{hit(69, true, strings.Replace(answer, "tp_src=8080", "tp_src=8081", 1)), engine.Dropped},
	} {
		hv1.trace = same(drop(c.hit))
		sent, err := d.Send(t.Context(), world, fromHV1, tcpSYN(), "SYN-ACK", "reply")
		if err != nil {
			t.Fatal(err)
		}
		b := sent.Packet.Branches[0]
		if b.Verdict != c.want || c.want == engine.Unknown && !strings.Contains(b.Reason.Text, "the SYN before would have taught table 69 of hv1 a flow") {
			t.Errorf("%+v: %s, %+v", c.hit, b.Verdict, b.Reason)
		}
	}
}
