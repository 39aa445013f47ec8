package ovn

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovsdb"
)

// ctZonePrefix begins the external_ids of the integration bridge in which
// ovn-controller keeps its conntrack zones (ct_zones_commit).
const ctZonePrefix = "ct-zone-"

// CTZones returns the names of the conntrack zones in the bridge's external_ids.
func (b *Bridge) CTZones() map[uint16]string {
	out := map[uint16]string{}
	for key, value := range b.ExternalIDs {
		name, ok := strings.CutPrefix(key, ctZonePrefix)
		if !ok {
			continue
		}
		zone, err := strconv.ParseUint(value, 10, 16)
		if err != nil {
			continue
		}
		// A zone may have two names (a requested SNAT zone): the result must not depend on the
		// map's order.
		if old, taken := out[uint16(zone)]; !taken || name < old {
			out[uint16(zone)] = name
		}
	}
	return out
}

// CTZoneOf returns the zones in the bridge's external_ids by name.
func (b *Bridge) CTZoneOf() map[string]uint16 {
	out := map[string]uint16{}
	for key, value := range b.ExternalIDs {
		name, ok := strings.CutPrefix(key, ctZonePrefix)
		if zone, err := strconv.ParseUint(value, 10, 16); ok && err == nil {
			out[name] = uint16(zone)
		}
	}
	return out
}

// SharedCTZones returns the names of the zones in the bridge's external_ids that have several, each
// list sorted.
func (b *Bridge) SharedCTZones() map[uint16][]string {
	all := map[uint16][]string{}
	for key, value := range b.ExternalIDs {
		name, ok := strings.CutPrefix(key, ctZonePrefix)
		if zone, err := strconv.ParseUint(value, 10, 16); ok && err == nil {
			all[uint16(zone)] = append(all[uint16(zone)], name)
		}
	}
	maps.DeleteFunc(all, func(_ uint16, names []string) bool {
		slices.Sort(names)
		return len(names) < 2
	})
	return all
}

// NameZones returns zones with the datapaths' names in place of the datapath UUIDs that releases
// before 23.09 write; it does not change its argument.
func (s *SB) NameZones(ctx context.Context, zones map[uint16]string) (map[uint16]string, error) {
	named, err := s.NameAllZones(ctx, []map[uint16]string{zones})
	if err != nil {
		return nil, err
	}
	return named[0], nil
}

// NameAllZones is NameZones for the zones of several chassis, by one question for all of them.
func (s *SB) NameAllZones(ctx context.Context, chassis []map[uint16]string) ([]map[uint16]string, error) {
	seen := map[ovsdb.UUID]bool{}
	var ids []ovsdb.UUID
	for _, zones := range chassis {
		for _, name := range zones {
			if u, _, ok := zoneDatapath(name); ok && !seen[u] {
				seen[u] = true
				ids = append(ids, u)
			}
		}
	}
	dps, err := s.DatapathsByUUID(ctx, ids)
	if err != nil {
		return nil, err
	}
	all := make([]map[uint16]string, len(chassis))
	for i, zones := range chassis {
		all[i] = make(map[uint16]string, len(zones))
		for zone, name := range zones {
			if u, suffix, ok := zoneDatapath(name); ok && dps[u] != nil && dps[u].Name != "" {
				name = dps[u].Name + suffix
			}
			all[i][zone] = name
		}
	}
	return all, nil
}

// zoneDatapath returns the datapath that a zone's name begins with, and the rest of the name; ok is
// false if it begins with none.
func zoneDatapath(name string) (u ovsdb.UUID, suffix string, ok bool) {
	id, suffix, ok := cutZoneSuffix(name)
	if !ok {
		return u, "", false
	}
	u, err := ovsdb.ParseUUID(id)
	return u, suffix, err == nil
}

func cutZoneSuffix(name string) (base, suffix string, ok bool) {
	for _, suffix := range []string{"_dnat", "_snat"} {
		if base, ok := strings.CutSuffix(name, suffix); ok {
			return base, suffix, true
		}
	}
	return name, "", false
}
