package report

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
)

// TestHeader pins the names and the order of the JSON.
func TestHeader(t *testing.T) {
	p := packet.Packet{EthSrc: packet.MAC{0, 0, 0, 0, 0, 1}, EthDst: packet.MAC{0, 0, 0, 0, 0, 2}, EthType: packet.EthIPv4, Proto: packet.ProtoTCP, TTL: 64,
		Src: netip.MustParseAddr("10.0.0.3"), Dst: netip.MustParseAddr("30.0.0.10"), SrcPort: 46982, DstPort: 80, TCPFlags: packet.FlagSYN | packet.FlagACK}
	got, _ := json.Marshal(HeaderOf(p))
	const want = `{"eth_src":"00:00:00:00:00:01","eth_dst":"00:00:00:00:00:02","eth_type":"0x0800","ip_src":"10.0.0.3",` +
		`"ip_dst":"30.0.0.10","ip_proto":"tcp","ip_ttl":64,"l4_src":46982,"l4_dst":80,"tcp_flags":"syn|ack"}`
	if string(got) != want {
		t.Errorf("%s", got)
	}
	p.NoEth = true
	if got, _ = json.Marshal(HeaderOf(p)); !bytes.HasPrefix(got, []byte(`{"eth_type":"0x0800","ip_src":"10.0.0.3"`)) {
		t.Errorf("without an Ethernet header: %s", got)
	}
	p = packet.Packet{EthType: packet.EthIPv4, Proto: packet.ProtoICMP, VLANs: []packet.VLAN{{TPID: packet.EthVLAN, VID: 7}}}
	got, _ = json.Marshal(HeaderOf(p))
	if !bytes.Contains(got, []byte(`"icmp_type":0,"icmp_code":0`)) || !bytes.Contains(got, []byte(`"vlan":7`)) {
		t.Errorf("%s", got)
	}
}
