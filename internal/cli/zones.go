package cli

import (
	"context"
	"slices"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/audit"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/connection"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/deployment"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/gather"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/inventory"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/ovn"
	"github.com/ovn-ct-trace/ovn-ct-trace/report"
)

// zones are the availability zones of the chassis that a command asks.
type zones struct {
	run  *deployment.Run
	all  []*view
	home *view
	of   map[string]*view // by chassis
}

// view is one zone: its databases and what they say of addresses.
type view struct {
	deployment.Zone
	inv *inventory.Inventory // nil without the Northbound database
}

// newZones reads the inventory of the run's own zone.
func newZones(run *deployment.Run) *zones {
	home := &view{Zone: deployment.Zone{SB: run.SB, NB: run.NB}}
	return &zones{run: run, all: []*view{home}, home: home, of: map[string]*view{}}
}

// southbound finds the zone of a chassis; it is a gather.Zones.
func (z *zones) southbound(ctx context.Context, c *ovn.Chassis) (*ovn.SB, error) {
	found, err := z.run.ZoneOf(ctx, c)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(z.all, func(v *view) bool { return v.SB == found.SB })
	if i < 0 {
		z.all, i = append(z.all, &view{Zone: found}), len(z.all)
	}
	z.of[c.Name] = z.all[i]
	return found.SB, nil
}

// read reads the inventories of the zones that were found, each once.
func (z *zones) read(ctx context.Context) error {
	for _, v := range z.all {
		if v.NB == nil || v.inv != nil {
			continue
		}
		var err error
		if v.inv, err = inventory.Read(ctx, v.NB, v.SB); err != nil {
			return err
		}
	}
	return nil
}

// view returns the zone of a chassis; the run's own for one that was not reached.
func (z *zones) view(chassis string) *view {
	if v := z.of[chassis]; v != nil {
		return v
	}
	return z.home
}

// unasked returns the chassis of other zones whose databases were not found.
func (z *zones) unasked(ctx context.Context) (names []string, err error) {
	all, err := z.run.SB.AllChassis(ctx)
	for _, c := range all {
		if c.IsRemote() && (z.of[c.Name] == nil || z.of[c.Name] == z.home) {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return names, err
}

// inventory is a publish.Inventories.
func (z *zones) inventory(chassis string) *inventory.Inventory { return z.view(chassis).inv }

// within returns the part of a connection that is in a zone.
func (z *zones) within(v *view, c *connection.Connection) connection.Connection {
	if len(z.all) == 1 {
		return *c
	}
	part := *c
	part.Legs = nil
	for i := range c.Legs {
		if z.view(c.Legs[i].Chassis) == v {
			part.Legs = append(part.Legs, c.Legs[i])
		}
	}
	return part
}

// chassisOf returns the facts about the chassis of a zone.
func (z *zones) chassisOf(v *view, all []audit.Chassis) []audit.Chassis {
	var out []audit.Chassis
	for _, c := range all {
		if z.view(c.Name) == v {
			out = append(out, c)
		}
	}
	return out
}

// auditor compares connections with the rules of the zones that their entries are in.
type auditor struct {
	zones *zones
	in    []audit.Input // by zone
}

// newAuditor makes an auditor from what was read of the chassis.
func newAuditor(z *zones, read *gather.Result) *auditor {
	var facts []audit.Chassis
	for _, c := range read.Chassis {
		facts = append(facts, read.FactsOf(c))
	}
	a := &auditor{zones: z}
	for _, v := range z.all {
		a.in = append(a.in, audit.Input{Inventory: v.inv, Chassis: z.chassisOf(v, facts)})
	}
	return a
}

// connection returns the findings about one connection.
func (a *auditor) connection(c *connection.Connection) []report.Finding {
	var out []report.Finding
	for i, v := range a.zones.all {
		if v.inv == nil {
			continue
		}
		if part := a.zones.within(v, c); len(part.Legs) > 0 {
			out = append(out, audit.Connection(&a.in[i], &part)...)
		}
	}
	return out
}
