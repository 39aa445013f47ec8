package main

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// fault is something wrong in the lab, and what why must say of it.
type fault struct {
	change []string      // commands for lab.Do that put it there
	packet *probe.Packet // sent before the change, so that an entry lives; may be nil
	back   []string      // commands for lab.Do that remove it
	ask    []string      // arguments of why
	codes  []string      // of the causes, in their order; there may be more
	object string        // that the first cause's text names
	// mends is true if the first cause's commands can be run as they are: why must then find that it
	// works.
	mends bool
	works bool // it works although a cause is named: an entry outlives its rule
}

// vif is a packet of a VIF to its router.
func vif(t *lab.Topology, port string, p probe.Packet) *probe.Packet {
	v, err := t.VIF(port)
	if err != nil {
		panic(err) // a port of the base topology
	}
	p.From, p.EthSrc, p.EthDst, p.Src = port, v.MAC, v.Gateway, v.IP(false)
	return &p
}

// faults are the faults, by name.
func faults(t *lab.Topology) []struct {
	name string
	fault
} {
	const (
		web    = "20.0.0.4:8090/tcp"                                                                   // sw1-p2
		opened = `inport == "sw2-p1" && ip4.src == 40.0.0.3 && ip4.dst == 20.0.0.4 && tcp.dst == 8090` // by why's command
		closed = "inport == @pg2 && tcp.dst == 8090"
	)
	return []struct {
		name string
		fault
	}{
		{"acl-drop", fault{
			change: []string{"--name=why-drop acl-add pg2 from-lport 1010 '" + closed + "' drop"}, back: []string{"acl-del pg2 from-lport 1010 '" + closed + "'", "acl-del pg2 from-lport 1011 '" + opened + "'"},
			ask: []string{"--from", "sw2-p1", "--to", web}, codes: []string{"acl-drop"}, object: `ACL "why-drop" (from-lport, priority 1010) on port group pg2`, mends: true,
		}},
		{"acl-reject", fault{
			change: []string{"--name=why-reject acl-add pg2 from-lport 1010 '" + closed + "' reject"}, back: []string{"acl-del pg2 from-lport 1010 '" + closed + "'", "acl-del pg2 from-lport 1011 '" + opened + "'"},
			ask: []string{"--from", "sw2-p1", "--to", web}, codes: []string{"acl-reject"}, object: `ACL "why-reject"`, mends: true,
		}},
		{"no-acl-allows", fault{
			change: []string{"set nb_global . options:default_acl_drop=true", `acl-add sw1 to-lport 1001 'outport == "sw1-p1"' allow-related`},
			back:   []string{"remove nb_global . options default_acl_drop", "acl-del sw1"},
			ask:    []string{"--from", "sw0-p1", "--to", web}, codes: []string{"no-acl-allows"}, object: "switch sw0",
		}},
		{"reply-dropped", fault{
			change: []string{`--name=why-in acl-add sw1 to-lport 1002 'outport == "sw1-p2" && tcp' allow-stateless`, `--name=why-out acl-add sw1 from-lport 1000 'inport == "sw1-p2" && ip4' drop`},
			back:   []string{"acl-del sw1"},
			ask:    []string{"--from", "sw0-p1", "--to", web}, codes: []string{"reply-dropped"}, object: `why-out`, mends: true,
		}},
		{"port-security", fault{
			change: []string{"lsp-set-port-security sw0-p1 '50:54:00:00:00:03 10.0.0.99'"}, back: []string{"lsp-set-port-security sw0-p1"},
			ask: []string{"--from", "sw0-p1", "--to", web}, codes: []string{"port-security"}, object: "sw0-p1", mends: true,
		}},
		{"port-disabled", fault{
			change: []string{"lsp-set-enabled sw1-p2 disabled"}, back: []string{"lsp-set-enabled sw1-p2 enabled"},
			ask: []string{"--from", "sw0-p1", "--to", web}, codes: []string{"port-disabled"}, object: "sw1-p2", mends: true,
		}},
		{"port-not-bound", fault{
			change: []string{"lsp-add sw1 why-ghost -- lsp-set-addresses why-ghost '50:54:00:01:00:77 20.0.0.77'"}, back: []string{"lsp-del why-ghost"},
			ask: []string{"--from", "sw0-p1", "--to", "why-ghost:80"}, codes: []string{"port-not-bound"}, object: "why-ghost",
		}},
		{"port-not-bound-client", fault{
			change: []string{"lsp-add sw1 why-ghost -- lsp-set-addresses why-ghost '50:54:00:01:00:77 20.0.0.77'"}, back: []string{"lsp-del why-ghost"},
			ask: []string{"--from", "why-ghost", "--to", "10.0.0.3:80"}, codes: []string{"port-not-bound"}, object: "why-ghost",
		}},
		{"requested-chassis", fault{
			change: []string{"lsp-set-options sw1-p2 requested-chassis=hv9", "@gone @sb --bare --columns=chassis find port_binding logical_port=sw1-p2"},
			back:   []string{"lsp-set-options sw1-p2", "@bound sw1-p2 hv3"},
			ask:    []string{"--from", "sw0-p1", "--to", web}, codes: []string{"requested-chassis-mismatch"}, object: "sw1-p2",
		}},
		{"no-route", fault{
			change: []string{"lr-route-del lr2 0.0.0.0/0"}, back: []string{"--may-exist lr-route-add lr2 0.0.0.0/0 100.64.0.2", "--if-exists lr-route-del lr2 172.17.0.0/24"},
			ask: []string{"--from", "sw4-p1", "--to", "172.17.0.100:80"}, codes: []string{"no-route"}, object: "router lr2", mends: true,
		}},
		{"blackhole-route", fault{
			change: []string{"lr-route-add lr0 20.0.0.4/32 discard"}, back: []string{"--if-exists lr-route-del lr0 20.0.0.4/32"},
			ask: []string{"--from", "sw0-p1", "--to", web}, codes: []string{"blackhole-route"}, object: "route 20.0.0.4/32 of router lr0", mends: true,
		}},
		{"policy-drop", fault{
			change: []string{"lr-policy-add lr0 1001 'ip4.dst == 20.0.0.4' drop"}, back: []string{"--if-exists lr-policy-del lr0 1001 'ip4.dst == 20.0.0.4'"},
			ask: []string{"--from", "sw0-p1", "--to", web}, codes: []string{"policy-drop"}, object: "routing policy 1001 (ip4.dst == 20.0.0.4) of router lr0", mends: true,
		}},
		{"next-hop-unresolved", fault{
			change: []string{"lr-route-add lr1 198.51.100.0/24 172.16.0.99"}, back: []string{"lr-route-del lr1 198.51.100.0/24"},
			ask: []string{"--from", "sw3-p3", "--to", "198.51.100.1:80"}, codes: []string{"next-hop-unresolved"}, object: "172.16.0.99",
		}},
		{"route-via-self", fault{
			change: []string{"lr-route-add lr1 198.51.100.0/24 172.16.0.10"}, back: []string{"--if-exists lr-route-del lr1 198.51.100.0/24"},
			ask: []string{"--from", "sw3-p3", "--to", "198.51.100.1:80"}, codes: []string{"route-via-self"}, object: "172.16.0.10",
		}},
		{"no-bridge-mapping", fault{
			change: []string{"@hv3 ovs-vsctl set open_vswitch . external_ids:ovn-bridge-mappings=physnet9:br-ex", "@until @sb --bare --columns=name find chassis other_config:ovn-bridge-mappings=\"physnet9\\:br-ex\""},
			back:   []string{"@hv3 ovs-vsctl set open_vswitch . external_ids:ovn-bridge-mappings=physnet1:br-ex"},
			ask:    []string{"--from", "sw3-p3", "--to", "172.16.0.100:80"}, codes: []string{"no-bridge-mapping"}, object: "hv3", mends: true,
		}},
		{"port-not-bound-any-more", fault{
			change: []string{"@hv3 ovs-vsctl set interface sw1-p3 external_ids:iface-id=why-other", "@gone @sb --bare --columns=chassis find port_binding logical_port=sw1-p3"},
			back:   []string{"@hv3 ovs-vsctl set interface sw1-p3 external_ids:iface-id=sw1-p3", "@bound sw1-p3 hv3"},
			ask:    []string{"--from", "sw0-p1", "--to", "20.0.0.5:80"}, codes: []string{"port-not-bound"}, object: "sw1-p3",
		}},
		{"policy-reroute", fault{
			change: []string{"lr-policy-add lr2 1001 'ip4.dst == 172.17.0.100' reroute 100.64.0.99"}, back: []string{"--if-exists lr-policy-del lr2 1001 'ip4.dst == 172.17.0.100'"},
			ask: []string{"--from", "sw4-p1", "--to", "172.17.0.100:80"}, codes: []string{"arp-unanswerable", "policy-reroute"}, object: "100.64.0.99",
		}},
		{"route-via-self-policy", fault{
			change: []string{"lr-policy-add lr0 1001 'ip4.dst == 20.0.0.4' reroute 20.0.0.1"}, back: []string{"--if-exists lr-policy-del lr0 1001 'ip4.dst == 20.0.0.4'"},
			ask: []string{"--from", "sw0-p1", "--to", web}, codes: []string{"route-via-self"}, object: "20.0.0.1", mends: true,
		}},
		{"nat-conflict", fault{
			change: []string{"--id=@n create nat type=dnat_and_snat external_ip=172.16.0.10 logical_ip=50.0.0.5 -- add logical_router lr1 nat @n"},
			back:   []string{"lr-nat-del lr1 dnat_and_snat 172.16.0.10", "lr-nat-add lr1 dnat_and_snat 172.16.0.10 50.0.0.3"},
			ask:    []string{"--from", "sw3-p1", "--to", "172.16.0.100:80"}, codes: []string{"nat-conflict"}, object: "two NAT rules translate 172.16.0.10", works: true,
		}},
		{"mtu-exceeded", fault{
			change: []string{"set logical_router_port lr1-public options:gateway_mtu=1000"}, back: []string{"remove logical_router_port lr1-public options gateway_mtu"},
			ask: []string{"--from", "sw3-p3", "--to", "172.16.0.100:7/udp", "--len", "1400"}, codes: []string{"mtu-exceeded"}, object: "lr1-public", mends: true,
		}},
		{"flow-not-installed", fault{
			change: []string{"--name=why-lost acl-add pg2 from-lport 1010 '" + closed + "' allow-related", "--name=why-drop acl-add pg2 from-lport 1009 'inport == @pg2 && tcp' drop",
				"@hv1 ovs-ofctl del-flows br-int tcp,tp_dst=8090"},
			back: []string{"acl-del pg2 from-lport 1010 '" + closed + "'", "acl-del pg2 from-lport 1009 'inport == @pg2 && tcp'"},
			ask:  []string{"--from", "sw2-p1", "--to", web}, codes: []string{"flow-not-installed", "acl-drop"}, object: `ACL "why-lost"`,
		}},
		{"lb-no-backend", fault{
			change: []string{"lb-add why-empty 30.0.0.77:80 '' tcp", "ls-lb-add sw0 why-empty"}, back: []string{"lb-del why-empty"},
			ask: []string{"--from", "sw0-p1", "--to", "30.0.0.77:80"}, codes: []string{"lb-no-backend"}, object: `VIP 30.0.0.77:80 of load balancer "why-empty"`,
		}},
		{"lb-backend-down", fault{
			change: []string{"lb-add why-down 30.0.0.78:80 20.0.0.3:8080 tcp", `set load_balancer why-down ip_port_mappings:20.0.0.3='"sw1-p1:20.0.0.1"'`,
				`--id=@hc create load_balancer_health_check vip='"30.0.0.78:80"' -- set load_balancer why-down health_check=@hc`,
				"ls-lb-add sw0 why-down", "@until @sb --bare --columns=_uuid list service_monitor", "@sb set service_monitor . status=offline"},
			back: []string{"lb-del why-down"},
			ask:  []string{"--from", "sw0-p1", "--to", "30.0.0.78:80"}, codes: []string{"lb-backend-down"}, object: `VIP 30.0.0.78:80 of load balancer "why-down"`,
		}},
		{"vip-other-port", fault{
			ask: []string{"--from", "sw0-p1", "--to", "30.0.0.11:81"}, codes: []string{"vip-other-port", "no-route"}, object: `load balancer "lb-three"`,
			mends: true, back: []string{"--if-exists lb-del lb-three 30.0.0.11:81"},
		}},
		{"lb-not-on-router", fault{
			ask: []string{"--from", "sw1-p1", "--to", "30.0.0.10:80"}, codes: []string{"lb-not-on-router", "no-route"}, object: `load balancer "lb-one"`,
			mends: true, back: []string{"--if-exists ls-lb-del sw1 lb-one"},
		}},
		{"lb-unanswered-vip", fault{
			change: []string{"lb-add why-lan 10.0.0.88:80 20.0.0.4:8080 tcp", "ls-lb-add sw0 why-lan"}, back: []string{"lb-del why-lan"},
			ask: []string{"--from", "sw0-p1", "--to", "10.0.0.88:80"}, codes: []string{"lb-unanswered-vip"}, object: `VIP 10.0.0.88:80 of load balancer "why-lan"`, mends: true,
		}},
		{"stale-lb-backend", fault{
			packet: vif(t, "sw0-p1", probe.Packet{Proto: "udp", Dst: "30.0.0.10", Sport: 41777, Dport: 53}),
			change: []string{"--may-exist lb-add lb-dns 30.0.0.10:53 20.0.0.5:5353 udp"}, back: []string{"--may-exist lb-add lb-dns 30.0.0.10:53 20.0.0.4:5353 udp"},
			ask:   []string{"--from", "sw0-p1", "--to", "30.0.0.10:53/udp", "ip4 && udp.src == 41777"},
			codes: []string{"stale-lb-backend"}, object: `VIP 30.0.0.10:53 of load balancer "lb-dns" to 20.0.0.4:5353`, works: true, mends: true,
		}},
		// The same, of a connection that the question does not name.
		{"stale-lb-backend-found", fault{
			packet: vif(t, "sw0-p1", probe.Packet{Proto: "udp", Dst: "30.0.0.10", Sport: 41779, Dport: 53}),
			change: []string{"--may-exist lb-add lb-dns 30.0.0.10:53 20.0.0.5:5353 udp"}, back: []string{"--may-exist lb-add lb-dns 30.0.0.10:53 20.0.0.4:5353 udp"},
			ask:   []string{"--from", "sw0-p1", "--to", "30.0.0.10:53/udp"},
			codes: []string{"stale-lb-backend"}, object: `VIP 30.0.0.10:53 of load balancer "lb-dns" to 20.0.0.4:5353`, works: true, mends: true,
		}},
		{"stale-lb-backend-gone", fault{
			packet: vif(t, "sw0-p1", probe.Packet{Proto: "udp", Dst: "30.0.0.10", Sport: 41778, Dport: 53}),
			change: []string{"--may-exist lb-add lb-dns 30.0.0.10:53 20.0.0.5:5353 udp", "lsp-set-enabled sw1-p2 disabled"},
			back:   []string{"--may-exist lb-add lb-dns 30.0.0.10:53 20.0.0.4:5353 udp", "lsp-set-enabled sw1-p2 enabled"},
			ask:    []string{"--from", "sw0-p1", "--to", "30.0.0.10:53/udp", "ip4 && udp.src == 41778"},
			codes:  []string{"stale-lb-backend", "port-disabled"}, object: `VIP 30.0.0.10:53 of load balancer "lb-dns" to 20.0.0.4:5353`, mends: true,
		}},
	}
}
