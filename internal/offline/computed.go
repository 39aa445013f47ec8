package offline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-ct-trace/ovn-ct-trace/internal/rebuild"
	"github.com/ovn-ct-trace/ovn-ct-trace/internal/replica"
)

// computed adds the chassis of which only a Southbound database is known. One of which there is an
// archive too is rebuilt from that, with its own flows and connections.
func (d *Deployment) computed() {
	for _, z := range d.zones {
		for name, own := range z.owns {
			if own && z.host.Whole && d.chassis[name] == nil {
				d.chassis[name] = &chassis{zone: z.host}
			}
		}
	}
}

// host returns what was collected of the chassis, or of its zone.
func (c *chassis) host() *rebuild.Host {
	if c.conf != nil {
		return c.conf.Host
	}
	return c.zone
}

// build rebuilds the chassis from its own dumps, or else from its zone's database.
func (c *chassis) build(ctx context.Context, room *rebuild.Room, name string) (*rebuild.Chassis, error) {
	if c.conf != nil {
		return room.Chassis(ctx, c.conf)
	}
	made, err := replica.Compute(ctx, room, c.zone.SB.Path, name)
	if err != nil {
		return nil, err
	}
	absent := &rebuild.Part{Name: name, Missing: "the routes and neighbours of tunnels were not collected"}
	own := &rebuild.Host{From: c.zone.From, Hostname: name, Began: c.zone.Began, Ended: c.zone.Ended, Routes: absent, Neighbours: absent}
	return room.Adopt(ctx, own, *made)
}

// uncollected says of which chassis only a Southbound database is known; empty if of none.
func (d *Deployment) uncollected() string {
	var names []string
	for name, c := range d.chassis {
		if c.conf == nil {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	const most = 10
	more := ""
	if len(names) > most {
		names, more = names[:most], fmt.Sprintf(" and %d more", len(names)-most)
	}
	return "not collected: connections, settings, the releases of the kernel and of Open vSwitch (the newest known ones are taken), and the flows of other bridges than the integration bridge of " + strings.Join(names, ", ") + more +
		"; its flows are those that this machine's ovn-controller makes of the Southbound database. --as-new asks what happens to a new connection; a sosreport of a chassis has the rest (--bundle, repeated)"
}
