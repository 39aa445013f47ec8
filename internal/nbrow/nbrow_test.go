package nbrow

import (
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
)

// TestSummaries checks that a row says what it does on one line.
func TestSummaries(t *testing.T) {
	at, ip, net := netip.MustParseAddrPort, netip.MustParseAddr, netip.MustParsePrefix
	r := &inventory.Router{Name: "lr0"}
	b := &inventory.Balancer{Name: "web", Protocol: 17}
	for want, got := range map[string]string{
		"snat 10.0.0.0/24 => 172.16.0.1:5000-5003, if ip4.dst == 9.9.9.9 (on router lr0)": NAT(&inventory.NAT{Router: r, Type: "snat", External: ip("172.16.0.1"),
			Logical: net("10.0.0.0/24"), PortRange: "5000-5003", Match: "ip4.dst == 9.9.9.9"}).Summary,
		"dnat 172.16.0.2 => 10.0.0.3 (on router lr0)": NAT(&inventory.NAT{Router: r, Type: "dnat", External: ip("172.16.0.2"), Logical: net("10.0.0.3/32")}).Summary,
		"dnat_and_snat 172.16.0.2 <=> 10.0.0.3, distributed at p1 (on router lr0)": NAT(&inventory.NAT{Router: r, Type: "dnat_and_snat", External: ip("172.16.0.2"),
			Logical: net("10.0.0.3/32"), LogicalPort: "p1"}).Summary,
		"30.0.0.10:53/udp => 20.0.0.3:53, 20.0.0.4:53 (offline)": VIP(&inventory.VIP{Balancer: b, Text: "30.0.0.10:53", Addr: at("30.0.0.10:53"),
			Backends: []inventory.Backend{{Addr: at("20.0.0.3:53")}, {Addr: at("20.0.0.4:53"), Status: "offline"}}}).Summary,
		"30.0.0.11 => none":     VIP(&inventory.VIP{Balancer: b, Text: "30.0.0.11", Addr: at("30.0.0.11:0")}).Summary,
		"30.0.0.12 => 20.0.0.3": VIP(&inventory.VIP{Balancer: b, Text: "30.0.0.12", Addr: at("30.0.0.12:0"), Backends: []inventory.Backend{{Addr: at("20.0.0.3:0")}}}).Summary,
		"router lr0":            Router(r).Summary,
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if NAT(nil) != nil {
		t.Error("no rule has a row")
	}
}
