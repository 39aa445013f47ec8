package audit

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// rows are the databases' rows of the sample deployment.
type rows struct {
	nb    *ovn.Configuration
	sb    *ovn.State
	learn *inventory.Learned
	hops  []ovn.NeighbourRow // learned too, of addresses that the Northbound database does not have
}

func id(n byte) ovsdb.UUID { return ovsdb.UUID{15: n} }

func ids(ns ...byte) (out []ovsdb.UUID) {
	for _, n := range ns {
		out = append(out, id(n))
	}
	return out
}

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func vif(n byte, name, mac, ip string) ovn.SwitchPortRow {
	return ovn.SwitchPortRow{UUID: id(n), Name: name, Enabled: true, Addrs: []ovn.Addr{{MAC: mac, IPs: []netip.Prefix{prefix(ip + "/32")}}}}
}

// sample is switches sw0 (load balancer web) and sw1 behind the distributed router lr0 with a
// gateway port on hv3 (SNAT, a floating address on the gateway and one on hv2, load balancer out),
// and the gateway router gr0 on hv2 with lb_force_snat_ip.
func sample() *rows {
	return &rows{
		nb: &ovn.Configuration{
			Switches: []ovn.SwitchRow{
				{UUID: id(1), Name: "sw0", Ports: ids(11, 12, 13), Balancers: ids(51, 52)},
				{UUID: id(2), Name: "sw1", Ports: ids(14, 15, 16)},
				{UUID: id(3), Name: "public", Ports: ids(17, 18, 19)},
			},
			SwitchPorts: []ovn.SwitchPortRow{
				vif(11, "sw0-p1", "50:54:00:00:00:01", "10.0.0.3"), vif(12, "sw0-p2", "50:54:00:00:00:02", "10.0.0.4"),
				{UUID: id(13), Name: "sw0-lr0", Type: "router", RouterPort: "lr0-sw0", Enabled: true},
				vif(14, "sw1-p1", "50:54:00:00:01:01", "20.0.0.3"), vif(15, "sw1-p2", "50:54:00:00:01:02", "20.0.0.4"),
				{UUID: id(16), Name: "sw1-lr0", Type: "router", RouterPort: "lr0-sw1", Enabled: true},
				{UUID: id(17), Name: "public-lr0", Type: "router", RouterPort: "lr0-public", Enabled: true},
				{UUID: id(18), Name: "public-gr0", Type: "router", RouterPort: "gr0-public", Enabled: true},
				{UUID: id(19), Name: "ln-public", Type: "localnet", Localnet: "physnet1", Unknown: true, Enabled: true},
			},
			Routers: []ovn.RouterRow{
				{UUID: id(5), Name: "lr0", Options: map[string]string{}, Ports: ids(21, 22, 23), NATs: ids(31, 32, 33), Balancers: ids(53), Routes: ids(71)},
				{UUID: id(6), Name: "gr0", Options: map[string]string{"chassis": "hv2", "lb_force_snat_ip": "100.64.0.2"}, Ports: ids(24, 25), NATs: ids(34), Balancers: ids(54)},
			},
			RouterPorts: []ovn.RouterPortRow{
				{UUID: id(21), Name: "lr0-sw0", MAC: "00:00:00:00:ff:01", Networks: []netip.Prefix{prefix("10.0.0.1/24")}},
				{UUID: id(22), Name: "lr0-sw1", MAC: "00:00:00:00:ff:02", Networks: []netip.Prefix{prefix("20.0.0.1/24")}},
				{UUID: id(23), Name: "lr0-public", MAC: "00:00:00:00:fe:01", Networks: []netip.Prefix{prefix("172.16.0.1/24")}, Gateways: ids(41)},
				{UUID: id(24), Name: "gr0-join", MAC: "00:00:00:00:fd:01", Networks: []netip.Prefix{prefix("100.64.0.2/24")}},
				{UUID: id(25), Name: "gr0-public", MAC: "00:00:00:00:fd:02", Networks: []netip.Prefix{prefix("172.16.0.2/24")}},
			},
			Routes:   []ovn.RouteRow{{UUID: id(71), Prefix: prefix("0.0.0.0/0"), NextHop: "172.16.0.100"}},
			Gateways: []ovn.GatewayRow{{UUID: id(41), Chassis: "hv3", Priority: 20}},
			NATs: []ovn.NATRow{
				{UUID: id(31), Type: "snat", External: addr("172.16.0.1"), Logical: prefix("10.0.0.0/24")},
				{UUID: id(32), Type: "dnat_and_snat", External: addr("172.16.0.10"), Logical: prefix("10.0.0.3/32")},
				{UUID: id(33), Type: "dnat_and_snat", External: addr("172.16.0.11"), Logical: prefix("10.0.0.4/32"), LogicalPort: "sw0-p2", ExternalMAC: "00:00:00:00:fe:11"},
				{UUID: id(34), Type: "snat", External: addr("172.16.0.2"), Logical: prefix("20.0.0.0/24")},
			},
			Balancers: []ovn.BalancerRow{
				{UUID: id(51), Name: "web", Protocol: "tcp", Options: map[string]string{}, VIPs: map[string]string{"30.0.0.10:80": "20.0.0.3:8080,20.0.0.4:8080"},
					Checks: ids(61), Mappings: map[string]string{"20.0.0.4": "sw1-p2:20.0.0.1"}},
				{UUID: id(52), Name: "dns", Protocol: "udp", Options: map[string]string{}, VIPs: map[string]string{"30.0.0.10:53": "20.0.0.4:5353"}},
				{UUID: id(53), Name: "out", Protocol: "tcp", Options: map[string]string{}, VIPs: map[string]string{"172.16.0.50:80": "10.0.0.3:8080"}},
				{UUID: id(54), Name: "gr", Protocol: "tcp", Options: map[string]string{}, VIPs: map[string]string{"172.16.0.60:80": "20.0.0.3:8080"}},
			},
			Checks:      []ovn.HealthCheckRow{{UUID: id(61), VIP: "30.0.0.10:80"}},
			AddressSets: map[ovsdb.UUID]string{},
		},
		sb: &ovn.State{
			Chassis:   map[ovsdb.UUID]string{id(101): "hv1", id(102): "hv2", id(103): "hv3"},
			Datapaths: map[ovsdb.UUID]*ovn.Datapath{id(111): {TunnelKey: 1}, id(113): {TunnelKey: 3}},
			Bindings: []ovn.BindingRow{
				{Port: "sw0-p1", Datapath: id(111), TunnelKey: 1, Chassis: id(101)}, {Port: "sw0-p2", Datapath: id(111), TunnelKey: 2, Chassis: id(102)},
				{Port: "sw1-p1", Chassis: id(103)}, {Port: "sw1-p2", Chassis: id(103)},
				{Port: "ln-public", Datapath: id(113), TunnelKey: 1, Type: "localnet"},
				{Port: "cr-lr0-public", Type: "chassisredirect", Chassis: id(103)},
				{Port: "gr0-public", Type: "l3gateway", Chassis: id(102)},
			},
			Monitors: []ovn.MonitorRow{{Addr: netip.MustParseAddrPort("20.0.0.4:8080"), Protocol: "tcp", Port: "sw1-p2", Status: "online"}},
		},
		learn: &inventory.Learned{},
		hops:  []ovn.NeighbourRow{{Port: "lr0-public", IP: addr("172.16.0.100")}, {Port: "gr0-public", IP: addr("172.16.0.100")}},
	}
}

