package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// controller returns cases in which ovn-controller handles the packet.
func controller(b builder) []probe.Case {
	dns := append([]byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 'v', 'm', 3, 'l', 'a', 'b', 0}, 0, 1, 0, 1)
	return []probe.Case{
		changed(one("dns", "controller actions: DNS", with(b.udp("sw5-p1", "70.0.0.53", 53), func(p *probe.Packet) { p.EthDst, p.Payload = "50:54:00:05:00:04", dns }), ""),
			[]string{"--id=@d create DNS records:vm.lab=70.0.0.4 -- add logical_switch sw5 dns_records @d"},
			[]string{"clear logical_switch sw5 dns_records", "--all destroy DNS"}),
		changed(one("router-solicitation", "controller actions: router advertisement", b.rs("sw5-p1"), ""),
			[]string{"set logical_router_port lr3-sw5 ipv6_ra_configs:address_mode=slaac"}, []string{"clear logical_router_port lr3-sw5 ipv6_ra_configs"}),
		one("arp-reply-to-router", "controller actions: put_arp", with(b.arp("sw5-p1", "70.0.0.1"), func(p *probe.Packet) { p.Op, p.EthDst, p.THA = 2, "00:00:00:00:ff:06", "00:00:00:00:ff:06" }), ""),
		changed(one("lb-event", "controller actions: event", b.tcp("sw0-p1", "30.0.0.98", 80), "nowhere"),
			[]string{"set nb_global . options:controller_event=true", `--event lb-add lb-case 30.0.0.98:80 "" tcp`, "ls-lb-add sw0 lb-case"},
			[]string{"lb-del lb-case", "remove nb_global . options controller_event"}),
		one("igmp-report", "controller actions: IGMP", with(b.udp("sw0-p1", "239.1.1.1", 0), func(p *probe.Packet) {
			p.Proto, p.EthDst, p.TTL, p.Payload = "igmp", "01:00:5e:01:01:01", 1, []byte{0x16, 0, 0xf9, 0xfc, 239, 1, 1, 1}
		}), ""),
		changed(one("igmp-report-snooped", "controller actions: IGMP", with(b.udp("sw0-p1", "239.1.1.1", 0), func(p *probe.Packet) {
			p.Proto, p.EthDst, p.TTL, p.Payload = "igmp", "01:00:5e:01:01:01", 1, []byte{0x16, 0, 0xf9, 0xfc, 239, 1, 1, 1}
		}), ""),
			[]string{"set logical_switch sw0 other_config:mcast_snoop=true other_config:mcast_querier=false"},
			[]string{"remove logical_switch sw0 other_config mcast_snoop", "remove logical_switch sw0 other_config mcast_querier", "@sb --all destroy igmp_group"}),
		changed(one("lb-reject-sctp", "controller actions: SCTP abort", b.sctp("sw0-p1", "30.0.0.98", 9), ""),
			[]string{`--reject lb-add lb-case 30.0.0.98:9 "" sctp`, "ls-lb-add sw0 lb-case"}, []string{"lb-del lb-case"}),
		changed(one("no-bridge-mapping", "chassis without the bridge mapping", b.udp("prov-p1", "ext4", 7), "nowhere"),
			[]string{"@hv1 ovs-vsctl remove open_vswitch . external-ids ovn-bridge-mappings", "@gone @hv1 ovs-vsctl --bare --columns=_uuid find interface name=patch-br-int-to-ln-prov"},
			[]string{"@hv1 ovs-vsctl set open_vswitch . external-ids:ovn-bridge-mappings=physnet1:br-ex", "@until @hv1 ovs-vsctl --bare --columns=_uuid find interface name=patch-br-int-to-ln-prov ofport!=[]"}),
		one("ttl-exceeded-ipv6", "controller actions: ICMP errors", with(b.udp6("sw0-p1", "sw1-p2", 7), func(p *probe.Packet) { p.TTL = 1 }), "rejected"),
	}
}

// rs returns a router solicitation.
func (b builder) rs(from string) *probe.Packet {
	e := b.end(from)
	return &probe.Packet{From: from, Proto: "nd_rs", EthSrc: e.mac, EthDst: "33:33:00:00:00:02", Src: "fe80::5054:ff:fe05:3", Dst: "ff02::2", SHA: e.mac}
}
