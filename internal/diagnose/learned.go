package diagnose

import (
	"context"
	"fmt"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// misled returns where a router on a branch's way sent the packet to a MAC address that it has
// learned, or was given, for a neighbour that has another one.
func (j *judge) misled(ctx context.Context, p *report.Packet, b *report.Branch) []report.Finding {
	var out []report.Finding
	for _, v := range segments(p, b) {
		for _, t := range v.Tables {
			if !strings.HasPrefix(t.Row, "MAC_Binding ") && !strings.HasPrefix(t.Row, "Static_MAC_Binding ") {
				continue
			}
			inv := j.inventory(ctx)
			n := j.neighbour(ctx, t.Cookie)
			if inv == nil || n == nil {
				continue
			}
			owner, at, ok := inv.Contradicted(n)
			if !ok {
				continue
			}
			out = add(out, report.Finding{
				Severity: report.SeverityError, Code: report.CodeStaleMACBinding, Certainty: report.ConfidenceExact,
				Text: fmt.Sprintf("router %s sends it to %s as the MAC address of %s, and the owner has %s: %s", at.Router.Name, n.MAC, n.IP, owner.MAC, owner.Owner),
				Where: map[string]string{"chassis": v.Chassis, "datapath": at.Router.Name, "port": at.Name, "address": n.IP.String(),
					"packet": p.Label},
				Evidence: []string{fmt.Sprintf("%s of router port %s: %s is %s", n.Table(), at.Name, n.IP, n.MAC)},
				Mend:     []string{n.Forget()},
			})
		}
	}
	return out
}

// neighbour returns the row of a learned or static MAC address by the cookie of its flow
// (physical.c, consider_neighbor_flow); nil if it is gone, or its address has
// no owner.
func (j *judge) neighbour(ctx context.Context, cookie string) *ovn.NeighbourRow {
	inv := j.inventory(ctx)
	if inv == nil || j.SB == nil {
		return nil
	}
	if j.learned == nil {
		var err error
		if j.learned, err = inv.Learned(ctx, j.SB); err != nil {
			j.warn("learned MAC addresses were not compared with their owners: " + err.Error())
			return nil
		}
	}
	for i := range j.learned.Neighbours {
		n := &j.learned.Neighbours[i]
		if fmt.Sprintf("0x%x", ovn.Cookie(n.UUID)) == cookie {
			return n
		}
	}
	return nil
}
