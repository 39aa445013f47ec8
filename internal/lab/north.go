package lab

// MACs of router ports and NAT addresses on the way out.
const (
	MACSw3     = "00:00:00:00:ff:04"
	MACSw4     = "00:00:00:00:ff:05"
	MACSw5     = "00:00:00:00:ff:06"
	MACSw6     = "00:00:00:00:ff:07"
	MACPublic  = "00:00:00:00:fe:01" // lr1 on public
	MACFloat   = "00:00:00:00:fe:11" // the distributed floating address 172.16.0.11
	MACPublic2 = "00:00:00:00:fd:01" // gr0 on public2
	MACProv    = "00:00:00:00:fc:01"
)

func (t *Topology) localnet(sw, port, network string, tag string) {
	t.setup("lsp-add "+sw+" "+port, "lsp-set-type "+port+" localnet",
		"lsp-set-addresses "+port+" unknown", "lsp-set-options "+port+" network_name="+network)
	if tag != "" {
		t.setup("set logical_switch_port " + port + " tag_request=" + tag + " tag=" + tag)
	}
}

// north adds a distributed router with a distributed gateway port on hv3: SNAT, a centralized and a
// distributed floating address, two outside hosts.
func north(t *Topology) {
	t.Hosts = append(t.Hosts,
		Host{Name: "ext1", Network: "physnet1", MAC: "52:54:00:ee:00:01", IPs: []string{"172.16.0.100", "fd00:172::100"}, Gateway: MACPublic, Port: "ln-public"},
		Host{Name: "ext2", Network: "physnet1", MAC: "52:54:00:ee:00:02", IPs: []string{"172.16.0.200", "fd00:172::200"}, Gateway: MACPublic, Port: "ln-public"},
	)
	t.setup("ls-add sw3", "ls-add public", "lr-add lr1")
	t.port("sw3", MACSw3, "sw3-p1", "hv1", "50:54:00:03:00:03", "50.0.0.3", "fd00:50::3")
	t.port("sw3", MACSw3, "sw3-p2", "hv2", "50:54:00:03:00:04", "50.0.0.4", "fd00:50::4")
	t.port("sw3", MACSw3, "sw3-p3", "hv1", "50:54:00:03:00:05", "50.0.0.5", "fd00:50::5")
	t.link("lr1", "sw3", MACSw3, "50.0.0.1/24", "fd00:50::1/64")
	t.link("lr1", "public", MACPublic, "172.16.0.1/24", "fd00:172::1/64")
	t.localnet("public", "ln-public", "physnet1", "")
	t.setup(
		"lrp-set-gateway-chassis lr1-public hv3 20",
		"lr-route-add lr1 0.0.0.0/0 172.16.0.100",
		"lr-route-add lr1 ::/0 fd00:172::100",
		"lr-nat-add lr1 snat 172.16.0.1 50.0.0.0/24",
		"lr-nat-add lr1 dnat_and_snat 172.16.0.10 50.0.0.3",
		"lr-nat-add lr1 dnat_and_snat 172.16.0.11 50.0.0.4 sw3-p2 "+MACFloat,
		"lr-nat-add lr1 snat fd00:172::1 fd00:50::/64",
		"static-mac-binding-add lr1-public 172.16.0.100 52:54:00:ee:00:01",
		"static-mac-binding-add lr1-public fd00:172::100 52:54:00:ee:00:01",
		"lb-add lb-out 172.16.0.50:80 50.0.0.3:8080,50.0.0.4:8080 tcp",
		"lr-lb-add lr1 lb-out",
	)
}

// gatewayRouter adds the topology that OVN-Kubernetes uses: a distributed router, a join switch,
// and a gateway router on hv2 with SNAT and load balancers.
func gatewayRouter(t *Topology) {
	t.Hosts = append(t.Hosts,
		Host{Name: "ext3", Network: "physnet1", MAC: "52:54:00:ee:00:03", IPs: []string{"172.17.0.100", "fd00:173::100"}, VLAN: 200, Gateway: MACPublic2, Port: "ln-public2"},
	)
	t.setup("ls-add sw4", "ls-add join", "ls-add public2", "lr-add lr2", "lr-add gr0", "set logical_router gr0 options:chassis=hv2")
	t.port("sw4", MACSw4, "sw4-p1", "hv1", "50:54:00:04:00:03", "60.0.0.3", "fd00:60::3")
	t.port("sw4", MACSw4, "sw4-p2", "hv3", "50:54:00:04:00:04", "60.0.0.4", "fd00:60::4")
	t.link("lr2", "sw4", MACSw4, "60.0.0.1/24", "fd00:60::1/64")
	t.link("lr2", "join", "00:00:00:00:fb:01", "100.64.0.1/24", "fd00:64::1/64")
	t.link("gr0", "join", "00:00:00:00:fb:02", "100.64.0.2/24", "fd00:64::2/64")
	t.link("gr0", "public2", MACPublic2, "172.17.0.1/24", "fd00:173::1/64")
	t.localnet("public2", "ln-public2", "physnet1", "200")
	t.setup(
		"lr-route-add lr2 0.0.0.0/0 100.64.0.2",
		"lr-route-add lr2 ::/0 fd00:64::2",
		"lr-route-add gr0 60.0.0.0/24 100.64.0.1",
		"lr-route-add gr0 fd00:60::/64 fd00:64::1",
		"lr-route-add gr0 0.0.0.0/0 172.17.0.100",
		"lr-nat-add gr0 snat 172.17.0.1 60.0.0.0/24",
		"lr-nat-add gr0 dnat_and_snat 172.17.0.30 60.0.0.3",
		"static-mac-binding-add gr0-public2 172.17.0.100 52:54:00:ee:00:03",
		"static-mac-binding-add gr0-public2 fd00:173::100 52:54:00:ee:00:03",
		"lb-add lb-gr 172.17.0.50:80 60.0.0.3:8080,60.0.0.4:8080 tcp",
		"lr-lb-add gr0 lb-gr",
		"lb-add lb-cluster 30.0.0.20:80 60.0.0.4:8080 tcp",
		"ls-lb-add sw4 lb-cluster",
	)
}

