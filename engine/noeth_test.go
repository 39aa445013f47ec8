package engine_test

import (
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// A packet without an Ethernet header enters by a packet-type-aware tunnel, is resumed as such
// behind conntrack, and gets a header before it leaves.
func TestPacketWithoutEthernetHeader(t *testing.T) {
	b, p := start(t, 2, "")
	b.Vsctl("add-port", "br0", "gre0", "--", "set", "interface", "gre0", "type=gre", "options:remote_ip=1.1.2.92", "options:packet_type=ptap",
		"ofport_request=10")
	b.AddFlows("br0", `
table=0,in_port=10,packet_type=(1,0x800),nw_proto=6 actions=ct(table=1,zone=5)
table=0,in_port=1,tcp,tp_dst=81 actions=decap(),ct(table=1,zone=5)
table=1,packet_type=(1,0x800),nw_proto=6,ct_state=+new+trk actions=encap(ethernet),set_field:00:00:00:00:00:44->eth_dst,output:2
`)
	pkt := syn()
	pkt.NoEth, pkt.EthSrc, pkt.EthDst = true, packet.MAC{}, packet.MAC{}
	decapped := syn()
	decapped.DstPort = 81
	for _, req := range []engine.Request{
		{Bridge: "br0", InPort: 10, Packet: pkt},
		{Bridge: "br0", InPort: 1, Packet: decapped},
	} {
		res := trace(t, eng(b, p, table{}), req)
		if len(res.Outcomes) != 1 || len(res.Outcomes[0].Leaves) != 1 {
			t.Fatalf("port %d: %+v", req.InPort, res.Outcomes)
		}
		l := res.Outcomes[0].Leaves[0]
		if l.Port == nil || l.Port.Name != "p2" || l.Packet.NoEth || l.Packet.EthDst.String() != "00:00:00:00:00:44" {
			t.Errorf("port %d: %s %s at %+v, %v, Ethernet header %v %v", req.InPort, l.Kind, l.Why, l.Port, l.Packet, !l.Packet.NoEth, l.Packet.EthDst)
		}
	}
}
