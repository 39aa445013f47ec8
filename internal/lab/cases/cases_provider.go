package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// provider returns cases of switches with a localnet port.
func provider(b builder) []probe.Case {
	const f = "localnet, VLAN, over the physical network"
	const hidden = "50:54:00:0a:00:66" // of a machine behind prov-p2 that OVN does not know
	anything := []string{"lsp-set-addresses prov-p2 '50:54:00:0a:00:04 172.18.0.4' unknown"}
	exact := []string{"lsp-set-addresses prov-p2 '50:54:00:0a:00:04 172.18.0.4'"}
	to := func(p *probe.Packet, mac string) *probe.Packet {
		return with(p, func(p *probe.Packet) { p.EthDst = mac })
	}
	return []probe.Case{
		handshake("prov-across", f, b.tcp("prov-p1", "prov-p2", 80), "prov-p2"),
		echo("prov-ping", f, b.ping("prov-p1", "prov-p2"), "prov-p2"),
		handshake("prov-out", f, b.tcp("prov-p1", "ext4", 80), "external hv1"),
		handshake("prov-in", f, b.tcp("ext4", "prov-p2", 80), "prov-p2", "hv2"),
		one("prov-broadcast", "localnet, broadcast", with(b.udp("prov-p1", "172.18.0.255", 7), func(p *probe.Packet) { p.EthDst = broadcastMAC }), "external hv1, prov-p2"),
		one("prov-broadcast-in", "localnet, broadcast", with(b.udp("ext4", "172.18.0.255", 7), func(p *probe.Packet) { p.EthDst = broadcastMAC }), "prov-p1, prov-p2"),
		one("prov-arp-in", "localnet, ARP", b.arp("ext4", "172.18.0.3"), ""),
		one("prov-arp-out", "localnet, ARP", b.arp("prov-p1", "172.18.0.100"), ""),
		one("prov-unknown-mac", "localnet, unknown unicast", with(b.udp("prov-p1", "172.18.0.99", 7), func(p *probe.Packet) { p.EthDst = "52:54:00:ee:00:99" }), "external hv1"),
		changed(one("prov-unknown-flooded", "localnet, unknown unicast", to(b.udp("prov-p1", "172.18.0.99", 7), "52:54:00:ee:00:99"), "external hv1, prov-p2"), anything, exact),
		changed(one("prov-unknown-in", "localnet, unknown unicast", to(b.udp("ext4", "172.18.0.98", 7), "52:54:00:ee:00:98"), "prov-p2"), anything, exact),
		{Name: "prov-unknown-known", Feature: "localnet, unknown unicast", Setup: anything, Cleanup: exact, Steps: []probe.Step{
			// The physical network learns where this MAC is.
			{Packet: with(b.udp("ext4", "prov-p1", 7), func(p *probe.Packet) { p.EthSrc = "52:54:00:ee:00:97" }), Want: "prov-p1"},
			{Packet: to(b.udp("prov-p1", "172.18.0.97", 7), "52:54:00:ee:00:97"), Want: "external hv1"},
		}},
		{Name: "prov-fdb", Feature: "localnet, FDB", Setup: anything, Cleanup: append([]string{"@sb --all destroy fdb"}, exact...), Steps: []probe.Step{
			{Packet: with(b.udp("prov-p2", "prov-p1", 7), func(p *probe.Packet) { p.EthSrc = hidden }), Want: "prov-p1"},
			{NB: []string{learned(hidden)}},
			{Packet: to(b.udp("prov-p1", "172.18.0.66", 7), hidden), Want: "prov-p2"},
			{Packet: to(b.udp("ext4", "172.18.0.66", 7), hidden), Want: "prov-p2"},
		}},
		one("prov-wrong-vlan", f, with(b.udp("ext4", "prov-p1", 7), func(p *probe.Packet) { p.VLAN, p.Hex = 301, true }), "nowhere"),
	}
}

// special returns cases of port security, unknown addresses and nested containers.
func special(b builder) []probe.Case {
	const sec = "port security"
	return []probe.Case{
		handshake("security-ok", sec, b.tcp("sw5-p3", "sw5-p1", 80), "sw5-p1"),
		one("security-ip", sec, with(b.udp("sw5-p3", "sw5-p1", 7), func(p *probe.Packet) { p.Src = "70.0.0.99" }), "nowhere"),
		one("security-mac", sec, with(b.udp("sw5-p3", "sw5-p1", 7), func(p *probe.Packet) { p.EthSrc = "50:54:00:05:00:99" }), "nowhere"),
		one("security-arp", sec, with(b.arp("sw5-p3", "70.0.0.77"), func(p *probe.Packet) { p.SHA = "50:54:00:05:00:99" }), "nowhere"),
		one("security-nd", sec, with(b.nd("sw5-p3", "fd00:70::77"), func(p *probe.Packet) { p.SHA = "50:54:00:05:00:99" }), ""),
		one("security-to-other-mac", sec, with(b.udp("sw5-p1", "70.0.0.5", 7), func(p *probe.Packet) { p.Dst = "70.0.0.50" }), ""),
		one("unknown-unicast", "unknown addresses", with(b.udp("sw5-p1", "70.0.0.66", 7), func(p *probe.Packet) { p.EthDst = "50:54:00:05:00:66" }), "sw5-p2"),
		handshake("nested-same-parent", "nested containers (parent and tag)", b.tcp("sw6-c1", "sw6-c2", 80), "sw6-c2"),
		handshake("nested-across", "nested containers (parent and tag)", b.tcp("sw6-c1", "sw6-c3", 80), "sw6-c3"),
		handshake("nested-router", "nested containers (parent and tag)", b.tcp("sw6-c1", "sw5-p3", 80), "sw5-p3"),
		one("nested-arp", "nested containers (parent and tag)", b.arp("sw6-c1", "80.0.0.5"), ""),
		changed(one("dhcp", "controller actions: DHCP", b.dhcp("sw5-p1"), ""),
			[]string{
				"--id=@d create DHCP_Options cidr=70.0.0.0/24 options:server_id=70.0.0.1 options:server_mac=00:00:00:00:ff:06 options:lease_time=3600 options:router=70.0.0.1 -- set Logical_Switch_Port sw5-p1 dhcpv4_options=@d",
			},
			[]string{"clear Logical_Switch_Port sw5-p1 dhcpv4_options", "--all destroy DHCP_Options"}),
	}
}

// dhcp returns a DHCP DISCOVER.
func (b builder) dhcp(from string) *probe.Packet {
	e := b.end(from)
	pl := make([]byte, 240, 260)
	pl[0], pl[1], pl[2] = 1, 1, 6
	copy(pl[4:], []byte{0x12, 0x34, 0x56, 0x78})
	copy(pl[28:], macBytes(e.mac))
	copy(pl[236:], []byte{99, 130, 83, 99})
	pl = append(pl, 53, 1, 1, 255)
	return &probe.Packet{From: from, Proto: "udp", EthSrc: e.mac, EthDst: broadcastMAC, Src: "0.0.0.0", Dst: "255.255.255.255", Sport: 68, Dport: 67, Payload: pl}
}
