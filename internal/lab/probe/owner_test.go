package probe

import "testing"

// Rows as ovn-sbctl and ovn-nbctl print them (OVN 26.03), shortened to what matters: a switch with
// localnet port ln-prov on VLAN 300 and a router, one with l2gateway port sw7-l2gw on VLAN 400, and
// one without a physical network.
const (
	printedPorts = `{"headings":["logical_port","datapath","tunnel_key","type","mac","nat_addresses","options","tag"],"data":[
["ln-prov",["uuid","aaaaaaaa-0000-0000-0000-000000000003"],3,"localnet","unknown",["set",[]],["map",[["network_name","physnet1"]]],300],
["prov-p2",["uuid","aaaaaaaa-0000-0000-0000-000000000003"],1,"","50:54:00:0A:00:04 172.18.0.4",["set",[]],["map",[]],["set",[]]],
["prov-ext",["uuid","aaaaaaaa-0000-0000-0000-000000000003"],5,"external","50:54:00:0a:00:05 172.18.0.5",["set",[]],["map",[]],["set",[]]],
["prov-lr",["uuid","aaaaaaaa-0000-0000-0000-000000000003"],4,"patch","router","00:00:00:00:fe:01 172.18.0.9",["map",[["peer","lr-prov"]]],["set",[]]],
["lr-prov",["uuid","aaaaaaaa-0000-0000-0000-000000000009"],1,"patch","00:00:00:00:fe:02 172.18.0.1/24",["set",[]],["map",[["peer","prov-lr"]]],["set",[]]],
["sw7-l2gw",["uuid","aaaaaaaa-0000-0000-0000-000000000007"],2,"l2gateway","unknown",["set",[]],["map",[["l2gateway-chassis","hv2"],["network_name","physnet1"]]],400],
["sw7-p1",["uuid","aaaaaaaa-0000-0000-0000-000000000007"],1,"","50:54:00:07:00:03 90.0.0.3",["set",[]],["map",[]],["set",[]]],
["sw0-p1",["uuid","aaaaaaaa-0000-0000-0000-000000000001"],1,"","50:54:00:00:00:03 10.0.0.3",["set",[]],["map",[]],["set",[]]]]}`
	printedDatapaths = `{"headings":["_uuid","tunnel_key"],"data":[[["uuid","aaaaaaaa-0000-0000-0000-000000000003"],13],
[["uuid","aaaaaaaa-0000-0000-0000-000000000007"],17],[["uuid","aaaaaaaa-0000-0000-0000-000000000001"],11]]}`
	printedNAT = `{"headings":["external_mac"],"data":[["00:00:00:00:fe:11"],[["set",[]]]]}`
	printedFDB = `{"headings":["mac","dp_key","port_key"],"data":[["00:00:00:00:fc:01",13,1],["52:54:00:ee:00:04",13,3],["00:00:00:00:fc:02",11,1]]}`
)

// TestOwnersOfWire checks for which MACs OVN answers, on which VLAN.
func TestOwnersOfWire(t *testing.T) {
	read := func(table, columns string) [][]string {
		rows, err := readRows(table, columns)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	o := newOwners(read(printedPorts, "logical_port,datapath,tunnel_key,type,mac,nat_addresses,options,tag"),
		read(printedDatapaths, "_uuid,tunnel_key"), read(printedNAT, "external_mac"))
	const learned, learnedOutside = "00:00:00:00:fc:01", "52:54:00:ee:00:04"
	if prov := (wire{"physnet1", "300"}); o.answers(prov, learned) {
		t.Errorf("OVN answers for %s before it has learned it", learned)
	}
	o.learn(read(printedFDB, "mac,dp_key,port_key"))
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
