package node

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
)

// A tunnel that was not rebuilt is unknown, not without a way on the machine; with all routes and
// neighbours of a machine with native tunnels it is as there.
func TestReplicaWays(t *testing.T) {
	o := userspaceOVS(t)
	tunnels(t, o)
	const known, noNeighbour, noRoute = 1010, 1012, 1015
	for _, c := range []struct {
		datapath, lacks string
		want            map[uint16]engine.LeafKind
	}{
		{"netdev@ovs-netdev", "", map[uint16]engine.LeafKind{known: engine.LeafOutput, noNeighbour: engine.LeafDrop, noRoute: engine.LeafDrop}},
		{"netdev@ovs-netdev", "it is cut", map[uint16]engine.LeafKind{known: engine.LeafOutput, noNeighbour: engine.LeafUnknown, noRoute: engine.LeafUnknown}},
		{"system@ovs-system", "", map[uint16]engine.LeafKind{known: engine.LeafOutput, noNeighbour: engine.LeafUnknown, noRoute: engine.LeafUnknown}},
	} {
		s := service(t, Options{RunDir: o.RunDir, Replica: &Replica{Of: "hv1", Datapaths: map[string]string{"dummy@ovs-dummy": c.datapath}, RoutesLack: c.lacks}})
		for port, want := range c.want {
			p := tcpPacket("10.0.0.1:1000", "10.0.0.2:80", 2)
			p.DstPort = port
			res, err := s.Trace(t.Context(), TraceRequest{Request: engine.Request{Bridge: "br-int", InPort: 1, Packet: p}})
			if err != nil {
				t.Fatal(err)
			}
			if l := res.Outcomes[0].Leaves; len(l) != 1 || l[0].Kind != want {
				t.Errorf("%s, %q, port %d: %+v, want %s", c.datapath, c.lacks, port, l, want)
			}
		}
	}
}
