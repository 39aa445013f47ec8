package cases

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// zones returns cases from one availability zone to another over a transit switch: each chassis is
// explained by its zone's Southbound DB.
func zones(b builder) []probe.Case {
	const f = "transit switch, remote chassis (interconnection)"
	blocked := []string{`@az2 --name=az2-no-telnet acl-add sw9 to-lport 1000 'outport == "sw9-p1" && tcp.dst == 23' drop`}
	allowed := []string{"@az2 acl-del sw9"}
	northbound := []string{"--nb-of", "hv4=" + b.t.Zone("az2").NB()}
	return []probe.Case{
		handshake("transit-tcp", f, b.tcp("sw8-p1", "sw9-p1", 80), "sw9-p1"),
		echo("transit-ping", f, b.ping("sw8-p1", "sw9-p1"), "sw9-p1"),
		handshake("transit-back", f, b.tcp("sw9-p1", "sw8-p1", 80), "sw8-p1"),
		{Name: "session-transit", Feature: f, Session: true, Expect: "established", Steps: []probe.Step{{Packet: b.tcp("sw8-p1", "sw9-p1", 80)}}},
		changed(handshake("transit-vip", f, b.tcp("sw8-p1", "30.0.0.80", 80), "sw9-p1"),
			[]string{"lb-add lb-case 30.0.0.80:80 120.0.0.3:8080 tcp", "ls-lb-add sw8 lb-case"}, []string{"lb-del lb-case"}),
		{Name: "transit-acl", Feature: f, Setup: blocked, Cleanup: allowed, Steps: []probe.Step{
			{Packet: b.tcp("sw8-p1", "sw9-p1", 23), Want: "nowhere", Explanation: probe.Explanation{Because: []string{"ls_out_acl"}}},
			{Packet: b.tcp("sw8-p1", "sw9-p1", 23), Want: "nowhere", Args: northbound, Explanation: probe.Explanation{Because: []string{"az2-no-telnet"}}},
			{Packet: b.tcp("sw8-p1", "sw9-p1", 24), Want: "sw9-p1"},
		}},
		handshake("transit-port", f, b.tcp("ts0-p1", "ts0-p4", 80), "ts0-p4"),
		handshake("transit-port-back", f, b.tcp("ts0-p4", "ts0-p1", 80), "ts0-p1"),
		one("transit-broadcast", f, with(b.udp("ts0-p1", "169.254.100.255", 7), func(p *probe.Packet) { p.EthDst = broadcastMAC }), "ts0-p4"),
		one("transit-arp", f, b.arp("ts0-p1", "169.254.100.2"), ""),
		// A packet of another zone's port, traced with the databases of this zone.
		{Name: "transit-from-remote", Feature: f, Steps: []probe.Step{
			{Packet: b.tcp("ts0-p4", "ts0-p1", 81), Want: "ts0-p1", Args: []string{"--sb", lab.SBRemote, "--nb", lab.NBRemote}},
		}},
		{Name: "transit-unreachable", Feature: f, Steps: []probe.Step{
			{Packet: b.tcp("ts0-p1", "ts0-p4", 80), Args: []string{"--node", "hv4=exec:/bin/false"}, Status: 3, Says: "hv4"},
		}},
	}
}

// vtep returns cases of a hardware gateway, which cannot be read: what it does is unknown.
func vtep(b builder) []probe.Case {
	unlisted := with(b.udp("sw5-p1", "70.0.0.66", 7), func(p *probe.Packet) { p.EthDst = "50:54:00:05:00:66" })
	return []probe.Case{{Name: "vtep", Feature: "VTEP gateways: said, not guessed",
		Setup: []string{
			// A VTEP supports only VXLAN.
			"@hv1 ovs-vsctl set open_vswitch . external-ids:ovn-encap-type=geneve,vxlan",
			"lsp-add sw5 sw5-vtep", "lsp-set-type sw5-vtep vtep", "lsp-set-addresses sw5-vtep unknown",
			"lsp-set-options sw5-vtep vtep-physical-switch=vt vtep-logical-switch=ls",
			"@sb chassis-add vt vxlan 172.31.0.99 -- set chassis vt other_config:is-vtep=true",
			"--wait=sb sync", "@sb lsp-bind sw5-vtep vt",
			`@until @hv1 ovs-vsctl --bare --columns=_uuid find interface type=vxlan 'options:remote_ip="172.31.0.99"' ofport!=[]`,
		},
		Cleanup: []string{"@sb lsp-unbind sw5-vtep", "lsp-del sw5-vtep", "@sb chassis-del vt", "@hv1 ovs-vsctl set open_vswitch . external-ids:ovn-encap-type=geneve"},
		Steps: []probe.Step{
			{Packet: unlisted, Status: 4, Explanation: probe.Explanation{Because: []string{"VTEP gateway"}}},
			{Packet: with(unlisted, func(p *probe.Packet) { p.From = "sw5-vtep" }), Status: 2, Says: "VTEP gateway"},
		}}}
}
