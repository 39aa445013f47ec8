package question

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/diagnose"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/driver"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// maxStanding bounds how many entries of a zone are looked at for live connections of the client to
// the destination.
const maxStanding = 1000

// standing traces a packet of a live connection of the client to the destination, where the
// question names no source port or ICMP identifier: entries may send it another way than a new
// connection. Of several it takes one that is translated to what is no backend, if there is one. It
// returns nil where there is none, or where a node of the kind has no list of its connections.
func standing(ctx context.Context, r *deployment.Run, e *entry, in *diagnose.Input) (*report.Report, error) {
	p := e.packet
	open := ctstate.HasPorts(p.Proto) && e.anyPort || p.IsEcho() && p.IDChosen
	if !open {
		return nil, nil
	}
	live, missing, err := connections(ctx, r.Driver, e, in.Live, in.New)
	in.Warnings = append(in.Warnings, missing...)
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
	if ctstate.HasPorts(p.Proto) {
		p.SrcPort = chosen.Orig.Src.Port()
	} else {
		p.ICMPID, p.HasID, p.IDChosen = chosen.Orig.ICMPID, true, false
	}
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
// at which they enter and in those in which a new packet is looked up as it enters, on the chassis
// of these: a zone behind a translation knows them by other addresses. missing says what was not
// read.
func connections(ctx context.Context, d *driver.Driver, e *entry, played ...*report.Report) (live []ctstate.Entry, missing []string, err error) {
	zones := zonesBefore(e, played)
	if info := d.Infos()[e.start.Chassis]; info != nil {
		for id, name := range info.Zones {
			if name == e.start.Port && !slices.Contains(zones[e.start.Chassis], id) {
				zones[e.start.Chassis] = append(zones[e.start.Chassis], id)
			}
		}
	}
	// The chassis of entry comes first: it knows the connections with the client's own addresses.
	order := slices.Sorted(maps.Keys(zones))
	slices.SortStableFunc(order, func(a, b string) int { return firstIs(e.start.Chassis, a, b) })
	for _, name := range order {
		if len(zones[name]) == 0 {
			continue
		}
		some, why, err := connectionsOn(ctx, d, name, zones[name], e.packet)
		missing = append(missing, why...)
		if err != nil {
			return nil, missing, err
		}
		for _, c := range some {
			if !slices.ContainsFunc(live, func(o ctstate.Entry) bool { return o.Orig == c.Orig && o.Reply == c.Reply }) {
				live = append(live, c)
			}
		}
	}
	return live, missing, nil
}

// firstIs orders two names: one name first, all others alike.
func firstIs(name, a, b string) int {
	switch name {
	case a:
		return -1
	case b:
		return 1
	}
	return 0
}

// zonesBefore returns the zones, by chassis, in which the first packets of sessions were looked up
// with the addresses with which they entered.
func zonesBefore(e *entry, played []*report.Report) map[string][]uint16 {
	out := map[string][]uint16{}
	src, dst := e.packet.Src.String(), e.packet.Dst.String()
	for _, r := range played {
		if r == nil || len(r.Packets) == 0 {
			continue
		}
		for _, h := range r.Packets[0].Hops {
			for _, s := range h.Segments {
				for _, c := range s.CT {
					if t := c.Tuple; t != nil && t.Src == src && t.Dst == dst && !slices.Contains(out[h.Chassis], c.Zone) {
						out[h.Chassis] = append(out[h.Chassis], c.Zone)
					}
				}
			}
		}
	}
	return out
}

// connectionsOn lists the entries that a packet of the client could have made in zones of a
// chassis, whatever its source port or ICMP identifier.
func connectionsOn(ctx context.Context, d *driver.Driver, chassis string, zones []uint16, p packet.Packet) (live []ctstate.Entry, missing []string, err error) {
	c, err := d.SB.ChassisByName(ctx, chassis)
	if err != nil {
		return nil, nil, err
	}
	n, err := d.Nodes.Node(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	lister, ok := n.(node.Lister)
	if !ok {
		return nil, nil, nil
	}
	req := node.ListRequest{Addrs: []netip.Addr{p.Dst}, Zones: zones, Limit: maxStanding, MaxDump: d.MaxDump}
	res, err := lister.List(ctx, req, func(batch []ctstate.Entry) error {
		for _, c := range batch {
			if opensLike(c.Orig, p) {
				live = append(live, c)
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	// A table has no order of its own: the same entries are to make the same answer.
	slices.SortStableFunc(live, func(a, b ctstate.Entry) int {
		return cmp.Or(a.Orig.Src.Compare(b.Orig.Src), cmp.Compare(a.Orig.ICMPID, b.Orig.ICMPID), cmp.Compare(a.Zone, b.Zone))
	})
	return live, unlisted(chassis, res), nil
}

// opensLike reports whether a packet, with another source port or ICMP identifier, has this tuple.
func opensLike(t ctstate.Tuple, p packet.Packet) bool {
	switch {
	case t.Proto != p.Proto || t.Src.Addr() != p.Src || t.Dst.Addr() != p.Dst:
		return false
	case ctstate.HasPorts(p.Proto):
		return t.Dst.Port() == p.DstPort
	}
	return p.IsEcho() && t.ICMPType == p.ICMPType
}

// unlisted returns, as a warning, why entries of a chassis may be missing from a list; none if they
// are not.
func unlisted(chassis string, r *node.ListResult) []string {
	why := lacks(r)
	if why == "" {
		return nil
	}
	return []string{fmt.Sprintf("a live connection of the client may have been missed on %s: %s", chassis, why)}
}

// lacks returns why entries may be missing from a list; empty if none are.
func lacks(r *node.ListResult) string {
	var why []string
	if r.Cut {
		why = append(why, fmt.Sprintf("it has more than the %d that were read", r.Count))
	}
	if r.Changed {
		why = append(why, "its table changed while it was read")
	}
	if r.Unreadable > 0 {
		why = append(why, fmt.Sprintf("%d of its entries could not be read", r.Unreadable))
	}
	if r.Lacks != "" {
		why = append(why, "not collected: "+r.Lacks)
	}
	return strings.Join(why, "; ")
}
