package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// healthy are the entries of connections that the sample's rules explain.
var healthy = []string{
	"hv1 sw0-p1: tcp 10.0.0.3:1000>30.0.0.10:80 | tcp 20.0.0.3:8080>10.0.0.3:1000, est, natted",
	"hv3 sw1-p1: tcp 10.0.0.3:1000>20.0.0.3:8080, est",
	"hv1 sw0-p1: udp 10.0.0.3:1000>30.0.0.10:53 | udp 20.0.0.4:5353>10.0.0.3:1000, replied, natted",
	// A backend that is its own client.
	"hv3 sw1-p1: tcp 20.0.0.3:1000>20.0.0.3:8080 | tcp 20.0.0.3:8080>30.0.0.10:1000, est",
	// SNAT and both floating addresses, in the SNAT zone or in the common zone.
	"hv3 lr0_snat: tcp 10.0.0.9:1000>172.16.0.100:80 | tcp 172.16.0.100:80>172.16.0.1:1000, est",
	"hv3 lr0_dnat: tcp 10.0.0.8:1000>172.16.0.100:80 | tcp 172.16.0.100:80>172.16.0.1:1001, est",
	"hv3 lr0_dnat: tcp 172.16.0.100:1000>172.16.0.10:80 | tcp 10.0.0.3:80>172.16.0.100:1000, est",
	"hv2 lr0_snat: tcp 10.0.0.4:1000>172.16.0.100:80 | tcp 172.16.0.100:80>172.16.0.11:1000, est",
	"hv3 lr0_dnat: tcp 172.16.0.100:1001>172.16.0.50:80 | tcp 10.0.0.3:8080>172.16.0.100:1001, est, natted",
	// A port's own connection to the outside, with its half on the gateway.
	"hv1 sw0-p1: tcp 10.0.0.3:1002>172.16.0.100:80, est",
	"hv3 lr0_snat: tcp 10.0.0.3:1002>172.16.0.100:80 | tcp 172.16.0.100:80>172.16.0.10:1002, est",
	// A load balancer on a gateway router, with lb_force_snat_ip.
	"hv2 gr0_dnat: tcp 172.16.0.100:1002>172.16.0.60:80 | tcp 20.0.0.3:8080>172.16.0.100:1002, est, natted, force_snat",
	"hv2 gr0_snat: tcp 172.16.0.100:1002>20.0.0.3:8080 | tcp 20.0.0.3:8080>100.64.0.2:1002, est",
	// Only the port is changed, because another connection has it.
	"hv3 lr0_dnat: tcp 172.16.0.101:1000>172.16.0.102:80 | tcp 172.16.0.102:80>172.16.0.101:2000, est",
	// Entries that end by themselves are held against nothing.
	"hv1 sw0-p1: tcp 10.0.0.3:1003>30.0.0.10:80 | tcp 20.0.0.9:8080>10.0.0.3:1003, timewait, natted",
	"hv1 lr0_snat: tcp 10.0.0.9:1003>172.16.0.100:80 | tcp 172.16.0.100:80>172.16.0.99:1003, timewait",
	"hv1 sw0-p1: tcp 10.0.0.3:1005>30.0.0.10:80 | tcp 20.0.0.9:8080>10.0.0.3:1005, ureset, natted",
	// The userspace datapath exports no ports of SCTP.
	"hv1 sw0-p1: sctp 10.0.0.3:0>30.0.0.10:0 | sctp 20.0.0.4:0>10.0.0.3:0, natted",
	// A handshake that has just begun, in one zone after the other.
	"hv1 sw0-p1: tcp 10.0.0.3:1004>20.0.0.3:8080, est, left=86399",
	"hv3 sw1-p1: tcp 10.0.0.3:1004>20.0.0.3:8080, syn, left=119",
	"hv1 sw0-p1: icmp 10.0.0.3>20.0.0.3 type=8 code=0 id=7, replied",
	"hv3 lr0_snat: icmp 10.0.0.9>172.16.0.100 type=8 code=0 id=7 | icmp 172.16.0.100>172.16.0.1 type=0 code=0 id=7, replied",
}