// zoneNumbers are the zones of the sample's owners, on every chassis.
var zoneNumbers = map[string]uint16{"sw0-p1": 1, "sw0-p2": 2, "sw1-p1": 3, "sw1-p2": 4, "lr0_dnat": 5, "lr0_snat": 6, "gr0_dnat": 7, "gr0_snat": 8, "sw0_dnat": 9}

// record reads an entry, written as "CHASSIS ZONE-OWNER: ORIG | REPLY, WORD...". Without a reply it
// is the original tuple inverted. The owner of a zone that OVN does not have is zone=NUMBER. Words
// are a state (est: established on both sides), left=SECONDS, or a mark's bit.
func record(t testing.TB, line string) connection.Record {
	t.Helper()
	place, rest, _ := strings.Cut(line, ": ")
	chassis, owner, _ := strings.Cut(place, " ")
	words := strings.Split(rest, ", ")
	orig, reply, hasReply := strings.Cut(words[0], " | ")
	r := connection.Record{Chassis: chassis, ZoneName: owner, Entry: ctstate.Entry{Zone: zoneNumbers[owner], Orig: tuple(t, orig), Source: ctstate.FromKernel}}
	e := &r.Entry
	if zone, ok := strings.CutPrefix(owner, "zone="); ok {
		if _, err := fmt.Sscan(zone, &e.Zone); err != nil {
			t.Fatal(line, err)
		}
		r.ZoneName = ""
	}
	if r.Entry.Zone == 0 {
		t.Fatalf("%s: no zone %q", line, owner)
	}
	e.Reply, _ = e.Orig.Invert()
	if hasReply {
		e.Reply = tuple(t, reply)
	}
	for _, w := range words[1:] {
		switch name, value, _ := strings.Cut(w, "="); name {
		case "est":
			e.TCP, e.Status = &ctstate.TCPInfo{State: ctstate.TCPEstablished}, ctstate.SeenReply|ctstate.Assured
		case "syn":
			e.TCP = &ctstate.TCPInfo{State: ctstate.TCPSynSent}
		case "timewait":
			e.TCP, e.Status = &ctstate.TCPInfo{State: ctstate.TCPTimeWait}, ctstate.SeenReply|ctstate.Assured
		case "uest":
			e.Source, e.UserTCP = ctstate.FromUserspace, &ctstate.UserTCPInfo{Orig: ctstate.UserTCPEstablished, Reply: ctstate.UserTCPEstablished}
		case "usyn":
			e.Source, e.UserTCP = ctstate.FromUserspace, &ctstate.UserTCPInfo{Orig: ctstate.UserTCPSynSent}
		case "ureset":
			e.Source, e.UserTCP = ctstate.FromUserspace, &ctstate.UserTCPInfo{}
		case "user":
			e.Source = ctstate.FromUserspace
		case "assured":
			e.Status |= ctstate.SeenReply | ctstate.Assured
		case "replied":
			e.Status |= ctstate.SeenReply
		case "offload":
			e.Status |= ctstate.Offload
		case "left":
			e.HasTimeout = true
			if _, err := fmt.Sscan(value, &e.Timeout); err != nil {
				t.Fatal(line, err)
			}
		case "natted":
			e.Mark |= 1 << connection.Natted
		case "force_snat":
			e.Mark |= 1 << connection.ForceSNAT
		case "blocked":
			e.Mark |= 1 << connection.Blocked
		default:
			t.Fatalf("%s: no word %q", line, w)
		}
	}
	return r
}

