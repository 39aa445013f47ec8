package inventory_test

import (
	"net/netip"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// id returns a UUID for a test's row.
func id(n byte) ovsdb.UUID { return ovsdb.UUID{15: n} }

func addr(s string) netip.Addr         { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix     { return netip.MustParsePrefix(s) }
func endpoint(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
func vifAddr(mac, ip string) ovn.Addr {
	return ovn.Addr{MAC: mac, IPs: []netip.Prefix{prefix(ip + "/32")}}
}
func ids(ns ...byte) (out []ovsdb.UUID) {
	for _, n := range ns {
		out = append(out, id(n))
	}
	return out
}

// sample is two switches behind a distributed router with a gateway port, and a gateway router.
func sample() *inventory.Inventory {
	return inventory.New(&ovn.Configuration{
		Switches: []ovn.SwitchRow{
			{UUID: id(1), Name: "sw0", Ports: ids(11, 12), Balancers: ids(51)},
			{UUID: id(2), Name: "sw1", Ports: ids(13), Groups: ids(61)},
		},
		SwitchPorts: []ovn.SwitchPortRow{
			{UUID: id(11), Name: "sw0-p1", Addrs: []ovn.Addr{vifAddr("50:54:00:00:00:01", "10.0.0.3")}, Workload: "pod blue/web"},
			{UUID: id(12), Name: "sw0-lr0", Type: "router", RouterPort: "lr0-sw0"},
			{UUID: id(13), Name: "sw1-p1", Addrs: []ovn.Addr{vifAddr("50:54:00:00:00:02", "10.0.0.3")}},
		},
		Routers: []ovn.RouterRow{
			{UUID: id(3), Name: "lr0", Ports: ids(21, 22), NATs: ids(31, 32), Balancers: ids(52), Routes: ids(71, 99)},
			{UUID: id(4), Name: "gr0", Options: map[string]string{"chassis": "hv2"}, Ports: ids(23), Groups: ids(61)},
		},
		RouterPorts: []ovn.RouterPortRow{
			{UUID: id(21), Name: "lr0-sw0", MAC: "00:00:00:00:ff:01", Networks: []netip.Prefix{prefix("10.0.0.1/24")}},
			{UUID: id(22), Name: "lr0-public", Networks: []netip.Prefix{prefix("172.16.0.1/24")}, Gateways: ids(41, 42), HAGroup: id(45)},
			{UUID: id(23), Name: "gr0-public"},
		},
		Routes:   []ovn.RouteRow{{UUID: id(71), Prefix: prefix("0.0.0.0/0"), NextHop: "172.16.0.100"}},
		Gateways: []ovn.GatewayRow{{UUID: id(41), Chassis: "hv9", Priority: 1}, {UUID: id(43), Chassis: "hv1", Priority: 5}, {UUID: id(44), Chassis: "hv2", Priority: 9}},
		HAGroups: []ovn.HAGroupRow{{UUID: id(45), Members: ids(43, 44)}},
		NATs: []ovn.NATRow{
			{UUID: id(31), Type: "snat", External: addr("172.16.0.1"), Logical: prefix("10.0.0.0/24")},
			{UUID: id(32), Type: "dnat_and_snat", External: addr("172.16.0.9"), Logical: prefix("10.0.0.3/32"), LogicalPort: "sw0-p1", ExternalMAC: "00:00:00:00:aa:01", Allowed: id(81)},
		},
		AddressSets: map[ovsdb.UUID]string{id(81): "partners"},
		Balancers: []ovn.BalancerRow{
			{UUID: id(51), Name: "web", Checks: ids(91), VIPs: map[string]string{"30.0.0.1:80": "10.0.0.3:8080,10.0.0.4:8080", "30.0.0.1:81": ""},
				Mappings: map[string]string{"10.0.0.3": "sw0-p1:10.0.0.2", "10.0.0.4": "sw0-p2:10.0.0.2"}},
			{UUID: id(52), Name: "any", VIPs: map[string]string{"30.0.0.1": "10.0.0.3"}},
			{UUID: id(55), VIPs: map[string]string{"30.0.0.5:80": ""}},
			{UUID: id(53), Name: "dns", Protocol: "udp", VIPs: map[string]string{"[fd00::1]:53": "[fd00::3]:53"}},
			{UUID: id(54), Name: "node", Protocol: "tcp", Options: map[string]string{"template": "true"}, VIPs: map[string]string{"^NODE:80": "10.0.0.3:80"}},
		},
		Groups: []ovn.BalancerGroupRow{{UUID: id(61), Name: "all", Balancers: ids(53)}},
		Checks: []ovn.HealthCheckRow{{UUID: id(91), VIP: "30.0.0.1:80"}},
	}, &ovn.State{
		Chassis:   map[ovsdb.UUID]string{id(101): "hv1", id(102): "hv2"},
		Datapaths: map[ovsdb.UUID]*ovn.Datapath{id(111): {TunnelKey: 7}},
		Bindings: []ovn.BindingRow{
			{Port: "sw0-p1", Datapath: id(111), TunnelKey: 3, Chassis: id(101)},
			{Port: "cr-lr0-public", Type: "chassisredirect", Chassis: id(102)},
			{Port: "gr0-public", Type: "l3gateway", Chassis: id(102)},
		},
		Monitors: []ovn.MonitorRow{{Addr: endpoint("10.0.0.4:8080"), Protocol: "tcp", Port: "sw0-p2", Status: "offline"},
			{Addr: endpoint("10.0.0.3:8080"), Protocol: "udp", Port: "sw0-p1", Status: "offline"}},
	})
}

func TestOwners(t *testing.T) {
	inv := sample()
	for ip, want := range map[string][]string{
		"10.0.0.3":        {"port sw0-p1 (pod blue/web)", "port sw1-p1"},
		"10.0.0.1":        {"router lr0 (port lr0-sw0)"},
		"172.16.0.1":      {"router lr0 (port lr0-public)", "snat of router lr0 for 10.0.0.0/24"},
		"172.16.0.9":      {"dnat_and_snat of router lr0 for 10.0.0.3"},
		"fd00::1":         {`VIP [fd00::1]:53 of load balancer "dns"`},
		"30.0.0.5":        {"VIP 30.0.0.5:80 of load balancer " + id(55).String()},
		"::ffff:10.0.0.1": {"router lr0 (port lr0-sw0)"},
		"10.0.0.99":       nil,
	} {
		var got []string
		for _, o := range inv.Owners(addr(ip)) {
			got = append(got, o.String())
		}
		if len(got) != len(want) {
			t.Errorf("owners of %s: %q, want %q", ip, got, want)
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("owners of %s: %q, want %q", ip, got, want)
			}
		}
	}
}

func TestVIP(t *testing.T) {
	inv := sample()
	for _, c := range []struct {
		proto uint8
		to    string
		want  string
	}{
		{6, "30.0.0.1:80", "web 30.0.0.1:80"},
		{17, "30.0.0.1:80", "any 30.0.0.1"},
		{6, "30.0.0.1:9", "any 30.0.0.1"},
		{6, "30.0.0.2:80", ""},
		{17, "[fd00::1]:53", "dns [fd00::1]:53"},
		{6, "[fd00::1]:53", ""},
	} {
		got := ""
		for _, v := range inv.VIP(c.proto, endpoint(c.to)) {
			got += v.Balancer.Name + " " + v.Text
		}
		if got != c.want {
			t.Errorf("VIP %d %s: %q, want %q", c.proto, c.to, got, c.want)
		}
	}
	web := inv.VIP(6, endpoint("30.0.0.1:80"))[0]
	if len(web.Backends) != 2 || web.Backends[0].IsDown() || !web.Backends[1].IsDown() || web.Unresolved {
		t.Errorf("backends: %+v", web)
	}
	if !web.Has(endpoint("10.0.0.4:8080")) || web.Has(endpoint("10.0.0.4:8081")) {
		t.Errorf("backends by address: %+v", web.Backends)
	}
	if anyPort := inv.VIP(6, endpoint("30.0.0.1:9"))[0]; !anyPort.Has(endpoint("10.0.0.3:9")) {
		t.Errorf("a backend without a port: %+v", anyPort.Backends)
	}
	lr0, gr0, sw0, sw1 := inv.Router("lr0"), inv.Router("gr0"), inv.Switch("sw0"), inv.Switch("sw1")
	dns := inv.VIP(17, endpoint("[fd00::1]:53"))[0].Balancer
	if !web.Balancer.OnSwitch(sw0) || web.Balancer.OnSwitch(sw1) || web.Balancer.OnRouter(lr0) {
		t.Errorf("%s is on the wrong switches or routers", web.Balancer.Name)
	}
	if !dns.OnSwitch(sw1) || !dns.OnRouter(gr0) || dns.OnRouter(lr0) || len(dns.Switches()) != 1 || len(dns.Routers()) != 1 {
		t.Errorf("%s is on the wrong switches or routers", dns.Name)
	}
	for _, b := range inv.Balancers {
		for _, v := range b.VIPs {
			if v.Unresolved != b.IsTemplate() {
				t.Errorf("VIP %s: unresolved %t", v.Text, v.Unresolved)
			}
		}
	}
}

// A VIP with the port, of a load balancer that the zone's owner does not have, does not hide the
// owner's VIP without a port.
func TestDestinationByOwner(t *testing.T) {
	inv := sample()
	for zone, want := range map[string]string{"sw0-p1": "web", "lr0_dnat": "any"} {
		r := inv.Destination(zone, 6, endpoint("30.0.0.1:80"), endpoint("10.0.0.3:8080"))
		if r.VIP == nil || r.VIP.Balancer.Name != want || !r.Holds {
			t.Errorf("rule in zone %s: %+v, want load balancer %s", zone, r, want)
		}
	}
}

func TestNATAndGateways(t *testing.T) {
	inv := sample()
	lr0, gr0 := inv.Router("lr0"), inv.Router("gr0")
	if gw := lr0.GatewayPorts(); len(gw) != 1 || gw[0].Active != "hv2" ||
		len(gw[0].Gateways) != 2 || gw[0].Gateways[0] != (inventory.Gateway{Chassis: "hv2", Priority: 9}) {
		t.Errorf("gateway ports of lr0: %+v", gw)
	}
	if lr0.IsGateway() || !gr0.IsGateway() || gr0.Bound != "hv2" || len(lr0.Routes) != 1 {
		t.Errorf("routers: %+v, %+v", lr0, gr0)
	}
	snat, float := inv.NATByExternal(addr("172.16.0.1"))[0], inv.NATByExternal(addr("172.16.0.9"))[0]
	if snat.Chassis(inv) != "hv2" || snat.IsDestination() || snat.IsDistributed() {
		t.Errorf("snat: %+v", snat)
	}
	if float.Chassis(inv) != "hv1" || !float.IsDestination() || !float.IsDistributed() || float.Allowed != "partners" {
		t.Errorf("floating address: %+v", float)
	}
	if got := lr0.NATOf(addr("10.0.0.3")); len(got) != 2 {
		t.Errorf("NAT of 10.0.0.3: %v", got)
	}
	if got := lr0.NATOf(addr("172.16.0.9")); len(got) != 1 || got[0] != float {
		t.Errorf("NAT of 172.16.0.9: %v", got)
	}
}

func TestZone(t *testing.T) {
	inv := sample()
	for name, want := range map[string]inventory.ZoneOwner{
		"sw0-p1":        {Port: inv.Port("sw0-p1")},
		"lr0_snat":      {Router: inv.Router("lr0"), Use: "snat"},
		"gr0_dnat":      {Router: inv.Router("gr0"), Use: "dnat"},
		"sw1_dnat":      {Switch: inv.Switch("sw1"), Use: "dnat"},
		"cr-lr0-public": {RouterPort: inv.RouterPort("lr0-public")},
	} {
		if got, ok := inv.Zone(name); !ok || got != want {
			t.Errorf("zone %s: %+v, %t", name, got, ok)
		}
	}
	for _, name := range []string{"lr9_snat", "sw0", "", "_dnat"} {
		if got, ok := inv.Zone(name); ok {
			t.Errorf("zone %q: %+v", name, got)
		}
	}
	if p := inv.PortByKey(7, 3); p == nil || p.Name != "sw0-p1" || inv.PortByKey(7, 4) != nil {
		t.Errorf("port by tunnel keys: %+v", p)
	}
	if ps := inv.PortsByMAC("50:54:00:00:00:02"); len(ps) != 1 || ps[0].Name != "sw1-p1" {
		t.Errorf("ports by MAC address: %v", ps)
	}
}
