package inventory_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// tenants are three networks on one provider network: sw0 and sw1 behind lr0, which translates
// sw0's addresses at its gateway; sw9 behind the gateway router gr9, which translates them; sw2, on
// the peer of lr0's port. sw5 is on no network. more adds switch ports.
func tenants(more ...ovn.SwitchPortRow) *inventory.Inventory {
	vif := func(n byte, name, ip string) ovn.SwitchPortRow {
		return ovn.SwitchPortRow{UUID: id(n), Name: name, Addrs: []ovn.Addr{vifAddr(fmt.Sprintf("50:54:00:00:00:%02x", n), ip)}}
	}
	to := func(n byte, port string) ovn.SwitchPortRow {
		return ovn.SwitchPortRow{UUID: id(n), Name: "to-" + port, Type: "router", RouterPort: port}
	}
	net := func(n byte) ovn.SwitchPortRow {
		return ovn.SwitchPortRow{UUID: id(n), Name: fmt.Sprintf("ln%d", n), Type: "localnet", Unknown: true, Localnet: "physnet1"}
	}
	c := &ovn.Configuration{
		Switches: []ovn.SwitchRow{
			{UUID: id(1), Name: "sw0", Ports: ids(11, 12, 26)},
			{UUID: id(2), Name: "sw1", Ports: ids(13, 14)},
			{UUID: id(3), Name: "public", Ports: ids(15, 16, 17, 18)},
			{UUID: id(4), Name: "sw9", Ports: ids(19, 20), Balancers: ids(71)},
			{UUID: id(5), Name: "sw2", Ports: ids(21, 22)},
			{UUID: id(6), Name: "public2", Ports: ids(23, 24)},
			{UUID: id(7), Name: "sw5", Ports: ids(25, 27)},
		},
		SwitchPorts: append([]ovn.SwitchPortRow{vif(11, "p0", "10.0.0.3"), to(12, "lr0-sw0"), vif(13, "p1", "20.0.0.3"), to(14, "lr0-sw1"),
			to(15, "lr0-public"), to(16, "gr9-public"), vif(17, "floating", "172.16.0.50"), net(18), vif(19, "p9", "10.9.0.3"), to(20, "gr9-sw9"),
			vif(21, "p2", "30.0.0.3"), to(22, "lr2-sw2"), net(23), vif(24, "flat", "172.16.0.60")}, more...),
		Routers: []ovn.RouterRow{
			{UUID: id(30), Name: "lr0", Ports: ids(31, 32, 33, 34), NATs: ids(51), Routes: ids(81)},
			{UUID: id(40), Name: "gr9", Options: map[string]string{"chassis": "hv8"}, Ports: ids(41, 42), NATs: ids(52)},
			{UUID: id(45), Name: "lr2", Ports: ids(46, 47)},
		},
		RouterPorts: []ovn.RouterPortRow{
			{UUID: id(31), Name: "lr0-sw0", Networks: []netip.Prefix{prefix("10.0.0.1/24")}}, {UUID: id(32), Name: "lr0-sw1"},
			{UUID: id(33), Name: "lr0-public", Gateways: ids(61, 62)}, {UUID: id(34), Name: "lr0-lr2", Peer: "lr2-lr0"},
			{UUID: id(41), Name: "gr9-public"}, {UUID: id(42), Name: "gr9-sw9"},
			{UUID: id(46), Name: "lr2-lr0", Peer: "lr0-lr2"}, {UUID: id(47), Name: "lr2-sw2"},
		},
		Routes:   []ovn.RouteRow{{UUID: id(81), Prefix: prefix("10.9.9.0/24"), NextHop: "10.0.0.77"}},
		Gateways: []ovn.GatewayRow{{UUID: id(61), Chassis: "hv6", Priority: 2}, {UUID: id(62), Chassis: "hv7", Priority: 1}},
		NATs: []ovn.NATRow{
			{UUID: id(51), Type: "snat", External: addr("172.16.0.1"), Logical: prefix("10.0.0.0/24")},
			{UUID: id(52), Type: "snat", External: addr("172.16.0.9"), Logical: prefix("10.9.0.0/24")},
		},
		Balancers: []ovn.BalancerRow{{UUID: id(71), Name: "web", VIPs: map[string]string{"40.0.0.1:80": "10.9.0.3:80"}}},
	}
	s := &ovn.State{Chassis: map[ovsdb.UUID]string{}}
	for n, port := range map[byte]string{1: "p0", 2: "p1", 3: "p2", 4: "floating", 5: "flat", 9: "p9", 11: "any"} {
		s.Chassis[id(100+n)] = fmt.Sprintf("hv%d", n)
		b := ovn.BindingRow{Port: port, Chassis: id(100 + n)}
		if port == "p9" {
			s.Chassis[id(110)] = "hv10"
			b.Additional = ids(110)
		}
		s.Bindings = append(s.Bindings, b)
	}
	return inventory.New(c, s)
}

// An address leads to the chassis of the networks that packets with it can reach.
func TestPlaces(t *testing.T) {
	anything := ovn.SwitchPortRow{UUID: id(25), Name: "any", Unknown: true}
	there := anything // on sw0, to which 10.0.0.0/24 is routed, and 10.9.9.0/24
	there.UUID = id(26)
	const all = "hv1 hv10 hv2 hv3 hv4 hv5 hv6 hv7 hv8 hv9"
	for _, c := range []struct {
		ip, first, end string
		more           []ovn.SwitchPortRow
	}{
		{"10.0.0.3", "hv1 hv2 hv3 hv6 hv7", "hv1 hv6 hv7 hv8", nil}, // translated at the gateway
		{"20.0.0.3", all, "hv2 hv6 hv7 hv8", nil},
		{"30.0.0.3", all, "hv3 hv6 hv7 hv8", nil},
		{"10.9.0.3", "hv10 hv8 hv9", "hv10 hv6 hv7 hv8 hv9", nil}, // also where it migrates to
		{"172.16.0.60", all, "hv5 hv6 hv7 hv8", nil},              // by the physical network
		{"172.16.0.1", all, "hv6 hv7 hv8", nil},
		{"40.0.0.1", all, "hv6 hv7 hv8", nil}, // a VIP
		{"8.8.8.8", "?", "", nil},
		{"10.9.0.3", "hv10 hv11 hv8 hv9", "hv10 hv6 hv7 hv8 hv9", []ovn.SwitchPortRow{anything}}, // a port that may have it too
		{"10.9.0.3", "hv1 hv10 hv11 hv8 hv9", "hv10 hv11 hv6 hv7 hv8 hv9", []ovn.SwitchPortRow{there}},
		{"10.9.9.9", all[:4] + "hv10 hv11" + all[8:], "", []ovn.SwitchPortRow{there, {UUID: id(27), Name: "p99",
			Addrs: []ovn.Addr{vifAddr("50:54:00:00:00:99", "10.9.9.9")}}}},
	} {
		p := inventory.NewPlaces(tenants(c.more...))
		names, ok := p.OfAddress(addr(c.ip))
		first := strings.Join(names, " ")
		if !ok {
			first = "?"
		}
		if end := p.OfEnd(addr(c.ip)); first != c.first || !slices.Equal(end, strings.Fields(c.end)) {
			t.Errorf("%s: %s, and of an end %v; want %s, and %s", c.ip, first, end, c.first, c.end)
		}
	}
}
