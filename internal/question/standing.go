package question

import (
	"context"
	"net/netip"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// maxStanding bounds how many live connections of the client to the destination are looked at.
const maxStanding = 1000

// standing traces a packet of a live connection of the client to the destination, where the
// question names no source port: entries may send it another way than a new connection. Of several
// it takes one that is translated to what is no backend, if there is one. It returns nil where
// there is none, or where a node of the kind has no list of its connections.
func standing(ctx context.Context, r *deployment.Run, e *entry, in *diagnose.Input) (*report.Report, error) {
	p := e.packet
	if !e.anyPort || p.Proto != packet.ProtoTCP && p.Proto != packet.ProtoUDP {
		return nil, nil
	}
	live, err := connections(ctx, r.Driver, e)
	if err != nil || len(live) == 0 {
		return nil, err
	}
	chosen := live[0]
	if len(live) > 1 {
		inv, err := in.Inventory(ctx)
		if err != nil {
			return nil, err
		}
		if inv != nil {
			if i := slices.IndexFunc(live, func(c ctstate.Entry) bool { return removed(inv, c) }); i >= 0 {
				chosen = live[i]
			}
		}
	}
	p.SrcPort = chosen.Orig.Src.Port()
	if p.Proto == packet.ProtoTCP {
		p.TCPFlags = packet.FlagACK
	}
	r.Driver.AsNew = false
	a := &asking{entry: &entry{start: e.start, packet: p, label: label(p)}, run: r}
	ans, err := a.trace(ctx)
	if err != nil {
		return nil, err
	}
	return ans.Report, nil
}

// removed reports whether an entry translates its destination to none of the VIP's backends.
func removed(inv *inventory.Inventory, c ctstate.Entry) bool {
	to := c.Reply.Src
	if to == c.Orig.Dst {
		return false
	}
	vips := inv.VIP(c.Orig.Proto, c.Orig.Dst)
	return !slices.ContainsFunc(vips, func(v *inventory.VIP) bool { return v.Has(to) })
}

// connections lists the live connections of the client to the destination, in the zone of the port
// at which they enter.
func connections(ctx context.Context, d *driver.Driver, e *entry) ([]ctstate.Entry, error) {
	info := d.Infos()[e.start.Chassis]
	if info == nil {
		return nil, nil
	}
	var zones []uint16
	for id, name := range info.Zones {
		if name == e.start.Port {
			zones = append(zones, id)
		}
	}
	if len(zones) == 0 {
		return nil, nil
	}
	c, err := d.SB.ChassisByName(ctx, e.start.Chassis)
	if err != nil {
		return nil, err
	}
	n, err := d.Nodes.Node(ctx, c)
	if err != nil {
		return nil, err
	}
	lister, ok := n.(node.Lister)
	if !ok {
		return nil, nil
	}
	p := e.packet
	var out []ctstate.Entry
	req := node.ListRequest{Addrs: []netip.Addr{p.Dst}, Zones: zones, Limit: maxStanding, MaxDump: d.MaxDump}
	_, err = lister.List(ctx, req, func(batch []ctstate.Entry) error {
		for _, c := range batch {
			if c.Orig.Proto == p.Proto && c.Orig.Src.Addr() == p.Src && c.Orig.Dst == netip.AddrPortFrom(p.Dst, p.DstPort) {
				out = append(out, c)
			}
		}
		return nil
	})
	return out, err
}
