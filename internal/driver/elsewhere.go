package driver

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ovn-ct-trace/ovn-ct-trace/ctstate"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/engine/packet"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/node"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// Bounds of the search for a connection that was not found where it was looked up: the look-ups of
// a packet, and for each the chassis beside its own. On each chassis no more than node.MaxFind
// zones are searched.
const (
	maxMissed  = 4
	maxChassis = 4
)

// missed is a look-up that found nothing.
type missed struct {
	chassis string
	zone    uint16
	tuple   ctstate.Tuple
}

// elsewhere adds to the cause of a dropped packet that does not begin a connection where its
// connection is known instead: in another zone of the chassis (a zone set by hand), or on another
// chassis (a gateway or a workload that has moved).
func (s *sending) elsewhere(ctx context.Context) {
	if begins(s.Packet) || s.AsNew {
		return
	}
	asked := map[missed][]Known{}
	for _, o := range s.Outcomes {
		for _, b := range o.Branches {
			if b.Verdict != engine.Dropped || b.Mirror != "" || b.Cause == nil || b.Cause.Elsewhere != nil {
				continue
			}
			misses, hits := s.lookedUp(b)
			for _, m := range misses {
				known, done := asked[m]
				if !done {
					if len(asked) >= maxMissed {
						break
					}
					known = s.knownIn(ctx, m, o.World)
					asked[m] = known
				}
				known = slices.DeleteFunc(slices.Clone(known), func(k Known) bool { return hits[zoneKey{k.Chassis, k.ID}] })
				if len(known) == 0 {
					continue
				}
				b.Cause.Elsewhere = &Elsewhere{Missed: Zone{m.chassis, m.zone, s.zoneName(ctx, m)}, Known: known}
				break
			}
		}
	}
}

func (s *sending) zoneName(ctx context.Context, m missed) string {
	return s.zonesOf(ctx, m.chassis)[m.zone]
}

// begins reports whether a packet begins a connection, and so has no entry yet.
func begins(p packet.Packet) bool {
	switch {
	case !p.IsIP():
		return true
	case p.Proto == packet.ProtoTCP:
		return p.TCPFlags&(packet.FlagSYN|packet.FlagACK) == packet.FlagSYN
	case p.IsICMP():
		return p.ICMPType != 0
	case p.IsICMPv6():
		return p.ICMPType != 129
	}
	return false
}

// zoneKey is a conntrack zone of a chassis.
type zoneKey struct {
	chassis string
	zone    uint16
}

