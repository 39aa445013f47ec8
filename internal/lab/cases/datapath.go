package cases

import (
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/lab/probe"
)

// wants returns a change of a case in which the step ends at another place than on the kernel's
// datapath.
func wants(step int, end string) func(*probe.Case) {
	return func(c *probe.Case) { c.Steps[step].Want = end }
}

// without returns a change that removes the step with this index and all later ones.
func without(from int) func(*probe.Case) {
	return func(c *probe.Case) { c.Steps = c.Steps[:from] }
}

// inSequence returns a change that gives the packet after a change of policy correct sequence
// numbers, which the datapath checks: the server acknowledges before the step change, and the
// client answers after it.
func inSequence(change int) func(*probe.Case) {
	return func(c *probe.Case) {
		later := c.Steps[change+1]
		later.Packet, later.Answer = nil, true
		c.Steps[change+1] = later
		c.Steps = slices.Insert(c.Steps, change, probe.Step{Answer: true, Want: c.Steps[0].Packet.From})
	}
}

// userspaceDiffers lists by case how Open vSwitch's userspace datapath differs.
var userspaceDiffers = map[string]func(*probe.Case){
	// Fragments are not joined: each is matched against the flows by itself and has no ports, so
	// rules and load balancers of a port do not match.
	"fragment-acl":           wants(0, "nowhere"),
	"fragment-acl-both-ends": wants(0, "nowhere"),
	// And its first fragment is smaller than ct() accepts (ipf_get_min_frag_size).
	"fragment-acl-three":  wants(0, "nowhere"),
	"fragment-acl-bytes":  wants(0, "nowhere"),
	"fragment-first-held": wants(1, "nowhere"),
	"fragment-vip": func(c *probe.Case) { // with OVN 26.03 it is delivered
		wants(0, "nowhere")(c)
		c.Until = "7.18"
	},
	// A second SYN belongs to an established connection, and OVN's affinity stage, which dropped
	// the first, does not forward it.
	"lb-affinity": func(c *probe.Case) {
		c.Steps[1].Want = "nowhere"
		c.Steps = append(c.Steps[:2:2], c.Steps[3])
	},
	// A single entry cannot be looked up, so the report does not say where else the connection is
	// known.
	"answer-known-elsewhere": func(c *probe.Case) { c.Steps[2].Explanation = probe.Explanation{} },
	// The routes of native tunnels are looked up with the packet's mark (ovs_router_lookup), and
	// there is no route for this mark.
	"policy-mark": wants(0, "nowhere"),
	// The neighbour of a native tunnel must be known.
	"vtep": func(c *probe.Case) {
		c.Setup = append([]string{"@hv1 ovs-appctl tnl/neigh/set br-phy 172.31.0.99 02:31:00:00:00:63"}, c.Setup...)
	},
	// The tool makes no trace that would make Open vSwitch send a request for the neighbour of the
	// mirror's tunnel.
	"mirror-gre": func(c *probe.Case) {
		c.Steps[0].Verdict, c.Note = "", "the neighbour of the mirror's native tunnel is unknown"
	},
	// This datapath is never liberal: a packet with wrong sequence numbers is invalid.
	"lb-backend-removed":           inSequence(3),
	"acl-changed-under-connection": inSequence(3),
	"acl-reject-established": func(c *probe.Case) {
		inSequence(3)(c)
		// The reset that OVN 23.03 sends has sequence number 0: the client's chassis drops it as
		// invalid.
		c.Needs = "7.11"
	},
	"acl-persist-established": inSequence(3),
	// A SYN that reopens a closed connection with NAT can crash ovs-vswitchd 3.1 (an assertion in
	// conn_update_state).
	"tcp-close":     without(6),
	"tcp-close-vip": without(6),
	"tcp-reset":     without(4),
	"related-snat-ipv6": func(c *probe.Case) {
		c.Note = "the datapath damages the quoted packet when it translates the error (packet_update_csum128)"
	},
	"related-exceeded-snat-ipv6": func(c *probe.Case) {
		c.Note = "the datapath damages the quoted packet when it translates the error (packet_update_csum128)"
	},
}

// userspaceCannot lists by case why the userspace datapath cannot do it by design.
var userspaceCannot = map[string]string{}

// ownDatapath are the cases that show what depends on the type of the datapath: a must-gather of the
// lab must not say that it has the kernel's.
var ownDatapath = []string{
	"lb-sctp", "lb-hairpin-sctp", // ports of SCTP are not translated
	"policy-mark", "vtep", // routes and neighbours of native tunnels
}

// forUserspace changes the cases for the userspace datapath.
func forUserspace(all []probe.Case) {
	for i := range all {
		if differs, ok := userspaceDiffers[all[i].Name]; ok {
			differs(&all[i])
		}
		all[i].Cannot = userspaceCannot[all[i].Name]
		all[i].OwnDatapath = slices.Contains(ownDatapath, all[i].Name)
	}
}
