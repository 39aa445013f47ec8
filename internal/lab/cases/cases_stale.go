package cases

import "github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"

// stale returns cases of chassis whose tables differ from the Southbound database. Predictions
// follow the tables.
func stale(b builder) []probe.Case {
	const f = "flows that are missing or outdated"
	const resume = "@hv3 ovn-appctl -t ovn-controller debug/resume"
	paused := func(name string, p *probe.Packet, want string, change, back []string, warn ...string) probe.Case {
		return probe.Case{Name: name, Feature: f, Cleanup: append([]string{resume}, back...), Steps: []probe.Step{
			{NB: append(append([]string{"@hv3 ovn-appctl -t ovn-controller debug/pause"}, change...), "@sleep 3s"), Unsettled: true},
			{Packet: p, Want: want, Explanation: probe.Explanation{Warn: warn}},
		}}
	}
	const allow = "to-lport 1002 'outport == @pg2 && ip4.src == 10.0.0.0/24 && tcp.dst == 8080'"
	return []probe.Case{
		paused("stale-acl-added", b.tcp("sw0-p1", "sw2-p2", 8080), "sw2-p2",
			[]string{"--name=new-rule acl-add pg2 to-lport 1010 'outport == @pg2 && tcp.dst == 8080' drop"},
			[]string{"acl-del pg2 to-lport 1010 'outport == @pg2 && tcp.dst == 8080'"},
			`hv3: logical flow ls_out_acl`, `ACL "new-rule"`, "is not in its tables"),
		paused("stale-acl-counted", b.tcp("sw0-p1", "sw2-p2", 8080), "sw2-p2",
			[]string{"--wait=sb --name=new-rule acl-add pg2 to-lport 1010 'outport == @pg2 && tcp.dst == 8080' drop"},
			[]string{"acl-del pg2 to-lport 1010 'outport == @pg2 && tcp.dst == 8080'"},
			`ovn-controller on hv3 is behind`, `ACL "new-rule"`, "is not in its tables"),
		paused("stale-acl-removed", b.tcp("sw0-p1", "sw2-p2", 8080), "sw2-p2",
			[]string{"acl-del pg2 " + allow}, []string{"--name=allow-8080 acl-add pg2 " + allow + " allow-related"},
			"hv3: table", "is no longer in the Southbound database"),
		changed(probe.Case{Name: "stale-flow-lost", Feature: f, Steps: []probe.Step{
			{Packet: b.tcp("sw2-p1", "sw0-p1", 27), Want: "nowhere", Explanation: probe.Explanation{Because: []string{"ACL lost"}}},
			{NB: []string{"@hv1 ovs-ofctl del-flows br-int tcp,tp_dst=27"}},
			{Packet: b.tcp("sw2-p1", "sw0-p1", 27), Want: "sw0-p1", Explanation: probe.Explanation{Warn: []string{"hv1: logical flow ls_in_acl", `ACL "lost"`, "is not in its tables"}}},
		}}, []string{"--name=lost acl-add pg2 from-lport 1010 'inport == @pg2 && tcp.dst == 27' drop"},
			[]string{"acl-del pg2 from-lport 1010 'inport == @pg2 && tcp.dst == 27'"}),
		{Name: "no-northbound", Feature: "without the Northbound database", Args: []string{"--nb", "tcp:127.0.0.1:1"}, Steps: []probe.Step{
			{Packet: b.tcp("sw0-p1", "sw2-p2", 22), Want: "nowhere", Explanation: probe.Explanation{
				Because: []string{"an ACL whose UUID begins with", "outport == @pg2 && ip", "ls_out_acl"},
				Warn:    []string{"without the Northbound database"},
			}},
		}},
	}
}