func tuple(t testing.TB, in string) ctstate.Tuple {
	t.Helper()
	out, err := ctstate.ParseTuple(in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// input makes the Input of entries and rows.
func input(t testing.TB, r *rows, lines ...string) *Input {
	t.Helper()
	in := &Input{Inventory: inventory.New(r.nb, r.sb), Learned: r.learn}
	for _, n := range r.hops {
		in.Inventory.AddLearned(in.Learned, n)
	}
	for _, name := range []string{"hv1", "hv2", "hv3"} {
		zones := map[uint16]string{}
		for owner, zone := range zoneNumbers {
			zones[zone] = owner
		}
		in.Chassis = append(in.Chassis, Chassis{Name: name, Zones: zones, Count: 10, Max: 1000})
	}
	var records []connection.Record
	for _, line := range lines {
		records = append(records, record(t, line))
	}
	// A zone without an owner is one that OVN does not have now.
	isFormer := func(r connection.Record) bool { return r.ZoneName == "" }
	for _, r := range records {
		if isFormer(r) {
			in.Former = append(in.Former, r)
		}
	}
	in.Connections = connection.Join(slices.DeleteFunc(records, isFormer), nil)
	return in
}

// told returns a finding with all that it says on one line.
func told(f report.Finding) string {
	parts := []string{string(f.Severity), string(f.Code) + ":", f.Text}
	if f.NB != nil {
		parts = append(parts, "NB "+f.NB.Table+" "+f.NB.Summary)
	}
	parts = append(parts, fmt.Sprint(f.Where))
	parts = append(parts, f.Evidence...)
	parts = append(parts, f.Mend...)
	return strings.Join(append(parts, string(f.Certainty)), "; ")
}
