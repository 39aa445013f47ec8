package campaign

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// control are faults on the way of the configuration to the chassis.
var control = []Kind{
	{Name: "flow-not-installed", Draw: flowNotInstalled},
	{Name: "stale-controller", Draw: staleController},
	{Name: "flow-outlived", Draw: flowOutlived},
	{Name: "northd-behind", Draw: northdBehind},
}

// flowNotInstalled deletes the flows that look up a machine's MAC address.
func flowNotInstalled(d *draw) Instance {
	sw := one(d, "sw0", "sw1", "sw3")
	a, b := two(d, ports[sw]...)
	f := d.proto(Flow{From: a, To: b})
	at := d.chassis(f.From)
	v, _ := d.topo.VIF(f.To)
	var flows []string
	return Instance{
		What: fmt.Sprintf("the flows for %s (%s) are deleted on %s", f.To, v.MAC, at), Flow: f, Unsettled: true,
		Act: func(ctx context.Context, s *stage) error {
			out, err := s.Lab.Ask(ctx, fmt.Sprintf("@%s ovs-ofctl --no-stats --no-names dump-flows br-int dl_dst=%s", at, v.MAC))
			if err != nil {
				return err
			}
			flows = nil
			for line := range strings.Lines(out) {
				if line = strings.TrimSpace(line); strings.Contains(line, "actions=") {
					flows = append(flows, line)
				}
			}
			if len(flows) == 0 {
				return fmt.Errorf("no flows to delete: %q", out)
			}
			if err := s.Lab.Do(ctx, fmt.Sprintf("@%s ovs-ofctl del-flows br-int dl_dst=%s", at, v.MAC)); err != nil {
				return err
			}
			return s.Lab.Do(ctx, "@"+at+" ovs-appctl revalidator/purge")
		},
		Repair: func(ctx context.Context, s *stage) error {
			for _, flow := range flows {
				if _, err := s.Lab.On(ctx, at, "ovs-ofctl", "add-flow", "br-int", flow); err != nil {
					return err
				}
			}
			return nil
		},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"flow-not-installed"}, Objects: []string{at}}},
	}
}

// bump raises nb_cfg, as whoever waits for a change does.
func bump(ctx context.Context, s *stage) error {
	out, err := s.Lab.Ask(ctx, "get nb_global . nb_cfg")
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil {
		return err
	}
	if err := s.Lab.Do(ctx, fmt.Sprintf("set nb_global . nb_cfg=%d", n+1)); err != nil {
		return err
	}
	return s.Lab.Do(ctx, "@sleep 2s")
}

const (
	pause  = " ovn-appctl -t ovn-controller debug/pause"
	resume = " ovn-appctl -t ovn-controller debug/resume"
)

// staleController pauses the ovn-controller of the sender's chassis while a route comes back.
func staleController(d *draw) Instance {
	f, via, prefix := d.remote()
	at := d.chassis(f.From)
	add, del := fmt.Sprintf("lr-route-add lr0 %s %s", prefix, via), "--if-exists lr-route-del lr0 "+prefix
	return Instance{
		What: fmt.Sprintf("ovn-controller of %s is paused, and has not installed lr0's route %s", at, prefix), Flow: f, Unsettled: true, Act: bump,
		Setup: []string{add}, Teardown: []string{del},
		Inject: []string{del, "--wait=hv sync", "@" + at + pause, add}, Mend: []string{"@" + at + resume},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"stale-controller", "flow-not-installed"}, Objects: []string{at}}},
	}
}

// flowOutlived pauses the ovn-controller of the receiver's chassis while an ACL is removed.
func flowOutlived(d *draw) Instance {
	f := d.routed()
	at, sw, name := d.chassis(f.To), switchOf(f.To), d.name("removed")
	rule := fmt.Sprintf(`to-lport 1300 'outport == "%s" && %s'`, f.To, d.match(f))
	return Instance{
		What: fmt.Sprintf("ovn-controller of %s is paused, and still has the flow of ACL %s", at, name), Flow: f, Unsettled: true, Act: bump,
		Inject: []string{fmt.Sprintf("--name=%s acl-add %s %s drop", name, sw, rule), "--wait=hv sync", "@" + at + pause, fmt.Sprintf("acl-del %s %s", sw, rule)},
		Mend:   []string{"@" + at + resume},
		Asks:   []Ask{{Args: f.why(d.topo), Codes: []string{"flow-outlived", "stale-controller"}, Objects: []string{at, d.chassis(f.From)}}},
	}
}

// northdBehind pauses ovn-northd while a route comes back.
func northdBehind(d *draw) Instance {
	f, via, prefix := d.remote()
	add, del := fmt.Sprintf("lr-route-add lr0 %s %s", prefix, via), "--if-exists lr-route-del lr0 "+prefix
	return Instance{
		What: fmt.Sprintf("ovn-northd is paused, and has not processed lr0's route %s", prefix), Flow: f, Unsettled: true, Act: bump,
		Setup: []string{add}, Teardown: []string{del},
		Inject: []string{del, "--wait=hv sync", "@central ovn-appctl -t ovn-northd pause", add}, Mend: []string{"@central ovn-appctl -t ovn-northd resume"},
		Asks: []Ask{{Args: f.why(d.topo), Codes: []string{"northd-behind"}}},
	}
}
