package driver

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/engine"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
)

// finish completes a trace: branches once each, the verdict, and the questions that are asked after
// the packet has ended.
func (s *sending) finish(ctx context.Context) {
	visited := map[string]bool{}
	s.wantLast(ctx)
	if s.Ended != nil {
		s.Ended(ctx, s.Trace)
	}
	for _, v := range s.visits {
		s.assumptions(v)
		v.Zones = s.zoneNames(ctx, v.Chassis, v.zones())
		visited[v.Chassis] = true
	}
	s.freshness(ctx, slices.Sorted(maps.Keys(visited)))
	s.collect()
	s.judge()
	s.elsewhere(ctx)
	s.outlooks(ctx)
}

// assumptions warns of what a node had to assume about the packet.
func (s *sending) assumptions(v *visit) {
	for _, seg := range v.Segments {
		for _, n := range seg.Assumed {
			s.warn("%s: %s", v.Chassis, n)
		}
	}
}

// freshness warns of chassis whose ovn-controller has not confirmed the newest configuration: their
// tables may be outdated. A chassis of another zone may have no row of its own.
func (s *sending) freshness(ctx context.Context, chassis []string) {
	wanted := map[*ovn.SB]ovn.Freshness{}
	for _, name := range chassis {
		if s.fresh[name] {
			continue
		}
		f, err := s.freshnessOf(ctx, name, wanted)
		switch {
		case ovn.IsNotFound(err):
			continue
		case err != nil:
			s.warn("whether ovn-controller on %s is up to date is unknown: %v", name, err)
			continue
		case f.Unconfirmed:
			s.warn("whether ovn-controller on %s is up to date is unknown: no chassis says so in the database (options:%s is false)", name, ovn.UnconfirmedOption)
			continue
		case f.Stale():
			s.warn("ovn-controller on %s is behind: it has confirmed configuration %d of %d, so its flows may be old", name, f.Have, f.Wanted)
			continue
		}
		if s.fresh == nil {
			s.Driver.fresh = map[string]bool{}
		}
		s.fresh[name] = true
	}
}

// freshnessOf reads what a chassis has confirmed; wanted is what is known of databases.
func (s *sending) freshnessOf(ctx context.Context, chassis string, wanted map[*ovn.SB]ovn.Freshness) (f ovn.Freshness, err error) {
	sb, err := s.Southbound(ctx, chassis)
	if err != nil {
		return f, err
	}
	have, err := sb.ConfirmedCfg(ctx, chassis)
	if err != nil {
		return f, err
	}
	f, known := wanted[sb]
	if !known {
		if f, err = sb.Wanted(ctx); err != nil {
			return f, err
		}
		wanted[sb] = f
	}
	return f.Of(have), nil
}

// collect lists every branch once: alternatives share those that ended before they parted.
func (t *Trace) collect() {
	type place struct {
		verdict       engine.Verdict
		chassis, port string
	}
	seen := map[place][]*Branch{}
	once := func(list *[]*Branch, b *Branch) *Branch {
		at := place{b.Verdict, b.Chassis, b.Port}
		if i := slices.IndexFunc(seen[at], b.same); i >= 0 {
			return seen[at][i]
		}
		seen[at] = append(seen[at], b)
		*list = append(*list, b)
		return b
	}
	for _, o := range t.Outcomes {
		for i, b := range o.Branches {
			if h := b.Held; h != nil {
				t.warn("%s: a fragment waits in conntrack zone %d until every fragment of its datagram has arrived; from there on the datagram is followed", h.Chassis, h.Zone)
			}
			o.Branches[i] = once(&t.Branches, b)
		}
		for i, b := range o.Asides {
			o.Asides[i] = once(&t.Asides, b)
		}
	}
}

// same reports whether a report has the same of two branches.
func (b *Branch) same(o *Branch) bool {
	return b == o || b.Verdict == o.Verdict && b.Chassis == o.Chassis && b.Port == o.Port && b.Made == o.Made && b.Mirror == o.Mirror &&
		slices.Equal(b.Hops, o.Hops) && slices.Equal(b.Way, o.Way) && slices.Equal(b.Choices, o.Choices) &&
		(b.Held == nil) == (o.Held == nil) && (b.Held == nil || *b.Held == *o.Held) &&
		b.Cause.same(o.Cause) && reflect.DeepEqual(b.Packet, o.Packet)
}

// warn adds a warning, once.
func (t *Trace) warn(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(t.Warnings, text) {
		t.Warnings = append(t.Warnings, text)
	}
}

// warnLate adds a warning about a question that was asked after the packet had ended, once.
func (t *Trace) warnLate(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(t.LateWarnings, text) {
		t.LateWarnings = append(t.LateWarnings, text)
	}
}

// zonesOf returns the names of a visited chassis' zones, with datapaths named.
func (s *sending) zonesOf(ctx context.Context, chassis string) map[uint16]string {
	return s.zoneNames(ctx, chassis, s.infos[chassis].Zones)
}

// zones returns the zones that the visit's packet was looked up in, with their names on the node.
func (v *visit) zones() map[uint16]string {
	out := map[uint16]string{}
	for _, seg := range v.Segments {
		for _, c := range seg.CT {
			if name, ok := v.info.Zones[c.Zone]; ok {
				out[c.Zone] = name
			}
		}
	}
	return out
}

// zoneNames returns the names of a node's zones, with datapaths named.
func (s *sending) zoneNames(ctx context.Context, chassis string, zones map[uint16]string) map[uint16]string {
	if len(zones) == 0 {
		return nil
	}
	sb, err := s.Southbound(ctx, chassis)
	if err != nil {
		return zones
	}
	named, err := sb.NameZones(ctx, zones)
	if err != nil {
		return zones
	}
	return named
}
