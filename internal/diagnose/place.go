package diagnose

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// chassisGone names the port whose chassis is not in the Southbound database.
func (j *judge) chassisGone(_ context.Context, _ *scene, f *report.Finding) { chassisLost(f) }

func chassisLost(f *report.Finding) {
	f.Text = fmt.Sprintf("the chassis of logical port %s is no longer in the Southbound database", f.Where["port"])
	f.Mend = append(f.Mend, recompute("on the chassis of the workload, if its ovn-controller runs"))
}

// noTunnel names the two chassis between which no tunnel is.
func (j *judge) noTunnel(ctx context.Context, s *scene, f *report.Finding) {
	for _, name := range []string{s.packet.From.Chassis, f.Where["chassis"]} {
		c := j.chassis(ctx, name)
		if c == nil {
			continue
		}
		var encaps []string
		for _, e := range c.Encaps {
			encaps = append(encaps, e.Type+" "+e.IP.String())
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("encapsulations of %s: %s", name, orNone(strings.Join(encaps, ", "))))
	}
	f.Mend = append(f.Mend, command("ovs-vsctl", "set", "Open_vSwitch", ".", "external_ids:ovn-encap-type=geneve", "external_ids:ovn-encap-ip=ADDRESS")+
		" # on "+f.Where["chassis"]+"; ADDRESS is its own on the underlay")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// chassis reads a chassis by name; nil if that is not possible.
func (j *judge) chassis(ctx context.Context, name string) *ovn.Chassis {
	if j.SB == nil || name == "" {
		return nil
	}
	c, err := j.SB.ChassisByName(ctx, name)
	if err != nil {
		j.unread("chassis "+name, err)
		return nil
	}
	return c
}

// allChassis reads all chassis; none if that is not possible.
func (j *judge) allChassis(ctx context.Context) []*ovn.Chassis {
	if j.SB == nil {
		return nil
	}
	all, err := j.SB.AllChassis(ctx)
	j.unread("which other chassis there are", err)
	return all
}

// noMapping names the chassis that has no bridge for a provider network, and the mapping that is
// missing: other chassis name the bridge.
func (j *judge) noMapping(ctx context.Context, s *scene, f *report.Finding) {
	name, network := f.Where["chassis"], f.Where["network"]
	if name == "" {
		name = s.reason.Chassis
	}
	f.Text = fmt.Sprintf("chassis %s has no bridge mapping for provider network %s", name, network)
	bridge := ""
	var others []string
	for _, c := range j.allChassis(ctx) {
		if b := c.BridgeMappings()[network]; b != "" && c.Name != name {
			bridge = b
			others = append(others, c.Name)
		}
	}
	own := map[string]string{}
	if c := j.chassis(ctx, name); c != nil {
		own = c.BridgeMappings()
	}
	f.Evidence = append(f.Evidence, fmt.Sprintf("ovn-bridge-mappings of %s: %s", name, orNone(mappings(own))))
	if len(others) > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s map it to bridge %s", strings.Join(others, ", "), bridge))
	}
	if own[network] != "" {
		f.Text = fmt.Sprintf("chassis %s maps provider network %s to %s, and has no patch port to that bridge", name, network, own[network])
		f.Mend = append(f.Mend, command("ovs-vsctl", "--may-exist", "add-br", own[network])+" # on "+name)
		return
	}
	if bridge == "" {
		bridge = "br-" + network
	}
	own[network] = bridge
	f.Mend = append(f.Mend, command("ovs-vsctl", "set", "Open_vSwitch", ".", "external_ids:ovn-bridge-mappings="+mappings(own))+" # on "+name)
}

// mappings returns bridge mappings as ovn-bridge-mappings has them.
func mappings(m map[string]string) string {
	var out []string
	for _, network := range slices.Sorted(maps.Keys(m)) {
		out = append(out, network+":"+m[network])
	}
	return strings.Join(out, ",")
}
