package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// bfd returns a command that waits until BFD reports a chassis' tunnel to another one as up.
func bfd(chassis, peer string) string {
	return "@until @" + chassis + " ovs-vsctl --bare --columns=_uuid find interface type=geneve " +
		`'options:remote_ip="172.31.0.` + peer + `"' bfd_status:forwarding=true`
}

// placement returns cases of the chassis of gateways and ports, and of moves.
func placement(b builder) []probe.Case {
	const claims = "@sleep 6s" // a gateway may move more than once until BFD is stable
	// prov on the VLAN of sw7, which only hv2 connects to it.
	joined := []string{"set logical_switch_port ln-prov tag_request=400 tag=400"}
	parted := []string{"set logical_switch_port ln-prov tag_request=300 tag=300"}
	toSw7 := func(p *probe.Packet) { p.EthDst = b.end("sw7-p1").mac }
	return []probe.Case{
		changed(handshake("gateway-moved", "HA gateway chassis", b.tcp("sw3-p3", "ext1", 80), "external hv2"),
			[]string{"lrp-set-gateway-chassis lr1-public hv2 30", claims, "@bound cr-lr1-public hv2", bfd("hv1", "2"), bfd("hv1", "3")},
			[]string{"lrp-del-gateway-chassis lr1-public hv2", "@bound cr-lr1-public hv3"}),
		changed(handshake("gateway-standby", "HA gateway chassis", b.tcp("sw3-p3", "ext1", 80), "external hv3"),
			[]string{"lrp-set-gateway-chassis lr1-public hv2 10", claims, "@bound cr-lr1-public hv3", bfd("hv1", "2"), bfd("hv1", "3")},
			[]string{"lrp-del-gateway-chassis lr1-public hv2", "@bound cr-lr1-public hv3"}),
		changed(handshake("ha-chassis-group", "HA chassis groups", b.tcp("sw3-p3", "ext1", 80), "external hv1"),
			[]string{
				"ha-chassis-group-add hag", "ha-chassis-group-add-chassis hag hv1 30", "ha-chassis-group-add-chassis hag hv2 20",
				"lrp-del-gateway-chassis lr1-public hv3",
				"--id=@g get HA_Chassis_Group hag -- set Logical_Router_Port lr1-public ha_chassis_group=@g", claims, "@bound cr-lr1-public hv1",
				bfd("hv1", "2"), bfd("hv2", "1"),
			},
			[]string{"clear Logical_Router_Port lr1-public ha_chassis_group", "ha-chassis-group-del hag", "lrp-set-gateway-chassis lr1-public hv3 20", "@bound cr-lr1-public hv3"}),
		handshake("l2gateway-out", "l2gateway", b.tcp("sw7-p1", "ext5", 80), "external hv2"),
		handshake("l2gateway-in", "l2gateway", b.tcp("ext5", "sw7-p1", 80), "sw7-p1", "hv2"),
		changed(handshake("l2gateway-from-localnet", "l2gateway", with(b.tcp("prov-p1", "90.0.0.3", 80), toSw7), "sw7-p1"), joined, parted),
		changed(one("l2gateway-flooded", "l2gateway", with(b.udp("prov-p1", "90.0.0.98", 7), func(p *probe.Packet) { p.EthDst = "52:54:00:ee:00:96" }), "external hv1, sw7-p1"),
			append([]string{"lsp-set-addresses sw7-p1 '50:54:00:07:00:03 90.0.0.3' unknown"}, joined...),
			append([]string{"lsp-set-addresses sw7-p1 '50:54:00:07:00:03 90.0.0.3'"}, parted...)),
		one("localport", "localport", b.udp("sw7-p1", "sw7-local", 80), "sw7-local"),
		changed(one("port-disabled", "disabled port", b.udp("sw0-p1", "sw0-p2", 7), "nowhere"),
			[]string{"lsp-set-enabled sw0-p1 disabled"}, []string{"lsp-set-enabled sw0-p1 enabled"}),
		changed(one("port-not-bound", "port not bound", b.udp("sw0-p1", "10.0.0.60", 7), "nowhere"),
			[]string{"lsp-add sw0 sw0-nobody", "lsp-set-addresses sw0-nobody '50:54:00:00:00:60 10.0.0.60'"}, []string{"lsp-del sw0-nobody"}),
		changed(one("qos-dscp", "QoS marking", b.udp("sw0-p1", "sw0-p2", 7), "sw0-p2"),
			[]string{"qos-add sw0 from-lport 100 'ip4.src == 10.0.0.3' dscp=46"}, []string{"qos-del sw0"}),
		changed(one("mcast-snooping", "multicast snooping", with(b.udp("sw0-p1", "239.1.1.1", 7), func(p *probe.Packet) { p.EthDst = "01:00:5e:01:01:01" }), ""),
			[]string{"set logical_switch sw0 other_config:mcast_snoop=true other_config:mcast_querier=false"},
			[]string{"remove logical_switch sw0 other_config mcast_snoop", "remove logical_switch sw0 other_config mcast_querier"}),
		changed(one("mcast-flood-port", "multicast snooping", with(b.udp("sw0-p1", "239.1.1.1", 7), func(p *probe.Packet) { p.EthDst = "01:00:5e:01:01:01" }), "sw0-p2"),
			[]string{"set logical_switch sw0 other_config:mcast_snoop=true other_config:mcast_querier=false", "set logical_switch_port sw0-p2 options:mcast_flood=true"},
			[]string{"remove logical_switch sw0 other_config mcast_snoop", "remove logical_switch sw0 other_config mcast_querier", "remove logical_switch_port sw0-p2 options mcast_flood"}),
		changed(one("multichassis-port", "multichassis ports", b.udp("sw0-p1", "sw0-p2", 7), "sw0-p2"),
			[]string{"set logical_switch_port sw0-p2 options:requested-chassis=hv2,hv3"}, []string{"remove logical_switch_port sw0-p2 options requested-chassis"}),
	}
}