// provider adds a switch on a VLAN of the physical network: its packets between chassis go over
// that network, not through a tunnel.
func provider(t *Topology) {
	t.Hosts = append(t.Hosts,
		Host{Name: "ext4", Network: "physnet1", MAC: "52:54:00:ee:00:04", IPs: []string{"172.18.0.100"}, VLAN: 300, Gateway: MACProv, Port: "ln-prov"},
	)
	t.setup("ls-add prov")
	t.port("prov", MACProv, "prov-p1", "hv1", "50:54:00:0a:00:03", "172.18.0.3")
	t.port("prov", MACProv, "prov-p2", "hv2", "50:54:00:0a:00:04", "172.18.0.4")
	t.localnet("prov", "ln-prov", "physnet1", "300")
}

// special adds unknown addresses, port security and nested containers.
func special(t *Topology) {
	t.setup("ls-add sw5", "ls-add sw6", "lr-add lr3")
	t.port("sw5", MACSw5, "sw5-p1", "hv1", "50:54:00:05:00:03", "70.0.0.3", "fd00:70::3")
	t.port("sw5", MACSw5, "sw5-p2", "hv2", "50:54:00:05:00:04", "70.0.0.4", "fd00:70::4")
	t.port("sw5", MACSw5, "sw5-p3", "hv3", "50:54:00:05:00:05", "70.0.0.5", "fd00:70::5")
	t.setup(
		"lsp-set-addresses sw5-p2 '50:54:00:05:00:04 70.0.0.4 fd00:70::4' unknown",
		"lsp-set-port-security sw5-p3 '50:54:00:05:00:05 70.0.0.5 fd00:70::5'",
	)
	// Two containers in sw5-p1, on VLANs 10 and 20 of its interface, and a third on hv2.
	t.nested("sw6", "sw6-c1", "sw5-p1", "hv1", 10, "50:54:00:06:00:03", "80.0.0.3")
	t.nested("sw6", "sw6-c2", "sw5-p1", "hv1", 20, "50:54:00:06:00:04", "80.0.0.4")
	t.nested("sw6", "sw6-c3", "sw5-p2", "hv2", 30, "50:54:00:06:00:05", "80.0.0.5")
	t.link("lr3", "sw5", MACSw5, "70.0.0.1/24", "fd00:70::1/64")
	t.link("lr3", "sw6", MACSw6, "80.0.0.1/24")
}

// nested adds a container's port: its frames have the VLAN tag on the parent's interface.
func (t *Topology) nested(sw, name, parent, chassis string, tag int, mac, ip string) {
	t.VIFs = append(t.VIFs, VIF{Port: name, Chassis: chassis, MAC: mac, IPs: []string{ip}, Gateway: MACSw6, Parent: parent, Tag: tag})
	t.setup("lsp-add "+sw+" "+name+" "+parent+" "+itoa(tag), "lsp-set-addresses "+name+" '"+mac+" "+ip+"'")
}

// l2gateway connects a logical switch to VLAN 400 of the physical network, only on hv2 and without
// a localnet port.
func l2gateway(t *Topology) {
	t.Hosts = append(t.Hosts,
		Host{Name: "ext5", Network: "physnet1", MAC: "52:54:00:ee:00:05", IPs: []string{"90.0.0.100"}, VLAN: 400, Gateway: MACProv, Port: "sw7-l2gw"},
	)
	t.setup("ls-add sw7")
	t.port("sw7", MACProv, "sw7-p1", "hv1", "50:54:00:07:00:03", "90.0.0.3")
	t.setup("lsp-add sw7 sw7-l2gw", "lsp-set-type sw7-l2gw l2gateway", "lsp-set-addresses sw7-l2gw unknown",
		"lsp-set-options sw7-l2gw network_name=physnet1 l2gateway-chassis=hv2", "set logical_switch_port sw7-l2gw tag_request=400 tag=400")
	// A localport is on every chassis, and its packets never leave the chassis.
	t.setup("lsp-add sw7 sw7-local", "lsp-set-type sw7-local localport", "lsp-set-addresses sw7-local '50:54:00:07:00:0a 90.0.0.10'")
	t.VIFs = append(t.VIFs, VIF{Port: "sw7-local", Chassis: "hv1", MAC: "50:54:00:07:00:0a", IPs: []string{"90.0.0.10"}, Gateway: MACProv, Local: true})
}