func TestHealthy(t *testing.T) {
	got := Audit(input(t, sample(), healthy...))
	for _, f := range got.Findings {
		if f.Severity != report.SeverityInfo {
			t.Error(told(f))
		}
	}
	if len(got.Usage) == 0 {
		t.Error("no usage of NAT addresses")
	}
}

func set(m *map[string]string, key, value string) { *m = map[string]string{key: value} }

// faulty are faults, each beside all healthy connections unless it is alone: one finding of its
// severity and code has these parts, and there is no other error or warning.
var faulty = []struct {
	name    string
	change  func(r *rows)
	entries []string
	want    string   // severity and code
	has     []string // in the finding
}{
	{"backend removed from the VIP", nil, []string{"hv1 sw0-p1: udp 10.0.0.3:9>30.0.0.10:53 | udp 20.0.0.3:5353>10.0.0.3:9, replied, natted, left=100"}, "warning stale-lb-backend",
		[]string{`load balancer "dns": an entry translates the VIP 30.0.0.10:53 to 20.0.0.3:5353, which is no longer a backend`, "chassis:hv1", "1 (sw0-p1)", "100 s left",
			"NB Load_Balancer 30.0.0.10:53/udp => 20.0.0.4:5353", "ovs-appctl dpctl/flush-conntrack zone=1 'ct_nw_src=10.0.0.3,ct_nw_dst=30.0.0.10,ct_nw_proto=17,ct_tp_src=9,ct_tp_dst=53'"}},
	{"backend that nobody has any more", nil, []string{
		"hv1 sw0-p1: udp 10.0.0.3:9>30.0.0.10:53 | udp 20.0.0.9:5353>10.0.0.3:9, replied, natted", "hv1 sw0-p1: udp 10.0.0.3:8>30.0.0.10:53 | udp 20.0.0.9:5353>10.0.0.3:8, replied, natted",
		"hv1 sw0-p1: udp 10.0.0.3:7>30.0.0.10:53 | udp 20.0.0.9:5353>10.0.0.3:7, replied, natted", "hv1 sw0-p1: udp 10.0.0.3:6>30.0.0.10:53 | udp 20.0.0.9:5353>10.0.0.3:6, replied, natted"},
		"error stale-lb-backend", []string{"4 entries translate", "which no port has", "and 1 more like these"}},
	{"backend that is down", func(r *rows) { r.sb.Monitors[0].Status = "offline" },
		[]string{"hv1 sw0-p1: tcp 10.0.0.3:9>30.0.0.10:80 | tcp 20.0.0.4:8080>10.0.0.3:9, est, natted"}, "error stale-lb-backend", []string{"reports offline"}},
	{"VIP removed", nil, []string{"hv1 sw0-p1: tcp 10.0.0.3:9>30.0.0.77:80 | tcp 20.0.0.4:8080>10.0.0.3:9, est, natted"}, "warning stale-lb-backend",
		[]string{"no load balancer of switch sw0 has that VIP now"}},
	{"load balancer no longer on the router", nil, []string{"hv3 lr0_dnat: tcp 172.16.0.100:9>172.16.0.60:80 | tcp 20.0.0.3:8080>172.16.0.100:9, est, natted"}, "warning stale-lb-backend",
		[]string{"router lr0", `VIP 172.16.0.60:80 of load balancer "gr"`}},
	{"snat removed", nil, []string{"hv3 lr0_snat: tcp 10.0.0.9:9>172.16.0.100:80 | tcp 172.16.0.100:80>172.16.0.77:9, est"}, "warning stale-nat",
		[]string{"router lr0: an entry translates 10.0.0.9 to 172.16.0.77", "rule now: snat 10.0.0.0/24 => 172.16.0.1", "zone=6"}},
	{"floating address moved", nil, []string{"hv3 lr0_dnat: tcp 172.16.0.100:9>172.16.0.10:80 | tcp 10.0.0.4:80>172.16.0.100:9, est"}, "warning stale-nat",
		[]string{"172.16.0.10 to 10.0.0.4", "rule now: dnat_and_snat 172.16.0.10 <=> 10.0.0.3"}},
	{"gateway router moved", func(r *rows) { r.sb.Bindings[6].Chassis = id(103) }, nil, "warning gateway-moved", []string{"gateway router gr0 is on hv3 now: 2 entries are left only on hv2", "now:hv3"}},
	{"gateway port moved", func(r *rows) { r.sb.Bindings[5].Chassis = id(101) }, nil, "warning gateway-moved", []string{"the gateway of router lr0 is on hv1 now", "left only on hv3"}},
	{"distributed floating address moved", func(r *rows) { r.sb.Bindings[1].Chassis = id(101) }, nil, "warning known-elsewhere", []string{"port sw0-p2 is on hv1 now: an entry is left only on hv2"}},
	{"VIP's port taken by SNAT", func(r *rows) {
		r.nb.Balancers[2].VIPs = map[string]string{"172.16.0.50:80": "10.0.0.3:8080", "172.16.0.1:4000": "10.0.0.3:8080"}
	},
		[]string{"hv3 lr0_snat: tcp 10.0.0.9:4000>172.16.0.100:80 | tcp 172.16.0.100:80>172.16.0.1:4000, est"}, "warning snat-hits-vip", []string{"172.16.0.1:4000", `"out"`}},
	{"blocked", nil, []string{"hv1 sw0-p1: tcp 10.0.0.3:9>20.0.0.3:8080, est, blocked"}, "warning blocked-mark", []string{"port sw0-p1: an entry is marked as blocked"}},
	{"one zone sees one direction", nil, []string{"hv1 sw0-p1: tcp 10.0.0.3:9>20.0.0.3:8080, est", "hv3 sw1-p1: tcp 10.0.0.3:9>20.0.0.3:8080, syn, left=100"}, "warning invalid-state",
		[]string{"zone 3 (sw1-p1)", "hv1 zone 1 (sw0-p1)", "likely"}},
	{"the same in userspace", nil, []string{"hv1 sw0-p1: tcp 10.0.0.3:9>20.0.0.3:8080, uest", "hv3 sw1-p1: tcp 10.0.0.3:9>20.0.0.3:8080, usyn, left=20"}, "warning invalid-state", nil},
	{"the gateway's half gone", nil, []string{"hv1 sw0-p1: tcp 10.0.0.3:9>172.16.0.100:80, est"}, "warning entry-vanished", []string{"port sw0-p1: an entry is established, and the gateway of router lr0 on hv3 has lost its half"}},
	{"the gateway's half of an answered UDP connection gone", nil, []string{"hv1 sw0-p1: udp 10.0.0.3:9>172.16.0.100:53, replied, left=20"}, "warning entry-vanished",
		[]string{"port sw0-p1: an entry is in use, and the gateway of router lr0 on hv3 has lost its half", "likely"}},
	{"of an assured one", nil, []string{"hv1 sw0-p1: udp 10.0.0.3:9>172.16.0.100:53, assured, left=110"}, "warning entry-vanished", []string{"an entry is in use", "likely"}},
	{"of one in userspace", nil, []string{"hv1 sw0-p1: udp 10.0.0.3:9>172.16.0.100:53, user, left=27"}, "warning entry-vanished",
		[]string{"an entry is in use", "the table does not say whether it was answered", "possible"}},
	{"of a ping in userspace", nil, []string{"hv1 sw0-p1: icmp 10.0.0.3>172.16.0.100 type=8 code=0 id=9, user, left=15"}, "warning entry-vanished", []string{"possible"}},
	{"the half of a gateway router behind another router gone", func(r *rows) {
		r.nb.NATs[0].Logical, r.nb.NATs[1].Logical = prefix("20.0.0.0/24"), prefix("20.0.0.9/32") // lr0 translates nothing of sw0
		r.nb.NATs[3].Logical = prefix("10.0.0.0/24")                                              // and gr0 does
		r.nb.Routes[0].NextHop = "100.64.0.2"
	}, []string{"alone", "hv1 sw0-p1: tcp 10.0.0.3:9>172.16.0.100:80, est"}, "warning entry-vanished", []string{"the gateway of router gr0 on hv2 has lost its half"}},
	{"forced SNAT gone", nil, []string{"hv2 gr0_dnat: tcp 172.16.0.100:9>172.16.0.60:80 | tcp 20.0.0.3:8080>172.16.0.100:9, est, natted, force_snat"}, "warning entry-vanished",
		[]string{"router gr0", "source NAT in zone 8 is gone"}},
	{"forced SNAT alone", nil, []string{"hv2 gr0_snat: tcp 172.16.0.100:9>20.0.0.3:8080 | tcp 20.0.0.3:8080>100.64.0.2:9, est"}, "warning orphan-half", []string{"router gr0", "zone 7"}},
	{"zone of source NAT moved", func(r *rows) {
		set(&r.nb.Routers[1].Options, "chassis", "hv2")
		r.nb.Routers[1].Options["snat-ct-zone"] = "8"
	},
		[]string{"alone", "hv2 zone=77: udp 20.0.0.3:9>172.16.0.100:53 | udp 172.16.0.100:53>172.16.0.2:9, replied", "hv2 zone=77: tcp 20.0.0.3:9>172.16.0.100:80 | tcp 172.16.0.100:80>172.16.0.2:9, est"},
		"warning zone-moved", []string{"router gr0: 2 entries are left in zone 77 of hv2, which OVN does not have now; its zone of source NAT is 8", "now:8", "zone_name:gr0_snat", "router:gr0",
			"options:snat-ct-zone of router gr0 is 8", "likely", "flush-conntrack zone=77"}},
	{"zone of source NAT moved, its rule gone", nil, []string{"hv3 zone=77: udp 10.0.0.9:9>172.16.0.100:53 | udp 172.16.0.100:53>172.16.0.77:9, replied"}, "warning zone-moved", []string{"router lr0", "source NAT is 6"}},
	{"zone of destination NAT moved, of a VIP", nil, []string{"hv3 zone=77: tcp 172.16.0.100:9>172.16.0.50:80 | tcp 10.0.0.3:8080>172.16.0.100:9, est, natted"}, "warning zone-moved",
		[]string{"router lr0", "destination NAT is 5"}},
	{"zone of destination NAT moved, of a floating address", nil, []string{"hv3 zone=77: tcp 172.16.0.100:9>172.16.0.10:80 | tcp 10.0.0.3:80>172.16.0.100:9, est"}, "warning zone-moved",
		[]string{"router lr0", "zone_name:lr0_dnat"}},
	{"VIP without a backend", func(r *rows) {
		r.nb.Balancers[1].VIPs = map[string]string{"30.0.0.10:53": "20.0.0.4:5353", "30.0.0.11:53": ""}
	}, nil, "warning lb-no-backend", []string{`"dns": VIP 30.0.0.11:53`, "dropped", "ovn-nbctl --may-exist lb-add"}},
	{"all backends down", func(r *rows) {
		r.sb.Monitors[0].Status = "offline"
		r.nb.Balancers[0].VIPs = map[string]string{"30.0.0.10:80": "20.0.0.3:8080", "30.0.0.12:80": "20.0.0.4:8080"}
		r.nb.Checks[0].VIP = "30.0.0.12:80"
	}, nil, "error lb-backend-down", []string{"VIP 30.0.0.12:80 reports all 1 backends down", "20.0.0.4:8080 (port sw1-p2) is offline"}},
	{"forced SNAT on a distributed router", func(r *rows) { set(&r.nb.Routers[0].Options, "lb_force_snat_ip", "10.0.0.1") }, nil, "warning lb-force-snat-ignored",
		[]string{"router lr0 has lb_force_snat_ip", "ovn-nbctl remove logical_router"}},
	{"floating address twice", func(r *rows) {
		r.nb.NATs = append(r.nb.NATs, ovn.NATRow{UUID: id(35), Type: "dnat_and_snat", External: addr("172.16.0.10"), Logical: prefix("20.0.0.3/32")})
		r.nb.Routers[0].NATs = ids(31, 32, 33, 35)
	}, nil, "warning nat-conflict", []string{"dnat_and_snat 172.16.0.10 <=> 10.0.0.3", "dnat_and_snat 172.16.0.10 <=> 20.0.0.3"}},
	{"two floating addresses of one machine", func(r *rows) {
		r.nb.NATs = append(r.nb.NATs, ovn.NATRow{UUID: id(35), Type: "dnat_and_snat", External: addr("172.16.0.12"), Logical: prefix("10.0.0.3/32")})
		r.nb.Routers[0].NATs = ids(31, 32, 33, 35)
	}, nil, "warning nat-conflict", []string{"two NAT rules translate 10.0.0.3"}},
	{"route via the router's own port", func(r *rows) { r.nb.Routes[0].NextHop = "172.16.0.1" }, nil, "error route-via-self", []string{"the route to 0.0.0.0/0", "router lr0 (port lr0-public)", "static_routes"}},
	{"route via a VIP", func(r *rows) { r.nb.Routes[0].NextHop = "172.16.0.50" }, nil, "error route-via-self", []string{`VIP 172.16.0.50:80 of load balancer "out"`}},
	{"policy via a floating address", func(r *rows) {
		r.nb.Policies = []ovn.PolicyRow{{UUID: id(81), Priority: 7, Match: "ip4", Action: "reroute", NextHops: []string{"20.0.0.9", "172.16.0.11"}}}
		r.nb.Routers[0].Policies = ids(81)
	}, nil, "error route-via-self", []string{"policy 7", "172.16.0.11"}},
	{"address twice on a switch", func(r *rows) { r.nb.SwitchPorts[1] = vif(12, "sw0-p2", "50:54:00:00:00:02", "10.0.0.3") }, nil, "warning address-claimed-twice",
		[]string{"switch sw0: 2 owners answer for 10.0.0.3", "port sw0-p1: 50:54:00:00:00:01", "port sw0-p2: 50:54:00:00:00:02"}},
	{"address twice on a switch, and of a disabled port", func(r *rows) {
		r.nb.SwitchPorts[1] = vif(12, "sw0-p2", "50:54:00:00:00:02", "10.0.0.3")
		disabled := vif(20, "sw0-p3", "50:54:00:00:00:03", "10.0.0.3")
		disabled.Enabled = false
		r.nb.SwitchPorts = append(r.nb.SwitchPorts, disabled)
		r.nb.Switches[0].Ports = ids(11, 12, 13, 20)
	}, nil, "warning address-claimed-twice", []string{"switch sw0: 2 owners answer for 10.0.0.3"}},
	{"external address of two routers", func(r *rows) { r.nb.NATs[3].External = addr("172.16.0.10") }, nil, "warning address-claimed-twice", []string{"switch public", "172.16.0.10"}},
	{"floating address learned elsewhere", func(r *rows) {
		r.learn.Neighbours = []ovn.NeighbourRow{{UUID: id(91), Port: "gr0-public", IP: addr("172.16.0.11"), MAC: "00:00:00:00:aa:01"}}
	}, nil, "warning stale-mac-binding", []string{"router gr0 takes 00:00:00:00:aa:01 for the MAC address of 172.16.0.11, whose owner has 00:00:00:00:fe:11", "ovn-sbctl destroy mac_binding"}},
	{"MAC address learned at another port", func(r *rows) {
		r.learn.FDB = []ovn.FDBRow{{UUID: id(92), MAC: "50:54:00:00:00:01", Datapath: 1, Port: 2}}
	}, nil, "warning stale-fdb",
		[]string{"at port sw0-p2, and it is port sw0-p1's"}},
}

