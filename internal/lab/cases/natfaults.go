package cases

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// NATFault is a fault of NAT or load balancing that really exists after the case's packets and the
// commands of Break, and that the command nat must find.
type NATFault struct {
	Case  probe.Case
	Break []string
	Code  string   // of the finding
	Says  []string // parts of its text, evidence or places
	// Mended says that the finding is gone after its commands were run.
	Mended bool
	Until  string // a feature of releases (lab.Schema.Has) that no longer have the fault; empty: all do
}

// NATFaults returns the faults, each with the commands that undo it in the case's Cleanup.
func NATFaults(t *lab.Topology) []NATFault {
	b := builder{t}
	const (
		delSNAT = "lr-nat-del lr1 snat 50.0.0.0/24"
		addSNAT = "lr-nat-add lr1 snat 172.16.0.1 50.0.0.0/24"
		delFIP  = "lr-nat-del lr1 dnat_and_snat 172.16.0.10"
		addFIP  = "lr-nat-add lr1 dnat_and_snat 172.16.0.10 50.0.0.3"
	)
	const zone = "z=$(ovs-vsctl get bridge br-int external_ids:ct-zone-sw0-p1 | tr -dc 0-9); "
	fault := func(code string, c probe.Case, setup, broken, cleanup []string, says ...string) NATFault {
		c.Name, c.Setup, c.Cleanup = code, setup, cleanup
		return NATFault{Case: c, Break: broken, Code: code, Says: says}
	}
	mended := func(f NATFault) NATFault { f.Mended = true; return f }
	until := func(feature string, f NATFault) NATFault { f.Until = feature; return f }
	idle := probe.Case{}
	out := func(sport int) *probe.Packet {
		return with(b.tcp("sw3-p3", "ext1", 80), func(p *probe.Packet) { p.Sport = sport })
	}
	fill := probe.Case{}
	for i := range 4 {
		fill.Steps = append(fill.Steps, probe.Step{Packet: out(41000 + i), Want: "external hv3"})
	}
	blocked := handshake("", "", b.tcp("sw0-p1", "sw2-p2", 8080), "sw2-p2")
	blocked.Steps = append(blocked.Steps, probe.Step{Answer: true},
		probe.Step{NB: []string{"--name=lockdown acl-add pg2 to-lport 1010 'outport == @pg2 && tcp.dst == 8080' drop"}}, probe.Step{Answer: true})
	announce := probe.Case{Steps: []probe.Step{{Packet: with(b.arp("ext1", "172.16.0.10"), func(p *probe.Packet) { p.Src, p.Op = "172.16.0.10", 2 })}}}
	return []NATFault{
		mended(fault("stale-lb-backend", echo("", "", b.udp("sw0-p1", "30.0.0.10", 53), "sw1-p2"), nil,
			[]string{"--may-exist lb-add lb-dns 30.0.0.10:53 20.0.0.5:5353 udp"}, []string{"--may-exist lb-add lb-dns 30.0.0.10:53 20.0.0.4:5353 udp"},
			`load balancer "lb-dns"`, "30.0.0.10:53", "20.0.0.4:5353", "no longer a backend", "hv1", "backends of 30.0.0.10:53 now: 20.0.0.5:5353")),
		mended(fault("stale-nat", handshake("", "", b.tcp("sw3-p3", "ext1", 80), "external hv3"), nil, []string{delSNAT}, []string{addSNAT},
			"router lr1", "50.0.0.5 to 172.16.0.1", "hv3", "ESTABLISHED", "no NAT rule now has 50.0.0.5")),
		mended(fault("stale-nat", handshake("", "", b.tcp("ext1", "172.16.0.10", 80), "sw3-p1", "hv3"), nil,
			[]string{delFIP, "lr-nat-add lr1 dnat_and_snat 172.16.0.10 50.0.0.5"}, []string{delFIP, addFIP},
			"172.16.0.10 to 50.0.0.3", "rule now: dnat_and_snat 172.16.0.10 <=> 50.0.0.5")),
		fault("snat-exhausted", fill, []string{delSNAT, "--portrange lr-nat-add lr1 snat 172.16.0.1 50.0.0.0/24 20000-20003"}, nil, []string{delSNAT, addSNAT},
			"172.16.0.1", "4 of 4", "172.16.0.100:80", "hv3", "20000"),
		mended(fault("gateway-moved", handshake("", "", b.tcp("sw4-p2", "ext3", 80), "external hv2"), nil,
			[]string{"set logical_router gr0 options:chassis=hv1", "@bound gr0-public2 hv1"}, []string{"set logical_router gr0 options:chassis=hv2", "@bound gr0-public2 hv2"},
			"gateway router gr0 is on hv1 now", "hv2")),
		mended(fault("entry-vanished", handshake("", "", b.tcp("sw3-p3", "ext1", 80), "external hv3"), []string{"acl-add sw3 from-lport 100 ip allow-related"},
			[]string{"@hv3 ovs-appctl dpctl/flush-conntrack"}, []string{"acl-del sw3 from-lport 100 ip"}, "port sw3-p3", "router lr1", "hv3")),
		mended(fault("zone-moved", handshake("", "", b.tcp("sw4-p2", "ext3", 80), "external hv2"), nil, []string{"set logical_router gr0 options:snat-ct-zone=955", "@sleep 1s"},
			// ovn-controller keeps the zone that the option gave: the next run finds another one.
			[]string{"set logical_router gr0 options:snat-ct-zone=954", "@sleep 1s", "remove logical_router gr0 options snat-ct-zone", "@sleep 1s"}, "router gr0", "of hv2, which OVN does not have now", "is 955")),
		mended(fault("blocked-mark", blocked, nil, nil, []string{"acl-del pg2 to-lport 1010 'outport == @pg2 && tcp.dst == 8080'"}, "sw2-p2", "hv3")),
		fault("snat-hits-vip", handshake("", "", out(40080), "external hv3"), []string{"lb-add lb-port 172.16.0.1:40080 50.0.0.3:80 tcp", "lr-lb-add lr1 lb-port"}, nil,
			[]string{"lb-del lb-port"}, "172.16.0.1:40080", `"lb-port"`),
		until("7.11", fault("lb-two-gateways", idle, []string{"ls-add public9", "lrp-add lr1 lr1-public9 00:00:00:00:f9:01 172.19.0.1/24", "lsp-add public9 public9-lr1",
			"lsp-set-type public9-lr1 router", "lsp-set-addresses public9-lr1 router", "lsp-set-options public9-lr1 router-port=lr1-public9",
			"lrp-set-gateway-chassis lr1-public9 hv2 20"}, nil, []string{"lrp-del lr1-public9", "ls-del public9"},
			"router lr1 has 2 gateway ports", "lr1-public (on hv3)", "lr1-public9 (on hv2)", `"lb-out"`)), // OVN 25.03 handles load balancers at each gateway port
		mended(fault("lb-force-snat-ignored", idle, []string{"set logical_router lr1 options:lb_force_snat_ip=172.16.0.1"}, nil,
			[]string{"remove logical_router lr1 options lb_force_snat_ip"}, "router lr1", "lb_force_snat_ip")),
		mended(fault("route-via-self", idle, []string{"lr-route-add lr1 99.0.0.0/24 172.16.0.10"}, nil, []string{"--if-exists lr-route-del lr1 99.0.0.0/24"},
			"99.0.0.0/24", "172.16.0.10", "dnat_and_snat")),
		mended(fault("stale-mac-binding", announce, []string{"lr-add lr9", "lrp-add lr9 lr9-public 00:00:00:00:f9:02 172.16.0.99/24", "lsp-add public public-lr9",
			"lsp-set-type public-lr9 router", "lsp-set-addresses public-lr9 router", "lsp-set-options public-lr9 router-port=lr9-public"},
			[]string{"@until @sb --bare --columns=mac find mac_binding logical_port=lr9-public ip=172.16.0.10"}, []string{"lsp-del public-lr9", "lr-del lr9", "@sb --all destroy mac_binding"},
			"router port lr9-public", "172.16.0.10", "52:54:00:ee:00:01", "dnat_and_snat of router lr1")),
		mended(fault("nat-conflict", idle, []string{"--id=@n create nat type=dnat_and_snat external_ip=172.16.0.10 logical_ip=50.0.0.5 -- add logical_router lr1 nat @n"}, nil,
			[]string{delFIP, addFIP}, "router lr1", "172.16.0.10", "50.0.0.3", "50.0.0.5")),
		fault("zone-limit", handshake("", "", b.tcp("sw0-p1", "30.0.0.10", 80), "sw1-p2"), []string{"@hv1 sh -c '" + zone + "ovs-appctl dpctl/ct-set-limits zone=$z,limit=1'"}, nil,
			[]string{"@hv1 sh -c '" + zone + "ovs-appctl dpctl/ct-del-limits zone=$z'"}, "sw0-p1", "hv1 has 1 of 1"),
		mended(fault("zone-clash", idle, nil, []string{"@hv1 sh -c '" + zone + "ovs-vsctl set bridge br-int external_ids:ct-zone-sw0-twin=$z'"}, nil, "sw0-p1 and sw0-twin", "hv1")),
		fault("lb-no-backend", idle, []string{`lb-add lb-case 30.0.0.98:80 "" tcp`, "ls-lb-add sw0 lb-case"}, nil, []string{"lb-del lb-case"}, `"lb-case"`, "30.0.0.98:80"),
		fault("address-claimed-twice", idle, []string{"lsp-add sw0 sw0-twin", `set logical_switch_port sw0-twin addresses='"50:54:00:00:00:99 10.0.0.3"'`}, nil, []string{"lsp-del sw0-twin"},
			"switch sw0", "10.0.0.3", "sw0-twin", "sw0-p1"),
	}
}

// Healthy returns the cases that neither change the configuration nor need flags: after them
// nothing is wrong.
func Healthy(all []probe.Case) []probe.Case {
	var out []probe.Case
	for _, c := range all {
		ok := len(c.Setup)+len(c.Cleanup)+len(c.Args) == 0 && c.Cannot == ""
		for _, s := range c.Steps {
			ok = ok && len(s.NB) == 0 && s.Status == 0
		}
		if ok {
			out = append(out, c)
		}
	}
	return out
}
