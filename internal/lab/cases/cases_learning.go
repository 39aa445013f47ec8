package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// learned returns a command that waits until a switch has learned a MAC.
func learned(mac string) string { return `@until @sb --bare find fdb 'mac="` + mac + `"'` }

// learning returns cases of what OVN learns from packets and uses later.
func learning(b builder) []probe.Case {
	return []probe.Case{
		{Name: "mac-binding-learned", Feature: "MAC binding learned from ARP", Cleanup: []string{"@sb --all destroy mac_binding"}, Steps: []probe.Step{
			{Packet: b.arp("ext2", "172.16.0.1"), Want: "nowhere"},
			{NB: []string{"@until @sb --bare find mac_binding ip=172.16.0.200"}},
			{Packet: b.tcp("sw3-p3", "ext2", 80), Want: "external hv3"},
			{Answer: true, Want: "sw3-p3"},
		}},
		{Name: "fdb-learned", Feature: "FDB", Cleanup: []string{"@sb --all destroy fdb"}, Steps: []probe.Step{
			{Packet: with(b.udp("sw5-p2", "sw5-p1", 7), func(p *probe.Packet) { p.EthSrc = "50:54:00:05:00:66" }), Want: "sw5-p1"},
			{NB: []string{learned("50:54:00:05:00:66")}},
			{Packet: with(b.udp("sw5-p1", "70.0.0.66", 7), func(p *probe.Packet) { p.EthDst = "50:54:00:05:00:66" }), Want: "sw5-p2"},
		}},
		changed(probe.Case{Name: "virtual-port", Feature: "virtual ports", Steps: []probe.Step{
			{Packet: with(b.arp("sw5-p1", "70.0.0.50"), func(p *probe.Packet) { p.Src = "70.0.0.50" }), Quiet: true},
			{NB: []string{"@bound sw5-virt hv1"}},
			{Packet: b.udp("sw6-c3", "70.0.0.50", 7), Want: "sw5-p1"},
		}},
			[]string{"lsp-add sw5 sw5-virt", "lsp-set-addresses sw5-virt '50:54:00:05:00:03 70.0.0.50'", "lsp-set-type sw5-virt virtual", "lsp-set-options sw5-virt virtual-ip=70.0.0.50 virtual-parents=sw5-p1,sw5-p3"},
			[]string{"lsp-del sw5-virt", "@sb --all destroy mac_binding"}),
		changed(one("virtual-port-unbound", "virtual ports", b.udp("sw6-c3", "70.0.0.50", 7), "nowhere"),
			[]string{"lsp-add sw5 sw5-virt", "lsp-set-addresses sw5-virt '50:54:00:05:00:03 70.0.0.50'", "lsp-set-type sw5-virt virtual", "lsp-set-options sw5-virt virtual-ip=70.0.0.50 virtual-parents=sw5-p2,sw5-p3"},
			[]string{"lsp-del sw5-virt"}),
		changed(one("lb-health-removed", "load balancer, backend removed by health check", b.tcp("sw0-p1", "30.0.0.91", 80), ""),
			[]string{
				"lb-add lb-case 30.0.0.91:80 20.0.0.3:8080,20.0.0.4:8080 tcp",
				"set load_balancer lb-case ip_port_mappings:20.0.0.4=sw1-p2:20.0.0.254",
				"--id=@h create Load_Balancer_Health_Check vip=30.0.0.91\\:80 options:interval=1 options:timeout=1 options:failure_count=1 options:success_count=1 -- add load_balancer lb-case health_check @h",
				"ls-lb-add sw0 lb-case", "@until @sb --bare find service_monitor status=offline",
			}, []string{"lb-del lb-case"}),
	}
}
