package engine_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// The userspace datapath runs a bounded number of recirculations inside one another, and drops a
// packet at the next one. Taking the header of a native tunnel off is one of them.
func TestTooManyRecirculations(t *testing.T) {
	var flows strings.Builder
	flows.WriteString("table=0,in_port=1,tcp actions=ct(table=1,zone=1)\n")
	for i := 1; i < 7; i++ {
		fmt.Fprintf(&flows, "table=%d,tcp actions=ct(commit,table=%d,zone=%d)\n", i, i+1, i+1)
	}
	flows.WriteString("table=7,tcp actions=output:2\n")
	b, p := start(t, 2, flows.String())
	tunnel := maps.Clone(p)
	in := tunnel["1"]
	in.Kind = engine.PortTunnel
	tunnel["1"] = in
	for _, c := range []struct {
		most int
		by   ports
		want string
	}{{0, p, "output p2"}, {7, p, "output p2"}, {6, p, "drop"}, {0, tunnel, "output p2"}, {8, tunnel, "output p2"}, {7, tunnel, "drop"}} {
		e := eng(b, c.by, table{})
		e.Recircs = c.most
		res := trace(t, e, engine.Request{Bridge: "br0", InPort: 1, InPortDatapath: "1", Packet: syn()})
		if len(res.Outcomes) != 1 || len(res.Outcomes[0].Leaves) != 1 {
			t.Fatalf("%d: %+v", c.most, res.Outcomes)
		}
		l := res.Outcomes[0].Leaves[0]
		got := string(l.Kind)
		if l.Port != nil {
			got += " " + l.Port.Name
		}
		if got != c.want || (c.want == "drop") != strings.Contains(l.Why, fmt.Sprintf("more than %d times", c.most)) {
			t.Errorf("of %d recirculations: %s (%s), not %s", c.most, got, l.Why, c.want)
		}
	}
}