func TestFaults(t *testing.T) {
	for _, c := range faulty {
		r := sample()
		if c.change != nil {
			c.change(r)
		}
		lines := append(slices.Clone(c.entries), healthy...)
		if len(c.entries) > 0 && c.entries[0] == "alone" {
			lines = c.entries[1:]
		}
		got := Audit(input(t, r, lines...))
		found := 0
		for _, f := range got.Findings {
			text := told(f)
			switch {
			case string(f.Severity)+" "+string(f.Code) == c.want:
				missing := ""
				for _, part := range c.has {
					if !strings.Contains(text, part) {
						missing += fmt.Sprintf(" %q", part)
					}
				}
				if missing == "" {
					found++
				} else {
					t.Errorf("%s: %s is missing in: %s", c.name, missing, text)
				}
			case f.Severity != report.SeverityInfo && !expected[c.name+" "+string(f.Code)]:
				t.Errorf("%s: also found: %s", c.name, text)
			}
		}
		if found != 1 {
			t.Errorf("%s: %d findings %s", c.name, found, c.want)
		}
	}
}

// expected are findings that a fault brings with it.
var expected = map[string]bool{
	"backend that is down lb-backend-down":              true,
	"all backends down stale-lb-backend":                true,
	"external address of two routers stale-nat":         true,
	"external address of two routers stale-mac-binding": true,
}

