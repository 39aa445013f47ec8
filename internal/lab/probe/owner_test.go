package probe

import "testing"

// Rows as lab.Rows returns them (OVN 26.03), shortened to what matters: a switch with localnet port
// ln-prov on VLAN 300 and a router, one with l2gateway port sw7-l2gw on VLAN 400, and one without a
// physical network.
var (
	readPorts = [][]string{
		{"ln-prov", "dp3", "3", "localnet", "unknown", "", `["map",[["network_name","physnet1"]]]`, "300"},
		{"prov-p2", "dp3", "1", "", "50:54:00:0A:00:04 172.18.0.4", "", `["map",[]]`, ""},
		{"prov-ext", "dp3", "5", "external", "50:54:00:0a:00:05 172.18.0.5", "", `["map",[]]`, ""},
		{"prov-lr", "dp3", "4", "patch", "router", "00:00:00:00:fe:01 172.18.0.9", `["map",[["peer","lr-prov"]]]`, ""},
		{"lr-prov", "dp9", "1", "patch", "00:00:00:00:fe:02 172.18.0.1/24", "", `["map",[["peer","prov-lr"]]]`, ""},
		{"sw7-l2gw", "dp7", "2", "l2gateway", "unknown", "", `["map",[["l2gateway-chassis","hv2"],["network_name","physnet1"]]]`, "400"},
		{"sw7-p1", "dp7", "1", "", "50:54:00:07:00:03 90.0.0.3", "", `["map",[]]`, ""},
		{"sw0-p1", "dp1", "1", "", "50:54:00:00:00:03 10.0.0.3", "", `["map",[]]`, ""},
	}
	readDatapaths = [][]string{{"dp3", "13"}, {"dp7", "17"}, {"dp1", "11"}}
	readNAT       = [][]string{{"00:00:00:00:fe:11"}, {""}}
	readFDB       = [][]string{{"00:00:00:00:fc:01", "13", "1"}, {"52:54:00:ee:00:04", "13", "3"}, {"00:00:00:00:fc:02", "11", "1"}}
)

// TestOwnersOfWire checks for which MACs OVN answers, on which VLAN.
func TestOwnersOfWire(t *testing.T) {
	o := newOwners(readPorts, readDatapaths, readNAT)
	const learned, learnedOutside = "00:00:00:00:fc:01", "52:54:00:ee:00:04"
	if prov := (wire{"physnet1", "300"}); o.answers(prov, learned) {
		t.Errorf("OVN answers for %s before it has learned it", learned)
	}
	o.learn(readFDB)
	for _, c := range []struct {
		vlan, mac string
		want      bool
	}{
		{"300", "50:54:00:0a:00:04", true},
		{"300", "50:54:00:0a:00:05", false}, // outside OVN
		{"300", "00:00:00:00:fe:01", true},  // nat_addresses
		{"300", "00:00:00:00:fe:02", true},  // the router's
		{"300", "00:00:00:00:fe:11", true},
		{"300", learned, true},
		{"300", learnedOutside, false},
		{"300", "50:54:00:07:00:03", false},
		{"300", "50:54:00:00:00:03", false},
		{"400", "50:54:00:07:00:03", true},
		{"400", learned, false},
		{"400", "00:00:00:00:fc:02", false}, // on a switch without a physical network
		{"", "50:54:00:0a:00:04", false},
	} {
		if got := o.answers(wire{"physnet1", c.vlan}, c.mac); got != c.want {
			t.Errorf("VLAN %q, %s: answers %v, want %v", c.vlan, c.mac, got, c.want)
		}
	}
}
