package lab

// interconnect adds a second availability zone with its own databases, one chassis (hv4), and a
// transit switch between a router of each zone. It makes the rows that ovn-ic or OVN-Kubernetes
// would make: both zones have the transit switch and its ports with the same tunnel keys, and each
// other's chassis as remote.
func interconnect(t *Topology) {
	const ts, key = "ts0", "16711681"
	t.Chassis[0].Options = map[string]string{"ovn-is-interconn": "true"}
	t.Chassis = append(t.Chassis, Chassis{Name: "hv4", EncapIP: underlayNet + "4", IPs: []string{underlayNet + "14", "fd31::4"}, Zone: "az2",
		Options: map[string]string{"ovn-is-interconn": "true"}})
	side := func(sub *Topology, router, mac, ip, sw, swMAC, swIP, peer, peerMAC, peerIP, peerChassis, peerNet string, ownKey, peerKey int) {
		own, far := ts+"-"+router, ts+"-"+peer
		sub.setup("ls-add "+ts, "set logical_switch "+ts+" other_config:interconn-ts="+ts+" other_config:requested-tnl-key="+key,
			"ls-add "+sw, "lr-add "+router)
		sub.link(router, sw, swMAC, swIP+"/24")
		sub.setup(
			"lrp-add "+router+" "+router+"-"+ts+" "+mac+" "+ip+"/24",
			"lsp-add "+ts+" "+own, "lsp-set-type "+own+" router", "lsp-set-addresses "+own+" router",
			"lsp-set-options "+own+" router-port="+router+"-"+ts+" requested-tnl-key="+itoa(ownKey),
			"lsp-add "+ts+" "+far, "lsp-set-type "+far+" remote", "lsp-set-addresses "+far+" '"+peerMAC+" "+peerIP+"'",
			"lsp-set-options "+far+" requested-tnl-key="+itoa(peerKey)+" requested-chassis="+peerChassis,
			"lr-route-add "+router+" "+peerNet+" "+peerIP,
		)
	}
	// A switch in both zones: each zone has a port of its own, which is remote in the other zone.
	span := func(sub *Topology, gateway, own, mac, ip, chassis, far, farMAC, farIP, farChassis string, ownKey, farKey int) {
		sub.port(ts, gateway, own, chassis, mac, ip)
		sub.setup(
			"lsp-set-options "+own+" requested-tnl-key="+itoa(ownKey),
			"lsp-add "+ts+" "+far, "lsp-set-type "+far+" remote", "lsp-set-addresses "+far+" '"+farMAC+" "+farIP+"'",
			"lsp-set-options "+far+" requested-tnl-key="+itoa(farKey)+" requested-chassis="+farChassis,
		)
	}
	const mac5, ip5, mac6, ip6 = "00:00:00:00:fa:01", "169.254.100.1", "00:00:00:00:fa:02", "169.254.100.2"
	const macSw8, macSw9 = "00:00:00:00:ff:08", "00:00:00:00:ff:09"
	side(t, "lr5", mac5, ip5, "sw8", macSw8, "110.0.0.1", "lr6", mac6, ip6, "hv4", "120.0.0.0/24", 1, 2)
	t.port("sw8", macSw8, "sw8-p1", "hv1", "50:54:00:08:00:03", "110.0.0.3")
	const macP1, ipP1, macP4, ipP4 = "50:54:00:0b:00:03", "169.254.100.3", "50:54:00:0b:00:04", "169.254.100.4"
	span(t, mac5, "ts0-p1", macP1, ipP1, "hv1", "ts0-p4", macP4, ipP4, "hv4", 3, 4)
	far := &Topology{}
	side(far, "lr6", mac6, ip6, "sw9", macSw9, "120.0.0.1", "lr5", mac5, ip5, "hv1", "110.0.0.0/24", 2, 1)
	far.port("sw9", macSw9, "sw9-p1", "hv4", "50:54:00:09:00:03", "120.0.0.3")
	span(far, mac6, "ts0-p4", macP4, ipP4, "hv4", "ts0-p1", macP1, ipP1, "hv1", 4, 3)
	t.VIFs = append(t.VIFs, far.VIFs...)
	t.Zones = append(t.Zones, Zone{Name: "az2", IP: underlayNet + "253", Setup: far.Setup})
	bind := func(chassis, ip string, ports ...string) string {
		cmd := "chassis-add " + chassis + " geneve " + ip + " -- set chassis " + chassis + " other_config:is-remote=true"
		for _, p := range ports {
			cmd += " -- --may-exist lsp-bind " + p + " " + chassis
		}
		return cmd
	}
	t.After = append(t.After,
		"@sb "+bind("hv4", underlayNet+"4", "ts0-lr6", "ts0-p4"),
		"@az2-sb "+bind("hv1", underlayNet+"1", "ts0-lr5", "ts0-p1"),
	)
}