// What looks like a fault, and is none.
func TestNoFault(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(r *rows)
		entries []string
	}{
		{"a template may have had the VIP", func(r *rows) {
			r.nb.Balancers[0].Options["template"] = "true"
		}, []string{"hv1 sw0-p1: tcp 10.0.0.3:9>30.0.0.77:80 | tcp 20.0.0.4:8080>10.0.0.3:9, est, natted"}},
		{"rejected on purpose", func(r *rows) {
			r.nb.Balancers[1].Options["reject"] = "true"
			r.nb.Balancers[1].VIPs = map[string]string{"30.0.0.10:53": "20.0.0.4:5353", "30.0.0.11:53": ""}
		}, nil},
		{"rules with a match", func(r *rows) {
			r.nb.NATs = append(r.nb.NATs, ovn.NATRow{UUID: id(35), Type: "snat", External: addr("172.16.0.12"), Logical: prefix("10.0.0.0/24"), Match: "ip4.dst == 8.8.8.8"})
			r.nb.Routers[0].NATs = ids(31, 32, 33, 35)
		}, nil},
		{"the same rule twice", func(r *rows) {
			twice := r.nb.NATs[0]
			twice.UUID = id(35)
			r.nb.NATs = append(r.nb.NATs, twice)
			r.nb.Routers[0].NATs = ids(31, 32, 33, 35)
		}, nil},
		{"an address that a disabled port has too", func(r *rows) {
			r.nb.SwitchPorts[1] = vif(12, "sw0-p2", "50:54:00:00:00:02", "10.0.0.3")
			r.nb.SwitchPorts[1].Enabled = false
		}, nil},
		{"a connection that has gone on at the new gateway", func(r *rows) { r.sb.Bindings[6].Chassis = id(103) }, []string{
			"hv3 gr0_dnat: tcp 172.16.0.100:1002>172.16.0.60:80 | tcp 20.0.0.3:8080>172.16.0.100:1002, est, natted, force_snat",
			"hv3 gr0_snat: tcp 172.16.0.100:1002>20.0.0.3:8080 | tcp 20.0.0.3:8080>100.64.0.2:1002, est"}},
		{"a learned address that is right", func(r *rows) {
			r.learn.Neighbours = []ovn.NeighbourRow{{Port: "gr0-public", IP: addr("172.16.0.11"), MAC: "00:00:00:00:fe:11"}, {Port: "gr0-public", IP: addr("172.16.0.77"), MAC: "00:00:00:00:aa:01"}}
		}, nil},
		{"a virtual address", func(r *rows) {
			r.nb.SwitchPorts[1] = vif(12, "sw0-p2", "50:54:00:00:00:02", "10.0.0.3")
			r.nb.SwitchPorts[1].Type = "virtual"
		}, nil},
		{"traffic between the router's networks", nil, []string{"hv1 sw0-p1: tcp 10.0.0.3:9>20.0.0.4:80, est"}},
		{"entries of zones that OVN has never had", nil, []string{
			"hv3 zone=77: udp 192.168.1.5:9>8.8.8.8:53 | udp 8.8.8.8:53>192.168.1.1:9, replied",          // of somebody else's addresses
			"hv3 zone=77: udp 10.0.0.9:9>8.8.8.8:53 | udp 8.8.8.8:53>192.168.1.1:9, replied",             // the router has no such address
			"hv3 zone=77: udp 10.0.0.9:9>172.16.0.100:53, replied",                                       // not translated
			"hv3 zone=77: tcp 172.16.0.100:9>172.16.0.50:80, est",                                        // nor this
			"hv1 zone=77: udp 10.0.0.9:9>172.16.0.100:53 | udp 172.16.0.100:53>172.16.0.1:9",             // the router does not translate there
			"hv3 zone=77: udp 20.0.0.9:9>172.16.0.100:53 | udp 172.16.0.100:53>172.16.0.2:9",             // a gateway router of another chassis
			"hv3 zone=77: tcp 10.0.0.9:9>172.16.0.100:80 | tcp 172.16.0.100:80>172.16.0.1:9, timewait"}}, // ends
		{"a UDP connection that has just begun", nil, []string{"hv1 sw0-p1: udp 10.0.0.3:9>172.16.0.100:53, user, left=59", "hv1 sw0-p1: udp 10.0.0.3:8>172.16.0.100:53, user, left=30",
			"hv1 sw0-p1: udp 10.0.0.3:7>172.16.0.100:53, left=25", "hv1 sw0-p1: udp 10.0.0.3:6>172.16.0.100:53, replied, left=29"}},
		{"UDP connections that end", nil, []string{"hv1 sw0-p1: udp 10.0.0.3:9>172.16.0.100:53, user, left=9", "hv1 sw0-p1: udp 10.0.0.3:8>172.16.0.100:53, replied, left=9",
			"hv1 sw0-p1: udp 10.0.0.3:7>172.16.0.100:53, assured, left=28", "hv1 sw0-p1: udp 10.0.0.3:6>172.16.0.100:53, user"}},
		{"a UDP packet to a next hop that nobody has", func(r *rows) { r.hops = nil }, []string{"hv1 sw0-p1: udp 10.0.0.3:9>172.16.0.100:53, user, left=27"}},
		{"a UDP packet to a default route that nobody has", func(r *rows) { r.nb.Routes[0].NextHop = "172.16.0.254" }, []string{"hv1 sw0-p1: udp 10.0.0.3:9>8.8.8.8:53, user, left=27"}},
		{"a UDP packet that a policy may drop", func(r *rows) {
			r.nb.Policies = []ovn.PolicyRow{{UUID: id(81), Priority: 7, Match: "udp", Action: "drop"}}
			r.nb.Routers[0].Policies = ids(81)
		}, []string{"hv1 sw0-p1: udp 10.0.0.3:9>172.16.0.100:53, user, left=27"}},
		{"a UDP packet that may be too large", func(r *rows) { r.nb.RouterPorts[2].Options = map[string]string{"gateway_mtu": "900"} },
			[]string{"hv1 sw0-p1: udp 10.0.0.3:9>172.16.0.100:53, user, left=27"}},
		{"a rule that depends on more than the source", func(r *rows) { r.nb.NATs[1].Match = "tcp" }, []string{"hv1 sw0-p1: tcp 10.0.0.3:9>172.16.0.100:80, est"}},
	} {
		r := sample()
		if c.change != nil {
			c.change(r)
		}
		for _, f := range Audit(input(t, r, append(c.entries, healthy...)...)).Findings {
			if f.Severity != report.SeverityInfo {
				t.Errorf("%s: %s", c.name, told(f))
			}
		}
	}
}

