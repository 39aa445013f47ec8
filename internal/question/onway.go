package question

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/audit"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/gather"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// maxTranslated is the maximum number of entries of a chassis that are read to count the ports of
// NAT addresses: more than one address has towards one destination.
const maxTranslated = 200_000

// onWay adds to an answer's input what its sessions depend on and no trace sees: how full the
// tables of the chassis on their way are, and which ports of NAT addresses are in use. What is not
// read is a warning.
func onWay(ctx context.Context, r *deployment.Run, in *diagnose.Input) {
	inv, err := in.Inventory(ctx)
	if err != nil || inv == nil {
		return // an answer needs it anyway, and warns
	}
	way := audit.WayOf(in.Live, in.New)
	external := way.External(inv)
	var rows []*ovn.Chassis
	for _, name := range way.Chassis() {
		info := r.Driver.Infos()[name]
		c, err := r.SB.ChassisByName(ctx, name)
		if info == nil || err != nil {
			continue // of another availability zone: its database is another one
		}
		facts := audit.Chassis{Name: name, Bridge: info.Bridge}
		if facts.Zones, err = r.SB.NameZones(ctx, info.Zones); err == nil {
			facts.Shared, err = gather.SharedZones(ctx, r.SB, info)
		}
		if err != nil {
			in.Warnings = append(in.Warnings, fmt.Sprintf("whom the zones of %s belong to was not checked: %v", name, err))
			continue
		}
		in.Tables, rows = append(in.Tables, facts), append(rows, c)
		if len(external) == 0 {
			continue
		}
		req := node.ListRequest{Addrs: external, Zones: way.Zones(name), Limit: maxTranslated, MaxDump: r.Driver.MaxDump}
		why, err := translated(ctx, r, c, facts.Zones, req, func(t ctstate.Tuple) bool {
			return slices.Contains(external, t.Src.Addr()) && way.Has(t.Dst.Addr())
		}, in)
		if err != nil {
			why = err.Error()
		}
		if why != "" {
			in.Warnings = append(in.Warnings, fmt.Sprintf("how many ports of NAT addresses are in use on %s is unknown: %s", name, why))
		}
	}
	for _, u := range gather.FillTables(ctx, r.Nodes, rows, in.Tables) {
		in.Warnings = append(in.Warnings, fmt.Sprintf("how full conntrack of %s is, is unknown: %s", u.Chassis, u.Text))
	}
}

// translated adds the entries of a chassis that translate to a packet which is wanted; why says
// what was not read.
func translated(ctx context.Context, r *deployment.Run, c *ovn.Chassis, zones map[uint16]string, req node.ListRequest, wanted func(ctstate.Tuple) bool, in *diagnose.Input) (why string, err error) {
	n, err := r.Nodes.Node(ctx, c)
	if err != nil {
		return "", err
	}
	lister, ok := n.(node.Lister)
	if !ok {
		return "", fmt.Errorf("its node cannot list entries: %w", errors.ErrUnsupported)
	}
	res, err := lister.List(ctx, req, func(batch []ctstate.Entry) error {
		for i := range batch {
			if wanted(connection.After(&batch[i])) {
				in.Translated = append(in.Translated, connection.Record{Chassis: c.Name, ZoneName: zones[batch[i].Zone], Entry: batch[i]})
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return lacks(res), nil
}
