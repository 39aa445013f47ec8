package cases

import (
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// kubernetes returns the cases of lab.Kube. The tool is given the ways to the nodes and nothing
// else: it begins with the databases of the first node, whichever zone a packet is of. Each hop
// must be explained by rows of the Northbound database of its own zone.
func kubernetes(b builder) []probe.Case {
	const (
		pods     = "one zone a node: pods"
		services = "one zone a node: services"
		policies = "one zone a node: network policies"
		outside  = "one zone a node: gateway routers"
	)
	routeTo := func(subnet string) string { return "Logical_Router_Static_Route: route " + subnet }
	anyWeb := "default_web1|default_web2|default_web3"
	all := []probe.Case{
		handshake("kube-pod-near", pods, b.tcp("default_cli1", "default_web1", 8080), "default_web1"),
		naming(handshake("kube-pod-far", pods, b.tcp("default_cli1", "default_web3", 8080), "default_web3"), routeTo("10.244.3.0/24")),
		naming(handshake("kube-pod-other-zones", pods, b.tcp("default_cli2", "default_web3", 8080), "default_web3"), routeTo("10.244.3.0/24")),
		echo("kube-pod-ping", pods, b.ping("default_cli3", "default_web2"), "default_web2"),
		one("kube-node-port-of-pod", pods, b.tcp("default_cli2", "k8s-hv2", 10250), "k8s-hv2"),
		naming(one("kube-service-near", services, b.tcp("default_cli1", lab.KubeWebVIP, 80), anyWeb), "Load_Balancer Service_default/web_TCP_cluster"),
		naming(one("kube-service-far", services, b.tcp("default_cli3", lab.KubeWebVIP, 80), anyWeb), "Load_Balancer Service_default/web_TCP_cluster"),
		naming(handshake("kube-service-allowed", services, b.tcp("default_web2", lab.KubeDBVIP, 5432), "default_db3"),
			"Load_Balancer Service_default/db_TCP_cluster", routeTo("10.244.3.0/24"), "ACL "+lab.KubeAllowACL),
		dropped(one("kube-service-denied", policies, b.tcp("default_cli2", lab.KubeDBVIP, 5432), "nowhere"), "ACL "+lab.KubeDenyACL, "ls_out_acl"),
		naming(handshake("kube-policy-allowed", policies, b.tcp("default_web1", "default_db2", 5432), "default_db2"), "ACL "+lab.KubeAllowACL),
		dropped(one("kube-policy-denied", policies, b.tcp("default_cli1", "default_db2", 5432), "nowhere"), "ACL "+lab.KubeDenyACL, "on port group a_ingressDefaultDeny"),
		dropped(one("kube-policy-other-port", policies, b.tcp("default_web3", "default_db1", 5433), "nowhere"), "ACL "+lab.KubeDenyACL),
		dropped(one("kube-policy-egress", policies, b.tcp("default_cli3", "default_web1", 25), "nowhere"), "ACL "+lab.KubeOutACL, "ls_in_acl_after_lb"),
		naming(handshake("kube-snat", outside, b.tcp("default_cli2", "ext2", 443), "external hv2"),
			"NAT: snat 10.244.2.0/24 => 172.18.0.3", routeTo("10.244.2.0/24 via 100.64.0.3, by source")),
		naming(echo("kube-snat-ping", outside, b.ping("default_cli3", "ext3"), "external hv3"), "NAT: snat 10.244.3.0/24 => 172.18.0.4"),
		naming(one("kube-external-vip", outside, b.tcp("ext1", lab.KubeExternalVIP, 80), anyWeb), "Load_Balancer Service_default/web_TCP_external"),
		naming(one("kube-external-vip-other-zone", outside, b.tcp("ext3", lab.KubeExternalVIP, 80), anyWeb), "Load_Balancer Service_default/web_TCP_external"),
		// The backend is on the gateway router's own chassis: more recirculations than the userspace
		// datapath runs before Open vSwitch 3.3, which drops it.
		naming(one("kube-node-port", outside, b.tcp("ext2", "172.18.0.3", lab.KubeNodePort), ""),
			"Load_Balancer Service_default/web_TCP_node_template_IPv4"),
		naming(handshake("kube-node-port-far", outside, b.tcp("ext3", "172.18.0.4", lab.KubeNodePort), "default_web2", "hv3"),
			"Load_Balancer Service_default/web_TCP_node_template_IPv4", routeTo("10.244.0.0/16 via 100.64.0.1")),
		{Name: "kube-session", Feature: pods, Session: true, Expect: "established", Steps: []probe.Step{{Packet: b.tcp("default_cli3", "default_web2", 8080)}}},
		{Name: "kube-session-service", Feature: services, Session: true, Expect: "established", Steps: []probe.Step{{Packet: b.tcp("default_web1", lab.KubeDBVIP, 5432)}}},
		{Name: "kube-session-denied", Feature: policies, Session: true, Expect: "SYN", Steps: []probe.Step{{Packet: b.tcp("default_cli3", "default_db1", 5432)}}},
		{Name: "kube-session-snat", Feature: outside, Session: true, Expect: "established", Steps: []probe.Step{{Packet: b.tcp("default_cli2", "ext2", 443)}}},
		// A policy that only the zone of the receiver has, as it is written.
		{Name: "kube-policy-change", Feature: policies,
			Setup:   []string{"@z3 --name=only-z3 acl-add a_all to-lport 1003 'outport == @a_all && tcp.dst == 8081' drop"},
			Cleanup: []string{"@z3 acl-del a_all to-lport 1003 'outport == @a_all && tcp.dst == 8081'"},
			Steps: []probe.Step{
				{Packet: b.tcp("default_cli1", "default_web3", 8081), Want: "nowhere", Explanation: probe.Explanation{Because: []string{"ACL only-z3", "ls_out_acl"}}},
				{Packet: b.tcp("default_cli1", "default_web2", 8081), Want: "default_web2"},
			}},
	}
	for i := range all {
		for s := range all[i].Steps {
			all[i].Steps[s].Explanation.EveryHop = !all[i].Session
		}
	}
	return all
}

// naming expects that the first packet's table hits are explained by rows.
func naming(c probe.Case, rows ...string) probe.Case {
	c.Steps[0].Explanation.Names = rows
	return c
}

// dropped expects that the first packet's reason has these parts.
func dropped(c probe.Case, parts ...string) probe.Case {
	c.Steps[0].Explanation.Because = parts
	return c
}