// Entries that were not read are not missed.
func TestPartial(t *testing.T) {
	in := input(t, sample(), "hv1 sw0-p1: tcp 10.0.0.3:9>172.16.0.100:80, est",
		"hv2 gr0_dnat: tcp 172.16.0.100:9>172.16.0.60:80 | tcp 20.0.0.3:8080>172.16.0.100:9, est, natted, force_snat")
	for i := range in.Chassis {
		in.Chassis[i].Partial = true
	}
	for _, f := range Audit(in).Findings {
		if f.Code == report.CodeEntryVanished {
			t.Error(told(f))
		}
	}
}

func TestAddress(t *testing.T) {
	r := sample()
	r.nb.Routes[0].NextHop = "172.16.0.1"
	r.nb.SwitchPorts[1] = vif(12, "sw0-p2", "50:54:00:00:00:02", "10.0.0.3")
	in := input(t, r)
	in.Address = addr("10.0.0.3")
	var got []string
	for _, f := range Audit(in).Findings {
		got = append(got, string(f.Code))
	}
	if text := strings.Join(got, " "); text != "address-claimed-twice lb-handled-elsewhere" {
		t.Errorf("about 10.0.0.3: %s", text)
	}
}

func TestTables(t *testing.T) {
	in := input(t, sample())
	in.Chassis[0].Count, in.Chassis[1].Count = 900, 1000
	in.Chassis[2].Bridge = "br-int"
	in.Chassis[2].Shared = map[uint16][]SharedOwner{7: {{"sw0-p1", "sw0-p1"}, {"5c88ac2a-0000-0000-0000-000000000001_snat", "gr0_snat"}}}
	in.Chassis[2].Limits = map[uint16]ctstate.ZoneLimit{1: {Limit: 10, Count: 8}, 2: {Limit: 10, Count: 9}, 3: {Limit: 10, Count: 10}}
	var got []string
	for _, f := range Audit(in).Findings {
		if f.Severity != report.SeverityInfo {
			got = append(got, fmt.Sprint(f.Severity, " ", f.Code, " ", f.Where["chassis"]))
		}
		// The key of the database is removed, and the owner is named by its name.
		if f.Code == report.CodeZoneClash && (f.Text != "zone 7 of hv3 belongs to sw0-p1 and gr0_snat" ||
			f.Mend[0] != "ovs-vsctl remove bridge br-int external_ids ct-zone-5c88ac2a-0000-0000-0000-000000000001_snat") {
			t.Error(told(f))
		}
	}
	if text := strings.Join(got, ", "); text != "error table-full hv2, error zone-clash hv3, error zone-limit hv3, warning table-full hv1, warning zone-limit hv3" {
		t.Error(text)
	}
	// A limit that zones have together is one finding, without those that have their own.
	for _, c := range []struct {
		count uint32
		want  string
	}{{8, ""}, {9, "warning zone-limit the zones of hv1 without a limit of their own (a, c, d and 1 more) have 9 of 10 connections together"},
		{10, "error zone-limit the zones of hv1 without a limit of their own (a, c, d and 1 more) have 10 of 10 connections together"}} {
		in = input(t, sample())
		in.Chassis = []Chassis{{Name: "hv1", Zones: map[uint16]string{1: "a", 2: "b", 3: "c", 4: "d", 5: "e"},
			Limits: map[uint16]ctstate.ZoneLimit{2: {Limit: 10, Count: 1}}, Together: &ctstate.ZoneLimit{Limit: 10, Count: c.count}}}
		text := ""
		for _, f := range Audit(in).Findings {
			if f.Code == report.CodeZoneLimit {
				text += fmt.Sprint(f.Severity, " ", f.Code, " ", f.Text)
			}
		}
		if text != c.want {
			t.Errorf("%d: %q", c.count, text)
		}
	}
	in = input(t, sample())
	in.Inventory.Router("gr0").Options["snat-ct-zone"] = "7"
	in.Chassis[2].Shared = map[uint16][]SharedOwner{7: {{"gr0_snat", "gr0_snat"}, {"lr0_snat", "lr0_snat"}}}
	for _, f := range Audit(in).Findings {
		if f.Severity != report.SeverityInfo {
			t.Error(told(f))
		}
	}
}
