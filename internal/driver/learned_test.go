package driver

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// A flow that a packet would have taught a chassis is given to that chassis with later packets,
// also after a round trip through a file: once, and with the packet's label.
func testLearned(t *testing.T, sb *ovn.SB) {
	hv1 := chassis("hv1", "sw0-p1")
	d := &Driver{SB: sb, Nodes: fakeNodes{"hv1": hv1}}
	const flow = "reg9=0x80,metadata=0x5,tcp,nw_src=10.0.0.3,nw_dst=10.0.0.3,nw_ttl=64,tcp_src=1000,tcp_dst=8080"
	taught := []engine.Lesson{
		{Bridge: "br-int", Table: 69, Priority: 32768, Items: []string{"table=69", "delete_learned", "NXM_OF_IP_SRC[]"}, Flow: flow},
		{Bridge: "br-int", Table: 1, Priority: 7, Items: []string{"NXM_OF_IP_SRC[]", "priority=7"}},
	}
	r := result(engine.Leaf{Kind: engine.LeafDrop, Packet: tcpSYN(), Path: []int{0}})
	r.Outcomes[0].Lessons = taught
	var asked []engine.Lesson
	hv1.trace = func(req node.TraceRequest) (*engine.Result, error) {
		asked = req.Lessons
		return r, nil
	}
	want := slices.Clone(taught)
	for i := range want {
		want[i].Packet = "SYN"
	}
	world := World{Lessons: []Lesson{{"hv2", engine.Lesson{Table: 69}}}}
	for range 2 {
		sent, err := d.Send(t.Context(), world, fromHV1, tcpSYN(), "SYN", "request")
		if err != nil {
			t.Fatal(err)
		}
		if len(world.Lessons) == 1 && asked != nil {
			t.Errorf("hv1 is given another chassis' lessons: %v", asked)
		}
		file, err := json.Marshal(sent.Outcomes[0].World)
		if err != nil {
			t.Fatal(err)
		}
		world = World{}
		if err := json.Unmarshal(file, &world); err != nil {
			t.Fatal(err)
		}
		if len(world.Lessons) != 3 {
			t.Errorf("lessons: %+v", world.Lessons)
		}
	}
	if _, err := d.Send(t.Context(), world, fromHV1, tcpSYN(), "SYN-ACK", "reply"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, asked); d != "" {
		t.Error(d)
	}
}
