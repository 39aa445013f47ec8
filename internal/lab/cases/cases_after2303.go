package cases

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// after2303 returns cases of features since OVN 23.03; networkFunctions has those of 25.09,
// since2603 those of 26.03.
func after2303(b builder) []probe.Case {
	needs := func(need string, c probe.Case, setup, cleanup []string) probe.Case {
		c.Needs, c.Setup, c.Cleanup = need, setup, cleanup
		return c
	}
	const tiers = "ACL tiers, pass"
	acls := func(rules ...string) (setup, cleanup []string) { return rules, []string{"acl-del sw1"} }
	acl := func(need string, c probe.Case, rules ...string) probe.Case {
		setup, cleanup := acls(rules...)
		return needs(need, c, setup, cleanup)
	}
	restoreSNAT := []string{"lr-nat-del lr1 snat 50.0.0.0/24", "lr-nat-add lr1 snat 172.16.0.1 50.0.0.0/24"}
	matched := func(match string) []string {
		return []string{"lr-nat-del lr1 snat 50.0.0.0/24", "--match='" + match + "' lr-nat-add lr1 snat 172.16.0.1 50.0.0.0/24"}
	}
	return []probe.Case{
		acl("ACL.tier", handshake("acl-tier-pass", tiers, b.tcp("sw1-p1", "sw1-p2", 80), "sw1-p2"),
			"--tier=0 acl-add sw1 from-lport 1000 'tcp' pass", "--tier=1 acl-add sw1 from-lport 1000 'tcp.dst == 80' allow-related", "--tier=1 acl-add sw1 from-lport 900 'ip4' drop"),
		acl("ACL.tier", one("acl-tier-drop", tiers, b.tcp("sw1-p1", "sw1-p2", 81), "nowhere"),
			"--tier=0 acl-add sw1 from-lport 1000 'tcp' pass", "--tier=1 acl-add sw1 from-lport 1000 'tcp.dst == 80' allow-related", "--tier=1 acl-add sw1 from-lport 900 'ip4' drop"),
		acl("ACL.tier", one("acl-tier-first-decides", tiers, b.tcp("sw1-p1", "sw1-p2", 80), "nowhere"),
			"--tier=0 acl-add sw1 from-lport 10 'tcp' drop", "--tier=1 acl-add sw1 from-lport 1000 'tcp' allow-related"),
		acl("ACL.tier", one("acl-tier-reject", tiers, b.tcp("sw1-p1", "sw1-p2", 80), "rejected"),
			"--tier=2 acl-add sw1 to-lport 10 'tcp' reject", "--tier=1 acl-add sw1 to-lport 1000 'udp' allow-related"),
		acl("ACL.tier", one("acl-tier-none", tiers, b.tcp("sw1-p1", "sw1-p2", 80), "sw1-p2"),
			"--tier=1 acl-add sw1 to-lport 1000 'udp' drop"),
		acl("ACL.tier", one("acl-pass-last", tiers, b.tcp("sw1-p1", "sw1-p2", 80), ""),
			"acl-add sw1 to-lport 1000 'tcp' pass", "acl-add sw1 to-lport 900 'udp' allow-related"),
		acl("ACL.tier", one("acl-tier-after-lb", tiers, b.tcp("sw1-p1", "sw1-p2", 80), "nowhere"),
			"--apply-after-lb --tier=1 acl-add sw1 from-lport 1000 'tcp' drop", "--apply-after-lb --tier=0 acl-add sw1 from-lport 1000 'tcp' pass"),
		needs("NAT.match", handshake("snat-match", "NAT: with a match", b.tcp("sw3-p3", "ext1", 80), "external hv3"),
			matched("ip4.dst == 172.16.0.100"), restoreSNAT),
		needs("NAT.match", handshake("snat-match-other", "NAT: with a match", b.tcp("sw3-p3", "ext1", 80), "external hv3"),
			matched("ip4.dst == 172.16.0.101"), restoreSNAT),
		needs("7.7", probe.Case{Name: "acl-persist-established", Feature: "ACL, persistence of established sessions", Steps: []probe.Step{
			{Packet: b.tcp("sw1-p1", "sw1-p2", 80), Want: "sw1-p2"},
			{Answer: true, Want: "sw1-p1"},
			{Answer: true, Want: "sw1-p2"},
			{NB: []string{`set acl allow80 match='"tcp.dst == 81"'`, "acl-add sw1 to-lport 1005 'tcp.dst == 80' drop"}},
			{Packet: with(b.tcp("sw1-p1", "sw1-p2", 80), func(p *probe.Packet) { p.Flags, p.Seq, p.Ack = "ack", 1, 1 })},
			{Packet: with(b.tcp("sw1-p1", "sw1-p2", 80), func(p *probe.Packet) { p.Sport++ }), Want: "nowhere"},
		}}, []string{
			"--name=allow80 acl-add sw1 to-lport 1000 'tcp.dst == 80' allow-related", "set acl allow80 options:persist-established=true",
			"acl-add sw1 to-lport 900 'ip4' drop",
		}, []string{"acl-del sw1"}),
		// Without a Sampling_App row, ovn-northd 25.03 sometimes writes a sampling flow without actions,
		// which drops.
		needs("ACL.sample_new", handshake("acl-sample", "ACL sampling", b.tcp("sw1-p1", "sw1-p2", 80), "sw1-p2"), []string{
			"--id=@n create Sampling_App type=acl-new id=11 -- --id=@t create Sampling_App type=acl-est id=12" +
				" -- --id=@c create Sample_Collector id=1 name=c1 probability=65535 set_id=100 -- --id=@s create Sample collector=@c metadata=4301 -- --id=@e create Sample collector=@c metadata=4302" +
				" -- --id=@a create ACL direction=to-lport priority=1000 match=tcp action=allow-related name=sampled sample_new=@s sample_est=@e -- add logical_switch sw1 acls @a",
		}, []string{"acl-del sw1", "--all destroy Sample", "--all destroy Sample_Collector", "--all destroy Sampling_App"}),
		needs("Logical_Router_Policy.chain", one("policy-chain", "router policies, chains", b.udp("sw0-p1", "sw1-p2", 7), "sw1-p3"),
			[]string{"lr-policy-add lr0 100 'ip4.src == 10.0.0.3' jump inner", "--chain=inner lr-policy-add lr0 100 'udp.dst == 7' reroute 20.0.0.5"}, []string{"lr-policy-del lr0"}),
		needs("Logical_Router_Static_Route.selection_fields", one("ecmp-selection-fields", "ECMP routes", b.udp("sw0-p1", "99.0.8.1", 7), "sw1-p1|sw1-p2"),
			[]string{
				"--id=@a create Logical_Router_Static_Route ip_prefix=99.0.8.0/24 nexthop=20.0.0.3 selection_fields=ip_src,ip_dst" +
					" -- --id=@b create Logical_Router_Static_Route ip_prefix=99.0.8.0/24 nexthop=20.0.0.4 selection_fields=ip_src,ip_dst -- add Logical_Router lr0 static_routes @a @b",
			}, []string{"lr-route-del lr0 99.0.8.0/24"}),
		// The option is for routers with several gateway ports; with one, newer releases do not
		// translate.
		needs("7.3", handshake("lb-stateless-nat", "load balancer, use_stateless_nat", b.tcp("ext1", "172.16.0.51", 80), "sw3-p3", "hv3"),
			slices.Concat(secondGateway, []string{"lb-add lb-case 172.16.0.51:80 50.0.0.5:8080 tcp", "set load_balancer lb-case options:use_stateless_nat=true", "lr-lb-add lr1 lb-case"}),
			slices.Concat([]string{"lb-del lb-case"}, noSecondGateway)),
		needs("Logical_Router_Port.dhcp_relay", one("dhcp-relay", "controller actions: DHCP relay", b.dhcp("sw5-p1"), ""),
			[]string{"--id=@r create DHCP_Relay name=relay servers=80.0.0.3 -- set logical_router_port lr3-sw5 dhcp_relay=@r", "set logical_switch sw5 other_config:dhcp_relay_port=sw5-lr3"},
			[]string{"clear logical_router_port lr3-sw5 dhcp_relay", "remove logical_switch sw5 other_config dhcp_relay_port", "--all destroy DHCP_Relay"}),
		needs("Logical_Switch_Port.peer", one("switches-joined", "two switches joined directly", with(b.udp("sw0-p1", "10.0.0.66", 7), func(p *probe.Packet) { p.EthDst = "50:54:00:02:00:04" }), ""),
			[]string{
				"lsp-add sw0 sw0-sw2", "lsp-set-type sw0-sw2 switch", "lsp-set-addresses sw0-sw2 unknown", "lsp-add sw2 sw2-sw0", "lsp-set-type sw2-sw0 switch", "lsp-set-addresses sw2-sw0 unknown",
				"set logical_switch_port sw0-sw2 peer=sw2-sw0", "set logical_switch_port sw2-sw0 peer=sw0-sw2",
			}, []string{"lsp-del sw0-sw2", "lsp-del sw2-sw0"}),
		needs("7.6", handshake("ct-commit-all", "router option ct-commit-all", b.tcp("sw4-p2", "ext3", 80), "external hv2"),
			[]string{"set logical_router gr0 options:ct-commit-all=true"}, []string{"remove logical_router gr0 options ct-commit-all"}),
		needs("7.1", handshake("common-zone", "router option use_common_zone", b.tcp("ext1", "172.16.0.10", 80), "sw3-p1", "hv3"),
			[]string{"set logical_router lr1 options:use_common_zone=true"}, []string{"remove logical_router lr1 options use_common_zone"}),
		needs("7.0.1", handshake("nat-gateway-port", "several distributed gateway ports", b.tcp("sw3-p3", "ext1", 80), "external hv3"),
			[]string{"lr-nat-del lr1 snat 50.0.0.0/24", "--gateway-port lr1-public lr-nat-add lr1 snat 172.16.0.1 50.0.0.0/24"}, restoreSNAT),
		needs("Mirror.type=lport", one("mirror-lport", "mirrors", b.udp("sw0-p1", "sw0-p2", 7), "sw0-p2, sw0-p3"),
			[]string{"mirror-add m1 lport from-lport sw0-p3", "lsp-attach-mirror sw0-p1 m1", "@sleep 1s"}, []string{"lsp-detach-mirror sw0-p1 m1", "mirror-del m1"}),
	}
}
