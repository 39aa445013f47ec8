package diagnose

import (
	"context"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// The recirculations that a packet may make one within the other on one chassis. The userspace
// datapath has MAX_RECIRC_DEPTH (lib/dpif-netdev.c): 6 in Open vSwitch 3.1 and before, and 8 in
// later releases. The kernel runs three levels inline, and defers the next ones to a queue of nine
// for a packet (action_fifo_put and OVS_DEFERRED_ACTION_THRESHOLD of net/openvswitch/actions.c).
const (
	oldUserspaceDepth = 6
	userspaceDepth    = 8
	kernelDepth       = 3*9 + 2
)

// tooDeep returns the chassis on which a packet makes more recirculations than the datapath allows,
// which drops it there. Clones, which count too, are not seen.
func (j *judge) tooDeep(r *report.Report) []report.Finding {
	var out []report.Finding
	for _, p := range r.Packets {
		for _, h := range p.Hops {
			depth, allowed := depthOf(h.Segments), depthAllowed(r.Versions.Chassis[h.Chassis])
			if depth <= allowed {
				continue
			}
			out = add(out, report.Finding{
				Severity: report.SeverityError, Code: report.CodeRecircLimit, Certainty: report.ConfidenceLikely, Where: map[string]string{"chassis": h.Chassis, "packet": p.Label},
				Text:     fmt.Sprintf("the packet is recirculated %d times on %s, whose datapath allows %d: it is dropped there", depth, h.Chassis, allowed),
				Evidence: []string{fmt.Sprintf("%d translations on %s", len(h.Segments), h.Chassis)},
				Hint:     "fewer routers and load balancers on one chassis; ovs-vswitchd or the kernel logs the limit",
			})
		}
	}
	return out
}

// depthAllowed returns the limit of a chassis' datapath; the later one for an unknown release.
func depthAllowed(c report.Chassis) int {
	if c.Datapath == "system" {
		return kernelDepth
	}
	var major, minor int
	if n, _ := fmt.Sscanf(c.OVS, "%d.%d", &major, &minor); n == 2 && (major < 3 || major == 3 && minor <= 1) {
		return oldUserspaceDepth
	}
	return userspaceDepth
}

// depthOf returns the most recirculations that led to one of a hop's segments.
func depthOf(segments []*report.Segment) int {
	depth := map[int]int{}
	deepest := 0
	for _, s := range segments { // a parent comes before its segments
		if s.Parent != nil {
			depth[s.ID] = depth[*s.Parent] + 1
		}
		deepest = max(deepest, depth[s.ID])
	}
	return deepest
}

// metered returns the QoS rules on a packet's way that drop what exceeds a rate: whether this
// packet does is unknown, for the counters of OpenFlow meters are not read.
func (j *judge) metered(_ context.Context, r *report.Report) []report.Finding {
	var out []report.Finding
	for _, p := range r.Packets {
		b := j.followed(r, p)
		if b == nil {
			continue
		}
		for _, v := range segments(p, b) {
			for _, t := range v.Tables {
				if t.NB == nil || t.NB.Table != "QoS" || t.LogicalFlow == nil || !strings.Contains(t.LogicalFlow.Actions, "set_meter(") {
					continue
				}
				out = add(out, report.Finding{
					Severity: report.SeverityInfo, Code: report.CodeMeterDrop, Certainty: report.ConfidencePossible, NB: t.NB,
					Text:     fmt.Sprintf("a QoS rule of switch %s drops what exceeds its rate; whether this packet does is unknown", t.LogicalFlow.Datapath),
					Where:    map[string]string{"chassis": v.Chassis, "datapath": t.LogicalFlow.Datapath, "stage": t.Stage},
					Evidence: []string{t.NB.Summary, "the logical flow: " + t.LogicalFlow.Actions},
					Mend:     []string{command("ovn-nbctl", "remove", "QoS", t.NB.UUID, "bandwidth", "rate", "burst") + " # removes the limit"},
					Hint:     "ovs-ofctl -O OpenFlow15 meter-stats br-int counts the packets that the meter has dropped",
				})
			}
		}
	}
	return out
}
