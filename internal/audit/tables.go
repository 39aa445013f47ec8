package audit

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// NearlyFull reports whether a conntrack table or zone has so many of its maximum number of
// connections that it is a warning: nine tenths.
func NearlyFull(count, limit uint64) bool { return limit > 0 && 10*count >= 9*limit }

// tables checks the chassis' conntrack tables.
//
// table-full: the table has at least nine tenths of the connections that it may have (warning), or
// all (error). zone-limit: the same of a zone with a limit of its own; the packets of new
// connections over it are dropped (kernel), or get no entry (userspace). zone-clash: two ports or
// routers have one zone on a chassis: the connections of one can be taken for those of the other.
// Routers that ask for the zone (options:snat-ct-zone) do so on purpose: information.
func (a *auditor) tables() {
	for i := range a.Chassis {
		c := &a.Chassis[i]
		if NearlyFull(c.Count, c.Max) {
			i, _ := a.issue(c.Name, report.CodeTableFull)
			i.Severity, i.Where = report.SeverityWarning, map[string]string{"chassis": c.Name}
			if c.Count >= c.Max {
				i.Severity = report.SeverityError
			}
			i.Text = fmt.Sprintf("conntrack has %d of %d connections", c.Count, c.Max)
			i.Hint = "raise net.netfilter.nf_conntrack_max (kernel) or dpctl/ct-set-maxconns (userspace), or find who opens them"
		}
		for _, zone := range slices.Sorted(maps.Keys(c.Limits)) {
			if a.meetsZone(c.Name, zone) {
				a.limit(c, zone)
			}
		}
		a.together(c)
		for _, zone := range slices.Sorted(maps.Keys(c.Shared)) {
			if a.meetsZone(c.Name, zone) {
				a.clash(c, zone, c.Shared[zone])
			}
		}
	}
}

func (a *auditor) limit(c *Chassis, zone uint16) {
	l := c.Limits[zone]
	if l.Count < l.Limit && !NearlyFull(uint64(l.Count), uint64(l.Limit)) {
		return
	}
	i, _ := a.issue(fmt.Sprint(c.Name, zone), report.CodeZoneLimit)
	i.Severity = report.SeverityWarning
	if l.Count >= l.Limit {
		i.Severity = report.SeverityError
	}
	i.Where = map[string]string{"chassis": c.Name, "zone": strconv.Itoa(int(zone)), "zone_name": c.Zones[zone]}
	i.Text = fmt.Sprintf("zone %d (%s) of %s has %d of %d connections", zone, c.Zones[zone], c.Name, l.Count, l.Limit)
	i.Mend = []string{fmt.Sprintf("ovs-appctl dpctl/ct-set-limits zone=%d,limit=%d", zone, 2*l.Limit)}
}

// together checks the limit that zones without a limit of their own have together.
func (a *auditor) together(c *Chassis) {
	l := c.Together
	if l == nil || l.Count < l.Limit && !NearlyFull(uint64(l.Count), uint64(l.Limit)) {
		return
	}
	var met []string
	for _, zone := range slices.Sorted(maps.Keys(c.Zones)) {
		if _, own := c.Limits[zone]; !own && a.meetsZone(c.Name, zone) {
			met = append(met, c.Zones[zone])
		}
	}
	if len(met) == 0 {
		return
	}
	i, _ := a.issue(c.Name, report.CodeZoneLimit)
	i.Severity, i.Where = report.SeverityWarning, map[string]string{"chassis": c.Name}
	if l.Count >= l.Limit {
		i.Severity = report.SeverityError
	}
	i.Text = fmt.Sprintf("the zones of %s without a limit of their own (%s) have %d of %d connections together", c.Name, few(met), l.Count, l.Limit)
	i.evidence("before Open vSwitch 3.5, the default limit of the userspace datapath is one for all of them")
	i.Mend = []string{fmt.Sprintf("ovs-appctl dpctl/ct-set-limits default=%d", 2*l.Limit)}
}

// few returns at most three names.
func few(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func (a *auditor) clash(c *Chassis, zone uint16, owners []SharedOwner) {
	i, _ := a.issue(fmt.Sprint(c.Name, zone), report.CodeZoneClash)
	i.Severity = report.SeverityError
	var names []string
	for _, owner := range owners {
		names = append(names, owner.Name)
		if o, ok := a.inv.Zone(owner.Name); ok && o.Router != nil && o.Router.Options["snat-ct-zone"] == strconv.Itoa(int(zone)) {
			i.Severity = report.SeverityInfo
			i.evidence("router %s asks for zone %d (options:snat-ct-zone)", o.Router.Name, zone)
		}
	}
	i.Text = fmt.Sprintf("zone %d of %s belongs to %s", zone, c.Name, strings.Join(names, " and "))
	i.Where = map[string]string{"chassis": c.Name, "zone": strconv.Itoa(int(zone)), "zone_name": strings.Join(names, ", ")}
	for _, owner := range owners {
		i.evidence("external_ids:ct-zone-%s=%d of the integration bridge", owner.Key, zone)
	}
	if i.Severity == report.SeverityError {
		i.Mend = []string{fmt.Sprintf("ovs-vsctl remove bridge %s external_ids ct-zone-%s", c.Bridge, owners[len(owners)-1].Key)}
		i.Hint = "restart ovn-controller then: it chooses another zone, and the connections of that owner begin anew"
	}
}