// lookedUp returns the look-ups on a branch's way that found nothing, the last first, and the zones
// where others found an entry, or where the packet itself made one: an entry there explains
// nothing.
func (s *sending) lookedUp(b *Branch) (out []missed, hits map[zoneKey]bool) {
	hits = map[zoneKey]bool{}
	for _, at := range b.Way {
		h := s.Hops[at.Hop]
		for _, c := range h.Segments[at.Segment].CT {
			m := missed{h.Chassis, c.Zone, c.Tuple}
			if c.Result.Hit != nil || c.Result.Committed != nil {
				hits[zoneKey{h.Chassis, c.Zone}] = true
			}
			if r := c.Result; c.Err == "" && r.Looked && r.Found == ctstate.FromNone && r.Deleted == nil && !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	slices.Reverse(out)
	return out, hits
}

// knownIn looks for a connection in zones where it was not looked up: first among the entries that
// earlier packets would have left, then in the tables.
func (s *sending) knownIn(ctx context.Context, m missed, w World) []Known {
	var out []Known
	add := func(chassis string, e ctstate.Entry) {
		if chassis == m.chassis && e.Zone == m.zone {
			return
		}
		k := Known{Zone: Zone{Chassis: chassis, ID: e.Zone}, Entry: e}
		if s.infos[chassis] != nil {
			k.Name = s.zonesOf(ctx, chassis)[e.Zone]
		}
		out = append(out, k)
	}
	for _, chassis := range slices.Sorted(maps.Keys(w.Overlays)) {
		for _, e := range w.Overlays[chassis].Entries {
			if e.Entry.Orig == m.tuple || e.Entry.Reply == m.tuple {
				add(chassis, e.Entry)
			}
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, chassis := range s.candidates(ctx, m) {
		for _, e := range s.find(ctx, chassis, m) {
			add(chassis, e)
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// candidates are the chassis that may know a connection: the one it was looked up on, those that
// have been visited, and those that may serve the gateway of the zone's router.
func (s *sending) candidates(ctx context.Context, m missed) []string {
	out := []string{m.chassis}
	add := func(name string) {
		if name != "" && !slices.Contains(out, name) && len(out) <= maxChassis {
			out = append(out, name)
		}
	}
	for _, name := range s.gateways(ctx, m) {
		add(name)
	}
	for _, name := range slices.Sorted(maps.Keys(s.infos)) {
		add(name)
	}
	return out
}

// gateways lists the chassis that may serve the router that a zone is of; none for a zone of
// another kind.
func (s *sending) gateways(ctx context.Context, m missed) []string {
	name := baseOf(s.zoneName(ctx, m))
	sb, err := s.Southbound(ctx, m.chassis)
	if err != nil || name == "" {
		return nil
	}
	dp, err := sb.DatapathByName(ctx, name)
	if err != nil {
		return nil
	}
	ports, err := sb.PortsOfDatapath(ctx, dp.UUID, "chassisredirect", "l3gateway")
	if err != nil {
		return nil
	}
	var out []string
	for _, p := range ports {
		g, err := sb.GatewayOf(ctx, p)
		if err != nil {
			continue
		}
		if g.Active != nil {
			out = append(out, g.Active.Name)
		}
		for _, c := range g.Candidates {
			out = append(out, c.Name)
		}
	}
	return out
}

// baseOf is the datapath or port that a zone is of: a router has one zone for each kind of
// translation.
func baseOf(zone string) string {
	return strings.TrimSuffix(strings.TrimSuffix(zone, "_dnat"), "_snat")
}

// find asks a chassis for a connection: on the one where it was not found in the other zones, those
// of the same router or port first; on another in the zones of the same name. A chassis that cannot
// be asked is a late warning, not an error: the trace is complete without it.
func (s *sending) find(ctx context.Context, chassis string, m missed) []ctstate.Entry {
	n, _, err := s.node(ctx, chassis)
	if err != nil {
		s.warnLate("whether %s knows the connection is unknown: %v", chassis, err)
		return nil
	}
	f, ok := n.(node.Finder)
	if !ok {
		return nil
	}
	base := baseOf(s.zoneName(ctx, m))
	var same, other []uint16
	zones := s.zonesOf(ctx, chassis)
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		switch {
		case chassis == m.chassis && zone == m.zone:
		case base != "" && baseOf(zones[zone]) == base:
			same = append(same, zone)
		case chassis == m.chassis:
			other = append(other, zone)
		}
	}
	all := append(same, other...)
	if len(all) == 0 {
		return nil
	}
	whole := len(all)
	all = all[:min(whole, node.MaxFind)]
	var res *node.FindResult
	err = s.gated(ctx, chassis, func(ctx context.Context) (busy time.Duration, err error) {
		res, err = f.Find(ctx, node.FindRequest{Tuple: m.tuple, Zones: all})
		return 0, err
	})
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		var missing *ovn.NotFoundError
		if !errors.As(err, &missing) {
			s.warnLate("%s: whether another zone knows the connection is unknown: %v", chassis, err)
		}
		return nil
	}
	if len(res.Entries) == 0 && res.Unasked == "" && len(all) < whole {
		s.warnLate("%s: the connection was looked for in %d of %d zones only", chassis, len(all), whole)
	}
	return res.Entries
}
